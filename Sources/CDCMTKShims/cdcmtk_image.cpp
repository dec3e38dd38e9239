#include "cdcmtk_image.h"
#include "guarded.hpp"

#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>

#include <openjpeg-2.5/openjpeg.h>

#include <cstring>
#include <memory>

namespace {

using cdcmtk::check;
using cdcmtk::fill;
using cdcmtk::guarded;
using cdcmtk::invalid;

cdcmtk_status validate(
    const cdcmtk_image_format *format, const uint8_t *codestream, size_t length, const uint16_t *out, size_t capacity,
    cdcmtk_error *error) {
    if (!format || !codestream || !out) return invalid(error, "an argument is NULL");
    if (length == 0 || length > 0x7ffffffe) return invalid(error, "the codestream's length is out of range");
    if (format->rows == 0 || format->columns == 0) return invalid(error, "an empty image");
    if (format->precision < 1 || format->precision > 16) return invalid(error, "the precision is out of range");
    // DCMTK counts the bytes of a frame in 32 bits.
    size_t samples = size_t(format->rows) * format->columns;
    if (samples > 0x3fffffff) return invalid(error, "the image is too large");
    if (capacity < samples) return invalid(error, "the buffer is too small");
    return CDCMTK_OK;
}

/// Bytes to words in place, from the end so that no byte is overwritten before it is read.
void widen(uint16_t *samples, size_t count) {
    const uint8_t *bytes = reinterpret_cast<const uint8_t *>(samples);
    for (size_t i = count; i-- > 0;) {
        uint16_t value = bytes[i];
        samples[i] = value;
    }
}

/// What DCMTK's decoders ask of a data set. One sample per pixel, so that no colour conversion is tried.
OFCondition describe(DcmItem &item, const cdcmtk_image_format &format) {
    const Uint16 allocated = format.precision > 8 ? 16 : 8;
    OFCondition result = item.putAndInsertUint16(DCM_SamplesPerPixel, 1);
    if (result.good()) result = item.putAndInsertString(DCM_PhotometricInterpretation, "MONOCHROME2");
    if (result.good()) result = item.putAndInsertUint16(DCM_Rows, format.rows);
    if (result.good()) result = item.putAndInsertUint16(DCM_Columns, format.columns);
    if (result.good()) result = item.putAndInsertUint16(DCM_BitsAllocated, allocated);
    if (result.good()) result = item.putAndInsertUint16(DCM_BitsStored, format.precision);
    if (result.good()) result = item.putAndInsertUint16(DCM_HighBit, static_cast<Uint16>(format.precision - 1));
    if (result.good()) result = item.putAndInsertUint16(DCM_PixelRepresentation, 0);
    return result;
}

/// An empty offset table and the codestream as the only fragment.
OFCondition encapsulate(DcmPixelSequence &sequence, const uint8_t *codestream, size_t length) {
    OFCondition result = sequence.insert(new DcmPixelItem(DCM_PixelItemTag));
    if (result.bad()) return result;
    auto fragment = std::make_unique<DcmPixelItem>(DCM_PixelItemTag);
    result = fragment->putUint8Array(codestream, static_cast<unsigned long>(length));
    if (result.good()) result = sequence.insert(fragment.release());
    return result;
}

/// Reads from memory for OpenJPEG.
struct MemoryStream {
    const uint8_t *bytes;
    size_t length;
    size_t position;

    static OPJ_SIZE_T read(void *out, OPJ_SIZE_T count, void *context) {
        auto &stream = *static_cast<MemoryStream *>(context);
        size_t left = stream.length - stream.position;
        if (left == 0) return static_cast<OPJ_SIZE_T>(-1);
        size_t taken = count < left ? count : left;
        std::memcpy(out, stream.bytes + stream.position, taken);
        stream.position += taken;
        return taken;
    }

    static OPJ_OFF_T skip(OPJ_OFF_T count, void *context) {
        auto &stream = *static_cast<MemoryStream *>(context);
        if (count < 0) return -1;
        size_t left = stream.length - stream.position;
        if (left == 0) return -1;
        size_t taken = static_cast<size_t>(count) < left ? static_cast<size_t>(count) : left;
        stream.position += taken;
        return static_cast<OPJ_OFF_T>(taken);
    }

    static OPJ_BOOL seek(OPJ_OFF_T position, void *context) {
        auto &stream = *static_cast<MemoryStream *>(context);
        if (position < 0 || static_cast<size_t>(position) > stream.length) return OPJ_FALSE;
        stream.position = static_cast<size_t>(position);
        return OPJ_TRUE;
    }
};

struct StreamDeleter {
    void operator()(opj_stream_t *stream) const { opj_stream_destroy(stream); }
};
struct CodecDeleter {
    void operator()(opj_codec_t *codec) const { opj_destroy_codec(codec); }
};
struct ImageDeleter {
    void operator()(opj_image_t *image) const { opj_image_destroy(image); }
};

/// Whether the codestream holds what the data set says, judged by its header alone.
bool agrees(const opj_image_t &image, const cdcmtk_image_format &format) {
    if (image.numcomps != 1 || image.x1 <= image.x0 || image.y1 <= image.y0) return false;
    const opj_image_comp_t &component = image.comps[0];
    return image.x1 - image.x0 == format.columns && image.y1 - image.y0 == format.rows && component.w == format.columns
        && component.h == format.rows && component.prec == format.precision;
}

cdcmtk_status decode_jpeg2000(
    const cdcmtk_image_format &format, const uint8_t *codestream, size_t length, uint16_t *out, cdcmtk_error *error) {
    // A JP2 file box is not allowed in DICOM (PS3.5 A.4.4), but some senders wrap the codestream in one.
    const bool boxed = length > 8 && std::memcmp(codestream + 4, "jP  ", 4) == 0;
    std::unique_ptr<opj_codec_t, CodecDeleter> codec(opj_create_decompress(boxed ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K));
    if (!codec) return fill(error, CDCMTK_FAILED, 0, 0, "no JPEG 2000 decoder");
    opj_dparameters_t parameters;
    opj_set_default_decoder_parameters(&parameters);
    if (!opj_setup_decoder(codec.get(), &parameters) || !opj_decoder_set_strict_mode(codec.get(), OPJ_TRUE))
        return fill(error, CDCMTK_FAILED, 0, 0, "the JPEG 2000 decoder cannot be set up");

    MemoryStream memory{codestream, length, 0};
    std::unique_ptr<opj_stream_t, StreamDeleter> stream(opj_stream_create(1 << 16, OPJ_TRUE));
    if (!stream) return fill(error, CDCMTK_FAILED, 0, 0, "no JPEG 2000 stream");
    opj_stream_set_user_data(stream.get(), &memory, nullptr);
    opj_stream_set_user_data_length(stream.get(), length);
    opj_stream_set_read_function(stream.get(), MemoryStream::read);
    opj_stream_set_skip_function(stream.get(), MemoryStream::skip);
    opj_stream_set_seek_function(stream.get(), MemoryStream::seek);

    opj_image_t *raw = nullptr;
    const bool read = opj_read_header(stream.get(), codec.get(), &raw);
    std::unique_ptr<opj_image_t, ImageDeleter> image(raw);
    if (!read || !image) return fill(error, CDCMTK_FAILED, 0, 0, "the JPEG 2000 header cannot be read");
    if (!agrees(*image, format)) return fill(error, CDCMTK_FAILED, 0, 0, "the JPEG 2000 header differs from the data set");
    if (!opj_decode(codec.get(), stream.get(), image.get()) || !opj_end_decompress(codec.get(), stream.get()))
        return fill(error, CDCMTK_FAILED, 0, 0, "the JPEG 2000 codestream cannot be decoded");
    if (!agrees(*image, format) || !image->comps[0].data)
        return fill(error, CDCMTK_FAILED, 0, 0, "the JPEG 2000 decoder gave another image than announced");

    const OPJ_INT32 *samples = image->comps[0].data;
    const size_t count = size_t(format.rows) * format.columns;
    for (size_t i = 0; i < count; ++i) out[i] = static_cast<uint16_t>(samples[i]);
    return CDCMTK_OK;
}

} // namespace

extern "C" cdcmtk_status cdcmtk_image_decode(
    const cdcmtk_image_format *format, const uint8_t *codestream, size_t length, uint16_t *out, size_t capacity,
    cdcmtk_error *error) {
    return guarded(error, [&]() -> cdcmtk_status {
        cdcmtk_status valid = validate(format, codestream, length, out, capacity, error);
        if (valid != CDCMTK_OK) return valid;
        if (!format->transfer_syntax) return invalid(error, "no transfer syntax");
        const DcmXfer syntax(format->transfer_syntax);
        if (!syntax.isEncapsulated()) return invalid(error, "the transfer syntax is not a compressed one");

        DcmItem item;
        OFCondition result = describe(item, *format);
        if (result.bad()) return check(result, error);
        auto sequence = std::make_unique<DcmPixelSequence>(DCM_PixelSequenceTag);
        result = encapsulate(*sequence, codestream, length);
        if (result.bad()) return check(result, error);
        DcmPixelData pixels(DCM_PixelData);
        pixels.putOriginalRepresentation(syntax.getXfer(), nullptr, sequence.release());

        Uint32 fragment = 0;
        OFString colour;
        result = pixels.getUncompressedFrame(
            &item, 0, fragment, out, static_cast<Uint32>(size_t(format->rows) * format->columns * sizeof(uint16_t)), colour);
        if (result.bad()) return check(result, error);
        if (format->precision <= 8) widen(out, size_t(format->rows) * format->columns);
        return CDCMTK_OK;
    });
}

extern "C" cdcmtk_status cdcmtk_image_decode_jpeg2000(
    const cdcmtk_image_format *format, const uint8_t *codestream, size_t length, uint16_t *out, size_t capacity,
    cdcmtk_error *error) {
    return guarded(error, [&]() -> cdcmtk_status {
        cdcmtk_status valid = validate(format, codestream, length, out, capacity, error);
        if (valid != CDCMTK_OK) return valid;
        return decode_jpeg2000(*format, codestream, length, out, error);
    });
}
