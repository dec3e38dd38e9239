#ifndef CDCMTK_TEXT_H
#define CDCMTK_TEXT_H

#include "cdcmtk_dataset.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Converts text to UTF-8 by the C library's iconv, which DCMTK wraps. `encoding` is iconv's name ("ISO-8859-1", "EUC-KR").
/// CDCMTK_FAILED when the bytes are no text of that encoding, CDCMTK_INVALID_ARGUMENT for one that iconv does not know.
/// A thread keeps the descriptors that it has opened.
cdcmtk_status cdcmtk_text_to_utf8(
    const char *encoding, const uint8_t *bytes, size_t length, cdcmtk_sink sink, void *context, cdcmtk_error *error);

#ifdef __cplusplus
}
#endif
#endif
