#ifndef CDCMTK_DATASET_H
#define CDCMTK_DATASET_H
#include "cdcmtk_error.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A data set in memory, without pixel data as a rule. Not thread-safe: one owner, one thread at a time.
typedef struct cdcmtk_dataset cdcmtk_dataset;

/// Receives encoded bytes; non-zero stops the writer with CDCMTK_STOPPED.
typedef int (*cdcmtk_sink)(void *context, const uint8_t *bytes, size_t length);

/// A new, empty data set (+1).
cdcmtk_status cdcmtk_dataset_create(cdcmtk_dataset **out, cdcmtk_error *error);
/// Frees it. NULL is allowed.
void cdcmtk_dataset_destroy(cdcmtk_dataset *dataset);
/// A deep copy (+1).
cdcmtk_status cdcmtk_dataset_copy(const cdcmtk_dataset *dataset, cdcmtk_dataset **out, cdcmtk_error *error);

/// Parses a whole data set without file meta information (+1). The nesting must have been bounded before: the parser
/// recurses. Fails if bytes are left over or missing.
cdcmtk_status cdcmtk_dataset_parse(
    const uint8_t *bytes, size_t length, const char *transfer_syntax, cdcmtk_dataset **out, cdcmtk_error *error);

/// Encodes without file meta information: explicit lengths of sequences, no group lengths, no padding.
cdcmtk_status cdcmtk_dataset_write(
    cdcmtk_dataset *dataset, const char *transfer_syntax, cdcmtk_sink sink, void *context, cdcmtk_error *error);

/// Number of values; CDCMTK_NOT_FOUND if the attribute is absent. An empty attribute has 0.
cdcmtk_status cdcmtk_dataset_multiplicity(
    cdcmtk_dataset *dataset, uint32_t tag, size_t *out, cdcmtk_error *error);
/// The VR of an attribute that is present, two letters.
cdcmtk_status cdcmtk_dataset_vr(cdcmtk_dataset *dataset, uint32_t tag, char out[2], cdcmtk_error *error);
/// The value as it is encoded (strings: all values with backslashes and padding; binary: in host byte order), in pieces
/// given to the sink once.
cdcmtk_status cdcmtk_dataset_get_bytes(
    cdcmtk_dataset *dataset, uint32_t tag, cdcmtk_sink sink, void *context, cdcmtk_error *error);
/// Value number `index` (from 0) of a numeric attribute (US SS UL SL FL FD, DS, IS, AT) as a double.
cdcmtk_status cdcmtk_dataset_get_double(
    cdcmtk_dataset *dataset, uint32_t tag, size_t index, double *out, cdcmtk_error *error);

/// Sets a string attribute (all values, backslash between) with the dictionary's VR, replacing what is there. No check of
/// length or repertoire is made.
cdcmtk_status cdcmtk_dataset_put_string(
    cdcmtk_dataset *dataset, uint32_t tag, const char *bytes, size_t length, cdcmtk_error *error);
/// Sets an attribute with a VR of the caller's from raw bytes: strings as they are, binary values in host byte order.
cdcmtk_status cdcmtk_dataset_put_bytes(
    cdcmtk_dataset *dataset, uint32_t tag, const char vr[2], const uint8_t *bytes, size_t length, cdcmtk_error *error);
/// Sets US, SS, UL, SL, FL or FD values, by the dictionary's VR.
cdcmtk_status cdcmtk_dataset_put_numbers(
    cdcmtk_dataset *dataset, uint32_t tag, const double *values, size_t count, cdcmtk_error *error);
/// Removes an attribute of the top level if it is there.
cdcmtk_status cdcmtk_dataset_remove(cdcmtk_dataset *dataset, uint32_t tag, cdcmtk_error *error);

/// Number of items of a sequence; CDCMTK_NOT_FOUND if absent.
cdcmtk_status cdcmtk_dataset_item_count(
    cdcmtk_dataset *dataset, uint32_t tag, size_t *out, cdcmtk_error *error);
/// A deep copy of an item as a data set (+1).
cdcmtk_status cdcmtk_dataset_get_item(
    cdcmtk_dataset *dataset, uint32_t tag, size_t index, cdcmtk_dataset **out, cdcmtk_error *error);
/// Appends a deep copy of `item` to a sequence, which is made if it is not there. NULL makes an empty sequence.
cdcmtk_status cdcmtk_dataset_append_item(
    cdcmtk_dataset *dataset, uint32_t tag, const cdcmtk_dataset *item, cdcmtk_error *error);
/// Copies the named attributes of the top level, where present, into `target` (deep, replacing).
cdcmtk_status cdcmtk_dataset_copy_attributes(
    cdcmtk_dataset *source, const uint32_t *tags, size_t count, cdcmtk_dataset *target, cdcmtk_error *error);
/// One element as a visitor sees it. Pointers are valid during the call.
typedef struct cdcmtk_element {
    uint32_t tag;
    char vr[2];
    /// Whether DCMTK's dictionary (as extended at start) knows the tag.
    int known;
    /// The dictionary's VR, or DCMTK's name for a choice ("xs", "ox"); blanks where the tag is not known.
    char dictionary_vr[2];
    /// 0 at the top level, 1 in an item of a sequence there, and so on.
    uint32_t depth;
    /// Which item holds it: 0 for the data set itself, a number of its own for each item that the walk enters.
    uint32_t item;
    /// NULL for a sequence and for an empty value. As cdcmtk_dataset_get_bytes gives it.
    const uint8_t *value;
    size_t length;
    /// Items of a sequence, else 0.
    size_t item_count;
    /// Of a private element: the value of the creator that reserves its block in the same item, without trailing spaces
    /// and NULs (PS3.5 7.8.1). NULL where none does, and for all other elements.
    const char *creator;
    size_t creator_length;
} cdcmtk_element;

/// One item as an item visitor sees it, before its elements. Valid during the call.
typedef struct cdcmtk_item {
    /// The sequence it is in.
    uint32_t sequence;
    /// That of its elements.
    uint32_t depth;
    /// Opaque; for cdcmtk_item_value.
    void *handle;
} cdcmtk_item;

/// The value of an attribute of an item, as cdcmtk_dataset_get_bytes gives it: `path` names sequences, of which the first
/// items are entered, and at its end the attribute. Valid during the call of the visitor. CDCMTK_NOT_FOUND if it is not there.
cdcmtk_status cdcmtk_item_value(
    const cdcmtk_item *item, const uint32_t *path, size_t count, const uint8_t **value, size_t *length);

typedef enum cdcmtk_action {
    CDCMTK_KEEP = 0,       ///< A sequence is entered: its elements are visited next. A private creator stays if an
                           ///< element of its block does.
    CDCMTK_REMOVE = 1,
    CDCMTK_EMPTY = 2,      ///< Zero length, or no items.
    CDCMTK_REPLACE = 3,    ///< The value given by cdcmtk_replacement_set (not for sequences).
    CDCMTK_EMPTY_ITEM = 4, ///< A sequence is left with one empty item.
    CDCMTK_STOP = 5        ///< End the walk: cdcmtk_dataset_rewrite answers CDCMTK_STOPPED.
} cdcmtk_action;

/// Where a visitor leaves the new value.
typedef struct cdcmtk_replacement cdcmtk_replacement;
/// Copies the bytes: a string as it will be encoded, or binary in host byte order.
void cdcmtk_replacement_set(cdcmtk_replacement *replacement, const uint8_t *bytes, size_t length);

typedef cdcmtk_action (*cdcmtk_visitor)(void *context, const cdcmtk_element *element, cdcmtk_replacement *replacement);

/// Answers CDCMTK_KEEP, CDCMTK_REMOVE or CDCMTK_STOP.
typedef cdcmtk_action (*cdcmtk_item_visitor)(void *context, const cdcmtk_item *item);

/// Walks all elements of all items in order, parents first, and does what the visitors answer; `items` may be NULL. After a
/// failure the data set is half changed: destroy it.
cdcmtk_status cdcmtk_dataset_rewrite(
    cdcmtk_dataset *dataset, cdcmtk_visitor visitor, cdcmtk_item_visitor items, void *context, cdcmtk_error *error);

#ifdef __cplusplus
}
#endif
#endif
