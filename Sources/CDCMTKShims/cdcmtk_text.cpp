#include "cdcmtk_text.h"
#include "guarded.hpp"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/ofstd/ofchrenc.h>

#include <map>
#include <memory>
#include <string>

using cdcmtk::check;
using cdcmtk::guarded;
using cdcmtk::invalid;

cdcmtk_status cdcmtk_text_to_utf8(
    const char *encoding, const uint8_t *bytes, size_t length, cdcmtk_sink sink, void *context, cdcmtk_error *error) {
    if (!encoding || (!bytes && length) || !sink) return invalid(error, "encoding, bytes and sink must not be NULL");
    return guarded(error, [&] {
        // An iconv descriptor belongs to one thread at a time, and opening one reads a table.
        thread_local std::map<std::string, std::unique_ptr<OFCharacterEncoding>> converters;
        std::unique_ptr<OFCharacterEncoding> &converter = converters[encoding];
        if (!converter) {
            auto made = std::make_unique<OFCharacterEncoding>();
            if (made->selectEncoding(encoding, "UTF-8").bad()) return invalid(error, "iconv does not know the encoding");
            converter = std::move(made);
        }
        OFString text;
        const OFCondition converted = converter->convertString(reinterpret_cast<const char *>(bytes), length, text);
        if (converted.bad()) return check(converted, error);
        if (!text.empty()
            && sink(context, reinterpret_cast<const uint8_t *>(text.data()), text.length()) != 0)
            return cdcmtk::fill(error, CDCMTK_STOPPED, 0, 0, "the sink asked to stop");
        return CDCMTK_OK;
    });
}
