#include "dataset.hpp"
#include "guarded.hpp"

#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dcostrma.h>
#include <dcmtk/dcmdata/dcwcache.h>

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

using cdcmtk::guarded;
using cdcmtk::invalid;
using cdcmtk::key;
using cdcmtk::require;

namespace {

/// Gives DCMTK's writer a place to write to: the caller's sink.
class SinkConsumer : public DcmConsumer {
public:
    SinkConsumer(cdcmtk_sink sink, void *context) : sink_(sink), context_(context) {}
    OFBool good() const override { return !stopped_; }
    OFCondition status() const override { return stopped_ ? EC_InvalidStream : EC_Normal; }
    OFBool isFlushed() const override { return OFTrue; }
    offile_off_t avail() const override { return 1 << 30; }
    offile_off_t write(const void *buffer, offile_off_t length) override {
        if (stopped_ || length <= 0) return 0;
        if (sink_(context_, static_cast<const uint8_t *>(buffer), static_cast<size_t>(length)) != 0) stopped_ = true;
        return stopped_ ? 0 : length;
    }
    void flush() override {}
    bool stopped() const { return stopped_; }

private:
    cdcmtk_sink sink_;
    void *context_;
    bool stopped_ = false;
};

class SinkStream : public DcmOutputStream {
public:
    explicit SinkStream(SinkConsumer *consumer) : DcmOutputStream(consumer) {}
};

/// Reaches DcmElement's stored value as DCMTK itself does. getValue and putValue are protected; naming them through a
/// derived class is the language's own way to use a protected member of a base.
struct StoredValue : DcmElement {
    static const uint8_t *get(DcmElement &element) {
        return static_cast<const uint8_t *>((element.*(&StoredValue::getValue))(gLocalByteOrder));
    }
    static OFCondition put(DcmElement &element, const void *bytes, Uint32 length) {
        return (element.*(&StoredValue::putValue))(bytes, length);
    }
};

struct Items : DcmItem {
    static DcmList &of(DcmItem &item) { return *(item.*(&Items::elementList)); }
};

bool is_sequence(const DcmElement &element) {
    return element.ident() == EVR_SQ;
}

/// The stored value; empty for sequences and for encapsulated pixel data, which has items instead of a value.
void value_of(DcmElement &element, const uint8_t *&bytes, size_t &length) {
    bytes = nullptr;
    length = 0;
    if (!element.isLeaf()) return;
    if (element.ident() == EVR_PixelData) return;
    if (DcmVR(element.getVR()).isaString() || element.isaString()) {
        char *text = nullptr;
        Uint32 count = 0;
        require(element.getString(text, count));
        bytes = reinterpret_cast<const uint8_t *>(text);
        length = text ? count : 0;
        return;
    }
    length = element.getLengthField();
    if (length > 0) bytes = StoredValue::get(element);
    if (!bytes) length = 0;
}

void put_value(DcmElement &element, const uint8_t *bytes, size_t length) {
    if (length > 0xFFFFFFFEu) throw cdcmtk::Failure(EC_ElemLengthLargerThanItem);
    const auto count = static_cast<Uint32>(length);
    switch (element.ident()) {
    case EVR_PixelData:
        if (element.getTag().getEVR() == EVR_OB) {
            require(element.putUint8Array(bytes, count));
        } else {
            std::vector<Uint16> words((length + 1) / 2, 0);
            std::memcpy(words.data(), bytes, length);
            require(element.putUint16Array(words.data(), static_cast<unsigned long>(words.size())));
        }
        return;
    case EVR_OB: case EVR_UN: case EVR_ox: case EVR_pixelItem:
        require(element.putUint8Array(bytes, count));
        return;
    default:
        if (element.isaString()) {
            require(element.putString(reinterpret_cast<const char *>(bytes), count));
        } else {
            require(StoredValue::put(element, bytes, count));
        }
    }
}

DcmElement *find(DcmItem &item, uint32_t tag) {
    DcmElement *element = nullptr;
    if (item.findAndGetElement(key(tag), element).bad()) return nullptr;
    return element;
}

cdcmtk_status absent(cdcmtk_error *error) {
    return cdcmtk::fill(error, CDCMTK_NOT_FOUND, 0, 0, "the attribute is not present");
}

E_TransferSyntax transfer_syntax(const char *uid) {
    const DcmXfer xfer(uid);
    return xfer.getXfer();
}

} // namespace

void cdcmtk::copy_elements(DcmItem &source, DcmItem &target) {
    DcmObject *object = nullptr;
    while ((object = source.nextInContainer(object)) != nullptr) {
        std::unique_ptr<DcmObject> copy(object->clone());
        require(target.insert(static_cast<DcmElement *>(copy.get()), OFTrue));
        copy.release();
    }
}

cdcmtk_status cdcmtk_dataset_create(cdcmtk_dataset **out, cdcmtk_error *error) {
    if (!out) return invalid(error, "out must not be NULL");
    return guarded(error, [&] {
        *out = new cdcmtk_dataset();
        return CDCMTK_OK;
    });
}

void cdcmtk_dataset_destroy(cdcmtk_dataset *dataset) {
    guarded(nullptr, [&] {
        delete dataset;
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_dataset_copy(const cdcmtk_dataset *dataset, cdcmtk_dataset **out, cdcmtk_error *error) {
    if (!dataset || !out) return invalid(error, "dataset and out must not be NULL");
    return guarded(error, [&] {
        *out = new cdcmtk_dataset{DcmDataset(dataset->dataset)};
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_dataset_parse(
    const uint8_t *bytes, size_t length, const char *syntax, cdcmtk_dataset **out, cdcmtk_error *error) {
    if ((!bytes && length) || !syntax || !out) return invalid(error, "bytes, transfer syntax and out must not be NULL");
    return guarded(error, [&] {
        const E_TransferSyntax xfer = transfer_syntax(syntax);
        if (xfer == EXS_Unknown) return invalid(error, "unknown transfer syntax");
        auto parsed = std::make_unique<cdcmtk_dataset>();
        if (length > 0) {
            DcmInputBufferStream stream;
            stream.setBuffer(bytes, static_cast<offile_off_t>(length));
            stream.setEos();
            parsed->dataset.transferInit();
            require(parsed->dataset.read(stream, xfer, EGL_noChange, DCM_MaxReadLength));
            parsed->dataset.transferEnd();
            if (stream.avail() != 0) return cdcmtk::check(EC_CorruptedData, error);
        }
        *out = parsed.release();
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_dataset_write(
    cdcmtk_dataset *dataset, const char *syntax, cdcmtk_sink sink, void *context, cdcmtk_error *error) {
    if (!dataset || !syntax || !sink) return invalid(error, "dataset, transfer syntax and sink must not be NULL");
    return guarded(error, [&] {
        const E_TransferSyntax xfer = transfer_syntax(syntax);
        if (xfer == EXS_Unknown) return invalid(error, "unknown transfer syntax");
        SinkConsumer consumer(sink, context);
        SinkStream stream(&consumer);
        DcmWriteCache cache;
        DcmDataset &source = dataset->dataset;
        require(source.computeGroupLengthAndPadding(EGL_withoutGL, EPD_withoutPadding, xfer, EET_ExplicitLength));
        source.transferInit();
        const OFCondition written = source.write(stream, xfer, EET_ExplicitLength, &cache);
        source.transferEnd();
        if (consumer.stopped()) return cdcmtk::fill(error, CDCMTK_STOPPED, 0, 0, "the sink asked to stop");
        return cdcmtk::check(written, error);
    });
}

cdcmtk_status cdcmtk_dataset_multiplicity(cdcmtk_dataset *dataset, uint32_t tag, size_t *out, cdcmtk_error *error) {
    if (!dataset || !out) return invalid(error, "dataset and out must not be NULL");
    return guarded(error, [&] {
        DcmElement *element = find(dataset->dataset, tag);
        if (!element) return absent(error);
        const bool empty = is_sequence(*element) ? static_cast<DcmSequenceOfItems *>(element)->card() == 0
                                                 : element->getLengthField() == 0;
        *out = empty ? 0 : element->getVM();
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_dataset_vr(cdcmtk_dataset *dataset, uint32_t tag, char out[2], cdcmtk_error *error) {
    if (!dataset || !out) return invalid(error, "dataset and out must not be NULL");
    return guarded(error, [&] {
        DcmElement *element = find(dataset->dataset, tag);
        if (!element) return absent(error);
        std::memcpy(out, DcmVR(element->getVR()).getValidVRName(), 2);
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_dataset_get_bytes(
    cdcmtk_dataset *dataset, uint32_t tag, cdcmtk_sink sink, void *context, cdcmtk_error *error) {
    if (!dataset || !sink) return invalid(error, "dataset and sink must not be NULL");
    return guarded(error, [&] {
        DcmElement *element = find(dataset->dataset, tag);
        if (!element) return absent(error);
        const uint8_t *bytes = nullptr;
        size_t length = 0;
        value_of(*element, bytes, length);
        if (length > 0 && sink(context, bytes, length) != 0)
            return cdcmtk::fill(error, CDCMTK_STOPPED, 0, 0, "the sink asked to stop");
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_dataset_get_double(
    cdcmtk_dataset *dataset, uint32_t tag, size_t index, double *out, cdcmtk_error *error) {
    if (!dataset || !out) return invalid(error, "dataset and out must not be NULL");
    return guarded(error, [&] {
        DcmElement *element = find(dataset->dataset, tag);
        if (!element) return absent(error);
        const auto position = static_cast<unsigned long>(index);
        if (element->getLengthField() == 0 || position >= element->getVM()) return absent(error);
        Float64 wide = 0;
        Float32 narrow = 0;
        if (element->getFloat64(wide, position).good()) {
            *out = wide;
            return CDCMTK_OK;
        }
        if (element->getFloat32(narrow, position).good()) {
            *out = narrow;
            return CDCMTK_OK;
        }
        OFString text;
        require(element->getOFString(text, position));
        OFBool good = OFFalse;
        const double value = OFStandard::atof(text.c_str(), &good);
        if (!good || !std::isfinite(value)) return cdcmtk::check(EC_InvalidValue, error);
        *out = value;
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_dataset_put_string(
    cdcmtk_dataset *dataset, uint32_t tag, const char *bytes, size_t length, cdcmtk_error *error) {
    const DcmTag known(key(tag));
    const char *vr = DcmVR(known.getEVR()).getValidVRName();
    if (!known.getVR().isaString()) return invalid(error, "the dictionary's VR is not one of characters");
    return cdcmtk_dataset_put_bytes(dataset, tag, vr, reinterpret_cast<const uint8_t *>(bytes), length, error);
}

cdcmtk_status cdcmtk_dataset_put_bytes(
    cdcmtk_dataset *dataset, uint32_t tag, const char vr[2], const uint8_t *bytes, size_t length, cdcmtk_error *error) {
    if (!dataset || !vr || (!bytes && length)) return invalid(error, "dataset, vr and bytes must not be NULL");
    return guarded(error, [&] {
        const DcmVR representation(std::string(vr, 2).c_str());
        if (!representation.isStandard() || representation.getEVR() == EVR_SQ)
            return invalid(error, "not a VR that holds a value");
        DcmElement *made = nullptr;
        require(DcmItem::newDicomElementWithVR(made, DcmTag(key(tag), representation)));
        std::unique_ptr<DcmElement> element(made);
        if (length > 0) put_value(*element, bytes, length);
        require(dataset->dataset.insert(element.get(), OFTrue));
        element.release();
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_dataset_put_numbers(
    cdcmtk_dataset *dataset, uint32_t tag, const double *values, size_t count, cdcmtk_error *error) {
    if (!dataset || (!values && count)) return invalid(error, "dataset and values must not be NULL");
    return guarded(error, [&] {
        DcmElement *made = nullptr;
        require(DcmItem::newDicomElementWithVR(made, DcmTag(key(tag))));
        std::unique_ptr<DcmElement> element(made);
        for (size_t index = 0; index < count; ++index) {
            const double value = values[index];
            const auto position = static_cast<unsigned long>(index);
            switch (element->getVR()) {
            case EVR_US: case EVR_xs: case EVR_lt: require(element->putUint16(static_cast<Uint16>(value), position)); break;
            case EVR_SS: require(element->putSint16(static_cast<Sint16>(value), position)); break;
            case EVR_UL: case EVR_up: require(element->putUint32(static_cast<Uint32>(value), position)); break;
            case EVR_SL: require(element->putSint32(static_cast<Sint32>(value), position)); break;
            case EVR_FL: require(element->putFloat32(static_cast<Float32>(value), position)); break;
            case EVR_FD: require(element->putFloat64(value, position)); break;
            default: return invalid(error, "the dictionary's VR is not a binary number");
            }
        }
        require(dataset->dataset.insert(element.get(), OFTrue));
        element.release();
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_dataset_remove(cdcmtk_dataset *dataset, uint32_t tag, cdcmtk_error *error) {
    if (!dataset) return invalid(error, "dataset must not be NULL");
    return guarded(error, [&] {
        delete dataset->dataset.remove(key(tag));
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_dataset_item_count(cdcmtk_dataset *dataset, uint32_t tag, size_t *out, cdcmtk_error *error) {
    if (!dataset || !out) return invalid(error, "dataset and out must not be NULL");
    return guarded(error, [&] {
        DcmElement *element = find(dataset->dataset, tag);
        if (!element || !is_sequence(*element)) return absent(error);
        *out = static_cast<DcmSequenceOfItems *>(element)->card();
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_dataset_get_item(
    cdcmtk_dataset *dataset, uint32_t tag, size_t index, cdcmtk_dataset **out, cdcmtk_error *error) {
    if (!dataset || !out) return invalid(error, "dataset and out must not be NULL");
    return guarded(error, [&] {
        DcmElement *element = find(dataset->dataset, tag);
        if (!element || !is_sequence(*element)) return absent(error);
        DcmItem *item = static_cast<DcmSequenceOfItems *>(element)->getItem(static_cast<unsigned long>(index));
        if (!item) return absent(error);
        auto copy = std::make_unique<cdcmtk_dataset>();
        cdcmtk::copy_elements(*item, copy->dataset);
        *out = copy.release();
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_dataset_append_item(
    cdcmtk_dataset *dataset, uint32_t tag, const cdcmtk_dataset *item, cdcmtk_error *error) {
    if (!dataset) return invalid(error, "dataset must not be NULL");
    return guarded(error, [&] {
        DcmElement *element = find(dataset->dataset, tag);
        if (element && !is_sequence(*element)) return invalid(error, "the attribute is there and is not a sequence");
        if (!element) {
            auto made = std::make_unique<DcmSequenceOfItems>(DcmTag(key(tag), DcmVR(EVR_SQ)));
            require(dataset->dataset.insert(made.get(), OFTrue));
            element = made.release();
        }
        if (!item) return CDCMTK_OK;
        auto copy = std::make_unique<DcmItem>();
        DcmDataset source(item->dataset);
        cdcmtk::copy_elements(source, *copy);
        require(static_cast<DcmSequenceOfItems *>(element)->append(copy.get()));
        copy.release();
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_dataset_copy_attributes(
    cdcmtk_dataset *source, const uint32_t *tags, size_t count, cdcmtk_dataset *target, cdcmtk_error *error) {
    if (!source || !target || (!tags && count)) return invalid(error, "source, target and tags must not be NULL");
    return guarded(error, [&] {
        for (size_t index = 0; index < count; ++index) {
            DcmElement *element = find(source->dataset, tags[index]);
            if (!element) continue;
            std::unique_ptr<DcmObject> copy(element->clone());
            require(target->dataset.insert(static_cast<DcmElement *>(copy.get()), OFTrue));
            copy.release();
        }
        return CDCMTK_OK;
    });
}

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
