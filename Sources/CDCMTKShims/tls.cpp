#include "tls.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>

#include <cerrno>
#include <climits>
#include <new>

#include <poll.h>
#include <sys/socket.h>

namespace cdcmtk {

namespace {

// OpenSSL's own BIO of a socket writes with write(2), which ends a process with SIGPIPE, and cannot hold back a segment.

int bio_write(BIO *bio, const char *bytes, int length) {
    const auto *session = static_cast<const TLSSession *>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const ssize_t sent = ::send(
        session->socket, bytes, static_cast<size_t>(length), MSG_DONTWAIT | MSG_NOSIGNAL | session->flags);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
    return static_cast<int>(sent);
}

int bio_read(BIO *bio, char *buffer, int length) {
    const auto *session = static_cast<const TLSSession *>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const ssize_t got = ::recv(session->socket, buffer, static_cast<size_t>(length), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
    return static_cast<int>(got);
}

long bio_control(BIO *, int command, long, void *) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

const BIO_METHOD *socket_method() {
    static BIO_METHOD *const method = [] {
        BIO_METHOD *made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without signals");
        if (!made) throw std::bad_alloc();
        (void)BIO_meth_set_write(made, bio_write);
        (void)BIO_meth_set_read(made, bio_read);
        (void)BIO_meth_set_ctrl(made, bio_control);
        return made;
    }();
    return method;
}

} // namespace

TLSSession::TLSSession(SSL_CTX *context, int socket) : socket(socket), ssl(SSL_new(context)) {
    BIO *bio = BIO_new(socket_method());
    if (!ssl || !bio) {
        (void)BIO_free(bio);
        SSL_free(ssl);
        throw std::bad_alloc();
    }
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_accept_state(ssl);
}

TLSSession::~TLSSession() { SSL_free(ssl); }

int TLSSession::outcome(int result, short &events) const {
    if (result > 0) return result;
    switch (SSL_get_error(ssl, result)) {
        case SSL_ERROR_WANT_READ: events = POLLIN; return -1;
        case SSL_ERROR_WANT_WRITE: events = POLLOUT; return -1;
        default: return 0;
    }
}

int TLSSession::handshake(short &events) {
    ERR_clear_error();
    return outcome(SSL_do_handshake(ssl), events);
}

ssize_t TLSSession::read(void *buffer, size_t count, short &events) {
    ERR_clear_error();
    return outcome(SSL_read(ssl, buffer, count > INT_MAX ? INT_MAX : static_cast<int>(count)), events);
}

ssize_t TLSSession::write(const void *bytes, size_t count, bool more, short &events) {
    ERR_clear_error();
    flags = more ? MSG_MORE : 0;
    return outcome(SSL_write(ssl, bytes, count > INT_MAX ? INT_MAX : static_cast<int>(count)), events);
}

int TLSSession::peek(short &events) {
    char byte;
    ERR_clear_error();
    return outcome(SSL_peek(ssl, &byte, 1), events);
}

void TLSSession::close() {
    ERR_clear_error();
    if (socket >= 0 && SSL_is_init_finished(ssl)) (void)SSL_shutdown(ssl);
    socket = -1;
}

} // namespace cdcmtk
