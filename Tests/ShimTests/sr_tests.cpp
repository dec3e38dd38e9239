#include "check.hpp"

#include "CDCMTKShims.h"

#include <cmath>
#include <string>
#include <thread>
#include <vector>

namespace {

const cdcmtk_sr_code title{"126000", "DCM", "Imaging Measurement Report"};
const cdcmtk_sr_code name{"121106", "DCM", "Comment"};
const cdcmtk_sr_code one{"1", "UCUM", "no units"};
const char *const image_class = "1.2.840.10008.5.1.4.1.1.1.1";

cdcmtk_sr_tree *make() {
    cdcmtk_sr_tree *tree = nullptr;
    CHECK(cdcmtk_sr_tree_create(CDCMTK_SR_COMPREHENSIVE_3D, &title, "1500", "DCMR", &tree, nullptr) == CDCMTK_OK);
    return tree;
}

/// A tree with an item of each value type.
void fill(cdcmtk_sr_tree *tree) {
    const float box[] = {0, 0, 4, 0, 4, 4, 0, 4, 0, 0};
    CHECK(cdcmtk_sr_tree_add_container(tree, CDCMTK_SR_CONTAINS, &name, "1501", "DCMR", nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_sr_tree_add_text(tree, CDCMTK_SR_HAS_OBS_CONTEXT, &name, "text", nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_sr_tree_up(tree, nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_sr_tree_add_uid(tree, CDCMTK_SR_HAS_OBS_CONTEXT, &name, "2.25.1", nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_sr_tree_up(tree, nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_sr_tree_add_code(tree, CDCMTK_SR_CONTAINS, &name, &title, nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_sr_tree_up(tree, nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_sr_tree_add_number(tree, CDCMTK_SR_CONTAINS, &name, "0.5", &one, nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_sr_tree_up(tree, nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_sr_tree_add_polyline(tree, CDCMTK_SR_CONTAINS, &name, box, 5, nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_sr_tree_add_image(tree, CDCMTK_SR_SELECTED_FROM, nullptr, image_class, "1.2.3", nullptr) == CDCMTK_OK);
}

int append(void *context, const uint8_t *bytes, size_t length) {
    static_cast<std::string *>(context)->append(reinterpret_cast<const char *>(bytes), length);
    return 0;
}

std::string encode(cdcmtk_sr_tree *tree) {
    cdcmtk_dataset *dataset = nullptr;
    std::string bytes;
    CHECK(cdcmtk_dataset_create(&dataset, nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_sr_tree_write(tree, dataset, nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_dataset_write(dataset, "1.2.840.10008.1.2.1", append, &bytes, nullptr) == CDCMTK_OK);
    cdcmtk_dataset_destroy(dataset);
    return bytes;
}

TEST("a content tree of every value type is written, twice the same, and freed") {
    cdcmtk_sr_tree *tree = make();
    fill(tree);
    const std::string first = encode(tree);
    CHECK(first.find("POLYLINE") != std::string::npos && first.find("1501") != std::string::npos);
    CHECK(encode(tree) == first);
    cdcmtk_sr_tree_destroy(tree);
}

TEST("a tree that is thrown away half built leaves nothing") {
    cdcmtk_sr_tree *tree = make();
    CHECK(cdcmtk_sr_tree_add_container(tree, CDCMTK_SR_CONTAINS, &name, nullptr, nullptr, nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_sr_tree_add_text(tree, CDCMTK_SR_CONTAINS, &name, "text", nullptr) == CDCMTK_OK);
    cdcmtk_sr_tree_destroy(tree);
    cdcmtk_sr_tree_destroy(nullptr);
}

TEST("NULL and empty arguments are the caller's mistake, and said to be") {
    cdcmtk_error error{};
    cdcmtk_sr_tree *tree = nullptr;
    const cdcmtk_sr_code empty{"1", "", "x"};
    CHECK(cdcmtk_sr_tree_create(CDCMTK_SR_COMPREHENSIVE, nullptr, "1500", "DCMR", &tree, &error) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_sr_tree_create(CDCMTK_SR_COMPREHENSIVE, &empty, "1500", "DCMR", &tree, &error) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_sr_tree_create(CDCMTK_SR_COMPREHENSIVE, &title, "1500", nullptr, &tree, &error) == CDCMTK_INVALID_ARGUMENT);
    CHECK(tree == nullptr && error.text[0] != 0);
    tree = make();
    CHECK(cdcmtk_sr_tree_add_text(nullptr, CDCMTK_SR_CONTAINS, &name, "t", &error) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_sr_tree_add_text(tree, CDCMTK_SR_CONTAINS, nullptr, "t", &error) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_sr_tree_add_text(tree, CDCMTK_SR_CONTAINS, &name, "", &error) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_sr_tree_add_code(tree, CDCMTK_SR_CONTAINS, &name, nullptr, &error) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_sr_tree_add_number(tree, CDCMTK_SR_CONTAINS, &name, nullptr, &one, &error) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_sr_tree_add_image(tree, CDCMTK_SR_CONTAINS, &name, image_class, nullptr, &error) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_sr_tree_add_polyline(tree, CDCMTK_SR_CONTAINS, &name, nullptr, 5, &error) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_sr_tree_add_container(tree, CDCMTK_SR_CONTAINS, &name, "1501", nullptr, &error) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_sr_tree_write(tree, nullptr, &error) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_sr_tree_up(nullptr, &error) == CDCMTK_INVALID_ARGUMENT);
    CHECK(cdcmtk_sr_tree_up(tree, &error) == CDCMTK_NOT_FOUND);
    cdcmtk_sr_tree_destroy(tree);
}

TEST("what the IOD or DCMTK refuses is a failure, and an incomplete tree is not written") {
    cdcmtk_error error{};
    cdcmtk_sr_tree *tree = make();
    CHECK(cdcmtk_sr_tree_add_text(tree, CDCMTK_SR_SELECTED_FROM, &name, "t", &error) == CDCMTK_FAILED);
    CHECK(cdcmtk_sr_tree_add_number(tree, CDCMTK_SR_CONTAINS, &name, "not a number", &one, &error) != CDCMTK_OK);
    CHECK(cdcmtk_sr_tree_up(tree, nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_sr_tree_add_uid(tree, CDCMTK_SR_HAS_OBS_CONTEXT, &name, "no uid", &error) == CDCMTK_FAILED);
    CHECK(cdcmtk_sr_tree_up(tree, nullptr) == CDCMTK_OK);
    CHECK(
        cdcmtk_sr_tree_add_image(tree, CDCMTK_SR_CONTAINS, &name, "1.2.840.10008.5.1.4.1.1.88.33", "1.2", &error)
        == CDCMTK_FAILED);
    cdcmtk_dataset *dataset = nullptr;
    CHECK(cdcmtk_dataset_create(&dataset, nullptr) == CDCMTK_OK);
    CHECK(cdcmtk_sr_tree_write(tree, dataset, &error) == CDCMTK_FAILED);
    cdcmtk_dataset_destroy(dataset);
    cdcmtk_sr_tree_destroy(tree);
}

TEST("trees of several threads do not meet") {
    std::vector<std::string> encoded(8);
    std::vector<std::thread> threads;
    for (auto &target : encoded) {
        threads.emplace_back([&target] {
            for (int round = 0; round < 20; ++round) {
                cdcmtk_sr_tree *tree = make();
                fill(tree);
                target = encode(tree);
                cdcmtk_sr_tree_destroy(tree);
            }
        });
    }
    for (auto &thread : threads) thread.join();
    for (const auto &bytes : encoded) CHECK(!bytes.empty() && bytes == encoded.front());
}

} // namespace
