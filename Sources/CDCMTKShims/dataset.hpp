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

bool is_sequence(const DcmElement &element);

/// NULL where the item has none.
DcmElement *find(DcmItem &item, uint32_t tag);

/// The stored value; empty for sequences and for encapsulated pixel data, which has items instead of a value.
void value_of(DcmElement &element, const uint8_t *&bytes, size_t &length);

/// Stores characters as they are, numbers in host byte order. Not for sequences. Throws Failure.
void put_value(DcmElement &element, const uint8_t *bytes, size_t length);

/// Deep copies of all elements of `source`, replacing those of the same tag in `target`.
void copy_elements(DcmItem &source, DcmItem &target);

} // namespace cdcmtk

#endif
