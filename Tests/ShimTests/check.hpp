#ifndef SHIM_TESTS_CHECK_HPP
#define SHIM_TESTS_CHECK_HPP

#include <atomic>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <vector>

/// A test is a sentence and a function; a check that fails is printed and makes the program fail.
namespace check {

struct Test {
    std::string name;
    std::function<void()> body;
};

inline std::vector<Test> &tests() {
    static std::vector<Test> all;
    return all;
}

inline std::atomic<int> failures{0};

struct Registration {
    Registration(std::string name, std::function<void()> body) { tests().push_back({std::move(name), std::move(body)}); }
};

inline void that(bool condition, const char *text, const char *file, int line) {
    if (condition) return;
    ++failures;
    std::fprintf(stderr, "%s:%d: not so: %s\n", file, line, text);
}

} // namespace check

#define CHECK(condition) check::that((condition), #condition, __FILE__, __LINE__)
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define TEST(name)                                                                                                     \
    static void JOIN(test_, __LINE__)();                                                                               \
    static const check::Registration JOIN(registration_, __LINE__)(name, JOIN(test_, __LINE__));                       \
    static void JOIN(test_, __LINE__)()

#endif
