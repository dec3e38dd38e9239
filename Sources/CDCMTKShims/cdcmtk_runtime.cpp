#include "cdcmtk_runtime.h"
#include "dataset.hpp"
#include "guarded.hpp"

#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/dcmnet/diutil.h>
#include <dcmtk/dcmnet/dul.h>
#include <dcmtk/oflog/oflog.h>

#include <mutex>
#include <string>

namespace {

/// What the parser may do on its own: nothing that edits, guesses or ignores.
void set_parser_globals() {
    dcmEnableAutomaticInputDataCorrection.set(OFFalse);
    dcmAcceptUnexpectedImplicitEncoding.set(OFFalse);
    dcmIgnoreParsingErrors.set(OFFalse);
    dcmAutoDetectDatasetXfer.set(OFFalse);
    dcmPreferVRFromDataDictionary.set(OFFalse);
    dcmEnableCP246Support.set(OFTrue);
    // A sequence sent as UN is read as the sequence that the dictionary says it is, so that its items are visited.
    dcmEnableUnknownVRConversion.set(OFTrue);
    // Not set: DCMTK would read a private UN of undefined length in the data set's explicit VR, and its content is
    // implicit (CP-246); and it would parse what is inside private fragments, which nothing has bounded.
    dcmReadImplPrivAttribMaxLengthAsSQ.set(OFFalse);
}

void set_network_globals() {
    dcmDisableGethostbyaddr.set(OFTrue);
    dcmConnectionTimeout.set(10);
    dcmAssociatePDUSizeLimit.set(1 << 20);
}

} // namespace

cdcmtk_status cdcmtk_runtime_initialize(cdcmtk_error *error) {
    return cdcmtk::guarded(error, [&] {
        static std::once_flag once;
        std::call_once(once, [] {
            // DCMTK's messages may quote patient values, so none is let out; conditions tell us what went wrong.
            OFLog::configure(OFLogger::OFF_LOG_LEVEL);
            set_parser_globals();
            set_network_globals();
            DcmRLEDecoderRegistration::registerCodecs();
            DJDecoderRegistration::registerCodecs();
            DJLSDecoderRegistration::registerCodecs();
        });
        if (!dcmDataDict.isDictionaryLoaded())
            return cdcmtk::fill(error, CDCMTK_NOT_FOUND, 0, 0, "DCMTK's data dictionary is not loaded");
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_dictionary_add(uint32_t tag, const char vr[2], const char *keyword, cdcmtk_error *error) {
    if (!vr || !keyword) return cdcmtk::invalid(error, "vr and keyword must not be NULL");
    return cdcmtk::guarded(error, [&] {
        const std::string name(vr, 2);
        const DcmVR representation(name.c_str());
        if (!representation.isStandard()) return cdcmtk::invalid(error, "not a VR");
        auto entry = std::make_unique<DcmDictEntry>(
            static_cast<Uint16>(tag >> 16), static_cast<Uint16>(tag & 0xFFFF), representation, keyword, 1, -1,
            "DICOM", OFTrue, nullptr);
        dcmDataDict.wrlock().addEntry(entry.release());
        dcmDataDict.wrunlock();
        return CDCMTK_OK;
    });
}

int cdcmtk_dictionary_knows(uint32_t tag) {
    // No exception can come from a look-up in a loaded dictionary; the guard keeps the promise of the boundary all the same.
    int known = 0;
    cdcmtk::guarded(nullptr, [&] {
        known = dcmDataDict.rdlock().findEntry(cdcmtk::key(tag), nullptr) != nullptr;
        dcmDataDict.rdunlock();
        return CDCMTK_OK;
    });
    return known;
}

cdcmtk_status cdcmtk_uid_name(const char *uid, char *out, size_t capacity, cdcmtk_error *error) {
    if (!uid || !out || capacity == 0) return cdcmtk::invalid(error, "uid and out must not be NULL");
    return cdcmtk::guarded(error, [&] {
        const char *name = dcmFindNameOfUID(uid);
        if (!name) return cdcmtk::fill(error, CDCMTK_NOT_FOUND, 0, 0, "not a registered UID");
        std::snprintf(out, capacity, "%s", name);
        return CDCMTK_OK;
    });
}
