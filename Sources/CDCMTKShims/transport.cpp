#include "transport.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

namespace cdcmtk {

namespace {

void set_flag(int socket, int option) {
    const int on = 1;
    // Best effort: a socket that is no TCP socket any more fails in read or write anyway.
    (void)setsockopt(socket, IPPROTO_TCP, option, &on, sizeof on);
}

int milliseconds_until(Clock::time_point time) {
    if (time == Clock::time_point::max()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(time - Clock::now()).count();
    return static_cast<int>(std::clamp<long long>(left, 0, 24 * 3600 * 1000));
}

} // namespace

void Channel::interrupt() {
    const std::lock_guard lock(mutex);
    if (descriptor >= 0) (void)::shutdown(descriptor, SHUT_RDWR);
}

void Channel::bind(int socket) {
    const std::lock_guard lock(mutex);
    descriptor = socket;
}

int Channel::socket() const {
    const std::lock_guard lock(mutex);
    return descriptor;
}

Connection::Connection(int socket, std::shared_ptr<Channel> channel)
    : DcmTCPConnection(socket), channel(std::move(channel)) {
    set_flag(socket, TCP_NODELAY);
    set_flag(socket, TCP_QUICKACK);
    this->channel->bind(socket);
    this->channel->made = true;
    this->channel->connection = this;
    this->channel->deadline = Clock::now() + this->channel->first_timeout;
}

Connection::~Connection() { Connection::closeTransportConnection(); }

void Connection::close() { closeTransportConnection(); }

void Connection::closeTransportConnection() {
    if (channel->tls) channel->tls->close();
    channel->bind(-1);
    channel->connection = nullptr;
    DcmTCPConnection::closeTransportConnection();
}

bool Connection::wait(short events, Clock::time_point until) {
    for (bool first = true;; first = false) {
        // First of all: what is there may be nothing again (half a TLS record, a message of TLS, an empty PDU), and more
        // of it behind.
        if (Clock::now() >= until) {
            channel->timed_out = true;
            errno = ETIMEDOUT;
            return false;
        }
        pollfd descriptor{getSocket(), events, 0};
        // Nothing there yet: the sender may hold back a small segment until what it sent is acknowledged (Nagle), so the
        // acknowledgement goes out before the wait. The kernel leaves quick-acknowledge mode by itself, hence each time.
        if (!first && (events & POLLIN) != 0) set_flag(getSocket(), TCP_QUICKACK);
        const int timeout = first ? 0 : milliseconds_until(until);
        const int ready = ::poll(&descriptor, 1, timeout);
        if (ready > 0) return true; // readable, writable, or an error that read or write will report
        if (ready < 0 && errno != EINTR) return true;
    }
}

ssize_t Connection::read(void *buffer, size_t count) {
    const size_t left = channel->prefix.size() - channel->prefix_used;
    if (left > 0) {
        const size_t length = std::min(left, count);
        std::memcpy(buffer, channel->prefix.data() + channel->prefix_used, length);
        channel->prefix_used += length;
        return static_cast<ssize_t>(length);
    }
    for (;;) {
        short events = 0;
        const ssize_t length = receive(buffer, count, events);
        if (length > 0) return length;
        if (length == 0 || events == 0) {
            channel->ended = true;
            return length;
        }
        if (!wait(events, channel->deadline)) return -1;
    }
}

ssize_t Connection::receive(void *buffer, size_t count, short &events) {
    if (channel->tls) return channel->tls->read(buffer, count, events);
    const ssize_t length = ::recv(getSocket(), buffer, count, MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) events = POLLIN;
    return length;
}

ssize_t Connection::send(const void *bytes, size_t count, bool more, short &events) {
    if (channel->tls) return channel->tls->write(bytes, count, more, events);
    const ssize_t length = ::send(getSocket(), bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0));
    if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) events = POLLOUT;
    return length;
}

ssize_t Connection::write(void *buffer, size_t count) {
    // DUL writes the 12 bytes of a P-DATA-TF header (PS3.8 9.3.5) and its data with two calls; the first is held back, so
    // that they leave in one segment.
    const auto *bytes = static_cast<const uint8_t *>(buffer);
    const bool more = count == 12 && bytes[0] == 0x04;
    const auto until = Clock::now() + channel->write_timeout;
    size_t written = 0;
    while (written < count) {
        short events = 0;
        const ssize_t length = send(bytes + written, count - written, more, events);
        if (length > 0) {
            written += static_cast<size_t>(length);
        } else if (events == 0) {
            channel->ended = true;
            return -1;
        } else if (!wait(events, until)) {
            return -1;
        }
    }
    return static_cast<ssize_t>(written);
}

OFBool Connection::networkDataAvailable(int) {
    // DUL's whole seconds are not used: the owner's deadline counts from the start of its own call, to the millisecond.
    if (channel->prefix_used < channel->prefix.size()) return OFTrue;
    if (channel->tls && channel->tls->has_buffered()) return OFTrue;
    return wait(POLLIN, channel->deadline) ? OFTrue : OFFalse;
}

DcmTransportConnection *TransportLayer::createConnection(DcmNativeSocketType socket, OFBool secure) {
    if (secure) return nullptr;
    return new Connection(socket, channel);
}

} // namespace cdcmtk
