#ifndef CDCMTK_TLS_HPP
#define CDCMTK_TLS_HPP

#include "cdcmtk_tls.h"

#include <openssl/ssl.h>
#include <sys/types.h>

#include <memory>

namespace cdcmtk {

/// One TLS connection over a socket that somebody else waits on and closes: no call of it blocks.
class TLSSession {
public:
    TLSSession(SSL_CTX *context, int socket);
    ~TLSSession();
    TLSSession(const TLSSession &) = delete;
    TLSSession &operator=(const TLSSession &) = delete;

    /// For these three: 1 or more when it is done, 0 at the end of the connection or after a fault, -1 when it has to be
    /// tried again once poll(2) reports `events`.
    int handshake(short &events);
    ssize_t read(void *buffer, size_t count, short &events);
    /// `more`: something follows at once, and both should leave in one segment.
    ssize_t write(const void *bytes, size_t count, bool more, short &events);
    /// Like read of one byte, which stays.
    int peek(short &events);
    bool has_buffered() const { return SSL_pending(ssl) > 0; }
    void close();

    SSL *native() const { return ssl; }
    /// For the socket's BIO.
    int socket;
    int flags = 0;

private:
    int outcome(int result, short &events) const;
    SSL *ssl;
};

} // namespace cdcmtk

struct cdcmtk_tls_session {
    std::shared_ptr<cdcmtk::TLSSession> session;
};

#endif
