"""DICOM files with a canary in every attribute of PS3.6 and in every place where bytes can hide; prints the answer key.

usage: make_canaries.py FOLDER

Per file: every attribute at the top level; table E.1-1's again three levels deep in a sequence that the table lists and
in two that it does not; sequences of the dictionary with an item each; private groups with and without creators;
overlays and curves; preamble and file meta information; what stands behind pixels; transfer syntaxes; character sets.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from canary_charsets import CHARACTER_SETS, NamedPatient
from canary_values import Element, Planter, encode
from PIL import Image
from pydicom.datadict import DicomDictionary

TABLE = Path(__file__).parents[2] / "Sources/DeIdentification/Profile/Tables/ps315_e1_1_2026d.csv"
IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
JPEG, JPEG_LS, J2K, RLE = (f"1.2.840.10008.1.2.{suffix}" for suffix in ("4.50", "4.80", "4.90", "5"))
CLASSES = {
    "CR": "1.2.840.10008.5.1.4.1.1.1", "DX": "1.2.840.10008.5.1.4.1.1.1.1", "CT": "1.2.840.10008.5.1.4.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4", "US": "1.2.840.10008.5.1.4.1.1.6.1", "PT": "1.2.840.10008.5.1.4.1.1.128",
    "SC": "1.2.840.10008.5.1.4.1.1.7", "SR": "1.2.840.10008.5.1.4.1.1.88.33",
}
ROWS, COLUMNS = 24, 32
# What makes the object an object, and what the character set tests need to themselves.
STRUCTURAL = {
    0x00080005, 0x00080016, 0x00080018, 0x00080060, 0x0020000D, 0x0020000E, 0x00200013, 0x00280002, 0x00280004,
    0x00280006, 0x00280008, 0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280102, 0x00280103, 0x00280301,
    0x00100010, 0x00100020, 0x00100030, 0x00080050, 0x00120062, 0x00120063, 0x00120064, 0x00280303,
}
# A validator that heeds it would stop after the few bytes that a planted number says.
LENGTH_TO_END = 0x00080001
# Kept by the profile, and used here to echo identity.
ECHOES = [0x00181210, 0x00180021, 0x00181250, 0x00181251, 0x00280A04, 0x00082127, 0x00181031, 0x00180022]


@dataclass
class Kind:
    modality: str
    syntax: str
    charset: str = "ISO_IR 192"
    everything: bool = True


KINDS = [
    Kind("CT", EXPLICIT), Kind("CT", IMPLICIT), Kind("MR", BIG), Kind("CR", JPEG), Kind("DX", JPEG_LS), Kind("US", J2K),
    Kind("PT", RLE), Kind("SC", EXPLICIT), Kind("DX", IMPLICIT), Kind("SR", EXPLICIT),
] + [Kind("CR", EXPLICIT, charset, everything=False) for charset in CHARACTER_SETS]


def e1_1() -> dict[int, tuple[str, str]]:
    """Tag: action, VR."""
    rows = {}
    with TABLE.open(newline="") as file:
        for row in csv.DictReader(file):
            text = row["tag"].strip("()").replace(",", "")
            try:
                rows[int(text, 16)] = (row["basic_prof"], row["vr"])
            except ValueError:
                continue
    return rows


def attributes() -> dict[int, str]:
    """Every attribute of the dictionary that an object may hold, with the first VR it may have."""
    found = {}
    for tag, entry in DicomDictionary.items():
        group = tag >> 16
        if group in {0, 2, 4, 0x7FE0, 0xFFFE, 0xFFFA, 0xFFFC} or tag & 0xFFFF == 0 or entry[0] == "NONE":
            continue
        found[tag] = entry[0].split(" or ")[0]
    for tag, (_, vr) in e1_1().items():
        if tag >> 16 not in {0, 2, 4, 0xFFFA, 0xFFFC}:
            found[tag] = vr
    return {tag: vr for tag, vr in found.items() if tag not in STRUCTURAL}


class File:
    """One file on its way."""

    def __init__(self, kind: Kind, number: int, planter: Planter) -> None:
        self.kind, self.number, self.plant = kind, number, planter
        self.listed = e1_1()
        self.second = {"PN", "DA", "DT", "TM", "UR", "UI"}

    def is_kept(self, tag: int, vr: str) -> bool:
        return tag not in self.listed and vr not in self.second

    def attribute(self, tag: int, vr: str, where: str) -> Element:
        if tag == LENGTH_TO_END:
            return Element(tag, vr, (0x7FFFFFFF,))
        if vr == "SQ":
            return Element(tag, "SQ", [[self.attribute(0x00104000, "LT", f"{where} item of"), *self.kept_in_item()]])
        return self.plant.element(tag, vr, where, self.is_kept(tag, vr))

    def kept_in_item(self) -> list[Element]:
        return [self.plant.element(0x00181210, "SH", "item", kept=True)]

    def every_attribute(self) -> list[Element]:
        return [self.attribute(tag, vr, "top level") for tag, vr in attributes().items() if tag not in ECHOES]

    def nested(self) -> list[Element]:
        """Table E.1-1 three levels deep: under a sequence of the table, and under two that it does not list."""
        places = []
        for outer, undefined in [(0x52009229, True), (0x00081115, False), (0x00321064, True), (0x00081140, False)]:
            deepest = [
                self.attribute(tag, vr, f"three levels under {outer:08X}")
                for tag, (_, vr) in self.listed.items()
                if tag >> 16 not in {0, 2, 4, 0xFFFA, 0xFFFC} and tag not in {0x00080005, outer}
            ]
            deepest += self.private("nested")
            middle = [Element(0x00081199, "SQ", [deepest, [*self.kept_in_item()]], undefined)]
            places.append(Element(outer, "SQ", [[Element(0x00081115, "SQ", [middle], undefined)]], undefined))
        return places

    def hidden_as_unknown(self) -> list[Element]:
        """Attributes with VR UN, and sequences of undefined length under UN, which hold implicit VR (CP-246)."""
        text = [
            self.plant.element(tag, "LT", "as UN")
            for tag in (0x00100021, 0x00101040, 0x00102150, 0x00104000, 0x00081030)
        ]
        unknown = [Element(element.tag, "UN", element.value) for element in text]
        names = [self.plant.element(0x00100010, "PN", "in UN"), self.plant.element(0x00104000, "LT", "in UN")]
        unknown.append(Element(0x00081120, "UN", [names], undefined=True))
        unknown.append(Element(0x00400275, "UN", [[Element(0x00081115, "SQ", [names])]], undefined=True))
        # A sequence that DCMTK's own dictionary lacks, of defined length: only (0010,0011)'s entry makes it one.
        unknown.append(Element(0x00100011, "SQ", [[self.plant.element(0x00100010, "PN", "in names to use")]]))
        return unknown

    def private(self, where: str) -> list[Element]:
        add = self.plant.element
        inner = [add(0x00100010, "PN", f"{where} private item"), add(0x00104000, "LT", f"{where} private item")]
        return [
            Element(0x00290010, "LO", f"VENDOR {self.plant.text(f'{where} creator')}".encode()),
            add(0x00291001, "LO", where), add(0x00291002, "OB", where), add(0x00291003, "UN", where),
            Element(0x00291004, "SQ", [inner]), add(0x00291005, "DA", where), add(0x00291006, "UI", where),
            # A creator with nothing to it, an element without a creator, and old pixel data.
            add(0x00310010, "LO", where), add(0x00331001, "LO", where), add(0x7FE10010, "LO", where),
            add(0x7FE11010, "OB", where),
        ]

    def planes(self) -> list[Element]:
        """Overlays and curves (PS3.5 7.6), and odd groups beside them."""
        elements = []
        for group in (0x6000, 0x6002, 0x601E):
            elements += [
                Element(group << 16 | 0x0010, "US", (ROWS,)), Element(group << 16 | 0x0011, "US", (COLUMNS,)),
                Element(group << 16 | 0x0040, "CS", b"G"), Element(group << 16 | 0x0100, "US", (1,)),
                Element(group << 16 | 0x0102, "US", (0,)),
            ]
            for element, vr in [(0x22, "LO"), (0x45, "LO"), (0x1500, "LO"), (0x3000, "OB"), (0x4000, "LT")]:
                elements.append(self.plant.element(group << 16 | element, vr, "overlay"))
        for group in (0x5000, 0x501E):
            for element, vr in [(0x20, "CS"), (0x22, "LO"), (0x30, "SH"), (0x2500, "LO"), (0x3000, "OB")]:
                elements.append(self.plant.element(group << 16 | element, vr, "curve"))
        elements.append(self.plant.element(0x60010010, "LO", "odd overlay group"))
        return elements

    def patient(self) -> tuple[list[Element], dict[str, str]]:
        """Identity in the file's character set, echoed in attributes that the profile keeps."""
        patient: NamedPatient = CHARACTER_SETS.get(self.kind.charset, CHARACTER_SETS["ISO_IR 192"])
        plant = self.plant
        identifier, accession = plant.text("patient ID"), plant.text("accession")
        elements = [
            Element(0x00080005, "CS", self.kind.charset.encode()),
            Element(0x00100010, "PN", patient.encoded),
            Element(0x00100020, "LO", identifier.encode()),
            Element(0x00100030, "DA", b"19270509"),
            Element(0x00080050, "SH", accession.encode()),
        ]
        echoes = [
            *patient.echoes, identifier.lower().encode(), f"acc {accession}".encode(), b"born 09.05.1927",
            b"9 May 1927",
        ]
        # An item under another set than the data set's: its echo is written in its own (PS3.3 C.12.1.1.2).
        other = [
            Element(0x00080005, "CS", b"ISO_IR 192"),
            *(Element(tag, "LO", text.encode()) for tag, text in zip(ECHOES, patient.parts, strict=False)),
        ]
        elements.append(Element(0x00189346, "SQ", [other, [Element(ECHOES[0], "LO", patient.echoes[0])]]))
        for tag, echo in zip(ECHOES, echoes, strict=False):
            elements.append(Element(tag, "LO", echo))
        return elements, dict.fromkeys(patient.parts, f"name in {self.kind.charset}")

    def object(self) -> list[Element]:
        plant = self.plant
        study, series = plant.uid("study"), plant.uid("series")
        self.instance = plant.uid("instance")
        return [
            Element(0x00080016, "UI", CLASSES[self.kind.modality].encode()),
            Element(0x00080018, "UI", self.instance.encode()),
            Element(0x00080060, "CS", self.kind.modality.encode()),
            Element(0x0020000D, "UI", study.encode()), Element(0x0020000E, "UI", series.encode()),
            Element(0x00200013, "IS", str(self.number).encode()),
        ]

    def image(self) -> list[Element]:
        bits, allocated = (8, 8) if self.kind.syntax in {JPEG, JPEG_LS, J2K, RLE} else (12, 16)
        numbers = {
            0x00280002: 1, 0x00280010: ROWS, 0x00280011: COLUMNS, 0x00280100: allocated, 0x00280101: bits,
            0x00280102: bits - 1, 0x00280103: 0,
        }
        elements = [Element(tag, "US", (value,)) for tag, value in numbers.items()]
        elements.append(Element(0x00280004, "CS", b"MONOCHROME2"))
        elements.append(Element(0x00280301, "CS", b"NO"))
        return elements

    def pixels(self) -> bytes:
        """The element of pixel data, with something to hide in it."""
        if self.kind.syntax in {JPEG, JPEG_LS, J2K, RLE}:
            return self.encapsulated()
        image = (np.arange(ROWS * COLUMNS) % 4096).astype("<u2")
        # A text in the four bits that hold no pixel.
        hidden = self.plant.text("high bits").encode()
        nibbles = [nibble for byte in hidden for nibble in (byte >> 4, byte & 15)]
        image[: len(nibbles)] |= np.array(nibbles, "<u2") << 12
        big = self.kind.syntax == BIG
        value = image.astype(">u2").tobytes() if big else image.tobytes()
        value += self.plant.text("behind the last pixel").encode() + b" "
        return Element(0x7FE00010, "OW", value).encoded(self.kind.syntax != IMPLICIT, big)

    def encapsulated(self) -> bytes:
        frame = self.frame()
        frame += b"\0" * (len(frame) % 2)
        table = self.plant.text("offset table").encode() + b" "
        items = struct.pack("<HHI", 0xFFFE, 0xE000, len(table)) + table
        # One of them has its frame in two fragments.
        parts = [frame[:100], frame[100:]] if self.kind.syntax == JPEG else [frame]
        for part in parts:
            items += struct.pack("<HHI", 0xFFFE, 0xE000, len(part)) + part
        items += struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
        return struct.pack("<HH", 0x7FE0, 0x0010) + b"OB\0\0\xff\xff\xff\xff" + items

    def frame(self) -> bytes:
        image = (np.add.outer(np.arange(ROWS) * 3, np.arange(COLUMNS) * 2) % 256).astype(np.uint8)
        hide = lambda where: self.plant.text(where).encode()  # noqa: E731
        if self.kind.syntax == RLE:
            return self.rle(image)
        if self.kind.syntax == JPEG_LS:
            import jpeg_ls

            code = bytes(jpeg_ls.encode_array(image))
            return code[:2] + segment(0xFE, hide("JPEG-LS comment")) + code[2:] + hide("behind JPEG-LS")
        buffer = io.BytesIO()
        if self.kind.syntax == J2K:
            Image.fromarray(image).save(buffer, "JPEG2000", irreversible=False, no_jp2=True)
            code = buffer.getvalue()
            size = struct.unpack_from(">H", code, 4)[0]
            comment = segment(0x64, b"\0\1" + hide("J2K comment"))
            return code[: 4 + size] + comment + code[4 + size :] + hide("behind J2K")
        Image.fromarray(image).save(buffer, "JPEG", quality=95)
        code = buffer.getvalue()
        jfif = 4 + struct.unpack_from(">H", code, 4)[0]
        application = segment(0xE1, b"Exif\0\0" + hide("APP1")) + segment(0xED, hide("APP13"))
        application += segment(0xEE, b"Adobe" + hide("false APP14")) + segment(0xFE, hide("JPEG comment"))
        return code[:jfif] + application + code[jfif:] + hide("behind JPEG")

    def rle(self, image: np.ndarray) -> bytes:
        packed = b"".join(
            bytes([COLUMNS - 1]) + image[row].tobytes() for row in range(ROWS)
        )
        header = struct.pack("<II", 1, 64) + self.plant.text("RLE header").encode()
        return header.ljust(64, b"\0") + packed + self.plant.text("behind RLE").encode()

    def meta(self) -> bytes:
        plant = self.plant
        elements = [
            Element(0x00020001, "OB", b"\0\1"), Element(0x00020002, "UI", CLASSES[self.kind.modality].encode()),
            Element(0x00020003, "UI", self.instance.encode()), Element(0x00020010, "UI", self.kind.syntax.encode()),
            Element(0x00020012, "UI", plant.uid("implementation").encode()),
            plant.element(0x00020013, "SH", "meta"), plant.element(0x00020016, "AE", "meta"),
            plant.element(0x00020017, "AE", "meta"), plant.element(0x00020018, "AE", "meta"),
            plant.element(0x00020026, "UR", "meta"), plant.element(0x00020027, "UR", "meta"),
            Element(0x00020100, "UI", plant.uid("meta private").encode()), plant.element(0x00020102, "OB", "meta"),
        ]
        content = encode(elements, explicit=True, big=False)
        preamble = (b"II*\0" + plant.text("preamble").encode()).ljust(128, b"\0")
        return preamble + b"DICM" + Element(0x00020000, "UL", (len(content),)).encoded(True, False) + content

    def trailing(self, explicit: bool, big: bool) -> bytes:
        add = self.plant.element
        signature = [add(0x04000120, "OB", "signature"), add(0x00104000, "LT", "signature")]
        elements = [Element(0xFFFAFFFA, "SQ", [signature]), self.plant.element(0xFFFCFFFC, "OB", "padding")]
        return encode(elements, explicit, big)

    def written(self) -> tuple[bytes, dict[str, str]]:
        elements = self.every_attribute() if self.kind.everything else []
        if self.kind.everything:
            elements += self.nested() + self.private("top level") + self.planes()
            if self.kind.syntax not in {IMPLICIT, BIG}:
                elements += self.hidden_as_unknown()
        patient, parts = self.patient()
        elements += patient + self.object()
        explicit, big = self.kind.syntax != IMPLICIT, self.kind.syntax == BIG
        if self.kind.modality != "SR":
            elements += self.image()
        data = encode(elements, explicit, big)
        if self.kind.modality != "SR":
            data += self.pixels()
        return self.meta() + data + self.trailing(explicit, big), parts


def segment(code: int, content: bytes) -> bytes:
    return bytes([0xFF, code]) + struct.pack(">H", len(content) + 2) + content


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    planter = Planter()
    names: dict[str, dict[str, Any]] = {}
    files: list[dict[str, str | bool]] = []
    for number, kind in enumerate(KINDS, 1):
        # The name of the file and of its folder are identity as well.
        folder = args.folder / planter.text("folder name")
        folder.mkdir()
        file = File(kind, number, planter)
        content, parts = file.written()
        path = folder.resolve() / f"{planter.text('file name')}.dcm"
        path.write_bytes(content)
        files.append({"path": str(path), "modality": kind.modality, "implicit": kind.syntax == IMPLICIT})
        for part, where in parts.items():
            names[part] = {"where": where, "charset": kind.charset}
    key = args.folder.resolve() / "key.json"
    key.write_text(json.dumps({"identity": planter.identity, "names": names, "files": files}))
    print(json.dumps({"key": str(key), "files": files, "planted": len(planter.identity) + len(names)}))


if __name__ == "__main__":
    main()
