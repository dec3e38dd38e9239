#include "dataset.hpp"
#include "guarded.hpp"

#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dcostrma.h>
#include <dcmtk/dcmdata/dcwcache.h>

#include <cmath>
#include <cstring>
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

cdcmtk_status absent(cdcmtk_error *error) {
    return cdcmtk::fill(error, CDCMTK_NOT_FOUND, 0, 0, "the attribute is not present");
}

E_TransferSyntax transfer_syntax(const char *uid) {
    const DcmXfer xfer(uid);
    return xfer.getXfer();
}

} // namespace

bool cdcmtk::is_sequence(const DcmElement &element) {
    return element.ident() == EVR_SQ;
}

void cdcmtk::value_of(DcmElement &element, const uint8_t *&bytes, size_t &length) {
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

void cdcmtk::put_value(DcmElement &element, const uint8_t *bytes, size_t length) {
    if (length > 0xFFFFFFFEu) throw Failure(EC_ElemLengthLargerThanItem);
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

DcmElement *cdcmtk::find(DcmItem &item, uint32_t tag) {
    DcmElement *element = nullptr;
    if (item.findAndGetElement(key(tag), element).bad()) return nullptr;
    return element;
}

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
