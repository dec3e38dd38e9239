#ifndef CDCMTK_ERROR_H
#define CDCMTK_ERROR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What a function of this library ended with. Every value but CDCMTK_OK leaves the out-parameters untouched, except
/// that `error` (if not NULL) is filled.
typedef enum cdcmtk_status {
    CDCMTK_OK = 0,
    CDCMTK_INVALID_ARGUMENT = 1, ///< NULL or a value out of range: the caller's mistake.
    CDCMTK_FAILED = 2,           ///< DCMTK returned a bad condition: see module and code.
    CDCMTK_EXCEPTION = 3,        ///< A C++ exception was caught at the boundary.
    CDCMTK_STOPPED = 4,          ///< A callback asked to stop.
    CDCMTK_NOT_FOUND = 5,        ///< The attribute, item or context is not there.
    CDCMTK_TIMEOUT = 6,          ///< Nothing came in time.
    CDCMTK_RELEASED = 7,         ///< The peer asked for release of the association.
    CDCMTK_ABORTED = 8,          ///< The peer aborted, or the connection is gone.
    CDCMTK_REJECTED = 9,         ///< The peer rejected the association.
    CDCMTK_UNREACHABLE = 10      ///< There is no connection to the peer.
} cdcmtk_status;

/// Why. `text` is DCMTK's own condition text; it may quote what a peer sent, so it is for tests and debuggers and is never
/// logged.
typedef struct cdcmtk_error {
    uint16_t module;
    uint16_t code;
    char text[256];
} cdcmtk_error;

#ifdef __cplusplus
}
#endif
#endif
