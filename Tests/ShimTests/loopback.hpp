#ifndef SHIM_TESTS_LOOPBACK_HPP
#define SHIM_TESTS_LOOPBACK_HPP

#include "cdcmtk_association.h"

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

inline const char *const verification = "1.2.840.10008.1.1";
inline const char *const ct_storage = "1.2.840.10008.5.1.4.1.1.2";
inline const char *const implicit_le = "1.2.840.10008.1.2";
inline const char *const explicit_le = "1.2.840.10008.1.2.1";

/// Generous: a busy machine is not a failure.
inline cdcmtk_association_options options(uint32_t acse_timeout = 30'000) {
    return {131072, acse_timeout, 30'000, 300, 16384, "2.25.1", "SHIM_TEST"};
}

/// A listening socket on the loopback interface.
class Listener {
public:
    Listener() {
        descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        (void)::bind(descriptor, reinterpret_cast<sockaddr *>(&address), length);
        (void)::listen(descriptor, 64);
        (void)::getsockname(descriptor, reinterpret_cast<sockaddr *>(&address), &length);
        port = ntohs(address.sin_port);
    }
    ~Listener() { ::close(descriptor); }

    int accept() const { return ::accept(descriptor, nullptr, nullptr); }

    int descriptor;
    uint16_t port = 0;
};

inline bool read_exactly(int socket, uint8_t *bytes, size_t length) {
    while (length > 0) {
        const ssize_t got = ::recv(socket, bytes, length, 0);
        if (got <= 0) return false;
        bytes += got;
        length -= static_cast<size_t>(got);
    }
    return true;
}

/// One whole PDU from a socket.
inline std::vector<uint8_t> read_pdu(int socket) {
    std::vector<uint8_t> pdu(6);
    if (!read_exactly(socket, pdu.data(), 6)) return {};
    const size_t length = size_t(pdu[2]) << 24 | size_t(pdu[3]) << 16 | size_t(pdu[4]) << 8 | pdu[5];
    pdu.resize(6 + length);
    if (!read_exactly(socket, pdu.data() + 6, length)) return {};
    return pdu;
}

inline int connect_to(uint16_t port) {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    (void)::connect(socket, reinterpret_cast<sockaddr *>(&address), sizeof address);
    return socket;
}

/// Takes the next connection, its A-ASSOCIATE-RQ, and hands both to the shim.
inline cdcmtk_status accept_association(const Listener &listener, cdcmtk_association **out, cdcmtk_error *error) {
    const int socket = listener.accept();
    const auto request = read_pdu(socket);
    const auto chosen = options();
    return cdcmtk_association_accept(socket, nullptr, request.data(), request.size(), &chosen, out, error);
}

/// Accepts all contexts with the first of their transfer syntaxes, and acknowledges.
inline cdcmtk_status accept_all(cdcmtk_association *association, cdcmtk_error *error) {
    struct Accept {
        cdcmtk_association *association;
        std::vector<std::pair<uint8_t, std::string>> contexts;
    } all{association, {}};
    (void)cdcmtk_association_contexts(
        association,
        [](void *context, const cdcmtk_presentation_context *proposed) {
            static_cast<Accept *>(context)->contexts.emplace_back(proposed->id, proposed->transfer_syntaxes[0]);
            return 0;
        },
        &all, error);
    for (const auto &[id, syntax] : all.contexts)
        (void)cdcmtk_association_accept_context(association, id, syntax.c_str(), error);
    return cdcmtk_association_acknowledge(association, error);
}

inline cdcmtk_status request_association(
    uint16_t port, cdcmtk_association **out, cdcmtk_error *error, cdcmtk_rejection *rejection = nullptr,
    const char *host = "127.0.0.1", uint32_t acse_timeout = 30'000) {
    const char *const syntaxes[] = {explicit_le, implicit_le};
    const cdcmtk_proposal proposals[] = {{verification, syntaxes + 1, 1, 0}, {ct_storage, syntaxes, 2, 0}};
    const auto chosen = options(acse_timeout);
    return cdcmtk_association_request(
        host, port, "CALLING", "CALLED", proposals, 2, &chosen, rejection, out, error);
}

/// The A-ASSOCIATE-RQ of a real peer, taken from the wire to be sent again by hand.
inline std::vector<uint8_t> request_of_a_peer(const Listener &listener) {
    std::thread peer([&] {
        cdcmtk_association *none = nullptr;
        (void)request_association(listener.port, &none, nullptr);
    });
    const int socket = listener.accept();
    const auto request = read_pdu(socket);
    ::close(socket);
    peer.join();
    return request;
}

/// An established pair: the acceptor's and the requestor's end.
class Pair {
public:
    Pair() {
        std::thread acceptor_thread([this] {
            if (accept_association(listener, &acceptor, nullptr) == CDCMTK_OK) (void)accept_all(acceptor, nullptr);
        });
        (void)request_association(listener.port, &requestor, nullptr);
        acceptor_thread.join();
    }
    ~Pair() {
        cdcmtk_association_destroy(acceptor);
        cdcmtk_association_destroy(requestor);
    }

    Listener listener;
    cdcmtk_association *acceptor = nullptr;
    cdcmtk_association *requestor = nullptr;
};

#endif
