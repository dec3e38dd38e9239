#include "check.hpp"

#include "CDCMTKShims.h"

int main() {
    cdcmtk_error error{};
    if (cdcmtk_runtime_initialize(&error) != CDCMTK_OK) {
        std::fprintf(stderr, "runtime: %s\n", error.text);
        return 2;
    }
    for (const auto &test : check::tests()) {
        const int before = check::failures;
        test.body();
        std::printf("%s %s\n", check::failures == before ? "passed" : "FAILED", test.name.c_str());
    }
    std::printf("%zu tests, %d failures\n", check::tests().size(), check::failures.load());
    return check::failures == 0 ? 0 : 1;
}
