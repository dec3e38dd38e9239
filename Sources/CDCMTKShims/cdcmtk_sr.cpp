#include "cdcmtk_sr.h"

#include "dataset.hpp"
#include "guarded.hpp"

#include <dcmtk/dcmsr/dsrcitem.h>
#include <dcmtk/dcmsr/dsrcodvl.h>
#include <dcmtk/dcmsr/dsrdoctr.h>
#include <dcmtk/dcmsr/dsrimgvl.h>
#include <dcmtk/dcmsr/dsrnumvl.h>
#include <dcmtk/dcmsr/dsrscovl.h>

#include <memory>

using cdcmtk::check;
using cdcmtk::fill;
using cdcmtk::guarded;
using cdcmtk::invalid;

struct cdcmtk_sr_tree {
    explicit cdcmtk_sr_tree(DSRTypes::E_DocumentType type) : tree(type) {}
    DSRDocumentTree tree;
};

namespace {

bool usable(const char *text) { return text && *text; }
bool usable(const cdcmtk_sr_code *code) {
    return code && usable(code->value) && usable(code->scheme) && usable(code->meaning);
}

// DCMTK's own checks of strings are off wherever it offers that: for UTF-8 it only warns, and it never looks at lengths.
DSRCodedEntryValue entry(const cdcmtk_sr_code &code) {
    return DSRCodedEntryValue(code.value, code.scheme, code.meaning, DSRTypes::CVT_auto, OFFalse);
}

bool translate(cdcmtk_sr_relationship relationship, DSRTypes::E_RelationshipType &out) {
    switch (relationship) {
    case CDCMTK_SR_CONTAINS: out = DSRTypes::RT_contains; return true;
    case CDCMTK_SR_HAS_OBS_CONTEXT: out = DSRTypes::RT_hasObsContext; return true;
    case CDCMTK_SR_HAS_ACQ_CONTEXT: out = DSRTypes::RT_hasAcqContext; return true;
    case CDCMTK_SR_HAS_CONCEPT_MOD: out = DSRTypes::RT_hasConceptMod; return true;
    case CDCMTK_SR_HAS_PROPERTIES: out = DSRTypes::RT_hasProperties; return true;
    case CDCMTK_SR_INFERRED_FROM: out = DSRTypes::RT_inferredFrom; return true;
    case CDCMTK_SR_SELECTED_FROM: out = DSRTypes::RT_selectedFrom; return true;
    }
    return false;
}

/// Adds the item, names it, and lets `set` give it its value.
template <typename Set>
cdcmtk_status add(
    cdcmtk_sr_tree *tree, cdcmtk_sr_relationship relationship, DSRTypes::E_ValueType type,
    const cdcmtk_sr_code *concept_name, bool concept_required, cdcmtk_error *error, Set &&set) {
    return guarded(error, [&]() -> cdcmtk_status {
        DSRTypes::E_RelationshipType relation;
        if (!tree || !translate(relationship, relation)) return invalid(error, "tree or relationship");
        if ((concept_name || concept_required) && !usable(concept_name)) return invalid(error, "concept name");
        if (tree->tree.addContentItem(relation, type, DSRTypes::AM_belowCurrent) == 0)
            return fill(error, CDCMTK_FAILED, 0, 0, "relationship not allowed by the IOD");
        DSRContentItem &item = tree->tree.getCurrentContentItem();
        if (concept_name) {
            const cdcmtk_status named = check(item.setConceptName(entry(*concept_name), OFFalse), error);
            if (named != CDCMTK_OK) return named;
        }
        return check(set(item), error);
    });
}

OFCondition separate(DSRContentItem &item, const char *identifier, const char *resource) {
    OFCondition result = item.setContinuityOfContent(DSRTypes::COC_Separate);
    if (result.good() && identifier) result = item.setTemplateIdentification(identifier, resource);
    return result;
}

} // namespace

cdcmtk_status cdcmtk_sr_tree_create(
    cdcmtk_sr_document_type type, const cdcmtk_sr_code *title, const char *template_identifier,
    const char *mapping_resource, cdcmtk_sr_tree **out, cdcmtk_error *error) {
    return guarded(error, [&]() -> cdcmtk_status {
        if (!out || !usable(title) || !usable(template_identifier) || !usable(mapping_resource))
            return invalid(error, "title, template or out");
        if (type != CDCMTK_SR_COMPREHENSIVE && type != CDCMTK_SR_COMPREHENSIVE_3D) return invalid(error, "document type");
        auto created = std::make_unique<cdcmtk_sr_tree>(
            type == CDCMTK_SR_COMPREHENSIVE ? DSRTypes::DT_ComprehensiveSR : DSRTypes::DT_Comprehensive3DSR);
        if (created->tree.addContentItem(DSRTypes::RT_isRoot, DSRTypes::VT_Container) == 0)
            return fill(error, CDCMTK_FAILED, 0, 0, "no root");
        DSRContentItem &root = created->tree.getCurrentContentItem();
        OFCondition result = root.setConceptName(entry(*title), OFFalse);
        if (result.good()) result = separate(root, template_identifier, mapping_resource);
        if (result.bad()) return check(result, error);
        *out = created.release();
        return CDCMTK_OK;
    });
}

void cdcmtk_sr_tree_destroy(cdcmtk_sr_tree *tree) {
    guarded(nullptr, [&] {
        delete tree;
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_sr_tree_add_container(
    cdcmtk_sr_tree *tree, cdcmtk_sr_relationship relationship, const cdcmtk_sr_code *concept_name,
    const char *template_identifier, const char *mapping_resource, cdcmtk_error *error) {
    if ((template_identifier == nullptr) != (mapping_resource == nullptr)) return invalid(error, "template");
    return add(tree, relationship, DSRTypes::VT_Container, concept_name, true, error, [&](DSRContentItem &item) {
        return separate(item, template_identifier, mapping_resource);
    });
}

cdcmtk_status cdcmtk_sr_tree_add_text(
    cdcmtk_sr_tree *tree, cdcmtk_sr_relationship relationship, const cdcmtk_sr_code *concept_name, const char *text,
    cdcmtk_error *error) {
    if (!usable(text)) return invalid(error, "text");
    return add(tree, relationship, DSRTypes::VT_Text, concept_name, true, error, [&](DSRContentItem &item) {
        return item.setStringValue(text, OFFalse);
    });
}

cdcmtk_status cdcmtk_sr_tree_add_code(
    cdcmtk_sr_tree *tree, cdcmtk_sr_relationship relationship, const cdcmtk_sr_code *concept_name,
    const cdcmtk_sr_code *value, cdcmtk_error *error) {
    if (!usable(value)) return invalid(error, "code");
    return add(tree, relationship, DSRTypes::VT_Code, concept_name, true, error, [&](DSRContentItem &item) {
        return item.setCodeValue(entry(*value), OFFalse);
    });
}

cdcmtk_status cdcmtk_sr_tree_add_uid(
    cdcmtk_sr_tree *tree, cdcmtk_sr_relationship relationship, const cdcmtk_sr_code *concept_name, const char *uid,
    cdcmtk_error *error) {
    if (!usable(uid)) return invalid(error, "uid");
    return add(tree, relationship, DSRTypes::VT_UIDRef, concept_name, true, error, [&](DSRContentItem &item) {
        return item.setStringValue(uid);
    });
}

cdcmtk_status cdcmtk_sr_tree_add_number(
    cdcmtk_sr_tree *tree, cdcmtk_sr_relationship relationship, const cdcmtk_sr_code *concept_name, const char *value,
    const cdcmtk_sr_code *unit, cdcmtk_error *error) {
    if (!usable(value) || !usable(unit)) return invalid(error, "number or unit");
    return add(tree, relationship, DSRTypes::VT_Num, concept_name, true, error, [&](DSRContentItem &item) {
        return item.setNumericValue(DSRNumericMeasurementValue(value, entry(*unit)));
    });
}

cdcmtk_status cdcmtk_sr_tree_add_image(
    cdcmtk_sr_tree *tree, cdcmtk_sr_relationship relationship, const cdcmtk_sr_code *concept_name, const char *sop_class_uid,
    const char *sop_instance_uid, cdcmtk_error *error) {
    if (!usable(sop_class_uid) || !usable(sop_instance_uid)) return invalid(error, "image");
    return add(tree, relationship, DSRTypes::VT_Image, concept_name, false, error, [&](DSRContentItem &item) {
        return item.setImageReference(DSRImageReferenceValue(sop_class_uid, sop_instance_uid));
    });
}

cdcmtk_status cdcmtk_sr_tree_add_polyline(
    cdcmtk_sr_tree *tree, cdcmtk_sr_relationship relationship, const cdcmtk_sr_code *concept_name,
    const float *columns_rows, size_t count, cdcmtk_error *error) {
    if (!columns_rows || count == 0) return invalid(error, "coordinates");
    return add(tree, relationship, DSRTypes::VT_SCoord, concept_name, true, error, [&](DSRContentItem &item) {
        DSRSpatialCoordinatesValue value(DSRTypes::GT_Polyline);
        for (size_t point = 0; point < count; ++point)
            value.getGraphicDataList().addItem(columns_rows[2 * point], columns_rows[2 * point + 1]);
        return item.setSpatialCoordinates(value);
    });
}

cdcmtk_status cdcmtk_sr_tree_up(cdcmtk_sr_tree *tree, cdcmtk_error *error) {
    return guarded(error, [&]() -> cdcmtk_status {
        if (!tree) return invalid(error, "tree");
        if (tree->tree.goUp() == 0) return fill(error, CDCMTK_NOT_FOUND, 0, 0, "the root has no parent");
        return CDCMTK_OK;
    });
}

cdcmtk_status cdcmtk_sr_tree_write(cdcmtk_sr_tree *tree, cdcmtk_dataset *target, cdcmtk_error *error) {
    return guarded(error, [&]() -> cdcmtk_status {
        if (!tree || !target) return invalid(error, "tree or target");
        // DCMTK writes an incomplete item with a log line only, so every item is asked before.
        DSRDocumentTreeNodeCursor cursor;
        if (!tree->tree.isValid() || !tree->tree.getCursorToRootNode(cursor))
            return fill(error, CDCMTK_FAILED, 0, 0, "the tree is not valid");
        do {
            if (!cursor.getNode()->isValid()) return fill(error, CDCMTK_FAILED, 0, 0, "a content item is not valid");
        } while (cursor.iterate());
        return check(tree->tree.write(target->dataset), error);
    });
}
