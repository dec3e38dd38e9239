"""Compares de-identified files with what table E.1-1 (Basic Profile) and the second layer by VR demand.

usage: check_deidentified.py TABLE ORIGINALS DEIDENTIFIED

Two folders; an original and its copy have the same Instance Number. Prints what differs. Retention counts as much as
removal: what the profile leaves alone must be as it was.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.config import RAISE
from pydicom.datadict import DicomDictionary, dictionary_has_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import UID_dictionary
from pydicom.valuerep import VR, validate_value

MARKERS = {0x00120062, 0x00120063, 0x00120064, 0x00280303}
PSEUDONYM = {0x00100010, 0x00100020}
WHOLE = {0x00, 0x02, 0x04, 0xFFFA, 0xFFFC}
REPLACED = {"PN", "DA", "DT", "TM", "UR"}
TEXT = {"AE", "CS", "LO", "LT", "SH", "ST", "UC", "UT"}


class Check:
    def __init__(self, table: Path, unknown: set[int]) -> None:
        self.actions: dict[int, str] = {}
        with table.open(newline="") as file:
            for row in csv.DictReader(file):
                text = row["tag"].strip("()").replace(",", "")
                if re.fullmatch("[0-9A-Fa-f]{8}", text):
                    self.actions[int(text, 16)] = row["basic_prof"]
        self.unknown = unknown
        self.uids: dict[str, str] = {}
        self.wrong: list[str] = []
        self.counts: Counter[str] = Counter()

    def fail(self, element: DataElement, place: str, text: str) -> None:
        self.wrong.append(f"{place}{element.tag} {element.VR}: {text}")

    def data_set(self, before: Dataset, after: Dataset, place: str = "") -> None:
        for element in before:
            self.element(element, after.get(element.tag), place)
        for element in after:
            if element.tag not in before and element.tag not in MARKERS | PSEUDONYM:
                self.fail(element, place, "was not in the original")

    def element(self, before: DataElement, after: DataElement | None, place: str) -> None:
        tag = before.tag
        if tag == 0x7FE00010 or (place == "" and tag in MARKERS):
            return
        group = tag.group
        if tag.is_private or group in WHOLE or tag.element == 0 or group >> 8 in {0x50, 0x60, 0x7F}:
            self.expect(after is None, "removed", before, place, "must be absent")
        elif place == "" and tag in PSEUDONYM:
            ours = after is not None and str(after.value).startswith(("OVR-", "DEID^OVR-"))
            self.expect(ours, "pseudonym", before, place, "is no pseudonym")
        elif tag in self.actions:
            self.listed(before, after, place)
        elif tag in self.unknown or not dictionary_has_tag(tag) or before.VR == VR.UN:
            self.expect(after is None or same(before, after), "unknown", before, place, "was changed")
        else:
            self.second_layer(before, after, place)

    def expect(self, condition: bool, kind: str, element: DataElement, place: str, text: str) -> None:
        self.counts[kind] += 1
        if not condition:
            self.fail(element, place, text)

    def listed(self, before: DataElement, after: DataElement | None, place: str) -> None:
        action = self.actions[before.tag]
        allowed = set(action.replace("*", "").split("/"))
        kind = f"action {action}"
        if after is None:
            # What the dictionary does not know, and what was sent as UN, is removed whatever the table allows.
            gone = "X" in allowed or before.VR == VR.UN or before.tag in self.unknown
            return self.expect(gone, kind, before, place, "was removed")
        if is_empty(after):
            return self.expect("Z" in allowed, kind, before, place, "was emptied")
        if "U" in allowed or after.VR == VR.UI:
            if after.VR == VR.SQ:
                return self.sequence(before, after, place)
            return self.mapped(before, after, place)
        dummy = "D" in allowed or "Z" in allowed
        self.expect(dummy, kind, before, place, "is still there")
        if before.tag == 0x00081111 and after.VR == VR.SQ:
            return self.sequence(before, after, place)
        self.expect(is_empty(before) or not same(before, after), kind, before, place, "is as it was")
        self.valid(after, place)
        return None

    def valid(self, element: DataElement, place: str) -> None:
        if element.VR in TEXT | REPLACED | {"AS", "DS", "IS", "UI"}:
            values = element.value if element.VM > 1 else [element.value]
            for value in values:
                try:
                    validate_value(element.VR, str(value), RAISE)
                except ValueError as error:
                    self.fail(element, place, f"is not valid: {error}")

    def mapped(self, before: DataElement, after: DataElement | None, place: str) -> None:
        if after is None:
            return self.fail(before, place, "was removed")
        old = [before.value] if isinstance(before.value, str) else list(before.value or [])
        new = [after.value] if isinstance(after.value, str) else list(after.value or [])
        self.expect(len(old) == len(new), "UIDs", before, place, "has another number of UIDs")
        for one, other in zip(old, new, strict=False):
            if one in UID_dictionary or one == "":
                self.expect(one == other, "UIDs", before, place, "a registered UID was changed")
                continue
            valid = re.fullmatch(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+", other) and len(other) <= 64
            self.expect(bool(valid) and one != other, "UIDs", before, place, "is not another valid UID")
            known = self.uids.setdefault(one, other)
            self.expect(known == other, "UIDs", before, place, "was mapped differently elsewhere")
        return None

    def sequence(self, before: DataElement, after: DataElement, place: str) -> None:
        if before.VR == VR.UN:
            return
        self.expect(len(before.value) == len(after.value), "sequences", before, place, "has another number of items")
        for one, other in zip(before.value, after.value, strict=False):
            self.data_set(one, other, f"{place}{before.tag}>")

    def second_layer(self, before: DataElement, after: DataElement | None, place: str) -> None:
        if before.VR == VR.UI:
            return self.mapped(before, after, place)
        if before.VR == VR.SQ:
            if after is None:
                return self.fail(before, place, "was removed")
            return self.sequence(before, after, place)
        if before.VR in REPLACED:
            replaced = after is not None and (is_empty(before) or not (is_empty(after) or same(before, after)))
            self.expect(replaced, "second layer", before, place, "is no dummy")
            if after is not None:
                self.valid(after, place)
            return None
        if "KEPTVW" in str(before.value) or before.VR not in TEXT | {"OB"}:
            self.expect(after is not None and same(before, after), "kept", before, place, "was not kept")
        else:
            self.counts["echoes and structure"] += 1
        return None

    def pixels(self, before: Dataset, after: Dataset) -> None:
        if "PixelData" not in before:
            return
        if not after.file_meta.TransferSyntaxUID.is_compressed:
            order = "<" if after.original_encoding[1] else ">"
            size = before.Rows * before.Columns
            old = np.frombuffer(before.PixelData, order + "u2", size) & (1 << before.BitsStored) - 1
            new = np.frombuffer(after.PixelData, order + "u2")
            self.counts["pixels"] += 1
            if not np.array_equal(old, new):
                self.wrong.append(f"{before.Modality}: native pixels are not those of the original, and nothing else")
            return
        self.counts["pixels"] += 1
        if not np.array_equal(before.pixel_array, after.pixel_array):
            self.wrong.append(f"{before.Modality}: decoded pixels differ")

    def markers(self, after: Dataset) -> None:
        codes = [item.CodeValue for item in after.get("DeidentificationMethodCodeSequence", [])]
        self.counts["markers"] += 1
        if after.get("PatientIdentityRemoved") != "YES" or "113100" not in codes:
            self.wrong.append("the markers are not those of the Basic Profile")
        if after.get("LongitudinalTemporalInformationModified") != "REMOVED":
            self.wrong.append("(0028,0303) is not REMOVED")
        if after.preamble != bytes(128) or {element.tag.element for element in after.file_meta} != {
            0, 1, 2, 3, 0x10, 0x12, 0x13
        }:
            self.wrong.append("preamble or file meta information are not ours")


def is_empty(element: DataElement) -> bool:
    return element.value is None or (not isinstance(element.value, int | float) and len(element.value) == 0)


def same(before: DataElement, after: DataElement) -> bool:
    if isinstance(before.value, bytes):
        return before.value.rstrip(b"\0 ") == bytes(after.value).rstrip(b"\0 ")
    return str(before.value) == str(after.value)


def not_in_dcmtk() -> set[int]:
    """Tags that pydicom's dictionary knows and DCMTK's does not: the node removes what it does not know."""
    known: set[int] = set()
    for path in Path("/usr/share").glob("libdcmtk*/dicom.dic"):
        for line in path.read_text(errors="replace").splitlines():
            match = re.match(r"\(([0-9A-Fa-f-]+),([0-9A-Fa-f-]+)\)", line)
            if match and "-" not in match[1] + match[2]:
                known.add(int(match[1] + match[2], 16))
    return {tag for tag in DicomDictionary if tag not in known} if known else set()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("originals", type=Path)
    parser.add_argument("deidentified", type=Path)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    check = Check(args.table, not_in_dcmtk())
    written = [path for path in sorted(args.deidentified.rglob("*.dcm")) if not made_ahead(path)]
    copies = {read(path).InstanceNumber: path for path in written}
    pairs = 0
    for path in sorted(args.originals.rglob("*.dcm")):
        before = read(path)
        if before.InstanceNumber not in copies:
            continue
        after = read(copies[before.InstanceNumber])
        pairs += 1
        check.data_set(before, after, "")
        check.pixels(before, after)
        check.markers(after)
    print(json.dumps({"pairs": pairs, "wrong": check.wrong[:100], "count": len(check.wrong), "checked": check.counts}))


def made_ahead(path: Path) -> bool:
    """Whether a node made the file for an instance to come: it is of zeros."""
    with path.open("rb") as file:
        return file.read(132) == bytes(132)


def read(path: Path) -> Any:
    return dcmread(path)


if __name__ == "__main__":
    main()
