#include "check.hpp"
#include "loopback.hpp"

#include "cdcmtk_tls.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <poll.h>

#include <openssl/ssl.h>

namespace {

/// Keys and certificates of the openssl command, in a folder that goes at the end.
class Keys {
public:
    Keys() {
        char name[] = "/tmp/shim-tls-XXXXXX";
        folder = ::mkdtemp(name);
        made = make("ours") && make("other");
        std::ofstream(folder + "/empty.pem");
    }
    ~Keys() { std::filesystem::remove_all(folder); }

    std::string path(const char *name) const { return folder + "/" + name; }

    std::string folder;
    bool made = false;

private:
    bool make(const std::string &name) const {
        const std::string base = folder + "/" + name;
        const std::string command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=" + name + " -keyout " +
                                    base + ".key -out " + base + ".pem 2>" + base + ".log";
        return std::system(command.c_str()) == 0;
    }
};

const Keys &keys() {
    static const Keys made;
    return made;
}

cdcmtk_status context(cdcmtk_tls_context **out, cdcmtk_error *error = nullptr) {
    return cdcmtk_tls_context_create(
        keys().path("ours.pem").c_str(), keys().path("ours.key").c_str(), keys().path("other.pem").c_str(), out, error);
}

/// A client of OpenSSL's, which blocks; it shows the "other" certificate.
class Client {
public:
    explicit Client(uint16_t port, int version = 0) : socket(connect_to(port)), native(SSL_CTX_new(TLS_client_method())) {
        (void)SSL_CTX_use_certificate_file(native, keys().path("other.pem").c_str(), SSL_FILETYPE_PEM);
        (void)SSL_CTX_use_PrivateKey_file(native, keys().path("other.key").c_str(), SSL_FILETYPE_PEM);
        if (version) {
            SSL_CTX_set_security_level(native, 0);
            (void)SSL_CTX_set_min_proto_version(native, version);
            (void)SSL_CTX_set_max_proto_version(native, version);
        }
        ssl = SSL_new(native);
        (void)SSL_set_fd(ssl, socket);
    }
    ~Client() {
        SSL_free(ssl);
        SSL_CTX_free(native);
        ::close(socket);
    }
    bool connect() { return SSL_connect(ssl) == 1; }
    bool send(const std::vector<uint8_t> &bytes) {
        return SSL_write(ssl, bytes.data(), static_cast<int>(bytes.size())) == static_cast<int>(bytes.size());
    }
    std::vector<uint8_t> pdu() {
        std::vector<uint8_t> bytes(6);
        if (!read(bytes.data(), 6)) return {};
        bytes.resize(6 + (size_t(bytes[4]) << 8 | bytes[5]));
        return read(bytes.data() + 6, bytes.size() - 6) ? bytes : std::vector<uint8_t>{};
    }

    int socket;
    SSL *ssl;

private:
    bool read(uint8_t *bytes, size_t length) {
        while (length > 0) {
            const int got = SSL_read(ssl, bytes, static_cast<int>(length));
            if (got <= 0) return false;
            bytes += got;
            length -= static_cast<size_t>(got);
        }
        return true;
    }
    SSL_CTX *native;
};

void wait_for(int socket, cdcmtk_tls_wish wish) {
    pollfd descriptor{socket, static_cast<short>(wish == CDCMTK_TLS_WRITABLE ? POLLOUT : POLLIN), 0};
    (void)::poll(&descriptor, 1, 30'000);
}

cdcmtk_status shake_hands(cdcmtk_tls_session *session, int socket, cdcmtk_error *error) {
    for (;;) {
        cdcmtk_tls_wish wish = CDCMTK_TLS_NOTHING;
        const cdcmtk_status status = cdcmtk_tls_session_handshake(session, &wish, error);
        if (status != CDCMTK_OK || wish == CDCMTK_TLS_NOTHING) return status;
        wait_for(socket, wish);
    }
}

/// Says to the other side, as long as `goes_on`, that its next keys are others: TLS 1.3 messages without a byte of data.
void flood_with_key_updates(Client &client, const std::atomic<bool> &goes_on) {
    while (goes_on && SSL_key_update(client.ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 && SSL_do_handshake(client.ssl) == 1) {}
}

std::vector<uint8_t> read_request(cdcmtk_tls_session *session, int socket, size_t length) {
    std::vector<uint8_t> bytes(length);
    for (size_t used = 0; used < length;) {
        size_t count = 0;
        cdcmtk_tls_wish wish = CDCMTK_TLS_NOTHING;
        if (cdcmtk_tls_session_read(session, bytes.data() + used, length - used, &count, &wish, nullptr) != CDCMTK_OK)
            return {};
        used += count;
        if (wish != CDCMTK_TLS_NOTHING) wait_for(socket, wish);
    }
    return bytes;
}

size_t open_descriptors() {
    size_t count = 0;
    for (const auto &entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        (void)entry;
        ++count;
    }
    return count;
}

std::vector<uint8_t> data_pdu(bool command, const std::vector<uint8_t> &value) {
    const size_t length = value.size() + 2;
    std::vector<uint8_t> pdu{4, 0, 0, 0, uint8_t((length + 4) >> 8), uint8_t(length + 4)};
    pdu.insert(pdu.end(), {0, 0, uint8_t(length >> 8), uint8_t(length), 1, uint8_t(command ? 3 : 2)});
    pdu.insert(pdu.end(), value.begin(), value.end());
    return pdu;
}

cdcmtk_fragment_answer count_bytes(void *context, const cdcmtk_fragment *fragment) {
    *static_cast<size_t *>(context) += fragment->length;
    return CDCMTK_FRAGMENT_NEXT;
}

TEST("an association over TLS is taken up, used and released, and leaves no descriptor open") {
    CHECK(keys().made);
    const auto request = request_of_a_peer(Listener());
    const size_t before = open_descriptors();
    {
        cdcmtk_tls_context *tls = nullptr;
        CHECK(context(&tls) == CDCMTK_OK);
        Listener listener;
        std::thread peer([&] {
            Client client(listener.port);
            CHECK(client.connect());
            CHECK(client.send(request));
            CHECK(client.pdu().front() == 2);
            const auto command = data_pdu(true, std::vector<uint8_t>(100, 7));
            // Two records to one PDU, the second one late.
            CHECK(client.send({command.begin(), command.begin() + 40}));
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            CHECK(client.send({command.begin() + 40, command.end()}));
            CHECK(client.pdu() == data_pdu(true, {1, 2, 3, 4}));
            CHECK(client.send({5, 0, 0, 0, 0, 4, 0, 0, 0, 0}));
            CHECK(client.pdu().front() == 6);
            (void)SSL_shutdown(client.ssl);
        });
        const int socket = listener.accept();
        cdcmtk_tls_session *session = nullptr;
        CHECK(cdcmtk_tls_session_create(tls, socket, &session, nullptr) == CDCMTK_OK);
        cdcmtk_tls_context_destroy(tls); // sessions go on
        CHECK(shake_hands(session, socket, nullptr) == CDCMTK_OK);
        cdcmtk_tls_facts facts{};
        CHECK(cdcmtk_tls_session_facts(session, &facts, nullptr) == CDCMTK_OK);
        CHECK(std::string(facts.protocol) == "TLSv1.3" && facts.has_certificate == 1);
        const auto received = read_request(session, socket, request.size());
        CHECK(received == request);
        const auto chosen = options();
        cdcmtk_association *association = nullptr;
        CHECK(
            cdcmtk_association_accept(
                socket, session, received.data(), received.size(), &chosen, &association, nullptr) == CDCMTK_OK);
        cdcmtk_tls_session_destroy(session);
        CHECK(accept_all(association, nullptr) == CDCMTK_OK);
        CHECK(cdcmtk_association_wait(association, -1, 30'000, nullptr) == CDCMTK_OK);
        size_t bytes = 0;
        CHECK(cdcmtk_association_receive(association, 1, 30'000, count_bytes, &bytes, nullptr) == CDCMTK_OK);
        CHECK(bytes == 100);
        const uint8_t answer[] = {1, 2, 3, 4};
        CHECK(cdcmtk_association_send(association, 1, 1, 1, answer, 4, nullptr) == CDCMTK_OK);
        CHECK(cdcmtk_association_receive(association, 1, 30'000, count_bytes, &bytes, nullptr) == CDCMTK_RELEASED);
        CHECK(cdcmtk_association_acknowledge_release(association, nullptr) == CDCMTK_OK);
        cdcmtk_association_destroy(association);
        peer.join();
    }
    CHECK(open_descriptors() == before);
}

TEST("a C++ exception of a sink ends at the boundary, over TLS too, and the association is freed") {
    const auto request = request_of_a_peer(Listener());
    cdcmtk_tls_context *tls = nullptr;
    CHECK(context(&tls) == CDCMTK_OK);
    Listener listener;
    std::thread peer([&] {
        Client client(listener.port);
        CHECK(client.connect() && client.send(request) && client.send(data_pdu(true, {1, 2})));
        while (!client.pdu().empty()) {}
    });
    const int socket = listener.accept();
    cdcmtk_tls_session *session = nullptr;
    CHECK(cdcmtk_tls_session_create(tls, socket, &session, nullptr) == CDCMTK_OK);
    CHECK(shake_hands(session, socket, nullptr) == CDCMTK_OK);
    const auto received = read_request(session, socket, request.size());
    const auto chosen = options();
    cdcmtk_association *association = nullptr;
    CHECK(
        cdcmtk_association_accept(socket, session, received.data(), received.size(), &chosen, &association, nullptr) ==
        CDCMTK_OK);
    CHECK(accept_all(association, nullptr) == CDCMTK_OK);
    cdcmtk_error error{};
    CHECK(
        cdcmtk_association_receive(
            association, 1, 30'000,
            [](void *, const cdcmtk_fragment *) -> cdcmtk_fragment_answer { throw std::runtime_error("sink"); }, nullptr,
            &error) == CDCMTK_EXCEPTION);
    CHECK(std::string(error.text) == "sink");
    cdcmtk_association_destroy(association);
    cdcmtk_tls_session_destroy(session);
    cdcmtk_tls_context_destroy(tls);
    peer.join();
}

TEST("a handshake never blocks, whatever the peer says or leaves unsaid") {
    cdcmtk_tls_context *tls = nullptr;
    CHECK(context(&tls) == CDCMTK_OK);
    Listener listener;
    for (const size_t length : {size_t(0), size_t(1), size_t(100)}) {
        const int client = connect_to(listener.port);
        std::vector<uint8_t> hello(length, 0);
        const uint8_t start[] = {22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3};
        std::copy_n(start, std::min(length, sizeof start), hello.begin());
        (void)::send(client, hello.data(), hello.size(), 0);
        const int socket = listener.accept();
        cdcmtk_tls_session *session = nullptr;
        CHECK(cdcmtk_tls_session_create(tls, socket, &session, nullptr) == CDCMTK_OK);
        cdcmtk_tls_wish wish = CDCMTK_TLS_NOTHING;
        const auto begin = std::chrono::steady_clock::now();
        CHECK(cdcmtk_tls_session_handshake(session, &wish, nullptr) == CDCMTK_OK && wish == CDCMTK_TLS_READABLE);
        CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
        ::close(client);
        wait_for(socket, CDCMTK_TLS_READABLE);
        CHECK(cdcmtk_tls_session_handshake(session, &wish, nullptr) == CDCMTK_ABORTED);
        cdcmtk_tls_session_close(session); // no handshake, so no goodbye
        cdcmtk_tls_session_destroy(session);
        ::close(socket);
    }
    cdcmtk_tls_context_destroy(tls);
}

TEST("what is no TLS, or too old, fails in OpenSSL's words") {
    cdcmtk_tls_context *tls = nullptr;
    CHECK(context(&tls) == CDCMTK_OK);
    Listener listener;
    for (const bool is_old : {false, true}) {
        std::thread peer([&] {
            if (is_old) {
                Client client(listener.port, TLS1_1_VERSION);
                CHECK(!client.connect());
            } else {
                const int client = connect_to(listener.port);
                (void)::send(client, "GET / HTTP/1.0\r\n\r\n", 18, 0);
                uint8_t byte;
                (void)read_exactly(client, &byte, 1);
                ::close(client);
            }
        });
        const int socket = listener.accept();
        cdcmtk_tls_session *session = nullptr;
        CHECK(cdcmtk_tls_session_create(tls, socket, &session, nullptr) == CDCMTK_OK);
        cdcmtk_error error{};
        CHECK(shake_hands(session, socket, &error) == CDCMTK_FAILED);
        CHECK(std::string(error.text) == (is_old ? "unsupported protocol" : "http request"));
        cdcmtk_tls_session_close(session);
        cdcmtk_tls_session_destroy(session);
        ::close(socket);
        peer.join();
    }
    cdcmtk_tls_context_destroy(tls);
}

TEST("each file that is wrong is told apart, and none is asked for on the terminal") {
    const std::string ours = keys().path("ours.pem"), key = keys().path("ours.key"), empty = keys().path("empty.pem"),
                      other = keys().path("other.key"), locked = keys().path("locked.key");
    const std::string command = "openssl pkcs8 -topk8 -in " + key + " -out " + locked + " -passout pass:secret";
    CHECK(std::system(command.c_str()) == 0);
    const auto code = [](const std::string &certificate, const std::string &key, const char *trust) {
        cdcmtk_tls_context *made = nullptr;
        cdcmtk_error error{};
        const cdcmtk_status status = cdcmtk_tls_context_create(certificate.c_str(), key.c_str(), trust, &made, &error);
        cdcmtk_tls_context_destroy(made);
        return status == CDCMTK_OK ? 0 : int(error.code);
    };
    CHECK(code(empty, key, nullptr) == CDCMTK_TLS_CERTIFICATE);
    CHECK(code(ours + "none", key, nullptr) == CDCMTK_TLS_CERTIFICATE);
    CHECK(code(ours, empty, nullptr) == CDCMTK_TLS_KEY);
    CHECK(code(ours, locked, nullptr) == CDCMTK_TLS_KEY);
    CHECK(code(ours, other, nullptr) == CDCMTK_TLS_MISMATCH);
    CHECK(code(ours, key, empty.c_str()) == CDCMTK_TLS_TRUST);
    CHECK(code(ours, key, nullptr) == 0);
}

TEST("a session that is used by another thread than the one that made it is no race") {
    const auto request = request_of_a_peer(Listener());
    cdcmtk_tls_context *tls = nullptr;
    CHECK(context(&tls) == CDCMTK_OK);
    Listener listener;
    std::atomic<int> served{0};
    std::vector<std::thread> threads;
    for (int number = 0; number < 6; ++number) {
        std::thread peer([&] {
            Client client(listener.port);
            CHECK(client.connect() && client.send(request) && client.pdu().front() == 2);
        });
        const int socket = listener.accept();
        cdcmtk_tls_session *session = nullptr;
        CHECK(cdcmtk_tls_session_create(tls, socket, &session, nullptr) == CDCMTK_OK);
        CHECK(shake_hands(session, socket, nullptr) == CDCMTK_OK);
        const auto received = read_request(session, socket, request.size());
        threads.push_back(std::move(peer));
        threads.emplace_back([&served, socket, session, received] {
            const auto chosen = options();
            cdcmtk_association *association = nullptr;
            if (cdcmtk_association_accept(
                    socket, session, received.data(), received.size(), &chosen, &association, nullptr) == CDCMTK_OK &&
                accept_all(association, nullptr) == CDCMTK_OK)
                ++served;
            cdcmtk_association_destroy(association);
            cdcmtk_tls_session_destroy(session);
        });
    }
    for (auto &thread : threads) thread.join();
    CHECK(served == 6);
    cdcmtk_tls_context_destroy(tls);
}

TEST("messages of TLS without data keep nobody beyond its time, before an association and in one") {
    const auto request = request_of_a_peer(Listener());
    Listener listener;
    std::atomic<bool> goes_on{true};
    std::atomic<bool> ends{false};
    std::thread peer([&] {
        Client client(listener.port);
        CHECK(client.connect());
        CHECK(client.send(request));
        (void)client.pdu();
        flood_with_key_updates(client, goes_on);
    });
    // What waits for ever would not be a failure but the end of the tests.
    std::thread watch([&] {
        for (int i = 0; i < 600 && !ends; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(100));
        goes_on = false;
    });
    cdcmtk_tls_context *ours = nullptr;
    CHECK(context(&ours) == CDCMTK_OK);
    const int socket = listener.accept();
    cdcmtk_tls_session *session = nullptr;
    CHECK(cdcmtk_tls_session_create(ours, socket, &session, nullptr) == CDCMTK_OK);
    CHECK(shake_hands(session, socket, nullptr) == CDCMTK_OK);
    CHECK(read_request(session, socket, request.size()) == request);
    const auto chosen = options();
    cdcmtk_association *association = nullptr;
    CHECK(
        cdcmtk_association_accept(socket, session, request.data(), request.size(), &chosen, &association, nullptr) ==
        CDCMTK_OK);
    CHECK(accept_all(association, nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_association_wait(association, -1, 500, nullptr) == CDCMTK_TIMEOUT);
    CHECK(goes_on);
    int pipe_ends[2];
    CHECK(::pipe(pipe_ends) == 0);
    CHECK(::write(pipe_ends[1], "x", 1) == 1);
    CHECK(cdcmtk_association_wait(association, pipe_ends[0], 30'000, nullptr) == CDCMTK_STOPPED);
    CHECK(goes_on);
    const auto nothing = [](void *, const cdcmtk_fragment *) { return CDCMTK_FRAGMENT_NEXT; };
    CHECK(cdcmtk_association_receive(association, 1, 500, nothing, nullptr, nullptr) == CDCMTK_TIMEOUT);
    CHECK(goes_on);
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
    ends = true;
    watch.join();
    cdcmtk_association_destroy(association);
    peer.join();
    cdcmtk_tls_session_destroy(session);
    cdcmtk_tls_context_destroy(ours);
}

TEST("a client is asked for a certificate of anybody, not of those in the file alone") {
    Listener listener;
    int named = -1;
    std::thread peer([&] {
        Client client(listener.port);
        CHECK(client.connect());
        const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(client.ssl);
        named = names ? sk_X509_NAME_num(names) : 0;
    });
    cdcmtk_tls_context *ours = nullptr;
    CHECK(context(&ours) == CDCMTK_OK);
    const int socket = listener.accept();
    cdcmtk_tls_session *session = nullptr;
    CHECK(cdcmtk_tls_session_create(ours, socket, &session, nullptr) == CDCMTK_OK);
    CHECK(shake_hands(session, socket, nullptr) == CDCMTK_OK);
    peer.join();
    CHECK(named == 0);
    cdcmtk_tls_session_destroy(session);
    cdcmtk_tls_context_destroy(ours);
    ::close(socket);
}

TEST("NULL is answered by the functions of TLS, not followed") {
    cdcmtk_tls_context_destroy(nullptr);
    cdcmtk_tls_session_destroy(nullptr);
    cdcmtk_tls_session_close(nullptr);
    cdcmtk_tls_session_write(nullptr, nullptr, 0);
    CHECK(cdcmtk_tls_session_has_buffered(nullptr) == 0);
    cdcmtk_error error{};
    CHECK(cdcmtk_tls_context_create(nullptr, nullptr, nullptr, nullptr, &error) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_tls_context_end(nullptr, nullptr, nullptr) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_tls_session_create(nullptr, 3, nullptr, nullptr) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_tls_session_handshake(nullptr, nullptr, nullptr) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_tls_session_read(nullptr, nullptr, 0, nullptr, nullptr, nullptr) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_tls_session_facts(nullptr, nullptr, nullptr) == CDCMTK_INVALID_ARGUMENT);
}

} // namespace
