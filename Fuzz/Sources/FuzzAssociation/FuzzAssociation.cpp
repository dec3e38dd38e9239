// What a peer says after its A-ASSOCIATE-RQ, against the boundary and DCMTK's DUL below it (see Fuzz/association.sh).
// The input is the bytes of the wire: PDUs, right or wrong, and then the end of the connection.

#include "CDCMTKShims.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

void need(bool condition) {
    if (!condition) std::abort();
}

/// A connection of the loopback interface: DUL asks both ends for their IPv4 addresses.
std::pair<int, int> connection() {
    static const int listening = [] {
        const int made = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        need(::bind(made, reinterpret_cast<sockaddr *>(&address), sizeof address) == 0 && ::listen(made, 8) == 0);
        return made;
    }();
    sockaddr_in address{};
    socklen_t length = sizeof address;
    need(::getsockname(listening, reinterpret_cast<sockaddr *>(&address), &length) == 0);
    const int client = ::socket(AF_INET, SOCK_STREAM, 0);
    need(::connect(client, reinterpret_cast<sockaddr *>(&address), length) == 0);
    // Closed with a reset, or a day's ports would be spent in TIME_WAIT.
    const linger reset{1, 0};
    (void)::setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    const int server = ::accept(listening, nullptr, nullptr);
    need(server > 0);
    return {server, client};
}

void add_item(std::vector<uint8_t> &bytes, uint8_t type, const std::vector<uint8_t> &value) {
    bytes.insert(bytes.end(), {type, 0, uint8_t(value.size() >> 8), uint8_t(value.size())});
    bytes.insert(bytes.end(), value.begin(), value.end());
}

std::vector<uint8_t> text(const char *value) { return {value, value + std::strlen(value)}; }

/// Verification as context 1, CT Image Storage as context 3.
const std::vector<uint8_t> &request() {
    static const std::vector<uint8_t> made = [] {
        std::vector<uint8_t> body{0, 1, 0, 0};
        body.insert(body.end(), 32, ' ');
        body.insert(body.end(), 32, 0);
        std::copy_n("CALLED", 6, body.begin() + 4);
        std::copy_n("CALLING", 7, body.begin() + 20);
        add_item(body, 0x10, text("1.2.840.10008.3.1.1.1"));
        const char *const classes[] = {"1.2.840.10008.1.1", "1.2.840.10008.5.1.4.1.1.2"};
        for (uint8_t number = 0; number < 2; ++number) {
            std::vector<uint8_t> context{uint8_t(2 * number + 1), 0, 0, 0};
            add_item(context, 0x30, text(classes[number]));
            add_item(context, 0x40, text("1.2.840.10008.1.2.1"));
            add_item(body, 0x20, context);
        }
        std::vector<uint8_t> user;
        add_item(user, 0x51, {0, 0, 0x40, 0});
        add_item(body, 0x50, user);
        std::vector<uint8_t> pdu{1, 0, 0, 0, uint8_t(body.size() >> 8), uint8_t(body.size())};
        pdu.insert(pdu.end(), body.begin(), body.end());
        return pdu;
    }();
    return made;
}

/// Copies, so that AddressSanitizer sees a fragment that is longer than what it points to.
cdcmtk_fragment_answer take(void *context, const cdcmtk_fragment *fragment) {
    const std::vector<uint8_t> copy(fragment->bytes, fragment->bytes + fragment->length);
    auto &left = *static_cast<size_t *>(context);
    if (copy.size() > left) return CDCMTK_FRAGMENT_LEAVE;
    left -= copy.size();
    return CDCMTK_FRAGMENT_NEXT;
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int *, char ***) {
    need(cdcmtk_runtime_initialize(nullptr) == CDCMTK_OK);
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    if (length > 60'000) return 0; // what the socket's buffers hold, since both ends are on this thread
    const auto [server, client] = connection();
    const cdcmtk_association_options options{131072, 1000, 1000, 1, 16384, "2.25.1", "FUZZ"};
    cdcmtk_association *association = nullptr;
    need(
        cdcmtk_association_accept(
            server, nullptr, request().data(), request().size(), &options, &association, nullptr) == CDCMTK_OK);
    for (const uint8_t id : {1, 3})
        need(cdcmtk_association_accept_context(association, id, "1.2.840.10008.1.2.1", nullptr) == CDCMTK_OK);
    need(cdcmtk_association_acknowledge(association, nullptr) == CDCMTK_OK);
    need(::send(client, bytes, length, 0) == static_cast<ssize_t>(length));
    (void)::shutdown(client, SHUT_WR);

    // As AssociationSession does it: a command, and now and then a data set behind it.
    cdcmtk_status status = CDCMTK_OK;
    for (int message = 0; status == CDCMTK_OK; ++message) {
        size_t left = 64 * 1024;
        status = cdcmtk_association_wait(association, -1, 1000, nullptr);
        if (status == CDCMTK_OK)
            status = cdcmtk_association_receive(association, message % 2 == 0, 1000, take, &left, nullptr);
    }
    if (status == CDCMTK_RELEASED)
        (void)cdcmtk_association_acknowledge_release(association, nullptr);
    else
        (void)cdcmtk_association_abort(association, nullptr);
    cdcmtk_association_destroy(association);
    ::close(client);
    return 0;
}
