#ifndef CDCMTK_ASSOCIATION_H
#define CDCMTK_ASSOCIATION_H
#include "cdcmtk_error.h"
#include "cdcmtk_tls.h"

#ifdef __cplusplus
extern "C" {
#endif

/// An association (PS3.8 7) over DCMTK's ASC and DUL, from the socket's side. It carries fragments of messages; what is in
/// a command set (PS3.7) is read and written above, because DCMTK's own reader of command sets recurses without limit.
///
/// Not thread-safe: one owner, one thread at a time. From another thread only an interrupter may be used.
/// All functions that read or write block, up to the timeouts of the options.
typedef struct cdcmtk_association cdcmtk_association;

typedef struct cdcmtk_association_options {
    /// The largest PDU that we take, 4096 to 131072 bytes.
    uint32_t max_pdu;
    /// Milliseconds for the answer to A-ASSOCIATE-RQ and A-RELEASE-RQ.
    uint32_t acse_timeout;
    /// Milliseconds in which the peer must take a PDU of ours.
    uint32_t write_timeout;
    /// Milliseconds to wait for the peer to close after a release or abort of ours (PS3.8 9.1.5, ARTIM).
    uint32_t artim_timeout;
    /// Bytes of a data set that must come within the time of a receive; the time begins anew with each so many.
    uint32_t least_progress;
    /// Our Implementation Class UID and Implementation Version Name (PS3.7 D.3.3.2).
    const char *implementation_class_uid;
    const char *implementation_version_name;
} cdcmtk_association_options;

/// One proposed presentation context, and what came of it. Pointers are valid during the call.
typedef struct cdcmtk_presentation_context {
    uint8_t id;
    /// PS3.8 table 9-18 once it has been negotiated: 0 acceptance, 1 to 4 rejections; 255 not yet negotiated.
    uint8_t result;
    const char *abstract_syntax;
    const char *const *transfer_syntaxes;
    size_t transfer_syntax_count;
    /// Empty unless the result is 0.
    const char *accepted_transfer_syntax;
} cdcmtk_presentation_context;

/// Non-zero ends the visit with CDCMTK_STOPPED.
typedef int (*cdcmtk_context_visitor)(void *context, const cdcmtk_presentation_context *presentation_context);

/// A peer's A-ASSOCIATE-RJ, PS3.8 table 9-21. Our own are sent before an association is made: they need none.
typedef struct cdcmtk_rejection {
    uint8_t result;
    uint8_t source;
    uint8_t reason;
} cdcmtk_rejection;

/// A piece of a command set or of a data set, as it came in a presentation data value (PS3.8 9.3.5.1). `bytes` lies in
/// DCMTK's receive buffer and is valid during the call.
typedef struct cdcmtk_fragment {
    uint8_t context_id;
    uint8_t is_command;
    uint8_t is_last;
    const uint8_t *bytes;
    size_t length;
} cdcmtk_fragment;

/// The code of an error with CDCMTK_ABORTED when there was no A-ABORT, but a broken or closed connection.
#define CDCMTK_CONNECTION_LOST 0x310

typedef enum cdcmtk_fragment_answer {
    CDCMTK_FRAGMENT_NEXT = 0,  ///< Go on.
    CDCMTK_FRAGMENT_DRAIN = 1, ///< Read the rest of this message and throw it away.
    CDCMTK_FRAGMENT_LEAVE = 2  ///< Return at once; the message is left half read, so the association must be aborted.
} cdcmtk_fragment_answer;

typedef cdcmtk_fragment_answer (*cdcmtk_fragment_sink)(void *context, const cdcmtk_fragment *fragment);

// As acceptor

/// Takes up a connection whose whole A-ASSOCIATE-RQ PDU (header included) has been read from `socket` already (+1). Opens
/// no port. `socket` belongs to this function in every case: it is closed on failure, and by the association later. `tls`
/// is the session of that socket, from which the request was read; NULL where there is none. It is shared: the caller does
/// nothing with it any more but to destroy it.
/// Fails without writing to the peer, but for a wrong protocol version, which DCMTK rejects itself.
cdcmtk_status cdcmtk_association_accept(
    int socket, const cdcmtk_tls_session *tls, const uint8_t *request, size_t request_length,
    const cdcmtk_association_options *options, cdcmtk_association **out, cdcmtk_error *error);

/// Accepts one proposed context, with one of its transfer syntaxes.
cdcmtk_status cdcmtk_association_accept_context(
    cdcmtk_association *association, uint8_t id, const char *transfer_syntax, cdcmtk_error *error);
/// Refuses one proposed context: 1 user rejection, 2 no reason, 3 abstract syntax, 4 transfer syntaxes not supported.
cdcmtk_status cdcmtk_association_refuse_context(
    cdcmtk_association *association, uint8_t id, uint8_t result, cdcmtk_error *error);
/// Sends A-ASSOCIATE-AC.
cdcmtk_status cdcmtk_association_acknowledge(cdcmtk_association *association, cdcmtk_error *error);
/// Sends A-RELEASE-RP and waits for the peer to close (ARTIM). Nothing but destroy may follow.
cdcmtk_status cdcmtk_association_acknowledge_release(cdcmtk_association *association, cdcmtk_error *error);

// As requestor

/// A context to propose. The identifiers are given out in order: 1, 3, 5 and so on.
typedef struct cdcmtk_proposal {
    const char *abstract_syntax;
    const char *const *transfer_syntaxes;
    size_t transfer_syntax_count;
    /// Non-zero: we want to be SCP, and ask for it by SCP/SCU Role Selection (PS3.7 D.3.3.4).
    int is_provider;
} cdcmtk_proposal;

/// Connects (IPv4; the host may be a name) and asks for an association (+1); at most 128 proposals.
/// CDCMTK_UNREACHABLE: no connection. CDCMTK_REJECTED: `rejection` (if not NULL) is filled. CDCMTK_TIMEOUT: connected, but
/// no answer. CDCMTK_ABORTED: the peer aborted or closed.
cdcmtk_status cdcmtk_association_request(
    const char *host, uint16_t port, const char *calling, const char *called, const cdcmtk_proposal *proposals,
    size_t proposal_count, const cdcmtk_association_options *options, cdcmtk_rejection *rejection,
    cdcmtk_association **out, cdcmtk_error *error);
/// Sends A-RELEASE-RQ and waits for the answer. Nothing but destroy may follow.
cdcmtk_status cdcmtk_association_release(cdcmtk_association *association, cdcmtk_error *error);

// Both

/// The titles and the application context name as the requestor sent them, trailing spaces removed.
cdcmtk_status cdcmtk_association_names(
    const cdcmtk_association *association, char calling[17], char called[17], char application_context[65],
    cdcmtk_error *error);
/// The largest PDU that the peer takes; 0 for no limit.
cdcmtk_status cdcmtk_association_peer_max_pdu(
    const cdcmtk_association *association, uint32_t *out, cdcmtk_error *error);
/// Visits all proposed contexts in the order of the request.
cdcmtk_status cdcmtk_association_contexts(
    const cdcmtk_association *association, cdcmtk_context_visitor visitor, void *context, cdcmtk_error *error);

/// Waits until something has come from the peer, or `wake_descriptor` (if not negative) is readable or hung up:
/// CDCMTK_STOPPED. What has come is looked at first. CDCMTK_TIMEOUT after `timeout` milliseconds.
cdcmtk_status cdcmtk_association_wait(
    cdcmtk_association *association, int wake_descriptor, uint32_t timeout, cdcmtk_error *error);

/// Receives fragments and gives them to the sink, until the last one of a command set (`command` non-zero) or of a data
/// set. A command set must come whole within `timeout` milliseconds; of a data set the rest, or so many bytes as the
/// options call progress, so that neither a drip of bytes nor one of tiny PDUs lasts. The time of the sink does not count.
/// CDCMTK_STOPPED: the sink did not want it all. CDCMTK_RELEASED: instead of a message, A-RELEASE-RQ came.
/// CDCMTK_ABORTED: the peer aborted or is gone. CDCMTK_TIMEOUT. CDCMTK_FAILED: what came breaks the protocol; abort.
cdcmtk_status cdcmtk_association_receive(
    cdcmtk_association *association, int command, uint32_t timeout, cdcmtk_fragment_sink sink, void *context,
    cdcmtk_error *error);

/// Sends a piece of a command set or data set, in as many PDUs as the peer's limit asks for. All pieces but the last of a
/// message must have an even length.
cdcmtk_status cdcmtk_association_send(
    cdcmtk_association *association, uint8_t context_id, int command, int last, const uint8_t *bytes, size_t length,
    cdcmtk_error *error);

/// Sends A-ABORT (service-user) and waits for the peer to close (ARTIM). Nothing but destroy may follow.
cdcmtk_status cdcmtk_association_abort(cdcmtk_association *association, cdcmtk_error *error);

/// Closes the connection, if it is still open, without a word to the peer, and frees everything. NULL is allowed.
void cdcmtk_association_destroy(cdcmtk_association *association);

/// The right to break an association off from another thread. It may outlive the association.
typedef struct cdcmtk_interrupter cdcmtk_interrupter;
/// A new interrupter (+1), made on the association's thread.
cdcmtk_status cdcmtk_association_interrupter(
    const cdcmtk_association *association, cdcmtk_interrupter **out, cdcmtk_error *error);
/// Shuts the connection down (shutdown(2), both ways): what blocks in a call on the association returns with
/// CDCMTK_ABORTED. Thread-safe, any number of times; nothing happens once the connection is closed.
void cdcmtk_interrupter_interrupt(cdcmtk_interrupter *interrupter);
/// Frees it. NULL is allowed.
void cdcmtk_interrupter_destroy(cdcmtk_interrupter *interrupter);

/// The storage SOP classes that this DCMTK knows (dcmAllStorageSOPClassUIDs), one call each. Non-zero ends the visit.
typedef int (*cdcmtk_uid_visitor)(void *context, const char *uid);
cdcmtk_status cdcmtk_storage_sop_classes(cdcmtk_uid_visitor visitor, void *context, cdcmtk_error *error);

#ifdef __cplusplus
}
#endif
#endif
