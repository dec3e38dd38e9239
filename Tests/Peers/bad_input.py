"""What no peer should send, a cause at a time; prints the status of each as JSON.

usage: bad_input.py PORT SOURCE CAUSE...

SOURCE is a digital X-ray in Explicit VR Little Endian. The causes are those of the table in
docs/conformance-statement.md; each is sent on an association of its own, and the answer to its last C-STORE is printed:
{"CAUSE": {"status": "C001", "comment": "..."}}
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path

from pdu import Answer, Peer
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
    generate_uid,
)

DX = "1.2.840.10008.5.1.4.1.1.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.33"
C_FIND_RQ = 0x0020
ITEM = b"\xfe\xff\x00\xe0"
UNDEFINED = b"\xff\xff\xff\xff"
#: A tag behind all of the header.
LAST = (0x7001, 0x1010)


class Sender:
    def __init__(self, port: int, source: Path) -> None:
        self.port = port
        self.source = source

    def image(self, **attributes: object) -> Dataset:
        ds = dcmread(self.source)
        ds.SOPInstanceUID = generate_uid()
        for keyword, value in attributes.items():
            if value is None:
                delattr(ds, keyword)
            else:
                setattr(ds, keyword, value)
        return ds

    def send(
        self,
        data: bytes | None,
        instance: str,
        sop_class: str = DX,
        syntax: str = ExplicitVRLittleEndian,
        **changes: str | int,
    ) -> Answer:
        with Peer(self.port, sop_class, syntax) as peer:
            pieces = None if data is None else peer.pieces(data + b"\0" * (len(data) % 2))
            answer = peer.store(instance, pieces, **changes)
            peer.release()
            return answer

    def store(self, ds: Dataset, sop_class: str = DX, **changes: str | int) -> Answer:
        return self.send(encoded(ds), str(ds.get("SOPInstanceUID", "2.25.1")), sop_class, **changes)

    def header(self, *more: bytes) -> Answer:
        """An image's header, and raw bytes behind it."""
        ds = self.image(PixelData=None)
        return self.send(encoded(ds) + b"".join(more), str(ds.SOPInstanceUID))


def encoded(ds: Dataset, is_implicit: bool = False) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, is_implicit
    write_dataset(buffer, Dataset({element.tag: element for element in ds}))
    return bytes(buffer.getvalue())


def element(vr: bytes, value: bytes, tag: tuple[int, int] = LAST, length: bytes | None = None) -> bytes:
    is_long = vr in (b"SQ", b"OB", b"UT", b"UN")
    size = length or struct.pack("<I" if is_long else "<H", len(value))
    return struct.pack("<HH", *tag) + vr + (b"\0\0" if is_long else b"") + size + value


def nested(depth: int) -> bytes:
    opening = element(b"SQ", ITEM + UNDEFINED, length=UNDEFINED)
    return opening * depth + b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0" * depth


def truncated(sender: Sender) -> Answer:
    ds = sender.image()
    return sender.send(encoded(ds)[:-1000], str(ds.SOPInstanceUID))


def ambiguous_nesting(sender: Sender) -> Answer:
    ds = sender.image(PixelData=None)
    # In implicit VR nothing says that the first is no sequence; its item is longer than it.
    damaged = struct.pack("<HHI", *LAST, 8) + ITEM + struct.pack("<I", 1000)
    items = struct.pack("<HHI", LAST[0], LAST[1] + 1, 1204) + b"abcd" + ITEM * 300
    return sender.send(
        encoded(ds, is_implicit=True) + damaged + items, str(ds.SOPInstanceUID), syntax=ImplicitVRLittleEndian
    )


def tag_out_of_order(sender: Sender) -> Answer:
    return sender.header(*(element(b"LO", b"ab", (0x7001, 0x2000 - number)) for number in range(100)))


def duplicate_tag(sender: Sender) -> Answer:
    return sender.header(element(b"LO", b"ab"), element(b"LO", b"cd"))


def forbidden_group(sender: Sender) -> Answer:
    ds = sender.image()
    return sender.send(element(b"UI", b"1.2.3\0", (0x0002, 0x0010)) + encoded(ds), str(ds.SOPInstanceUID))


def native_pixels(sender: Sender) -> Answer:
    ds = sender.image()
    return sender.send(encoded(ds), str(ds.SOPInstanceUID), syntax=RLELossless)


def not_deflated(sender: Sender) -> Answer:
    ds = sender.image()
    return sender.send(b"\xff" * 1000, str(ds.SOPInstanceUID), syntax=DeflatedExplicitVRLittleEndian)


def instance_differs(sender: Sender) -> Answer:
    return sender.store(sender.image(), affected_instance=generate_uid())


def other_study(sender: Sender) -> Answer:
    ds = sender.image()
    sender.store(ds)
    ds.StudyInstanceUID = generate_uid()
    return sender.store(ds)


def duplicate(sender: Sender) -> Answer:
    ds = sender.image()
    sender.store(ds)
    ds.InstanceNumber = 4711
    return sender.store(ds)


def other_object(sender: Sender) -> Answer:
    ds = sender.image(PixelData=None, SOPClassUID=COMPREHENSIVE_SR, Modality="SR")
    return sender.store(ds, COMPREHENSIVE_SR)


def queue_full(sender: Sender, **attributes: str) -> Answer:
    """Studies until the queue's clock has counted them."""
    answer = Answer("", "")
    for _ in range(200):
        answer = sender.store(sender.image(StudyInstanceUID=generate_uid(), **attributes))
        if answer.status != "0000":
            break
    return answer


def backlog_full(sender: Sender) -> Answer:
    answer = queue_full(sender, StudyDate="19990101")
    today = sender.store(sender.image(StudyInstanceUID=generate_uid(), StudyDate=""))
    return answer if today.status == "0000" else Answer("", f"today's study was answered {today.status}")


CAUSES: dict[str, Callable[[Sender], Answer]] = {
    "truncated": truncated,
    "too-deep": lambda s: s.header(nested(33)),
    "ambiguous-nesting": ambiguous_nesting,
    "header-too-large": lambda s: s.header(element(b"UT", b"x" * 70_000_000)),
    "too-many-elements": lambda s: s.header(
        element(b"SQ", (ITEM + bytes(4)) * 1_000_001 + b"\xfe\xff\xdd\xe0\0\0\0\0", length=UNDEFINED)
    ),
    "invalid-vr": lambda s: s.header(element(b"zz", b"ab")),
    "length-overflow": lambda s: s.header(element(b"SQ", ITEM + struct.pack("<I", 100) + bytes(8))),
    "undefined-length": lambda s: s.header(element(b"OB", b"", length=UNDEFINED)),
    "unexpected-delimiter": lambda s: s.header(ITEM + bytes(4)),
    "duplicate-tag": duplicate_tag,
    "tag-out-of-order": tag_out_of_order,
    "forbidden-group": forbidden_group,
    "pixel-data-encoding": native_pixels,
    "not-deflated": not_deflated,
    "no-instance-uid": lambda s: s.store(s.image(SOPInstanceUID=None)),
    "no-study-uid": lambda s: s.store(s.image(StudyInstanceUID=None)),
    "unknown-character-set": lambda s: s.store(s.image(SpecificCharacterSet="ISO_IR 999")),
    "pixels-without-size": lambda s: s.store(s.image(Rows=None)),
    "instance-differs": instance_differs,
    "class-differs": lambda s: s.store(s.image(), CT),
    "class-not-negotiated": lambda s: s.store(s.image(), affected_class=CT),
    "other-study": other_study,
    "instance-is-no-uid": lambda s: s.store(s.image(), affected_instance="1.2.x"),
    "no-data-set": lambda s: s.send(None, generate_uid()),
    "other-command": lambda s: s.store(s.image(), field=C_FIND_RQ),
    "burned-in": lambda s: s.store(s.image(BurnedInAnnotation="YES")),
    "duplicate": duplicate,
    "other-object": other_object,
    "disk-reserve": lambda s: s.store(s.image()),
    "queue-full": queue_full,
    "backlog-full": backlog_full,
    "storage-failed": lambda s: s.store(s.image()),
}


def main() -> None:
    sender = Sender(int(sys.argv[1]), Path(sys.argv[2]))
    answers = {}
    for cause in sys.argv[3:]:
        answer = CAUSES[cause](sender)
        answers[cause] = {"status": answer.status, "comment": answer.comment}
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
