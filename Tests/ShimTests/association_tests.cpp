#include "check.hpp"
#include "loopback.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <stdexcept>

#include <fcntl.h>

namespace {

size_t open_descriptors() {
    size_t count = 0;
    for (const auto &entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        (void)entry;
        ++count;
    }
    return count;
}

struct Message {
    std::vector<uint8_t> bytes;
    size_t fragments = 0;
    uint8_t context_id = 0;
};

cdcmtk_fragment_answer collect(void *context, const cdcmtk_fragment *fragment) {
    auto *message = static_cast<Message *>(context);
    message->bytes.insert(message->bytes.end(), fragment->bytes, fragment->bytes + fragment->length);
    message->fragments += 1;
    message->context_id = fragment->context_id;
    return CDCMTK_FRAGMENT_NEXT;
}

std::vector<uint8_t> pattern(size_t length) {
    std::vector<uint8_t> bytes(length);
    for (size_t index = 0; index < length; ++index) bytes[index] = static_cast<uint8_t>(index * 7 + index / 251);
    return bytes;
}

TEST("two ends agree on titles and contexts, exchange messages and release, and leave no descriptor open") {
    const size_t before = open_descriptors();
    {
        Pair pair;
        CHECK(pair.acceptor && pair.requestor);
        char calling[17], called[17], context[65];
        CHECK(cdcmtk_association_names(pair.acceptor, calling, called, context, nullptr) == CDCMTK_OK);
        CHECK(std::string(calling) == "CALLING" && std::string(called) == "CALLED");
        CHECK(std::string(context) == "1.2.840.10008.3.1.1.1");
        uint32_t peer = 0;
        CHECK(cdcmtk_association_peer_max_pdu(pair.acceptor, &peer, nullptr) == CDCMTK_OK && peer == 131072);

        std::vector<std::string> accepted;
        CHECK(
            cdcmtk_association_contexts(
                pair.requestor,
                [](void *list, const cdcmtk_presentation_context *seen) {
                    static_cast<std::vector<std::string> *>(list)->push_back(
                        std::to_string(seen->id) + " " + std::to_string(seen->result) + " " +
                        seen->accepted_transfer_syntax);
                    return 0;
                },
                &accepted, nullptr) == CDCMTK_OK);
        CHECK(accepted == (std::vector<std::string>{"1 0 1.2.840.10008.1.2", "3 0 1.2.840.10008.1.2.1"}));

        const auto sent = pattern(3'000'001);
        std::thread sender([&] {
            CHECK(cdcmtk_association_send(pair.requestor, 3, 1, 1, sent.data(), 100, nullptr) == CDCMTK_OK);
            CHECK(cdcmtk_association_send(pair.requestor, 3, 0, 0, sent.data(), 1'000'000, nullptr) == CDCMTK_OK);
            CHECK(
                cdcmtk_association_send(pair.requestor, 3, 0, 1, sent.data() + 1'000'000, 2'000'001, nullptr) ==
                CDCMTK_OK);
            CHECK(cdcmtk_association_release(pair.requestor, nullptr) == CDCMTK_OK);
        });
        Message command, data_set;
        CHECK(cdcmtk_association_receive(pair.acceptor, 1, 30'000, collect, &command, nullptr) == CDCMTK_OK);
        CHECK(command.bytes == std::vector<uint8_t>(sent.begin(), sent.begin() + 100) && command.context_id == 3);
        CHECK(cdcmtk_association_receive(pair.acceptor, 0, 30'000, collect, &data_set, nullptr) == CDCMTK_OK);
        CHECK(data_set.bytes == sent && data_set.fragments > 20);
        Message none;
        CHECK(cdcmtk_association_receive(pair.acceptor, 1, 30'000, collect, &none, nullptr) == CDCMTK_RELEASED);
        CHECK(cdcmtk_association_acknowledge_release(pair.acceptor, nullptr) == CDCMTK_OK);
        sender.join();
    }
    CHECK(open_descriptors() == before);
}

TEST("a C++ exception of a sink ends at the boundary") {
    Pair pair;
    const auto bytes = pattern(64);
    CHECK(cdcmtk_association_send(pair.requestor, 1, 1, 1, bytes.data(), 64, nullptr) == CDCMTK_OK);
    cdcmtk_error error{};
    CHECK(
        cdcmtk_association_receive(
            pair.acceptor, 1, 30'000,
            [](void *, const cdcmtk_fragment *) -> cdcmtk_fragment_answer { throw std::runtime_error("sink"); }, nullptr,
            &error) == CDCMTK_EXCEPTION);
    CHECK(std::string(error.text) == "sink");
    CHECK(
        cdcmtk_association_contexts(
            pair.acceptor, [](void *, const cdcmtk_presentation_context *) -> int { throw 42; }, nullptr, &error) ==
        CDCMTK_EXCEPTION);
    CHECK(cdcmtk_storage_sop_classes([](void *, const char *) -> int { throw 42; }, nullptr, nullptr) == CDCMTK_EXCEPTION);
}

TEST("a sink that fails has the rest drained, and the next message is whole") {
    Pair pair;
    const auto bytes = pattern(600'000);
    std::thread sender([&] {
        CHECK(cdcmtk_association_send(pair.requestor, 3, 0, 1, bytes.data(), bytes.size(), nullptr) == CDCMTK_OK);
        CHECK(cdcmtk_association_send(pair.requestor, 1, 1, 1, bytes.data(), 80, nullptr) == CDCMTK_OK);
    });
    size_t calls = 0;
    CHECK(
        cdcmtk_association_receive(
            pair.acceptor, 0, 30'000,
            [](void *context, const cdcmtk_fragment *) {
                ++*static_cast<size_t *>(context);
                return CDCMTK_FRAGMENT_DRAIN;
            },
            &calls, nullptr) == CDCMTK_STOPPED);
    CHECK(calls == 1);
    Message command;
    CHECK(cdcmtk_association_receive(pair.acceptor, 1, 30'000, collect, &command, nullptr) == CDCMTK_OK);
    CHECK(command.bytes.size() == 80);
    sender.join();
}

TEST("a sink may leave in the middle, and abort") {
    Pair pair;
    const auto bytes = pattern(600'000);
    std::thread sender([&] {
        (void)cdcmtk_association_send(pair.requestor, 3, 0, 1, bytes.data(), bytes.size(), nullptr);
        Message none;
        CHECK(cdcmtk_association_receive(pair.requestor, 1, 30'000, collect, &none, nullptr) == CDCMTK_ABORTED);
    });
    CHECK(
        cdcmtk_association_receive(
            pair.acceptor, 0, 30'000, [](void *, const cdcmtk_fragment *) { return CDCMTK_FRAGMENT_LEAVE; }, nullptr,
            nullptr) == CDCMTK_STOPPED);
    CHECK(cdcmtk_association_abort(pair.acceptor, nullptr) == CDCMTK_OK);
    sender.join();
}

TEST("a data set where a command is due fails") {
    Pair pair;
    const auto bytes = pattern(10);
    CHECK(cdcmtk_association_send(pair.requestor, 3, 0, 1, bytes.data(), 10, nullptr) == CDCMTK_OK);
    Message none;
    CHECK(cdcmtk_association_receive(pair.acceptor, 1, 30'000, collect, &none, nullptr) == CDCMTK_FAILED);
    CHECK(none.fragments == 0);
}

TEST("silence is a timeout, not before its time, and an abort of the peer is an abort") {
    Pair pair;
    Message none;
    const auto start = std::chrono::steady_clock::now();
    CHECK(cdcmtk_association_receive(pair.acceptor, 1, 250, collect, &none, nullptr) == CDCMTK_TIMEOUT);
    const auto took = std::chrono::steady_clock::now() - start;
    CHECK(took >= std::chrono::milliseconds(250) && took < std::chrono::seconds(10));
    CHECK(cdcmtk_association_abort(pair.requestor, nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_association_receive(pair.acceptor, 1, 250, collect, &none, nullptr) == CDCMTK_ABORTED);
}

TEST("a rejection arrives with its three numbers") {
    Listener listener;
    std::thread acceptor([&] {
        const int socket = listener.accept();
        (void)read_pdu(socket);
        const uint8_t rejection[] = {3, 0, 0, 0, 0, 4, 0, 2, 3, 2};
        CHECK(::send(socket, rejection, sizeof rejection, 0) == sizeof rejection);
        ::close(socket);
    });
    cdcmtk_association *association = nullptr;
    cdcmtk_rejection rejection{};
    CHECK(request_association(listener.port, &association, nullptr, &rejection) == CDCMTK_REJECTED);
    CHECK(association == nullptr && rejection.result == 2 && rejection.source == 3 && rejection.reason == 2);
    acceptor.join();
}

TEST("contexts that were not proposed and reasons that PS3.8 does not know are refused, not sent") {
    Listener listener;
    std::thread acceptor([&] {
        cdcmtk_association *association = nullptr;
        CHECK(accept_association(listener, &association, nullptr) == CDCMTK_OK);
        CHECK(cdcmtk_association_refuse_context(association, 1, 9, nullptr) == CDCMTK_INVALID_ARGUMENT);
        CHECK(cdcmtk_association_refuse_context(association, 77, 3, nullptr) == CDCMTK_FAILED);
        CHECK(cdcmtk_association_accept_context(association, 77, implicit_le, nullptr) == CDCMTK_FAILED);
        CHECK(cdcmtk_association_abort(association, nullptr) == CDCMTK_OK);
        cdcmtk_association_destroy(association);
    });
    cdcmtk_association *association = nullptr;
    CHECK(request_association(listener.port, &association, nullptr) == CDCMTK_ABORTED);
    acceptor.join();
}

TEST("what cannot be reached says so") {
    uint16_t closed_port;
    {
        Listener gone;
        closed_port = gone.port;
    }
    cdcmtk_association *association = nullptr;
    CHECK(request_association(closed_port, &association, nullptr) == CDCMTK_UNREACHABLE);
    CHECK(request_association(closed_port, &association, nullptr, nullptr, "no-such-host.invalid") == CDCMTK_UNREACHABLE);
    const std::string long_host(5000, 'a'); // DUL's own buffer has 128 bytes
    CHECK(request_association(closed_port, &association, nullptr, nullptr, long_host.c_str()) == CDCMTK_UNREACHABLE);
    CHECK(association == nullptr);
}

TEST("a peer that takes the connection and says nothing is a timeout of the request") {
    Listener listener; // never accepts: the kernel does
    cdcmtk_association *association = nullptr;
    CHECK(request_association(listener.port, &association, nullptr, nullptr, "127.0.0.1", 300) == CDCMTK_TIMEOUT);
}

TEST("an interrupter ends a blocked receive from another thread, and may outlive the association") {
    cdcmtk_interrupter *interrupter = nullptr;
    {
        Pair pair;
        CHECK(cdcmtk_association_interrupter(pair.acceptor, &interrupter, nullptr) == CDCMTK_OK);
        std::thread other([&] {
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            cdcmtk_interrupter_interrupt(interrupter);
        });
        Message none;
        CHECK(cdcmtk_association_receive(pair.acceptor, 1, 30'000, collect, &none, nullptr) == CDCMTK_ABORTED);
        other.join();
    }
    cdcmtk_interrupter_interrupt(interrupter);
    cdcmtk_interrupter_destroy(interrupter);
}

TEST("interrupting while the owner closes is no race") {
    for (int round = 0; round < 20; ++round) {
        cdcmtk_interrupter *interrupter = nullptr;
        std::thread other;
        {
            Pair pair;
            CHECK(cdcmtk_association_interrupter(pair.acceptor, &interrupter, nullptr) == CDCMTK_OK);
            other = std::thread([&] {
                for (int time = 0; time < 200; ++time) cdcmtk_interrupter_interrupt(interrupter);
            });
        }
        other.join();
        cdcmtk_interrupter_destroy(interrupter);
    }
}

TEST("waiting ends by data, by the wake descriptor or in time") {
    Pair pair;
    int pipe_ends[2];
    CHECK(::pipe(pipe_ends) == 0);
    CHECK(cdcmtk_association_wait(pair.acceptor, pipe_ends[0], 50, nullptr) == CDCMTK_TIMEOUT);
    CHECK(cdcmtk_association_wait(pair.acceptor, -1, 50, nullptr) == CDCMTK_TIMEOUT);
    const auto bytes = pattern(20);
    CHECK(cdcmtk_association_send(pair.requestor, 1, 1, 1, bytes.data(), 20, nullptr) == CDCMTK_OK);
    ::close(pipe_ends[1]); // hung up from here on, but what has come is looked at first
    CHECK(cdcmtk_association_wait(pair.acceptor, pipe_ends[0], 30'000, nullptr) == CDCMTK_OK);
    Message command;
    CHECK(cdcmtk_association_receive(pair.acceptor, 1, 30'000, collect, &command, nullptr) == CDCMTK_OK);
    CHECK(command.bytes == bytes);
    CHECK(cdcmtk_association_wait(pair.acceptor, pipe_ends[0], 30'000, nullptr) == CDCMTK_STOPPED);
    ::close(pipe_ends[0]);
}

TEST("what is sent keeps to the peer's PDU length, in fragments of even length") {
    Listener listener;
    auto request = request_of_a_peer(listener);
    const uint8_t ours[] = {0x51, 0, 0, 4, 0, 2, 0, 0}; // Maximum Length, 131072
    const auto found = std::search(request.begin(), request.end(), std::begin(ours), std::end(ours));
    CHECK(found != request.end());
    const uint8_t odd[] = {0x51, 0, 0, 4, 0, 0, 0x10, 0x03}; // 4099
    std::copy(std::begin(odd), std::end(odd), found);
    const int client = connect_to(listener.port);
    CHECK(::send(client, request.data(), request.size(), 0) == static_cast<ssize_t>(request.size()));
    cdcmtk_association *acceptor = nullptr;
    CHECK(accept_association(listener, &acceptor, nullptr) == CDCMTK_OK);
    CHECK(accept_all(acceptor, nullptr) == CDCMTK_OK);
    (void)read_pdu(client); // A-ASSOCIATE-AC
    const auto bytes = pattern(20'001);
    CHECK(cdcmtk_association_send(acceptor, 3, 0, 1, bytes.data(), bytes.size(), nullptr) == CDCMTK_OK);
    std::vector<uint8_t> received;
    for (bool last = false; !last;) {
        const auto pdu = read_pdu(client);
        CHECK(pdu.size() > 12 && pdu[0] == 4 && pdu.size() - 6 <= 4099);
        if (pdu.size() <= 12) break;
        last = pdu[11] & 2;
        CHECK(last || (pdu.size() - 12) % 2 == 0);
        received.insert(received.end(), pdu.begin() + 12, pdu.end());
    }
    CHECK(received == bytes);
    ::close(client);
    cdcmtk_association_destroy(acceptor);
}

TEST("waiting sees a second message that came in the same PDU") {
    Listener listener;
    cdcmtk_association *acceptor = nullptr;
    const auto request = request_of_a_peer(listener);
    const int client = connect_to(listener.port);
    CHECK(::send(client, request.data(), request.size(), 0) == static_cast<ssize_t>(request.size()));
    CHECK(accept_association(listener, &acceptor, nullptr) == CDCMTK_OK);
    CHECK(accept_all(acceptor, nullptr) == CDCMTK_OK);
    const uint8_t two[] = {4, 0, 0, 0, 0, 16, 0, 0, 0, 4, 1, 3, 'a', 'b', 0, 0, 0, 4, 1, 3, 'c', 'd'};
    CHECK(::send(client, two, sizeof two, 0) == sizeof two);
    Message first, second;
    CHECK(cdcmtk_association_receive(acceptor, 1, 30'000, collect, &first, nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_association_wait(acceptor, -1, 30'000, nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_association_wait(acceptor, -1, 30'000, nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_association_receive(acceptor, 1, 30'000, collect, &second, nullptr) == CDCMTK_OK);
    CHECK(second.bytes == (std::vector<uint8_t>{'c', 'd'}));
    // Half a PDU, then the end.
    const uint8_t half[] = {4, 0, 0, 0, 1, 0, 0, 0, 0, 252, 1, 3, 'a'};
    CHECK(::send(client, half, sizeof half, 0) == sizeof half);
    ::close(client);
    CHECK(cdcmtk_association_receive(acceptor, 1, 30'000, collect, &second, nullptr) == CDCMTK_ABORTED);
    cdcmtk_association_destroy(acceptor);
}

TEST("a request that is not one whole A-ASSOCIATE-RQ is refused at once, and its socket closed") {
    const auto chosen = options();
    auto small = chosen;
    small.max_pdu = 100;
    cdcmtk_association *association = nullptr;
    const std::vector<std::vector<uint8_t>> requests = {
        {}, {1, 0, 0, 0, 0}, {1, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 0}, {1, 0, 0xFF, 0xFF, 0xFF, 0xFF, 1}};
    for (const auto &request : requests) {
        const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
        CHECK(
            cdcmtk_association_accept(socket, nullptr, request.data(), request.size(), &chosen, &association, nullptr) ==
            CDCMTK_INVALID_ARGUMENT);
        CHECK(::fcntl(socket, F_GETFD) == -1 && errno == EBADF);
    }
    const uint8_t empty[] = {1, 0, 0, 0, 0, 0};
    int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    CHECK(cdcmtk_association_accept(socket, nullptr, empty, 6, &small, &association, nullptr) == CDCMTK_INVALID_ARGUMENT);
    // Not connected: DUL fails before it has made a connection, and the socket is closed all the same.
    socket = ::socket(AF_INET, SOCK_STREAM, 0);
    CHECK(cdcmtk_association_accept(socket, nullptr, empty, 6, &chosen, &association, nullptr) == CDCMTK_FAILED);
    CHECK(::fcntl(socket, F_GETFD) == -1 && errno == EBADF);
    CHECK(cdcmtk_association_accept(0, nullptr, empty, 6, &chosen, &association, nullptr) == CDCMTK_INVALID_ARGUMENT);
    CHECK(association == nullptr);
}

TEST("a request that makes no sense fails and closes the socket") {
    const size_t before = open_descriptors();
    {
        Listener listener;
        const int client = connect_to(listener.port);
        const uint8_t empty[] = {1, 0, 0, 0, 0, 2, 0, 1};
        CHECK(::send(client, empty, sizeof empty, 0) == sizeof empty);
        cdcmtk_association *association = nullptr;
        CHECK(accept_association(listener, &association, nullptr) == CDCMTK_FAILED);
        CHECK(association == nullptr);
        ::close(client);
    }
    CHECK(open_descriptors() == before);
}

TEST("PDUs that come without pause and bring nothing are no progress") {
    const auto request = request_of_a_peer(Listener());
    Listener listener;
    std::atomic<bool> goes_on{true};
    std::atomic<bool> ends{false};
    std::thread peer([&] {
        const int socket = connect_to(listener.port);
        (void)::send(socket, request.data(), request.size(), 0);
        (void)read_pdu(socket);
        // P-DATA-TF with one PDV of a command, empty and not the last.
        const uint8_t empty[] = {4, 0, 0, 0, 0, 6, 0, 0, 0, 2, 1, 1};
        std::vector<uint8_t> many;
        while (many.size() < 1'200'000) many.insert(many.end(), std::begin(empty), std::end(empty));
        while (goes_on && ::send(socket, many.data(), many.size(), MSG_NOSIGNAL) > 0) {}
        ::close(socket);
    });
    // What waits for ever would not be a failure but the end of the tests.
    std::thread watch([&] {
        for (int i = 0; i < 600 && !ends; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(100));
        goes_on = false;
    });
    cdcmtk_association *association = nullptr;
    CHECK(accept_association(listener, &association, nullptr) == CDCMTK_OK);
    CHECK(accept_all(association, nullptr) == CDCMTK_OK);
    const auto nothing = [](void *, const cdcmtk_fragment *) { return CDCMTK_FRAGMENT_NEXT; };
    CHECK(cdcmtk_association_receive(association, 1, 500, nothing, nullptr, nullptr) == CDCMTK_TIMEOUT);
    CHECK(goes_on);
    ends = true;
    watch.join();
    cdcmtk_association_destroy(association);
    peer.join();
}

TEST("NULL and nonsense are answered, not followed") {
    cdcmtk_association_destroy(nullptr);
    cdcmtk_interrupter_destroy(nullptr);
    cdcmtk_interrupter_interrupt(nullptr);
    cdcmtk_error error{};
    CHECK(cdcmtk_association_receive(nullptr, 1, 1, collect, nullptr, &error) == CDCMTK_INVALID_ARGUMENT);
    CHECK(error.text[0] != 0);
    CHECK(cdcmtk_association_send(nullptr, 1, 1, 1, nullptr, 0, nullptr) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_association_wait(nullptr, -1, 1, nullptr) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_association_abort(nullptr, nullptr) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_association_release(nullptr, nullptr) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_association_acknowledge(nullptr, nullptr) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_association_names(nullptr, nullptr, nullptr, nullptr, nullptr) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_storage_sop_classes(nullptr, nullptr, nullptr) == CDCMTK_INVALID_ARGUMENT);
    const auto chosen = options();
    cdcmtk_association *association = nullptr;
    const cdcmtk_proposal none{verification, nullptr, 0, 0};
    CHECK(
        cdcmtk_association_request("127.0.0.1", 1, "A", "B", &none, 1, &chosen, nullptr, &association, nullptr) ==
        CDCMTK_INVALID_ARGUMENT);
    const char *const syntaxes[] = {implicit_le};
    const cdcmtk_proposal one{verification, syntaxes, 1, 0};
    CHECK(
        cdcmtk_association_request(
            "127.0.0.1", 1, "SEVENTEEN_LETTERS", "B", &one, 1, &chosen, nullptr, &association, nullptr) ==
        CDCMTK_INVALID_ARGUMENT);
    CHECK(
        cdcmtk_association_request("127.0.0.1", 1, "A", "B", &one, 0, &chosen, nullptr, &association, nullptr) ==
        CDCMTK_INVALID_ARGUMENT);
    Pair pair;
    const auto bytes = pattern(3);
    CHECK(cdcmtk_association_send(pair.requestor, 3, 0, 0, bytes.data(), 3, nullptr) == CDCMTK_INVALID_ARGUMENT);
}

TEST("many associations are taken up and used at once") {
    std::vector<std::thread> threads;
    std::atomic<int> whole{0};
    for (int number = 0; number < 8; ++number) {
        threads.emplace_back([&whole, number] {
            for (int round = 0; round < 5; ++round) {
                Pair pair;
                const auto bytes = pattern(200'000 + 2 * static_cast<size_t>(number));
                std::thread sender([&] {
                    (void)cdcmtk_association_send(pair.requestor, 3, 0, 1, bytes.data(), bytes.size(), nullptr);
                    (void)cdcmtk_association_release(pair.requestor, nullptr);
                });
                Message data_set, none;
                (void)cdcmtk_association_receive(pair.acceptor, 0, 30'000, collect, &data_set, nullptr);
                if (data_set.bytes == bytes) ++whole;
                if (cdcmtk_association_receive(pair.acceptor, 1, 30'000, collect, &none, nullptr) == CDCMTK_RELEASED)
                    (void)cdcmtk_association_acknowledge_release(pair.acceptor, nullptr);
                sender.join();
            }
        });
    }
    for (auto &thread : threads) thread.join();
    CHECK(whole == 40);
}

TEST("requests of ours leave an acceptor that is just taking up a socket alone") {
    Listener listener, closing;
    const auto request = request_of_a_peer(listener);
    std::atomic<bool> done{false}, closed{false};
    std::vector<std::thread> threads;
    std::thread closer([&] {
        while (!closed) ::close(closing.accept());
    });
    for (int number = 0; number < 3; ++number) {
        threads.emplace_back([&] {
            while (!done) {
                cdcmtk_association *none = nullptr;
                CHECK(request_association(closing.port, &none, nullptr) == CDCMTK_ABORTED);
            }
        });
    }
    // With an acceptor that a request has disturbed, DUL would wait on no socket until the timeout.
    int taken_up = 0;
    for (int round = 0; round < 1000 && taken_up == round; ++round) {
        const int client = connect_to(listener.port);
        CHECK(::send(client, request.data(), request.size(), 0) == static_cast<ssize_t>(request.size()));
        const int socket = listener.accept();
        const auto pdu = read_pdu(socket);
        const auto chosen = options(500);
        cdcmtk_association *association = nullptr;
        if (cdcmtk_association_accept(socket, nullptr, pdu.data(), pdu.size(), &chosen, &association, nullptr) == CDCMTK_OK)
            ++taken_up;
        cdcmtk_association_destroy(association);
        ::close(client);
    }
    CHECK(taken_up == 1000);
    done = true;
    for (auto &thread : threads) thread.join();
    closed = true;
    ::close(connect_to(closing.port));
    closer.join();
}

TEST("the list of storage SOP classes can be read, and left") {
    size_t count = 0;
    CHECK(
        cdcmtk_storage_sop_classes(
            [](void *context, const char *) {
                ++*static_cast<size_t *>(context);
                return 0;
            },
            &count, nullptr) == CDCMTK_OK);
    CHECK(count > 100);
    CHECK(cdcmtk_storage_sop_classes([](void *, const char *) { return 1; }, nullptr, nullptr) == CDCMTK_STOPPED);
}

} // namespace
