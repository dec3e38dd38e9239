#include "association.hpp"

#include <dcmtk/dcmnet/dul.h>

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

using cdcmtk::guarded;
using cdcmtk::invalid;
using cdcmtk::Network;

namespace {

/// Closes a socket at the end of the scope, unless it has found another owner.
class OwnedSocket {
public:
    explicit OwnedSocket(int socket) : socket(socket) {}
    ~OwnedSocket() {
        if (socket >= 0) (void)::close(socket);
    }
    void release() { socket = -1; }

private:
    int socket;
};

/// Sets DUL's external socket, a global of the process, for the time of a scope: DUL itself never clears it. The network
/// mutex is held meanwhile. Nothing else may touch it, requests of ours that run at the same time neither.
class ExternalSocket {
public:
    explicit ExternalSocket(int socket) { dcmExternalSocketHandle.set(socket); }
    ~ExternalSocket() { dcmExternalSocketHandle.set(-1); }
};

bool is_whole_request(const uint8_t *request, size_t length) {
    if (length < 6 || request[0] != 0x01) return false;
    const size_t body = static_cast<size_t>(request[2]) << 24 | static_cast<size_t>(request[3]) << 16 |
                        static_cast<size_t>(request[4]) << 8 | request[5];
    return body == length - 6;
}

} // namespace

cdcmtk_status cdcmtk_association_accept(
    int socket, const cdcmtk_tls_session *tls, const uint8_t *request, size_t request_length,
    const cdcmtk_association_options *options, cdcmtk_association **out, cdcmtk_error *error) {
    if (socket <= 0) return invalid(error, "socket must be greater than 0"); // DUL takes 0 for none
    OwnedSocket owned(socket);
    if (!request || !out) return invalid(error, "request and out must not be NULL");
    // A request that is not whole would make DUL wait for the rest with the mutex held.
    if (!is_whole_request(request, request_length)) return invalid(error, "not one whole A-ASSOCIATE-RQ PDU");
    const cdcmtk_status usable = cdcmtk::check_options(options, error);
    if (usable != CDCMTK_OK) return usable;
    return guarded(error, [&] {
        auto association = std::make_unique<cdcmtk_association>(*options);
        cdcmtk::Channel &channel = *association->channel;
        if (tls) channel.tls = tls->session;
        channel.prefix.assign(request, request + request_length);
        OFCondition condition;
        {
            const std::lock_guard lock(cdcmtk::network_mutex());
            // With an external socket the acceptor's network opens no port of its own.
            const ExternalSocket external(socket);
            const int timeout = cdcmtk::seconds(association->acse_timeout);
            Network network;
            condition = ASC_initializeNetwork(NET_ACCEPTOR, 0, timeout, &network.network);
            if (condition.bad()) return cdcmtk::check(condition, error);
            (void)ASC_setTransportLayer(network.network, &association->layer, 0);
            condition = ASC_receiveAssociation(
                network.network, &association->association, options->max_pdu, nullptr, nullptr, OFFalse, DUL_NOBLOCK,
                timeout);
        }
        if (channel.made) owned.release();
        if (condition.bad()) return cdcmtk::outcome(channel, condition, error);
        channel.prefix.clear();
        channel.prefix_used = 0;
        association->name_implementation(association->association->params);
        *out = association.release();
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_association_accept_context(
    cdcmtk_association *association, uint8_t id, const char *transfer_syntax, cdcmtk_error *error) {
    if (!association || !transfer_syntax) return invalid(error, "association and transfer_syntax must not be NULL");
    return guarded(error, [&] {
        return cdcmtk::check(
            ASC_acceptPresentationContext(association->association->params, id, transfer_syntax), error);
    });
}

cdcmtk_status cdcmtk_association_refuse_context(
    cdcmtk_association *association, uint8_t id, uint8_t result, cdcmtk_error *error) {
    if (!association) return invalid(error, "association must not be NULL");
    if (result < 1 || result > 4) return invalid(error, "result must be 1 to 4");
    return guarded(error, [&] {
        return cdcmtk::check(
            ASC_refusePresentationContext(
                association->association->params, id, static_cast<T_ASC_P_ResultReason>(result)),
            error);
    });
}

cdcmtk_status cdcmtk_association_acknowledge(cdcmtk_association *association, cdcmtk_error *error) {
    if (!association) return invalid(error, "association must not be NULL");
    return guarded(error, [&] {
        return cdcmtk::outcome(*association->channel, ASC_acknowledgeAssociation(association->association), error);
    });
}

cdcmtk_status cdcmtk_association_acknowledge_release(cdcmtk_association *association, cdcmtk_error *error) {
    if (!association) return invalid(error, "association must not be NULL");
    return guarded(error, [&] {
        const OFCondition condition = ASC_acknowledgeRelease(association->association);
        if (condition.good()) association->linger();
        return cdcmtk::outcome(*association->channel, condition, error);
    });
}

namespace {

/// DUL copies the host into 128 bytes without a look, so it is given numbers only.
bool resolve(const char *host, std::string &address) {
    addrinfo hints{};
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo *found = nullptr;
    if (::getaddrinfo(host, nullptr, &hints, &found) != 0 || !found) return false;
    char text[INET_ADDRSTRLEN] = "";
    const auto *ipv4 = reinterpret_cast<const sockaddr_in *>(found->ai_addr);
    const bool good = ::inet_ntop(AF_INET, &ipv4->sin_addr, text, sizeof text) != nullptr;
    ::freeaddrinfo(found);
    if (good) address = text;
    return good;
}

cdcmtk_status check_request(
    const char *calling, const char *called, const cdcmtk_proposal *proposals, size_t count, cdcmtk_error *error) {
    const auto is_title = [](const char *title) { return *title && std::strlen(title) <= 16; };
    if (!is_title(calling) || !is_title(called)) return invalid(error, "an AE title has 1 to 16 characters");
    if (count < 1 || count > 128) return invalid(error, "1 to 128 presentation contexts");
    for (size_t index = 0; index < count; ++index) {
        const cdcmtk_proposal &proposal = proposals[index];
        if (!proposal.abstract_syntax || !proposal.transfer_syntaxes || proposal.transfer_syntax_count < 1)
            return invalid(error, "a presentation context needs its syntaxes");
    }
    return CDCMTK_OK;
}

OFCondition propose(T_ASC_Parameters *parameters, const cdcmtk_proposal *proposals, size_t count) {
    for (size_t index = 0; index < count; ++index) {
        const cdcmtk_proposal &proposal = proposals[index];
        const OFCondition condition = ASC_addPresentationContext(
            parameters, static_cast<T_ASC_PresentationContextID>(2 * index + 1), proposal.abstract_syntax,
            const_cast<const char **>(proposal.transfer_syntaxes), static_cast<int>(proposal.transfer_syntax_count),
            proposal.is_provider ? ASC_SC_ROLE_SCP : ASC_SC_ROLE_DEFAULT);
        if (condition.bad()) return condition;
    }
    return EC_Normal;
}

} // namespace

cdcmtk_status cdcmtk_association_request(
    const char *host, uint16_t port, const char *calling, const char *called, const cdcmtk_proposal *proposals,
    size_t proposal_count, const cdcmtk_association_options *options, cdcmtk_rejection *rejection,
    cdcmtk_association **out, cdcmtk_error *error) {
    if (!host || !calling || !called || !proposals || !out) return invalid(error, "no argument may be NULL");
    cdcmtk_status usable = cdcmtk::check_options(options, error);
    if (usable == CDCMTK_OK) usable = check_request(calling, called, proposals, proposal_count, error);
    if (usable != CDCMTK_OK) return usable;
    return guarded(error, [&] {
        std::string address;
        if (!resolve(host, address))
            return cdcmtk::fill(error, CDCMTK_UNREACHABLE, 0, DULC_UNKNOWNHOST, "the host has no IPv4 address");
        address += ":" + std::to_string(port);
        auto association = std::make_unique<cdcmtk_association>(*options);
        const int timeout = cdcmtk::seconds(association->acse_timeout);
        Network network;
        OFCondition condition;
        {
            const std::lock_guard lock(cdcmtk::network_mutex());
            condition = ASC_initializeNetwork(NET_REQUESTOR, 0, timeout, &network.network);
        }
        if (condition.bad()) return cdcmtk::check(condition, error);
        (void)ASC_setTransportLayer(network.network, &association->layer, 0);
        T_ASC_Parameters *parameters = nullptr;
        condition = ASC_createAssociationParameters(&parameters, options->max_pdu);
        if (condition.bad()) return cdcmtk::check(condition, error);
        association->name_implementation(parameters);
        (void)ASC_setAPTitles(parameters, calling, called, nullptr);
        (void)ASC_setPresentationAddresses(parameters, "", address.c_str());
        condition = propose(parameters, proposals, proposal_count);
        if (condition.good())
            condition = ASC_requestAssociation(
                network.network, parameters, &association->association, nullptr, nullptr, DUL_NOBLOCK, timeout);
        // The association owns the parameters as soon as there is one.
        if (!association->association) (void)ASC_destroyAssociationParameters(&parameters);
        if (condition.good()) {
            *out = association.release();
            return CDCMTK_OK;
        }
        if (!association->channel->made)
            return cdcmtk::fill(error, CDCMTK_UNREACHABLE, condition.module(), condition.code(), condition.text());
        const cdcmtk_status status = cdcmtk::outcome(*association->channel, condition, error);
        if (status == CDCMTK_REJECTED && rejection) {
            const DUL_ASSOCIATESERVICEPARAMETERS &answer = association->association->params->DULparams;
            *rejection = {
                static_cast<uint8_t>(answer.result), static_cast<uint8_t>(answer.resultSource),
                static_cast<uint8_t>(answer.diagnostic)};
        }
        return status;
    });
}

cdcmtk_status cdcmtk_association_release(cdcmtk_association *association, cdcmtk_error *error) {
    if (!association) return invalid(error, "association must not be NULL");
    return guarded(error, [&] {
        association->channel->timed_out = false;
        association->channel->deadline = cdcmtk::Clock::now() + association->acse_timeout;
        OFCondition condition = ASC_releaseAssociation(association->association);
        if (condition == DUL_PEERREQUESTEDRELEASE) { // collision, PS3.8 7.2.2.7
            condition = ASC_acknowledgeRelease(association->association);
            if (condition.good()) association->linger();
        }
        return cdcmtk::outcome(*association->channel, condition, error);
    });
}
