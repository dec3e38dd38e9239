#ifndef CDCMTK_IMAGE_H
#define CDCMTK_IMAGE_H
#include "cdcmtk_error.h"

#ifdef __cplusplus
extern "C" {
#endif

/// One frame of one sample per pixel, compressed. The caller has read rows, columns and precision in the codestream's
/// own header and has found them equal to the data set's, so that no decoder works on a size that nobody agreed to.
typedef struct cdcmtk_image_format {
    /// A JPEG or JPEG-LS transfer syntax UID (not used for JPEG 2000).
    const char *transfer_syntax;
    uint16_t rows;
    uint16_t columns;
    /// Bits of a sample in the codestream, 2 to 16.
    uint16_t precision;
} cdcmtk_image_format;

/// Decodes JPEG baseline, extended and lossless and JPEG-LS with DCMTK's codecs. `codestream` holds the frame's fragments
/// joined. `out` takes rows * columns samples, widened to 16 bits in host byte order; `capacity` counts samples.
/// Thread-safe once cdcmtk_runtime_initialize, which registers the codecs, has returned.
cdcmtk_status cdcmtk_image_decode(
    const cdcmtk_image_format *format, const uint8_t *codestream, size_t length, uint16_t *out, size_t capacity,
    cdcmtk_error *error);

/// The same for JPEG 2000 (OpenJPEG, strict: a truncated codestream is an error). A signed sample is given as its two's
/// complement in 16 bits. CDCMTK_FAILED if the codestream's own size, number of components or precision differs from the
/// format: it is compared before anything is decoded.
cdcmtk_status cdcmtk_image_decode_jpeg2000(
    const cdcmtk_image_format *format, const uint8_t *codestream, size_t length, uint16_t *out, size_t capacity,
    cdcmtk_error *error);

#ifdef __cplusplus
}
#endif
#endif
