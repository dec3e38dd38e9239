#ifndef CDCMTK_RUNTIME_H
#define CDCMTK_RUNTIME_H
#include "cdcmtk_error.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Sets DCMTK's process globals: parser strictness, codecs, no reverse name look-ups, a silent log (its messages may quote
/// patient values). Call once, before the first thread that uses this library; further calls do nothing.
/// CDCMTK_NOT_FOUND: the data dictionary could not be loaded.
cdcmtk_status cdcmtk_runtime_initialize(cdcmtk_error *error);

/// Adds an attribute that this DCMTK's dictionary lacks. Any thread, after cdcmtk_runtime_initialize: DCMTK guards its
/// dictionary with a lock. What is parsed afterwards knows the attribute.
cdcmtk_status cdcmtk_dictionary_add(uint32_t tag, const char vr[2], const char *keyword, cdcmtk_error *error);

/// Whether the dictionary knows the tag (standard attributes and repeating groups).
int cdcmtk_dictionary_knows(uint32_t tag);

/// The name of a registered UID as DCMTK knows it, for example "CTImageStorage", with a terminating zero; CDCMTK_NOT_FOUND
/// for others.
cdcmtk_status cdcmtk_uid_name(const char *uid, char *out, size_t capacity, cdcmtk_error *error);

#ifdef __cplusplus
}
#endif
#endif
