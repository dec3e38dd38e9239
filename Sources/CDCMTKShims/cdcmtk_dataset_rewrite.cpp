#include "dataset.hpp"
#include "guarded.hpp"

#include <cstdio>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

using cdcmtk::find;
using cdcmtk::guarded;
using cdcmtk::invalid;
using cdcmtk::is_sequence;
using cdcmtk::key;
using cdcmtk::put_value;
using cdcmtk::require;
using cdcmtk::value_of;

struct cdcmtk_replacement {
    std::vector<uint8_t> bytes;
};

void cdcmtk_replacement_set(cdcmtk_replacement *replacement, const uint8_t *bytes, size_t length) {
    if (!replacement || (!bytes && length)) return;
    guarded(nullptr, [&] {
        replacement->bytes.assign(bytes, bytes + length);
        return CDCMTK_OK;
    });
}

namespace {

/// Reaches the list of an item's elements, as StoredValue in cdcmtk_dataset.cpp reaches a value.
struct Items : DcmItem {
    static DcmList &of(DcmItem &item) { return *(item.*(&Items::elementList)); }
};

struct Stopped : std::exception {};

bool is_creator(const DcmTagKey &tag) {
    return (tag.getGroup() & 1) && tag.getElement() >= 0x10 && tag.getElement() <= 0xFF;
}

/// The private blocks that are reserved in one item (PS3.5 7.8.1): creators are not inherited.
class PrivateBlocks {
public:
    explicit PrivateBlocks(DcmList &elements) {
        for (bool more = elements.seek(ELP_first) != nullptr; more; more = elements.seek(ELP_next) != nullptr) {
            auto *element = static_cast<DcmElement *>(elements.get(ELP_atpos));
            if (!is_creator(element->getTag())) continue;
            const uint8_t *bytes = nullptr;
            size_t length = 0;
            value_of(*element, bytes, length);
            while (length > 0 && (bytes[length - 1] == ' ' || bytes[length - 1] == 0)) --length;
            if (length > 0)
                creators_[cdcmtk::number(element->getTag())] =
                    std::string(reinterpret_cast<const char *>(bytes), length);
        }
    }

    bool empty() const { return creators_.empty(); }

    /// The creator of an element; NULL where its block is not reserved.
    const std::string *creator(const DcmTagKey &tag) const {
        if (!(tag.getGroup() & 1) || tag.getElement() < 0x1000) return nullptr;
        const auto found = creators_.find(static_cast<uint32_t>(tag.getGroup()) << 16 | tag.getElement() >> 8);
        return found == creators_.end() ? nullptr : &found->second;
    }

    /// Removes creators whose block has no element.
    static void drop_unused(DcmList &elements) {
        std::set<uint32_t> used;
        for (bool more = elements.seek(ELP_first) != nullptr; more; more = elements.seek(ELP_next) != nullptr) {
            const DcmTagKey &tag = elements.get(ELP_atpos)->getTag();
            used.insert(static_cast<uint32_t>(tag.getGroup()) << 16 | tag.getElement() >> 8);
        }
        bool more = elements.seek(ELP_first) != nullptr;
        while (more) {
            const DcmTagKey &tag = elements.get(ELP_atpos)->getTag();
            if (is_creator(tag) && used.count(cdcmtk::number(tag)) == 0) {
                delete elements.remove();
                more = elements.valid();
            } else {
                more = elements.seek(ELP_next) != nullptr;
            }
        }
    }

private:
    std::map<uint32_t, std::string> creators_;
};

class Rewriter {
public:
    Rewriter(cdcmtk_visitor visitor, cdcmtk_item_visitor items, void *context)
        : visitor_(visitor), items_(items), context_(context) {}

    /// The depth of nesting is bounded by the pre-parser before DCMTK sees a byte, so recursion is safe here.
    void walk(DcmItem &item, uint32_t depth) {
        const uint32_t number = entered_++;
        DcmList &elements = Items::of(item);
        const PrivateBlocks blocks(elements);
        bool more = elements.seek(ELP_first) != nullptr;
        while (more) {
            auto *element = static_cast<DcmElement *>(elements.get(ELP_atpos));
            if (apply(*element, depth, number, blocks)) {
                more = elements.seek(ELP_next) != nullptr;
            } else {
                delete elements.remove();
                more = elements.valid();
            }
        }
        if (!blocks.empty()) PrivateBlocks::drop_unused(elements);
    }

private:
    /// False: the element is to be removed.
    bool apply(DcmElement &element, uint32_t depth, uint32_t item, const PrivateBlocks &blocks) {
        cdcmtk_element view = {};
        view.tag = cdcmtk::number(element.getTag());
        std::memcpy(view.vr, DcmVR(element.getVR()).getValidVRName(), 2);
        look_up(cdcmtk::number(element.getTag()));
        view.known = last_known_;
        std::memcpy(view.dictionary_vr, last_vr_, 2);
        view.depth = depth;
        view.item = item;
        auto *sequence = is_sequence(element) ? static_cast<DcmSequenceOfItems *>(&element) : nullptr;
        if (sequence) view.item_count = sequence->card();
        if (const std::string *creator = blocks.creator(element.getTag())) {
            view.creator = creator->data();
            view.creator_length = creator->size();
        }
        value_of(element, view.value, view.length);
        replacement_.bytes.clear();
        switch (visitor_(context_, &view, &replacement_)) {
        case CDCMTK_KEEP:
            if (sequence) enter(*sequence, view.tag, depth + 1);
            return true;
        case CDCMTK_REMOVE: return false;
        case CDCMTK_EMPTY: require(element.clear()); return true;
        case CDCMTK_EMPTY_ITEM: {
            if (!sequence) throw cdcmtk::Failure(EC_IllegalCall);
            require(sequence->clear());
            auto empty = std::make_unique<DcmItem>();
            require(sequence->append(empty.get()));
            empty.release();
            return true;
        }
        case CDCMTK_REPLACE:
            if (sequence) throw cdcmtk::Failure(EC_IllegalCall);
            put_value(element, replacement_.bytes.data(), replacement_.bytes.size());
            return true;
        default: throw Stopped();
        }
    }

    void enter(DcmSequenceOfItems &sequence, uint32_t tag, uint32_t depth) {
        auto *item = static_cast<DcmItem *>(sequence.nextInContainer(nullptr));
        while (item) {
            auto *next = static_cast<DcmItem *>(sequence.nextInContainer(item));
            if (keeps(*item, tag, depth)) {
                walk(*item, depth);
            } else {
                delete sequence.remove(item);
            }
            item = next;
        }
    }

    bool keeps(DcmItem &item, uint32_t sequence, uint32_t depth) {
        if (!items_) return true;
        const cdcmtk_item view = {sequence, depth, &item};
        switch (items_(context_, &view)) {
        case CDCMTK_KEEP: return true;
        case CDCMTK_REMOVE: return false;
        default: throw Stopped();
        }
    }

    /// Asked once for a run of the same tag: the dictionary takes a lock for each question.
    void look_up(uint32_t tag) {
        if (tag == last_tag_) return;
        last_tag_ = tag;
        const DcmDictEntry *entry = dcmDataDict.rdlock().findEntry(key(tag), nullptr);
        last_known_ = entry != nullptr;
        // Two letters, or blanks. getVRName of a choice is DCMTK's own.
        std::snprintf(last_vr_, sizeof last_vr_, "%-2.2s", entry ? DcmVR(entry->getEVR()).getVRName() : "");
        dcmDataDict.rdunlock();
    }

    cdcmtk_visitor visitor_;
    cdcmtk_item_visitor items_;
    void *context_;
    cdcmtk_replacement replacement_;
    uint32_t entered_ = 0;
    uint32_t last_tag_ = 0;
    bool last_known_ = false;
    char last_vr_[3] = "  ";
};

} // namespace

cdcmtk_status cdcmtk_item_value(
    const cdcmtk_item *item, const uint32_t *path, size_t count, const uint8_t **value, size_t *length) {
    if (!item || !item->handle || !path || count == 0 || !value || !length) return CDCMTK_INVALID_ARGUMENT;
    *value = nullptr;
    *length = 0;
    return guarded(nullptr, [&] {
        auto *place = static_cast<DcmItem *>(item->handle);
        for (size_t step = 0; step + 1 < count; ++step) {
            DcmElement *sequence = find(*place, path[step]);
            if (!sequence || !is_sequence(*sequence)) return CDCMTK_NOT_FOUND;
            place = static_cast<DcmSequenceOfItems *>(sequence)->getItem(0);
            if (!place) return CDCMTK_NOT_FOUND;
        }
        DcmElement *element = find(*place, path[count - 1]);
        if (!element) return CDCMTK_NOT_FOUND;
        value_of(*element, *value, *length);
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_dataset_rewrite(
    cdcmtk_dataset *dataset, cdcmtk_visitor visitor, cdcmtk_item_visitor items, void *context, cdcmtk_error *error) {
    if (!dataset || !visitor) return invalid(error, "dataset and visitor must not be NULL");
    return guarded(error, [&] {
        try {
            Rewriter(visitor, items, context).walk(dataset->dataset, 0);
            return CDCMTK_OK;
        } catch (const Stopped &) {
            return cdcmtk::fill(error, CDCMTK_STOPPED, 0, 0, "the visitor asked to stop");
        }
    });
}
