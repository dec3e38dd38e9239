#ifndef CDCMTK_ASSOCIATION_HPP
#define CDCMTK_ASSOCIATION_HPP

#include "cdcmtk_association.h"
#include "guarded.hpp"
#include "transport.hpp"

#include <dcmtk/dcmnet/assoc.h>
#include <dcmtk/dcmnet/cond.h>
#include <dcmtk/ofstd/ofstd.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>

struct cdcmtk_association {
    explicit cdcmtk_association(const cdcmtk_association_options &options)
        : channel(std::make_shared<cdcmtk::Channel>(std::chrono::milliseconds(options.write_timeout))),
          layer(channel), acse_timeout(options.acse_timeout), artim_timeout(options.artim_timeout), least_progress(options.least_progress),
          implementation_class_uid(options.implementation_class_uid),
          implementation_version_name(options.implementation_version_name) {
        channel->first_timeout = acse_timeout;
    }
    ~cdcmtk_association() { ASC_destroyAssociation(&association); }
    cdcmtk_association(const cdcmtk_association &) = delete;
    cdcmtk_association &operator=(const cdcmtk_association &) = delete;

    std::shared_ptr<cdcmtk::Channel> channel;
    cdcmtk::TransportLayer layer;
    T_ASC_Association *association = nullptr;
    /// A fragment that `wait` has found in the last PDU.
    std::optional<DUL_PDV> pending;
    /// DUL aborts by itself when a PDU comes that has no place.
    bool abort_sent = false;
    const std::chrono::milliseconds acse_timeout;
    const std::chrono::milliseconds artim_timeout;
    const size_t least_progress;
    const std::string implementation_class_uid;
    const std::string implementation_version_name;

    /// Our names go into the association's parameters, in place of DCMTK's.
    void name_implementation(T_ASC_Parameters *parameters) const;
    /// Reads what still comes until the peer has closed, so that a close of ours does not reset the connection before it
    /// has read our last PDU.
    void linger();
};

struct cdcmtk_interrupter {
    std::shared_ptr<cdcmtk::Channel> channel;
};

namespace cdcmtk {

/// Whole seconds for DUL, which count only if our own deadline does not.
inline int seconds(std::chrono::milliseconds time) {
    return static_cast<int>(std::chrono::ceil<std::chrono::seconds>(time).count()) + 1;
}

/// Guards what is global in DUL: the handle of an external socket, and the first initialisation.
std::mutex &network_mutex();

/// What a condition of DUL means for an association.
cdcmtk_status outcome(const Channel &channel, const OFCondition &condition, cdcmtk_error *error) noexcept;

cdcmtk_status check_options(const cdcmtk_association_options *options, cdcmtk_error *error) noexcept;

/// A network key, gone at the end of the scope: an association does not need it once it has been made.
class Network {
public:
    ~Network() { ASC_dropNetwork(&network); }
    T_ASC_Network *network = nullptr;
};

} // namespace cdcmtk

#endif
