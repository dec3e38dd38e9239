#ifndef CDCMTK_SR_H
#define CDCMTK_SR_H
#include "cdcmtk_dataset.h"
#include "cdcmtk_error.h"

#ifdef __cplusplus
extern "C" {
#endif

/// The content tree of a structured report while it is built, depth first. DCMTK checks each item against the relationship
/// constraints of the IOD (PS3.3 A.35.3-2, A.35.13-2). Not thread-safe: one owner, one thread at a time.
/// Strings are NUL-terminated, valid during the call, and copied. Lengths, repertoire, coordinates and units are the
/// caller's to check: DCMTK 3.6.7 checks none of them.
typedef struct cdcmtk_sr_tree cdcmtk_sr_tree;

typedef enum cdcmtk_sr_document_type {
    CDCMTK_SR_COMPREHENSIVE = 0,   ///< 1.2.840.10008.5.1.4.1.1.88.33
    CDCMTK_SR_COMPREHENSIVE_3D = 1 ///< 1.2.840.10008.5.1.4.1.1.88.34
} cdcmtk_sr_document_type;

/// PS3.3 C.17.3.2.4.
typedef enum cdcmtk_sr_relationship {
    CDCMTK_SR_CONTAINS = 0,
    CDCMTK_SR_HAS_OBS_CONTEXT = 1,
    CDCMTK_SR_HAS_ACQ_CONTEXT = 2,
    CDCMTK_SR_HAS_CONCEPT_MOD = 3,
    CDCMTK_SR_HAS_PROPERTIES = 4,
    CDCMTK_SR_INFERRED_FROM = 5,
    CDCMTK_SR_SELECTED_FROM = 6
} cdcmtk_sr_relationship;

/// A coded entry (PS3.3 8.8). No NULL, nothing empty.
typedef struct cdcmtk_sr_code {
    const char *value;
    const char *scheme;
    const char *meaning;
} cdcmtk_sr_code;

/// A tree with its root: a CONTAINER, continuity SEPARATE, of a template of a mapping resource ("1500", "DCMR") (+1).
cdcmtk_status cdcmtk_sr_tree_create(
    cdcmtk_sr_document_type type, const cdcmtk_sr_code *title, const char *template_identifier,
    const char *mapping_resource, cdcmtk_sr_tree **out, cdcmtk_error *error);
/// Frees it. NULL is allowed.
void cdcmtk_sr_tree_destroy(cdcmtk_sr_tree *tree);

// Each of these adds a last child to the current item and makes it the current one. CDCMTK_FAILED with module 0: the IOD
// does not allow this relationship between these value types.

/// CONTAINER, continuity SEPARATE. `template_identifier` and `mapping_resource` may both be NULL.
cdcmtk_status cdcmtk_sr_tree_add_container(
    cdcmtk_sr_tree *tree, cdcmtk_sr_relationship relationship, const cdcmtk_sr_code *concept_name,
    const char *template_identifier, const char *mapping_resource, cdcmtk_error *error);
cdcmtk_status cdcmtk_sr_tree_add_text(
    cdcmtk_sr_tree *tree, cdcmtk_sr_relationship relationship, const cdcmtk_sr_code *concept_name, const char *text,
    cdcmtk_error *error);
cdcmtk_status cdcmtk_sr_tree_add_code(
    cdcmtk_sr_tree *tree, cdcmtk_sr_relationship relationship, const cdcmtk_sr_code *concept_name,
    const cdcmtk_sr_code *value, cdcmtk_error *error);
cdcmtk_status cdcmtk_sr_tree_add_uid(
    cdcmtk_sr_tree *tree, cdcmtk_sr_relationship relationship, const cdcmtk_sr_code *concept_name, const char *uid,
    cdcmtk_error *error);
/// NUM: `value` is a decimal string (DS), `unit` a UCUM code.
cdcmtk_status cdcmtk_sr_tree_add_number(
    cdcmtk_sr_tree *tree, cdcmtk_sr_relationship relationship, const cdcmtk_sr_code *concept_name, const char *value,
    const cdcmtk_sr_code *unit, cdcmtk_error *error);
/// IMAGE without frames or segments. `concept_name` may be NULL.
cdcmtk_status cdcmtk_sr_tree_add_image(
    cdcmtk_sr_tree *tree, cdcmtk_sr_relationship relationship, const cdcmtk_sr_code *concept_name, const char *sop_class_uid,
    const char *sop_instance_uid, cdcmtk_error *error);
/// SCOORD POLYLINE: `count` points as (column, row) pairs.
cdcmtk_status cdcmtk_sr_tree_add_polyline(
    cdcmtk_sr_tree *tree, cdcmtk_sr_relationship relationship, const cdcmtk_sr_code *concept_name,
    const float *columns_rows, size_t count, cdcmtk_error *error);

/// Makes the parent of the current item the current one. CDCMTK_NOT_FOUND at the root.
cdcmtk_status cdcmtk_sr_tree_up(cdcmtk_sr_tree *tree, cdcmtk_error *error);

/// Writes the SR Document Content Module (value type, concept, continuity, template, content sequence) and nothing else into
/// `target`, replacing. CDCMTK_FAILED if the tree, as a whole, is not valid.
cdcmtk_status cdcmtk_sr_tree_write(cdcmtk_sr_tree *tree, cdcmtk_dataset *target, cdcmtk_error *error);

#ifdef __cplusplus
}
#endif
#endif
