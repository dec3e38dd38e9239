#include "guarded.hpp"
#include "tls.hpp"

#include <dcmtk/dcmtls/tlslayer.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include <ctime>

#include <poll.h>

using cdcmtk::fill;
using cdcmtk::guarded;
using cdcmtk::invalid;
using cdcmtk::TLSSession;

struct cdcmtk_tls_context {
    cdcmtk_tls_context() : layer(NET_ACCEPTOR, nullptr, OFTrue) {}
    DcmTLSTransportLayer layer;
};

namespace {

cdcmtk_status fault(cdcmtk_error *error, cdcmtk_tls_fault what, const char *text) {
    return fill(error, CDCMTK_FAILED, 0, what, text);
}

/// The profile's protocol versions and cipher suites are dcmtls's; the rest is what it leaves to OpenSSL's settings, which a
/// distribution may have loosened.
bool set_profile(DcmTLSTransportLayer &layer) {
    if (layer.setTLSProfile(TSP_Profile_BCP195_ND).bad()) return false;
    // For nodes with an ECDSA key, which TLS 1.2 could not use otherwise; RFC 9325 recommends them.
    (void)layer.addCipherSuite("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
    (void)layer.addCipherSuite("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
    if (layer.activateCipherSuites().bad()) return false;
    SSL_CTX *context = layer.getNativeHandle();
    // 112 bits: RSA and DH of 2048 bits, SHA-2 in signatures. dcmtls sets 0.
    SSL_CTX_set_security_level(context, 2);
    (void)SSL_CTX_set_dh_auto(context, 1);
    // An association lasts: resumption saves nothing, and a ticket would carry a client's certificate beyond its time.
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_num_tickets(context, 0);
    (void)SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_mode(
        context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    // Messages without data (a peer may send new keys without end) come back to the caller, who watches the clock.
    (void)SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1;
}

/// Whom to trust: a client may show no certificate, but none that this file does not vouch for.
bool set_trust(DcmTLSTransportLayer &layer, const char *file) {
    SSL_CTX *context = layer.getNativeHandle();
    if (!file) {
        SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
        return true;
    }
    if (layer.addTrustedCertificateFile(file, DCF_Filetype_PEM).bad()) return false;
    // No names go into the request for a certificate: a client whose own certificate is in the file, and not that of its
    // issuer, would find nothing to show.
    // A peer's own certificate in the file is enough; what has signed it need not be there.
    (void)X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    return true;
}

/// OpenSSL's words for the last fault of this thread.
cdcmtk_status openssl_fault(const SSL *ssl, cdcmtk_error *error) {
    const long verified = SSL_get_verify_result(ssl);
    const unsigned long code = ERR_peek_error();
    if (verified != X509_V_OK)
        return fill(error, CDCMTK_FAILED, 0, ERR_GET_REASON(code), X509_verify_cert_error_string(verified));
    const char *words = ERR_reason_error_string(code);
    return fill(error, CDCMTK_FAILED, 0, ERR_GET_REASON(code), words ? words : "no reason given");
}

cdcmtk_tls_wish wish(short events) { return events == POLLOUT ? CDCMTK_TLS_WRITABLE : CDCMTK_TLS_READABLE; }

} // namespace

cdcmtk_status cdcmtk_tls_context_create(
    const char *certificate_file, const char *key_file, const char *trust_file, cdcmtk_tls_context **out,
    cdcmtk_error *error) {
    if (!certificate_file || !key_file || !out) return invalid(error, "certificate, key and out must not be NULL");
    return guarded(error, [&] {
        auto made = std::make_unique<cdcmtk_tls_context>();
        DcmTLSTransportLayer &layer = made->layer;
        if (!layer) return fault(error, CDCMTK_TLS_PROFILE, "OpenSSL gives no context");
        if (!set_profile(layer)) return fault(error, CDCMTK_TLS_PROFILE, "OpenSSL has not what the profile needs");
        layer.setPrivateKeyPasswd(""); // or OpenSSL would ask on the terminal
        // In this order: of a key that is another certificate's, OpenSSL says nothing when the certificate comes second, and
        // drops it.
        if (layer.setPrivateKeyFile(key_file, DCF_Filetype_PEM).bad())
            return fault(error, CDCMTK_TLS_KEY, "the key file cannot be used");
        if (layer.setCertificateFile(certificate_file, DCF_Filetype_PEM).bad())
            return fault(error, CDCMTK_TLS_CERTIFICATE, "the certificate file cannot be used");
        if (!layer.checkPrivateKeyMatchesCertificate())
            return fault(error, CDCMTK_TLS_MISMATCH, "the key is not the certificate's");
        if (!set_trust(layer, trust_file))
            return fault(error, CDCMTK_TLS_TRUST, "the file of trusted certificates cannot be used");
        *out = made.release();
        return CDCMTK_OK;
    });
}

void cdcmtk_tls_context_destroy(cdcmtk_tls_context *context) {
    (void)guarded(nullptr, [&] {
        delete context;
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_tls_context_end(const cdcmtk_tls_context *context, int64_t *out, cdcmtk_error *error) {
    if (!context || !out) return invalid(error, "context and out must not be NULL");
    return guarded(error, [&] {
        SSL_CTX *native = const_cast<cdcmtk_tls_context *>(context)->layer.getNativeHandle();
        std::tm time{};
        const X509 *certificate = SSL_CTX_get0_certificate(native);
        if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1)
            return fault(error, CDCMTK_TLS_CERTIFICATE, "the certificate has no end");
        *out = ::timegm(&time);
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_tls_session_create(
    const cdcmtk_tls_context *context, int socket, cdcmtk_tls_session **out, cdcmtk_error *error) {
    if (!context || !out) return invalid(error, "context and out must not be NULL");
    if (socket < 0) return invalid(error, "no socket");
    return guarded(error, [&] {
        SSL_CTX *native = const_cast<cdcmtk_tls_context *>(context)->layer.getNativeHandle();
        *out = new cdcmtk_tls_session{std::make_shared<TLSSession>(native, socket)};
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_tls_session_handshake(cdcmtk_tls_session *session, cdcmtk_tls_wish *out, cdcmtk_error *error) {
    if (!session || !out) return invalid(error, "session and out must not be NULL");
    return guarded(error, [&] {
        short events = 0;
        const int result = session->session->handshake(events);
        if (result == 0) {
            // A close of the peer is none of OpenSSL's faults, except as "unexpected eof".
            const int reason = ERR_GET_REASON(ERR_peek_error());
            if (reason == 0 || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
                return fill(error, CDCMTK_ABORTED, 0, 0, "the peer has closed");
            return openssl_fault(session->session->native(), error);
        }
        *out = result > 0 ? CDCMTK_TLS_NOTHING : wish(events);
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_tls_session_read(
    cdcmtk_tls_session *session, void *buffer, size_t capacity, size_t *count, cdcmtk_tls_wish *out, cdcmtk_error *error) {
    if (!session || !buffer || capacity == 0 || !count || !out) return invalid(error, "no argument may be NULL");
    return guarded(error, [&] {
        short events = 0;
        const ssize_t result = session->session->read(buffer, capacity, events);
        if (result == 0) return fill(error, CDCMTK_ABORTED, 0, 0, "the connection has ended");
        *count = result > 0 ? static_cast<size_t>(result) : 0;
        *out = result > 0 ? CDCMTK_TLS_NOTHING : wish(events);
        return CDCMTK_OK;
    });
}

int cdcmtk_tls_session_has_buffered(const cdcmtk_tls_session *session) {
    return session && session->session->has_buffered() ? 1 : 0;
}

void cdcmtk_tls_session_write(cdcmtk_tls_session *session, const void *bytes, size_t length) {
    if (!session || !bytes) return;
    (void)guarded(nullptr, [&] {
        short events = 0;
        (void)session->session->write(bytes, length, false, events);
        return CDCMTK_OK;
    });
}

void cdcmtk_tls_session_close(cdcmtk_tls_session *session) {
    if (!session) return;
    (void)guarded(nullptr, [&] {
        session->session->close();
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_tls_session_facts(const cdcmtk_tls_session *session, cdcmtk_tls_facts *out, cdcmtk_error *error) {
    if (!session || !out) return invalid(error, "session and out must not be NULL");
    return guarded(error, [&] {
        const SSL *ssl = session->session->native();
        cdcmtk_tls_facts facts{};
        std::snprintf(facts.protocol, sizeof facts.protocol, "%s", SSL_get_version(ssl));
        const char *cipher = SSL_get_cipher_name(ssl);
        std::snprintf(facts.cipher, sizeof facts.cipher, "%s", cipher ? cipher : "");
        const X509 *certificate = SSL_get0_peer_certificate(ssl);
        unsigned length = sizeof facts.certificate_sha256;
        if (certificate && SSL_get_verify_result(ssl) == X509_V_OK)
            facts.has_certificate = X509_digest(certificate, EVP_sha256(), facts.certificate_sha256, &length) == 1;
        *out = facts;
        return CDCMTK_OK;
    });
}

void cdcmtk_tls_session_destroy(cdcmtk_tls_session *session) {
    (void)guarded(nullptr, [&] {
        delete session;
        return CDCMTK_OK;
    });
}
