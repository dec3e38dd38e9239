#include "cdcmtk_inflate.h"
#include "guarded.hpp"

#include <zlib.h>

#include <array>
#include <climits>
#include <memory>

using cdcmtk::fill;
using cdcmtk::guarded;
using cdcmtk::invalid;

struct cdcmtk_inflater {
    cdcmtk_inflater() = default;
    cdcmtk_inflater(const cdcmtk_inflater &) = delete;
    cdcmtk_inflater &operator=(const cdcmtk_inflater &) = delete;
    ~cdcmtk_inflater() {
        if (ready) inflateEnd(&stream);
    }

    z_stream stream{};
    bool ready = false;
    bool ended = false;
    std::array<uint8_t, 64 * 1024> piece{};
};

cdcmtk_status cdcmtk_inflater_create(cdcmtk_inflater **out, cdcmtk_error *error) {
    if (!out) return invalid(error, "out must not be NULL");
    return guarded(error, [&]() -> cdcmtk_status {
        auto made = std::make_unique<cdcmtk_inflater>();
        // A negative size of the window: raw deflate.
        made->ready = inflateInit2(&made->stream, -MAX_WBITS) == Z_OK;
        if (!made->ready) return fill(error, CDCMTK_FAILED, 0, 0, "no inflater");
        *out = made.release();
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_inflater_consume(
    cdcmtk_inflater *inflater, const uint8_t *bytes, size_t length, cdcmtk_sink sink, void *context, cdcmtk_error *error) {
    if (!inflater || (!bytes && length) || !sink) return invalid(error, "an argument is NULL");
    if (length > UINT_MAX) return invalid(error, "too many bytes at once");
    return guarded(error, [&]() -> cdcmtk_status {
        z_stream &stream = inflater->stream;
        stream.next_in = const_cast<Bytef *>(bytes);
        stream.avail_in = static_cast<uInt>(length);
        bool filled = false;
        while (!inflater->ended && (stream.avail_in > 0 || filled)) {
            stream.next_out = inflater->piece.data();
            stream.avail_out = static_cast<uInt>(inflater->piece.size());
            const int result = inflate(&stream, Z_NO_FLUSH);
            // Z_BUF_ERROR: the last piece was full to the byte, and there is no more.
            if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
                return fill(error, CDCMTK_FAILED, 0, 0, "the data set is no deflated stream");
            inflater->ended = result == Z_STREAM_END;
            filled = stream.avail_out == 0;
            const size_t count = inflater->piece.size() - stream.avail_out;
            if (count > 0 && sink(context, inflater->piece.data(), count) != 0)
                return fill(error, CDCMTK_STOPPED, 0, 0, "the sink asked to stop");
        }
        return CDCMTK_OK;
    });
}

int cdcmtk_inflater_has_ended(const cdcmtk_inflater *inflater) { return inflater && inflater->ended; }

void cdcmtk_inflater_destroy(cdcmtk_inflater *inflater) { delete inflater; }
