#ifndef CDCMTK_INFLATE_H
#define CDCMTK_INFLATE_H

#include "cdcmtk_dataset.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Inflates a deflated data set (PS3.5 A.5: RFC 1951, without a zlib header) as its bytes come. One owner, one thread at a
/// time.
typedef struct cdcmtk_inflater cdcmtk_inflater;

cdcmtk_status cdcmtk_inflater_create(cdcmtk_inflater **out, cdcmtk_error *error);

/// Gives what the bytes inflate to to the sink, at most 64 KiB at a time, whatever it comes to: the sink bounds it.
/// CDCMTK_FAILED when they are no deflated stream, CDCMTK_STOPPED when the sink wants no more. Bytes after the stream's end
/// are passed over (the standard pads to an even length).
cdcmtk_status cdcmtk_inflater_consume(
    cdcmtk_inflater *inflater, const uint8_t *bytes, size_t length, cdcmtk_sink sink, void *context, cdcmtk_error *error);

/// Whether the stream has come to its end; 0 for a stream that is cut short.
int cdcmtk_inflater_has_ended(const cdcmtk_inflater *inflater);

void cdcmtk_inflater_destroy(cdcmtk_inflater *inflater);

#ifdef __cplusplus
}
#endif
#endif
