#ifndef CDCMTK_TLS_H
#define CDCMTK_TLS_H
#include "cdcmtk_error.h"

#ifdef __cplusplus
extern "C" {
#endif

/// TLS of an acceptor (PS3.15 B.10, the non-downgrading BCP 195 profile): certificate, key and whom to trust. Made once,
/// used by any number of threads.
typedef struct cdcmtk_tls_context cdcmtk_tls_context;

/// What is wrong, as the code of an error of cdcmtk_tls_context_create.
typedef enum cdcmtk_tls_fault {
    CDCMTK_TLS_CERTIFICATE = 1, ///< The certificate file cannot be used.
    CDCMTK_TLS_KEY = 2,         ///< The key file cannot be used, or needs a password.
    CDCMTK_TLS_MISMATCH = 3,    ///< The key is not the certificate's.
    CDCMTK_TLS_TRUST = 4,       ///< The file of trusted certificates cannot be used.
    CDCMTK_TLS_PROFILE = 5      ///< OpenSSL has not what the profile needs.
} cdcmtk_tls_fault;

/// Reads the files (PEM). `trust_file` may be NULL: then no client is asked for a certificate; else each is, and may have
/// none, but one that it shows must be in that file or lead to one in it.
cdcmtk_status cdcmtk_tls_context_create(
    const char *certificate_file, const char *key_file, const char *trust_file, cdcmtk_tls_context **out,
    cdcmtk_error *error);
/// Sessions of it may go on. NULL is allowed.
void cdcmtk_tls_context_destroy(cdcmtk_tls_context *context);
/// Until when our certificate is valid, in seconds since 1970.
cdcmtk_status cdcmtk_tls_context_end(const cdcmtk_tls_context *context, int64_t *out, cdcmtk_error *error);

/// The acceptor's end of one TLS connection. Not thread-safe: one owner, one thread at a time. Nothing here blocks.
typedef struct cdcmtk_tls_session cdcmtk_tls_session;

/// What a step was waiting for when it stopped.
typedef enum cdcmtk_tls_wish {
    CDCMTK_TLS_NOTHING = 0, ///< It is done.
    CDCMTK_TLS_READABLE = 1,
    CDCMTK_TLS_WRITABLE = 2
} cdcmtk_tls_wish;

/// A session on a connected socket, which stays the caller's.
cdcmtk_status cdcmtk_tls_session_create(
    const cdcmtk_tls_context *context, int socket, cdcmtk_tls_session **out, cdcmtk_error *error);
/// As much of the handshake as can be done now. CDCMTK_ABORTED: the peer has closed. CDCMTK_FAILED: there will be no
/// session; code and text are OpenSSL's own number and words, which hold nothing that the peer typed. An alert has been
/// sent.
cdcmtk_status cdcmtk_tls_session_handshake(cdcmtk_tls_session *session, cdcmtk_tls_wish *out, cdcmtk_error *error);
/// Reads what is there, at most `capacity` bytes; `count` is 0 only together with a wish. CDCMTK_ABORTED at the end.
cdcmtk_status cdcmtk_tls_session_read(
    cdcmtk_tls_session *session, void *buffer, size_t capacity, size_t *count, cdcmtk_tls_wish *out, cdcmtk_error *error);
/// Whether something can be read though the socket is silent.
int cdcmtk_tls_session_has_buffered(const cdcmtk_tls_session *session);
/// Writes a few bytes, as long as the socket takes them.
void cdcmtk_tls_session_write(cdcmtk_tls_session *session, const void *bytes, size_t length);
/// Says goodbye (close_notify) as far as the socket takes it. Before the socket is closed; nothing is sent afterwards.
void cdcmtk_tls_session_close(cdcmtk_tls_session *session);

typedef struct cdcmtk_tls_facts {
    char protocol[16]; ///< "TLSv1.3"
    char cipher[64];
    uint8_t has_certificate;
    uint8_t certificate_sha256[32]; ///< Of the client's certificate, which has been verified.
} cdcmtk_tls_facts;
/// What was agreed on; after the handshake.
cdcmtk_status cdcmtk_tls_session_facts(const cdcmtk_tls_session *session, cdcmtk_tls_facts *out, cdcmtk_error *error);

/// Sends nothing, and closes nothing. An association that was made with the session goes on. NULL is allowed.
void cdcmtk_tls_session_destroy(cdcmtk_tls_session *session);

#ifdef __cplusplus
}
#endif
#endif
