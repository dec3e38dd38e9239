#include "check.hpp"

#include "CDCMTKShims.h"

#include <string>
#include <thread>
#include <vector>

namespace {

int append_text(void *context, const uint8_t *bytes, size_t length) {
    static_cast<std::string *>(context)->append(reinterpret_cast<const char *>(bytes), length);
    return 0;
}

cdcmtk_status convert(const char *encoding, const std::string &bytes, std::string &out) {
    return cdcmtk_text_to_utf8(
        encoding, reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size(), append_text, &out, nullptr);
}

} // namespace

TEST("text is converted, refused where it is none, and by several threads at once") {
    std::string out;
    CHECK(convert("ISO-8859-1", "Buc^J\xE9r\xF4me", out) == CDCMTK_OK);
    CHECK(out == "Buc^J\xC3\xA9r\xC3\xB4me");
    out.clear();
    CHECK(convert("ISO-2022-JP-2", "\x1B$B;3ED\x1B(B", out) == CDCMTK_OK);
    CHECK(out == "\xE5\xB1\xB1\xE7\x94\xB0");
    CHECK(convert("EUC-KR", "\xB1", out) != CDCMTK_OK);
    CHECK(convert("NO-SUCH-SET", "a", out) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_text_to_utf8(nullptr, nullptr, 0, append_text, &out, nullptr) == CDCMTK_INVALID_ARGUMENT);
    std::vector<std::thread> threads;
    for (int number = 0; number < 4; ++number) {
        threads.emplace_back([] {
            for (int round = 0; round < 100; ++round) {
                std::string text;
                CHECK(convert("ISO-8859-5", "\xBB", text) == CDCMTK_OK);
                CHECK(text == "\xD0\x9B");
            }
        });
    }
    for (auto &thread : threads) thread.join();
}
