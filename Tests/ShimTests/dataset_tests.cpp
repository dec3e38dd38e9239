#include "check.hpp"

#include "CDCMTKShims.h"

#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using Bytes = std::vector<uint8_t>;

const char *const explicit_le = "1.2.840.10008.1.2.1";
const char *const implicit_le = "1.2.840.10008.1.2";
const uint32_t patient_name = 0x00100010;
const uint32_t referenced_study_sequence = 0x00081110;

int append(void *context, const uint8_t *bytes, size_t length) {
    auto *target = static_cast<Bytes *>(context);
    target->insert(target->end(), bytes, bytes + length);
    return 0;
}

void add(Bytes &bytes, uint32_t tag, const char *vr, const Bytes &value) {
    const bool is_long = std::strcmp(vr, "SQ") == 0 || std::strcmp(vr, "OB") == 0;
    for (const uint32_t part : {tag >> 16, tag >> 24, tag, tag >> 8}) bytes.push_back(static_cast<uint8_t>(part));
    bytes.insert(bytes.end(), vr, vr + 2);
    if (is_long) bytes.insert(bytes.end(), {0, 0});
    for (int byte = 0; byte < (is_long ? 4 : 2); ++byte)
        bytes.push_back(static_cast<uint8_t>(value.size() >> (8 * byte)));
    bytes.insert(bytes.end(), value.begin(), value.end());
}

Bytes text(const char *value) {
    Bytes bytes(value, value + std::strlen(value));
    if (bytes.size() % 2) bytes.push_back(' ');
    return bytes;
}

/// A name, and a sequence with one item that has a name too.
Bytes sample() {
    Bytes item;
    add(item, patient_name, "PN", text("Inner^Name"));
    Bytes sequence = {0xFE, 0xFF, 0x00, 0xE0};
    for (int byte = 0; byte < 4; ++byte) sequence.push_back(static_cast<uint8_t>(item.size() >> (8 * byte)));
    sequence.insert(sequence.end(), item.begin(), item.end());
    Bytes bytes;
    add(bytes, referenced_study_sequence, "SQ", sequence);
    add(bytes, patient_name, "PN", text("Outer^Name"));
    return bytes;
}

/// Owns a data set for the time of a test.
class Owned {
public:
    explicit Owned(const Bytes &bytes = sample()) {
        CHECK(cdcmtk_dataset_parse(bytes.data(), bytes.size(), explicit_le, &dataset, nullptr) == CDCMTK_OK);
    }
    ~Owned() { cdcmtk_dataset_destroy(dataset); }
    operator cdcmtk_dataset *() const { return dataset; }

private:
    cdcmtk_dataset *dataset = nullptr;
};

TEST("a data set is written as it was read, and converted to another transfer syntax") {
    const Owned dataset;
    Bytes written, converted;
    CHECK(cdcmtk_dataset_write(dataset, explicit_le, append, &written, nullptr) == CDCMTK_OK);
    CHECK(written == sample());
    CHECK(cdcmtk_dataset_write(dataset, implicit_le, append, &converted, nullptr) == CDCMTK_OK);
    cdcmtk_dataset *again = nullptr;
    CHECK(cdcmtk_dataset_parse(converted.data(), converted.size(), implicit_le, &again, nullptr) == CDCMTK_OK);
    written.clear();
    CHECK(cdcmtk_dataset_write(again, explicit_le, append, &written, nullptr) == CDCMTK_OK);
    CHECK(written == sample());
    cdcmtk_dataset_destroy(again);
}

TEST("a sink that stops or throws ends the writer, and the data set can be written again") {
    const Owned dataset;
    cdcmtk_error error{};
    const auto stop = [](void *, const uint8_t *, size_t) { return 1; };
    const auto fail = [](void *, const uint8_t *, size_t) -> int { throw std::runtime_error("sink"); };
    CHECK(cdcmtk_dataset_write(dataset, explicit_le, stop, nullptr, &error) == CDCMTK_STOPPED);
    CHECK(cdcmtk_dataset_write(dataset, explicit_le, fail, nullptr, &error) == CDCMTK_EXCEPTION);
    CHECK(std::string(error.text) == "sink");
    CHECK(cdcmtk_dataset_get_bytes(dataset, patient_name, stop, nullptr, &error) == CDCMTK_STOPPED);
    CHECK(cdcmtk_dataset_get_bytes(dataset, patient_name, fail, nullptr, &error) == CDCMTK_EXCEPTION);
    Bytes written;
    CHECK(cdcmtk_dataset_write(dataset, explicit_le, append, &written, nullptr) == CDCMTK_OK);
    CHECK(written == sample());
}

TEST("a visitor that throws or stops ends the walk and leaves nothing behind") {
    const Owned first, second;
    CHECK(
        cdcmtk_dataset_rewrite(
            first,
            [](void *, const cdcmtk_element *, cdcmtk_replacement *) -> cdcmtk_action { throw 42; }, nullptr, nullptr,
            nullptr) ==
        CDCMTK_EXCEPTION);
    // Stops after it has given a replacement, inside the item.
    CHECK(
        cdcmtk_dataset_rewrite(
            second,
            [](void *, const cdcmtk_element *element, cdcmtk_replacement *replacement) {
                const uint8_t bytes[] = {'X', ' '};
                cdcmtk_replacement_set(replacement, bytes, sizeof bytes);
                return element->depth > 0 ? CDCMTK_STOP : CDCMTK_KEEP;
            },
            nullptr, nullptr, nullptr) == CDCMTK_STOPPED);
}

TEST("a visitor's answers reach items and the top level") {
    const Owned dataset;
    std::vector<std::string> seen;
    CHECK(
        cdcmtk_dataset_rewrite(
            dataset,
            [](void *context, const cdcmtk_element *element, cdcmtk_replacement *replacement) {
                static_cast<std::vector<std::string> *>(context)->push_back(
                    std::string(element->vr, 2) + std::to_string(element->depth));
                if (element->tag != patient_name) return CDCMTK_KEEP;
                const Bytes bytes = text(element->depth ? "In" : "Out");
                cdcmtk_replacement_set(replacement, bytes.data(), bytes.size());
                return CDCMTK_REPLACE;
            },
            nullptr, &seen, nullptr) == CDCMTK_OK);
    CHECK(seen == (std::vector<std::string>{"SQ0", "PN1", "PN0"}));
    Bytes written;
    CHECK(cdcmtk_dataset_write(dataset, explicit_le, append, &written, nullptr) == CDCMTK_OK);
    const std::string all(written.begin(), written.end());
    CHECK(all.find("Inner") == std::string::npos && all.find("Outer") == std::string::npos);
    CHECK(all.find("Out ") != std::string::npos && all.find("In") != std::string::npos);
}

/// An item with a code value, as a sequence's bytes.
Bytes coded_item(const char *value) {
    Bytes code, item = {0xFE, 0xFF, 0x00, 0xE0};
    add(code, 0x00080100, "SH", text(value));
    for (int byte = 0; byte < 4; ++byte) item.push_back(static_cast<uint8_t>(code.size() >> (8 * byte)));
    item.insert(item.end(), code.begin(), code.end());
    return item;
}

TEST("an item visitor sees what an item holds and takes items away") {
    Bytes items, bytes;
    for (const char *value : {"A", "B", "C", "D"}) {
        const Bytes item = coded_item(value);
        items.insert(items.end(), item.begin(), item.end());
    }
    add(bytes, referenced_study_sequence, "SQ", items);
    const Owned dataset(bytes);
    const auto keep = [](void *, const cdcmtk_element *, cdcmtk_replacement *) { return CDCMTK_KEEP; };
    std::string seen;
    CHECK(
        cdcmtk_dataset_rewrite(
            dataset, keep,
            [](void *context, const cdcmtk_item *item) {
                const uint32_t path[] = {0x00080100}, missing[] = {patient_name, 0x00080100};
                const uint8_t *value = nullptr;
                size_t length = 0;
                CHECK(cdcmtk_item_value(item, missing, 2, &value, &length) == CDCMTK_NOT_FOUND);
                CHECK(cdcmtk_item_value(item, path, 0, &value, &length) == CDCMTK_INVALID_ARGUMENT);
                CHECK(cdcmtk_item_value(item, path, 1, &value, &length) == CDCMTK_OK && length == 2);
                CHECK(item->sequence == referenced_study_sequence && item->depth == 1);
                static_cast<std::string *>(context)->push_back(static_cast<char>(value[0]));
                return value[0] == 'B' || value[0] == 'D' ? CDCMTK_REMOVE : CDCMTK_KEEP;
            },
            &seen, nullptr) == CDCMTK_OK);
    CHECK(seen == "ABCD");
    size_t count = 0;
    CHECK(cdcmtk_dataset_item_count(dataset, referenced_study_sequence, &count, nullptr) == CDCMTK_OK && count == 2);
    CHECK(
        cdcmtk_dataset_rewrite(
            dataset, keep, [](void *, const cdcmtk_item *) { return CDCMTK_STOP; }, nullptr, nullptr) == CDCMTK_STOPPED);
}

TEST("a private element is seen with the creator of its own item, and a creator stays with what it defines") {
    Bytes item, bytes;
    // In the item nothing reserves block 10; the creator at the top level is not inherited.
    add(item, 0x00091001, "LO", text("inner"));
    Bytes sequence = {0xFE, 0xFF, 0x00, 0xE0};
    for (int byte = 0; byte < 4; ++byte) sequence.push_back(static_cast<uint8_t>(item.size() >> (8 * byte)));
    sequence.insert(sequence.end(), item.begin(), item.end());
    add(bytes, referenced_study_sequence, "SQ", sequence);
    add(bytes, 0x00090010, "LO", text("ONE  "));
    add(bytes, 0x00090011, "LO", text("TWO"));
    add(bytes, 0x00091001, "LO", text("first"));
    add(bytes, 0x00091101, "LO", text("second"));
    const Owned dataset(bytes);
    std::vector<std::string> seen;
    CHECK(
        cdcmtk_dataset_rewrite(
            dataset,
            [](void *context, const cdcmtk_element *element, cdcmtk_replacement *) {
                if (element->tag == referenced_study_sequence) return CDCMTK_KEEP;
                static_cast<std::vector<std::string> *>(context)->push_back(
                    element->creator ? std::string(element->creator, element->creator_length) : "-");
                return element->tag == 0x00091101 ? CDCMTK_REMOVE : CDCMTK_KEEP;
            },
            nullptr, &seen, nullptr) == CDCMTK_OK);
    CHECK(seen == (std::vector<std::string>{"-", "-", "-", "ONE", "TWO"}));
    Bytes written;
    CHECK(cdcmtk_dataset_write(dataset, explicit_le, append, &written, nullptr) == CDCMTK_OK);
    const std::string all(written.begin(), written.end());
    CHECK(all.find("ONE") != std::string::npos && all.find("first") != std::string::npos);
    CHECK(all.find("TWO") == std::string::npos && all.find("second") == std::string::npos);
}

TEST("every way to cut a data set short, or to change a byte of it, is parsed or refused") {
    const Bytes whole = sample();
    size_t parsed = 0;
    for (size_t end = 0; end < whole.size(); ++end) {
        cdcmtk_dataset *dataset = nullptr;
        if (cdcmtk_dataset_parse(whole.data(), end, explicit_le, &dataset, nullptr) == CDCMTK_OK) ++parsed;
        cdcmtk_dataset_destroy(dataset);
    }
    // Nothing at all, the sequence alone, and its header alone: DCMTK takes a sequence of a defined length that has no
    // item at all for an empty one. DataSetPreParser, which sees a peer's bytes before DCMTK does, refuses it.
    CHECK(parsed == 3);
    for (size_t index = 0; index < whole.size(); ++index) {
        for (const uint8_t value : {0x00, 0x01, 0x7F, 0xFF}) {
            Bytes bytes = whole;
            bytes[index] = value;
            cdcmtk_dataset *dataset = nullptr;
            if (cdcmtk_dataset_parse(bytes.data(), bytes.size(), explicit_le, &dataset, nullptr) == CDCMTK_OK) {
                Bytes written;
                (void)cdcmtk_dataset_write(dataset, explicit_le, append, &written, nullptr);
            }
            cdcmtk_dataset_destroy(dataset);
        }
    }
}

TEST("items and copies are their owner's own") {
    cdcmtk_dataset *item = nullptr, *copy = nullptr, *target = nullptr;
    {
        const Owned dataset;
        CHECK(cdcmtk_dataset_get_item(dataset, referenced_study_sequence, 0, &item, nullptr) == CDCMTK_OK);
        CHECK(cdcmtk_dataset_get_item(dataset, referenced_study_sequence, 1, &target, nullptr) != CDCMTK_OK);
        CHECK(cdcmtk_dataset_copy(dataset, &copy, nullptr) == CDCMTK_OK);
    }
    CHECK(cdcmtk_dataset_create(&target, nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_dataset_append_item(target, referenced_study_sequence, item, nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_dataset_append_item(target, referenced_study_sequence, item, nullptr) == CDCMTK_OK);
    const uint32_t tags[] = {patient_name, 0x00100020};
    CHECK(cdcmtk_dataset_copy_attributes(copy, tags, 2, target, nullptr) == CDCMTK_OK);
    cdcmtk_dataset_destroy(item);
    cdcmtk_dataset_destroy(copy);
    size_t count = 0;
    CHECK(cdcmtk_dataset_item_count(target, referenced_study_sequence, &count, nullptr) == CDCMTK_OK && count == 2);
    Bytes name;
    CHECK(cdcmtk_dataset_get_bytes(target, patient_name, append, &name, nullptr) == CDCMTK_OK);
    CHECK(name == text("Outer^Name"));
    cdcmtk_dataset_destroy(target);
}

TEST("destroy takes NULL, and NULL elsewhere is an answer") {
    cdcmtk_dataset_destroy(nullptr);
    cdcmtk_sr_tree_destroy(nullptr);
    cdcmtk_error error{};
    CHECK(cdcmtk_dataset_create(nullptr, &error) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_dataset_parse(nullptr, 4, explicit_le, nullptr, &error) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_dataset_write(nullptr, explicit_le, append, nullptr, &error) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_dataset_rewrite(nullptr, nullptr, nullptr, nullptr, &error) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_image_decode(nullptr, nullptr, 0, nullptr, 0, &error) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_image_decode_jpeg2000(nullptr, nullptr, 0, nullptr, 0, &error) == CDCMTK_INVALID_ARGUMENT);
    const Owned dataset;
    CHECK(cdcmtk_dataset_write(dataset, "1.2.3", append, nullptr, nullptr) != CDCMTK_OK);
    CHECK(cdcmtk_dataset_write(dataset, explicit_le, nullptr, nullptr, nullptr) == CDCMTK_INVALID_ARGUMENT);
}

TEST("a content tree can be built, written, refused and left unfinished") {
    const cdcmtk_sr_code title{"126000", "DCM", "Imaging Measurement Report"};
    const cdcmtk_sr_code concept_name{"121106", "DCM", "Comment"};
    cdcmtk_sr_tree *tree = nullptr;
    cdcmtk_error error{};
    CHECK(cdcmtk_sr_tree_create(CDCMTK_SR_COMPREHENSIVE_3D, &title, "1500", "DCMR", &tree, &error) == CDCMTK_OK);
    CHECK(cdcmtk_sr_tree_up(tree, &error) == CDCMTK_NOT_FOUND);
    CHECK(
        cdcmtk_sr_tree_add_text(tree, CDCMTK_SR_INFERRED_FROM, &concept_name, "no", &error) == CDCMTK_FAILED);
    CHECK(cdcmtk_sr_tree_add_text(tree, CDCMTK_SR_CONTAINS, &concept_name, "yes", &error) == CDCMTK_OK);
    cdcmtk_dataset *dataset = nullptr;
    CHECK(cdcmtk_dataset_create(&dataset, &error) == CDCMTK_OK);
    CHECK(cdcmtk_sr_tree_write(tree, dataset, &error) == CDCMTK_OK);
    size_t items = 0;
    CHECK(cdcmtk_dataset_item_count(dataset, 0x0040A730, &items, &error) == CDCMTK_OK && items == 1);
    CHECK(cdcmtk_sr_tree_write(tree, nullptr, &error) == CDCMTK_INVALID_ARGUMENT);
    cdcmtk_dataset_destroy(dataset);
    cdcmtk_sr_tree_destroy(tree);
}

TEST("codestreams that are none are refused by every decoder") {
    const char *const syntaxes[] = {
        "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70",
        "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"};
    // Nothing, noise, the beginnings of JPEG, JPEG-LS and JPEG 2000 with nothing after them.
    const std::vector<Bytes> streams = {
        {},
        Bytes(500, 0x5A),
        {0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8, 0, 16, 0, 16, 1, 1, 0x11, 0},
        {0xFF, 0xD8, 0xFF, 0xF7, 0, 11, 8, 0, 16, 0, 16, 1, 1, 0x11, 0},
        {0xFF, 0x4F, 0xFF, 0x51, 0, 41},
        {0xFF, 0xD8, 0xFF, 0xD9},
    };
    std::vector<uint16_t> samples(256);
    for (const Bytes &stream : streams) {
        for (const char *syntax : syntaxes) {
            const cdcmtk_image_format format{syntax, 16, 16, 8};
            CHECK(
                cdcmtk_image_decode(&format, stream.data(), stream.size(), samples.data(), samples.size(), nullptr) !=
                CDCMTK_OK);
        }
        const cdcmtk_image_format format{nullptr, 16, 16, 8};
        CHECK(
            cdcmtk_image_decode_jpeg2000(
                &format, stream.data(), stream.size(), samples.data(), samples.size(), nullptr) != CDCMTK_OK);
    }
}

TEST("data sets on several threads do not disturb one another") {
    std::vector<std::thread> threads;
    for (int number = 0; number < 4; ++number) {
        threads.emplace_back([] {
            for (int round = 0; round < 50; ++round) {
                const Owned dataset;
                Bytes written;
                CHECK(cdcmtk_dataset_write(dataset, explicit_le, append, &written, nullptr) == CDCMTK_OK);
                CHECK(written == sample());
            }
        });
    }
    for (auto &thread : threads) thread.join();
}

} // namespace
