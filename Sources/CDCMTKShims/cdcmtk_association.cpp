#include "association.hpp"

#include <dcmtk/dcmdata/dcuid.h>
#include <dcmtk/dcmnet/lst.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include <poll.h>
#include <sys/socket.h>

namespace cdcmtk {

static_assert(CDCMTK_CONNECTION_LOST == DULC_NETWORKCLOSED);

std::mutex &network_mutex() {
    static std::mutex mutex;
    return mutex;
}

cdcmtk_status outcome(const Channel &channel, const OFCondition &condition, cdcmtk_error *error) noexcept {
    if (condition.good()) return CDCMTK_OK;
    cdcmtk_status status = CDCMTK_FAILED;
    unsigned code = condition.code();
    if (channel.timed_out || condition == DUL_READTIMEOUT) {
        status = CDCMTK_TIMEOUT;
    } else if (condition == DUL_PEERREQUESTEDRELEASE) {
        status = CDCMTK_RELEASED;
    } else if (condition == DUL_ASSOCIATIONREJECTED) {
        status = CDCMTK_REJECTED;
    } else if (channel.ended || condition == DUL_NETWORKCLOSED || code == DULC_TCPIOERROR) {
        status = CDCMTK_ABORTED;
        code = DULC_NETWORKCLOSED;
    } else if (condition == DUL_PEERABORTEDASSOCIATION) {
        status = CDCMTK_ABORTED;
    }
    return fill(error, status, condition.module(), code, condition.text());
}

cdcmtk_status check_options(const cdcmtk_association_options *options, cdcmtk_error *error) noexcept {
    if (!options) return invalid(error, "options must not be NULL");
    if (options->max_pdu < ASC_MINIMUMPDUSIZE || options->max_pdu > ASC_MAXIMUMPDUSIZE)
        return invalid(error, "max_pdu must be 4096 to 131072");
    if (!options->least_progress) return invalid(error, "least_progress must not be zero");
    if (!options->acse_timeout || !options->write_timeout) return invalid(error, "a timeout must not be zero");
    if (!options->implementation_class_uid || !options->implementation_version_name)
        return invalid(error, "the implementation's names must not be NULL");
    return CDCMTK_OK;
}

} // namespace cdcmtk

using cdcmtk::Channel;
using cdcmtk::Clock;
using cdcmtk::guarded;
using cdcmtk::invalid;

void cdcmtk_association::name_implementation(T_ASC_Parameters *parameters) const {
    OFStandard::strlcpy(
        parameters->ourImplementationClassUID, implementation_class_uid.c_str(),
        sizeof parameters->ourImplementationClassUID);
    OFStandard::strlcpy(
        parameters->ourImplementationVersionName, implementation_version_name.c_str(),
        sizeof parameters->ourImplementationVersionName);
}

void cdcmtk_association::linger() {
    const int socket = channel->socket();
    const auto until = Clock::now() + artim_timeout;
    while (socket >= 0 && Clock::now() < until) {
        pollfd descriptor{socket, POLLIN, 0};
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
        const int ready = ::poll(&descriptor, 1, static_cast<int>(std::max<long long>(left, 0)));
        if (ready < 0 && errno == EINTR) continue;
        char bytes[4096];
        if (ready <= 0 || ::recv(socket, bytes, sizeof bytes, MSG_DONTWAIT) <= 0) return;
    }
}

cdcmtk_status cdcmtk_association_names(
    const cdcmtk_association *association, char calling[17], char called[17], char application_context[65],
    cdcmtk_error *error) {
    if (!association || !calling || !called || !application_context) return invalid(error, "no argument may be NULL");
    return guarded(error, [&] {
        const DUL_ASSOCIATESERVICEPARAMETERS &parameters = association->association->params->DULparams;
        OFStandard::strlcpy(calling, parameters.callingAPTitle, 17);
        OFStandard::strlcpy(called, parameters.calledAPTitle, 17);
        OFStandard::strlcpy(application_context, parameters.applicationContextName, 65);
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_association_peer_max_pdu(
    const cdcmtk_association *association, uint32_t *out, cdcmtk_error *error) {
    if (!association || !out) return invalid(error, "association and out must not be NULL");
    return guarded(error, [&] {
        *out = static_cast<uint32_t>(association->association->params->theirMaxPDUReceiveSize);
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_association_contexts(
    const cdcmtk_association *association, cdcmtk_context_visitor visitor, void *context, cdcmtk_error *error) {
    if (!association || !visitor) return invalid(error, "association and visitor must not be NULL");
    return guarded(error, [&] {
        LST_HEAD **list = &association->association->params->DULparams.requestedPresentationContext;
        if (!*list) return CDCMTK_OK;
        auto *proposed = reinterpret_cast<DUL_PRESENTATIONCONTEXT *>(LST_Head(list));
        (void)LST_Position(list, reinterpret_cast<LST_NODE *>(proposed));
        std::vector<const char *> syntaxes;
        for (; proposed; proposed = reinterpret_cast<DUL_PRESENTATIONCONTEXT *>(LST_Next(list))) {
            syntaxes.clear();
            LST_HEAD **inner = &proposed->proposedTransferSyntax;
            if (*inner) {
                auto *syntax = reinterpret_cast<DUL_TRANSFERSYNTAX *>(LST_Head(inner));
                (void)LST_Position(inner, reinterpret_cast<LST_NODE *>(syntax));
                for (; syntax; syntax = reinterpret_cast<DUL_TRANSFERSYNTAX *>(LST_Next(inner)))
                    syntaxes.push_back(syntax->transferSyntax);
            }
            const bool accepted = proposed->result == ASC_P_ACCEPTANCE;
            const cdcmtk_presentation_context seen{
                proposed->presentationContextID, proposed->result, proposed->abstractSyntax, syntaxes.data(),
                syntaxes.size(), accepted ? proposed->acceptedTransferSyntax : ""};
            if (visitor(context, &seen) != 0)
                return cdcmtk::fill(error, CDCMTK_STOPPED, 0, 0, "the visitor stopped");
        }
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_association_wait(
    cdcmtk_association *association, int wake_descriptor, uint32_t timeout, cdcmtk_error *error) {
    if (!association) return invalid(error, "association must not be NULL");
    return guarded(error, [&] {
        if (association->pending) return CDCMTK_OK;
        DUL_PDV pdv{};
        if (DUL_NextPDV(&association->association->DULassociation, &pdv).good()) {
            association->pending = pdv;
            return CDCMTK_OK;
        }
        const int socket = association->channel->socket();
        if (socket < 0) return cdcmtk::fill(error, CDCMTK_ABORTED, 0, DULC_NETWORKCLOSED, "the connection is closed");
        const std::shared_ptr<cdcmtk::TLSSession> &tls = association->channel->tls;
        if (tls && tls->has_buffered()) return CDCMTK_OK;
        const auto until = Clock::now() + std::chrono::milliseconds(timeout);
        for (short events = POLLIN;;) {
            pollfd descriptors[2] = {{socket, events, 0}, {wake_descriptor, POLLIN, 0}};
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
            const int ready = ::poll(descriptors, 2, static_cast<int>(std::max<long long>(left, 0)));
            if (ready < 0 && errno == EINTR) continue;
            // An end or an error is for receive to find. A piece of a TLS record is nothing yet.
            if (descriptors[0].revents && (!tls || tls->peek(events) >= 0)) return CDCMTK_OK;
            if (descriptors[1].revents) return cdcmtk::fill(error, CDCMTK_STOPPED, 0, 0, "woken");
            if (Clock::now() >= until) return cdcmtk::fill(error, CDCMTK_TIMEOUT, 0, 0, "nothing came in time");
        }
    });
}

namespace {

/// How long the peer may still take for what it is sending. Only the time that is spent waiting for it counts.
class Patience {
public:
    Patience(uint32_t timeout, size_t least_progress)
        : whole(std::chrono::milliseconds(timeout)), left(whole), least_progress(least_progress) {}

    Clock::time_point deadline() const { return Clock::now() + std::max(left, Clock::duration::zero()); }
    int seconds() const { return cdcmtk::seconds(std::chrono::ceil<std::chrono::milliseconds>(left)); }
    void spent(Clock::duration time) { left -= time; }
    void came(size_t bytes) {
        progress += bytes;
        if (progress < least_progress) return;
        progress = 0;
        left = whole;
    }

private:
    const Clock::duration whole;
    Clock::duration left;
    const size_t least_progress;
    size_t progress = 0;
};

/// The next fragment, read from the socket if the last PDU has no more.
cdcmtk_status next(cdcmtk_association *association, Patience &patience, DUL_PDV &pdv, cdcmtk_error *error) {
    if (association->pending) {
        pdv = *association->pending;
        association->pending.reset();
        return CDCMTK_OK;
    }
    DUL_ASSOCIATIONKEY **key = &association->association->DULassociation;
    if (DUL_NextPDV(key, &pdv).good()) return CDCMTK_OK;
    Channel &channel = *association->channel;
    channel.timed_out = false;
    const auto start = Clock::now();
    channel.deadline = patience.deadline();
    const OFCondition condition = DUL_ReadPDVs(key, nullptr, DUL_NOBLOCK, patience.seconds());
    patience.spent(Clock::now() - start);
    if (condition == DUL_PDATAPDUARRIVED) return cdcmtk::outcome(channel, DUL_NextPDV(key, &pdv), error);
    // A PDU that has no place here makes DUL send A-ABORT and answer "good".
    if (condition.good()) {
        association->abort_sent = true;
        return cdcmtk::fill(error, CDCMTK_FAILED, 0, DULC_UNEXPECTEDPDU, "unexpected PDU");
    }
    return cdcmtk::outcome(channel, condition, error);
}

} // namespace

cdcmtk_status cdcmtk_association_receive(
    cdcmtk_association *association, int command, uint32_t timeout, cdcmtk_fragment_sink sink, void *context,
    cdcmtk_error *error) {
    if (!association || !sink) return invalid(error, "association and sink must not be NULL");
    return guarded(error, [&] {
        std::optional<uint8_t> id;
        bool draining = false;
        Patience patience(timeout, association->least_progress);
        for (;;) {
            DUL_PDV pdv{};
            const cdcmtk_status status = next(association, patience, pdv, error);
            if (status != CDCMTK_OK) return status;
            if (!command) patience.came(pdv.fragmentLength);
            const bool is_command = pdv.pdvType == DUL_COMMANDPDV;
            if (is_command != (command != 0) || (id && *id != pdv.presentationContextID))
                return cdcmtk::fill(error, CDCMTK_FAILED, 0, DIMSEC_UNEXPECTEDPDVTYPE, "a fragment of another message");
            id = pdv.presentationContextID;
            const bool last = pdv.lastPDV;
            if (!draining) {
                const cdcmtk_fragment fragment{
                    pdv.presentationContextID, is_command, last, static_cast<const uint8_t *>(pdv.data),
                    pdv.fragmentLength};
                const cdcmtk_fragment_answer answer = sink(context, &fragment);
                if (answer == CDCMTK_FRAGMENT_LEAVE)
                    return cdcmtk::fill(error, CDCMTK_STOPPED, 0, 0, "the sink left the message");
                draining = answer != CDCMTK_FRAGMENT_NEXT;
            }
            if (last) break;
        }
        return draining ? cdcmtk::fill(error, CDCMTK_STOPPED, 0, 0, "the sink stopped") : CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_association_send(
    cdcmtk_association *association, uint8_t context_id, int command, int last, const uint8_t *bytes, size_t length,
    cdcmtk_error *error) {
    if (!association || (!bytes && length > 0)) return invalid(error, "association and bytes must not be NULL");
    if (!last && length % 2 != 0) return invalid(error, "only the last piece of a message may have an odd length");
    return guarded(error, [&] {
        Channel &channel = *association->channel;
        channel.timed_out = false;
        // 12 bytes of PDU and PDV header; fragments have an even length (PS3.8 annex E).
        const unsigned long peer = association->association->params->theirMaxPDUReceiveSize;
        const unsigned long pdu = peer == 0 ? ASC_MAXIMUMPDUSIZE : std::min<unsigned long>(peer, ASC_MAXIMUMPDUSIZE);
        if (pdu < 14) return cdcmtk::fill(error, CDCMTK_FAILED, 0, DULC_ILLEGALPDULENGTH, "the peer's PDUs are too small");
        const size_t most = (pdu - 12) & ~1UL;
        size_t sent = 0;
        do {
            const size_t piece = std::min(most, length - sent);
            DUL_PDV pdv{};
            pdv.fragmentLength = piece;
            pdv.presentationContextID = context_id;
            pdv.pdvType = command ? DUL_COMMANDPDV : DUL_DATASETPDV;
            pdv.lastPDV = last && sent + piece == length;
            pdv.data = const_cast<uint8_t *>(bytes + sent); // DUL only reads it
            DUL_PDVLIST list{};
            list.count = 1;
            list.pdv = &pdv;
            const OFCondition condition = DUL_WritePDVs(&association->association->DULassociation, &list);
            if (condition.bad()) return cdcmtk::outcome(channel, condition, error);
            sent += piece;
        } while (sent < length);
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_association_abort(cdcmtk_association *association, cdcmtk_error *error) {
    if (!association) return invalid(error, "association must not be NULL");
    return guarded(error, [&] {
        // Written here, because DUL would go on to interpret what the peer has sent meanwhile, and abort it again.
        cdcmtk::Connection *connection = association->channel->connection;
        if (!connection) return CDCMTK_OK;
        association->channel->write_timeout = association->artim_timeout;
        uint8_t pdu[] = {0x07, 0, 0, 0, 0, 4, 0, 0, 0, 0}; // PS3.8 9.3.8, source: service-user
        if (!association->abort_sent && connection->write(pdu, sizeof pdu) < 0)
            return cdcmtk::fill(error, CDCMTK_ABORTED, 0, CDCMTK_CONNECTION_LOST, "the connection is lost");
        association->abort_sent = true;
        association->linger();
        return CDCMTK_OK;
    });
}

void cdcmtk_association_destroy(cdcmtk_association *association) {
    (void)guarded(nullptr, [&] {
        delete association;
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_association_interrupter(
    const cdcmtk_association *association, cdcmtk_interrupter **out, cdcmtk_error *error) {
    if (!association || !out) return invalid(error, "association and out must not be NULL");
    return guarded(error, [&] {
        *out = new cdcmtk_interrupter{association->channel};
        return CDCMTK_OK;
    });
}

void cdcmtk_interrupter_interrupt(cdcmtk_interrupter *interrupter) {
    if (!interrupter) return;
    (void)guarded(nullptr, [&] {
        interrupter->channel->interrupt();
        return CDCMTK_OK;
    });
}

void cdcmtk_interrupter_destroy(cdcmtk_interrupter *interrupter) {
    (void)guarded(nullptr, [&] {
        delete interrupter;
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_storage_sop_classes(cdcmtk_uid_visitor visitor, void *context, cdcmtk_error *error) {
    if (!visitor) return invalid(error, "visitor must not be NULL");
    return guarded(error, [&] {
        for (int index = 0; index < numberOfDcmAllStorageSOPClassUIDs; ++index) {
            if (visitor(context, dcmAllStorageSOPClassUIDs[index]) != 0)
                return cdcmtk::fill(error, CDCMTK_STOPPED, 0, 0, "the visitor stopped");
        }
        return CDCMTK_OK;
    });
}
