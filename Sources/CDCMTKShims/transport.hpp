#ifndef CDCMTK_TRANSPORT_HPP
#define CDCMTK_TRANSPORT_HPP

#include "tls.hpp"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmnet/dcmlayer.h>
#include <dcmtk/dcmnet/dcmtrans.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace cdcmtk {

using Clock = std::chrono::steady_clock;

class Connection;

/// What the owner of an association, its transport connection and its interrupters share.
class Channel {
public:
    explicit Channel(std::chrono::milliseconds write_timeout) : write_timeout(write_timeout) {}

    /// From any thread.
    void interrupt();
    /// The connection tells which socket it has; -1 before it closes it, so that a number given to somebody else by the
    /// system is never shut down.
    void bind(int socket);
    int socket() const;

    /// When the read in progress has to have ended. Owner's thread only, like all that follows.
    Clock::time_point deadline = Clock::time_point::max();
    std::chrono::milliseconds write_timeout;
    /// For how long a connection that is made now may be read before `deadline` is set again.
    std::chrono::milliseconds first_timeout{0};
    /// Bytes that were read from the socket before DCMTK got it.
    std::vector<uint8_t> prefix;
    size_t prefix_used = 0;
    /// Set where the socket carries TLS, whose handshake is over.
    std::shared_ptr<TLSSession> tls;
    bool timed_out = false;
    bool ended = false;
    bool made = false;
    /// DUL's connection, while it is open.
    Connection *connection = nullptr;

private:
    mutable std::mutex mutex;
    int descriptor = -1;
};

/// TCP with the options that C-STORE needs: no Nagle, acknowledgements at once (a delayed one costs 40 ms a message), and
/// deadlines of ours instead of whole seconds between two bytes. With the channel's TLS session, TLS over it.
class Connection final : public DcmTCPConnection {
public:
    Connection(int socket, std::shared_ptr<Channel> channel);
    ~Connection() override;

    ssize_t read(void *buffer, size_t count) override;
    ssize_t write(void *buffer, size_t count) override;
    void close() override;
    void closeTransportConnection() override;
    OFBool networkDataAvailable(int timeout) override;

private:
    /// Once, without waiting: -1 when it has to be tried again after `events`, or with `events` 0 when the connection is
    /// broken; 0 at its end.
    ssize_t receive(void *buffer, size_t count, short &events);
    ssize_t send(const void *bytes, size_t count, bool more, short &events);
    bool wait(short events, Clock::time_point until);
    std::shared_ptr<Channel> channel;
};

/// Makes a `Connection` for one association.
class TransportLayer final : public DcmTransportLayer {
public:
    explicit TransportLayer(std::shared_ptr<Channel> channel) : channel(std::move(channel)) {}
    DcmTransportConnection *createConnection(DcmNativeSocketType socket, OFBool secure) override;

private:
    std::shared_ptr<Channel> channel;
};

} // namespace cdcmtk

#endif
