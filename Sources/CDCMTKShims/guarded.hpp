#ifndef CDCMTK_GUARDED_HPP
#define CDCMTK_GUARDED_HPP

#include "cdcmtk_error.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/ofstd/ofcond.h>

#include <cstdio>
#include <exception>

namespace cdcmtk {

inline cdcmtk_status fill(cdcmtk_error *error, cdcmtk_status status, unsigned module, unsigned code, const char *text) noexcept {
    if (error) {
        error->module = static_cast<uint16_t>(module);
        error->code = static_cast<uint16_t>(code);
        std::snprintf(error->text, sizeof error->text, "%s", text ? text : "");
    }
    return status;
}

inline cdcmtk_status invalid(cdcmtk_error *error, const char *text) noexcept {
    return fill(error, CDCMTK_INVALID_ARGUMENT, 0, 0, text);
}

inline cdcmtk_status check(const OFCondition &condition, cdcmtk_error *error) noexcept {
    if (condition.good()) return CDCMTK_OK;
    return fill(error, CDCMTK_FAILED, condition.module(), condition.code(), condition.text());
}

/// An OFCondition as an exception, for use inside `guarded` bodies.
struct Failure : std::exception {
    explicit Failure(const OFCondition &condition) : condition(condition) {}
    const char *what() const noexcept override { return condition.text(); }
    OFCondition condition;
};

inline void require(const OFCondition &condition) {
    if (condition.bad()) throw Failure(condition);
}

/// The one place where C++ exceptions end: no function of the C ABI lets one through (Swift cannot catch it).
template <typename Body>
cdcmtk_status guarded(cdcmtk_error *error, Body &&body) noexcept {
    try {
        return body();
    } catch (const Failure &failure) {
        return check(failure.condition, error);
    } catch (const std::exception &caught) {
        return fill(error, CDCMTK_EXCEPTION, 0, 0, caught.what());
    } catch (...) {
        return fill(error, CDCMTK_EXCEPTION, 0, 0, "unknown C++ exception");
    }
}

} // namespace cdcmtk

#endif
