#ifndef CDCMTK_DATASET_HPP
#define CDCMTK_DATASET_HPP

#include "cdcmtk_dataset.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>

#include <memory>

/// The handle of cdcmtk_dataset.h: one owner, freed by cdcmtk_dataset_destroy.
struct cdcmtk_dataset {
    DcmDataset dataset;
};

namespace cdcmtk {

inline DcmTagKey key(uint32_t tag) {
    return DcmTagKey(static_cast<Uint16>(tag >> 16), static_cast<Uint16>(tag & 0xFFFF));
}

inline uint32_t number(const DcmTagKey &tag) {
    return static_cast<uint32_t>(tag.getGroup()) << 16 | tag.getElement();
}

/// Deep copies of all elements of `source`, replacing those of the same tag in `target`.
void copy_elements(DcmItem &source, DcmItem &target);

} // namespace cdcmtk

#endif
