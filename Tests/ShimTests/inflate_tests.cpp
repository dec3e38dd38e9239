#include "check.hpp"

#include "CDCMTKShims.h"

#include <zlib.h>

#include <vector>

namespace {

std::vector<uint8_t> raw_deflate(const std::vector<uint8_t> &data) {
    z_stream stream{};
    deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    std::vector<uint8_t> out(deflateBound(&stream, data.size()));
    stream.next_in = const_cast<Bytef *>(data.data());
    stream.avail_in = static_cast<uInt>(data.size());
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

int append(void *context, const uint8_t *bytes, size_t length) {
    auto *out = static_cast<std::vector<uint8_t> *>(context);
    out->insert(out->end(), bytes, bytes + length);
    return 0;
}

int refuse(void *, const uint8_t *, size_t) { return 1; }

} // namespace

TEST("a deflated stream is inflated byte by byte, and a damaged one is refused without a stray access") {
    std::vector<uint8_t> data(200000);
    for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<uint8_t>(i * i >> 7);
    const std::vector<uint8_t> stream = raw_deflate(data);
    cdcmtk_inflater *inflater = nullptr;
    CHECK(cdcmtk_inflater_create(&inflater, nullptr) == CDCMTK_OK);
    std::vector<uint8_t> out;
    for (uint8_t byte : stream) CHECK(cdcmtk_inflater_consume(inflater, &byte, 1, append, &out, nullptr) == CDCMTK_OK);
    CHECK(out == data);
    CHECK(cdcmtk_inflater_has_ended(inflater));
    cdcmtk_inflater_destroy(inflater);

    for (unsigned seed = 1; seed < 200; ++seed) {
        std::vector<uint8_t> damaged = stream;
        for (unsigned i = 0; i < 8; ++i) damaged[(seed * 7919u + i * 104729u) % damaged.size()] ^= static_cast<uint8_t>(seed);
        CHECK(cdcmtk_inflater_create(&inflater, nullptr) == CDCMTK_OK);
        out.clear();
        cdcmtk_inflater_consume(inflater, damaged.data(), damaged.size(), append, &out, nullptr);
        cdcmtk_inflater_destroy(inflater);
    }

    // A block of type 3, which there is not; and a stream that is cut short.
    const uint8_t reserved = 0x07;
    CHECK(cdcmtk_inflater_create(&inflater, nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_inflater_consume(inflater, &reserved, 1, append, &out, nullptr) == CDCMTK_FAILED);
    cdcmtk_inflater_destroy(inflater);
    CHECK(cdcmtk_inflater_create(&inflater, nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_inflater_consume(inflater, stream.data(), stream.size() / 2, append, &out, nullptr) == CDCMTK_OK);
    CHECK(!cdcmtk_inflater_has_ended(inflater));
    cdcmtk_inflater_destroy(inflater);

    CHECK(cdcmtk_inflater_create(&inflater, nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_inflater_consume(inflater, stream.data(), stream.size(), refuse, nullptr, nullptr) == CDCMTK_STOPPED);
    CHECK(!cdcmtk_inflater_has_ended(inflater));
    cdcmtk_inflater_destroy(inflater);
    CHECK(cdcmtk_inflater_create(nullptr, nullptr) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_inflater_consume(nullptr, nullptr, 0, append, &out, nullptr) == CDCMTK_INVALID_ARGUMENT);
    CHECK(!cdcmtk_inflater_has_ended(nullptr));
    cdcmtk_inflater_destroy(nullptr);
}
