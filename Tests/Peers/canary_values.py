"""Strings that occur nowhere else, by value representation, and the encoder of the files that hold them.

Values are written byte by byte, so that what no library would write can be tried too.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from datetime import date, timedelta

IDENTITY = "ZQXWVK"
"""Begins every text that must be found nowhere."""
KEPT = "KEPTVW"
"""Begins every text that must stay."""
UID_ROOT = "1.2.826.0.1.3680043.10.1337"

LONG = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "UV": "Q", "SV": "q", "AT": "HH"}

Items = list[list["Element"]]


@dataclass
class Element:
    """One element; `value` is bytes as encoded, numbers, or items."""

    tag: int
    vr: str
    value: bytes | tuple[float, ...] | Items
    undefined: bool = False

    def encoded(self, explicit: bool, big: bool) -> bytes:
        order = ">" if big else "<"
        head = struct.pack(order + "HH", self.tag >> 16, self.tag & 0xFFFF)
        if self.vr == "SQ" or isinstance(self.value, list):
            # UN of undefined length holds Implicit VR Little Endian (CP-246).
            inner = (False, False) if self.vr == "UN" else (explicit, big)
            assert isinstance(self.value, list)
            content = b"".join(item(elements, *inner, self.undefined) for elements in self.value)
            if self.undefined:
                content += struct.pack(("<" if self.vr == "UN" else order) + "HHI", 0xFFFE, 0xE0DD, 0)
            length = 0xFFFFFFFF if self.undefined else len(content)
        else:
            content = self._leaf(order)
            length = len(content)
        if not explicit:
            return head + struct.pack("<I", length) + content
        if self.vr in LONG:
            return head + self.vr.encode() + b"\0\0" + struct.pack(order + "I", length) + content
        return head + self.vr.encode() + struct.pack(order + "H", length) + content

    def _leaf(self, order: str) -> bytes:
        if isinstance(self.value, tuple):
            return b"".join(
                struct.pack(order + "HH", int(n) >> 16, int(n) & 0xFFFF)
                if self.vr == "AT"
                else struct.pack(order + NUMBERS[self.vr], n)
                for n in self.value
            )
        assert isinstance(self.value, bytes)
        padding = b"\0" if self.vr in {"UI", "OB", "UN"} else b" "
        return self.value + padding * (len(self.value) % 2)


def item(elements: list[Element], explicit: bool, big: bool, undefined: bool) -> bytes:
    content = encode(elements, explicit, big)
    order = ">" if big else "<"
    if undefined:
        end = struct.pack(order + "HHI", 0xFFFE, 0xE00D, 0)
        return struct.pack(order + "HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + content + end
    return struct.pack(order + "HHI", 0xFFFE, 0xE000, len(content)) + content


def encode(elements: list[Element], explicit: bool, big: bool) -> bytes:
    """A data set in order of tags; of elements with the same tag the last counts."""
    unique = {element.tag: element for element in elements}
    return b"".join(unique[tag].encoded(explicit, big) for tag in sorted(unique))


@dataclass
class Planter:
    """Hands out values and remembers them, with where they stand."""

    identity: dict[str, str] = field(default_factory=dict)
    """By what is searched: the attribute and its place."""
    count: int = 0

    def _next(self) -> int:
        self.count += 1
        return self.count

    def text(self, where: str) -> str:
        planted = f"{IDENTITY}{base32(self._next())}"
        self.identity[planted] = where
        return planted

    def kept_text(self) -> str:
        return f"{KEPT}{base32(self._next())}"

    def digits(self, value: str, where: str) -> str:
        self.identity[value] = where
        return value

    def uid(self, where: str) -> str:
        return self.digits(f"{UID_ROOT}.{self._next()}", where)

    def element(self, tag: int, vr: str, where: str, kept: bool = False) -> Element:
        """An attribute with a value of its VR: identity, or something that must stay."""
        number = self._next()
        where = f"{where} ({tag >> 16:04X},{tag & 0xFFFF:04X}) {vr}"
        if vr in {"US", "SS", "UL", "SL", "UV", "SV"}:
            # Three of them, since the descriptor of a look-up table has three.
            return Element(tag, vr, (number % 30000 + 1, number % 7, 16))
        if vr == "FL":
            return Element(tag, vr, (number + 0.5,))
        if vr == "FD" and kept:
            return Element(tag, vr, (number + 0.25,))
        if vr == "AT":
            return Element(tag, vr, (0x00100010 + number % 16,))
        if vr == "AS":
            return Element(tag, vr, b"%03dY" % (number % 88 + 1))
        return Element(tag, vr, self._characters(vr, number, where, kept).encode())

    def _characters(self, vr: str, number: int, where: str, kept: bool) -> str:
        day = date(1500, 1, 1) + timedelta(days=number)
        time = f"235907.{number:06d}"
        if vr == "DA":
            return self.digits(f"{day:%Y%m%d}", where)
        if vr == "TM":
            return self.digits(time, where)
        if vr == "DT":
            self.digits(f"{day:%Y%m%d}{time}", where)
            return f"{day:%Y%m%d}{time}+0100"
        if vr in {"DS", "IS"}:
            # What is kept is no date, forwards or backwards.
            value = f"{99 if kept else 1918}{number:06d}"
            return value if kept else self.digits(value, where)
        if vr == "UI":
            return self.uid(where)
        text = self.kept_text() if kept else self.text(where)
        if vr in {"AE", "CS", "SH", "FD"}:
            return text[:8] if vr == "FD" else text
        if vr == "PN":
            return f"{text}^{self.text(where)}=="
        if vr == "UR":
            return f"http://host.invalid/{text}"
        if vr in {"OB", "OD", "OF", "OL", "OV", "OW", "UN"}:
            return text + " " * (16 - len(text))
        return f"see {text} there"


def base32(number: int) -> str:
    digits = ""
    for _ in range(5):
        digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[number % 32] + digits
        number //= 32
    return digits
