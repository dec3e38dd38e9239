"""pynetdicom as a sending peer, well-behaved or not; prints what happened as JSON.

usage: send.py PORT FILE... [--calling AE] [--called AE] [--fault FAULT] [--hold FILE]

With --hold the association is opened, FILE.established is written, and nothing is sent before FILE is there.

faults, applied to every C-STORE:
  uid-mismatch   the command names another SOP Instance UID than the data set
  truncated      the last kilobyte of the data set is missing
  cut-in-header  the data set ends in the middle of an element of the header
  nested         a sequence nested 50 000 deep stands before the pixels
  nested-200     the same, 200 deep
  charset        (0008,0005) names a repertoire that DICOM does not have
  large-private  a private element of 100 MB stands in the header
  vr-...         the VR of an element contradicts the dictionary (CONTRADICTIONS)
  unsupported    a presentation context of a SOP class that no node stores is all that is proposed

What these put in begins with canary_values.IDENTITY, which score_canaries.py searches for.
"""

from __future__ import annotations

import argparse
import json
import struct
import time
from io import BytesIO
from pathlib import Path
from typing import Any

from canary_values import IDENTITY, LONG, Element
from pydicom import dcmread
from pydicom.filereader import read_file_meta_info
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, generate_uid
from pynetdicom import AE
from pynetdicom.dimse_primitives import C_STORE

DEPTH = {"nested": 50_000, "nested-200": 200}
CANARY = f"{IDENTITY}FAULT"
LONG_VR = {vr.encode() for vr in LONG}
CONTRADICTIONS: dict[str, list[Element]] = {
    "vr-text-as-bytes": [Element(0x00104000, "OB", f"{CANARY} ".encode())],
    "vr-text-as-numbers": [Element(0x00101040, "FD", f"{CANARY}00000".encode())],
    "vr-name-as-sequence": [Element(0x00102297, "SQ", [[Element(0x00104000, "LT", CANARY.encode())]])],
    "vr-sequence-as-text": [Element(0x00081110, "LT", CANARY.encode())],
    "vr-date-as-text": [Element(0x00080021, "LT", CANARY.encode())],
    "vr-code-as-sequence": [Element(0x00181210, "SQ", [[Element(0x00100010, "PN", CANARY.encode())]])],
    "vr-number-as-text": [Element(0x00189305, "LT", CANARY.encode())],
    "vr-rows-as-text": [Element(0x00280010, "LT", CANARY.encode())],
    "vr-uid-as-text": [Element(0x00080018, "LT", CANARY.encode())],
}


def data_set_bytes(path: Path) -> tuple[bytes, str, str, str]:
    """The data set as it stands in the file, its SOP class, instance and transfer syntax."""
    meta = read_file_meta_info(path)
    # A deflated data set may be damaged; of others the header is what counts.
    deflated = meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian
    header = None if deflated else dcmread(path, stop_before_pixels=True)
    sop_class = meta.MediaStorageSOPClassUID if header is None else header.SOPClassUID
    instance = meta.MediaStorageSOPInstanceUID if header is None else header.SOPInstanceUID
    whole = path.read_bytes()
    # 128 bytes preamble, "DICM", then (0002,0000) UL 4 whose value is the length of the rest of the group.
    (length,) = struct.unpack_from("<I", whole, 140)
    return whole[144 + length :], str(sop_class), str(instance), str(meta.TransferSyntaxUID)


def nested_sequence(depth: int) -> bytes:
    """(0040,A730) in Explicit VR Little Endian with an item in an item, undefined lengths, all properly closed."""
    opening = b"\x40\x00\x30\xa7SQ\x00\x00\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    closing = b"\xfe\xff\x0d\xe0\x00\x00\x00\x00" + b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
    return opening * depth + Element(0x00104000, "LT", CANARY.encode()).encoded(True, False) + closing * depth


def position(data: bytes, tag: int) -> tuple[int, int]:
    """Where in a data set in Explicit VR Little Endian the element is, or would be: begin and end."""
    at = 0
    while at < len(data):
        group, element = struct.unpack_from("<HH", data, at)
        if group << 16 | element > tag:
            return at, at
        head, length = (
            (12, struct.unpack_from("<I", data, at + 8)[0])
            if data[at + 4 : at + 6] in LONG_VR
            else (8, struct.unpack_from("<H", data, at + 6)[0])
        )
        assert length != 0xFFFFFFFF, "the samples have no undefined lengths before this place"
        if group << 16 | element == tag:
            return at, at + head + length
        at += head + length
    return at, at


def placed(data: bytes, tag: int, content: bytes) -> bytes:
    """The data set with this in the element's place."""
    begin, end = position(data, tag)
    return data[:begin] + content + data[end:]


def spoil(data: bytes, fault: str | None) -> bytes:
    if fault == "truncated":
        return data[:-1024]
    if fault == "cut-in-header":
        return data[:200]
    if fault in DEPTH:
        return placed(data, 0x0040A730, nested_sequence(DEPTH[fault]))
    if fault == "charset":
        return placed(data, 0x00080005, Element(0x00080005, "CS", f"{CANARY} ".encode()).encoded(True, False))
    if fault == "large-private":
        value = CANARY.encode() * (100_000_000 // len(CANARY))
        elements = [Element(0x00090010, "LO", CANARY.encode()), Element(0x00091001, "OB", value)]
        return placed(data, 0x00090010, b"".join(element.encoded(True, False) for element in elements))
    for element in CONTRADICTIONS.get(fault or "", []):
        data = placed(data, element.tag, element.encoded(True, False))
    return data


def store(association: Any, path: Path, message: int, fault: str | None) -> dict[str, Any]:
    data, sop_class, instance, syntax = data_set_bytes(path)
    contexts = [
        c for c in association.accepted_contexts if c.abstract_syntax == sop_class and c.transfer_syntax[0] == syntax
    ]
    report: dict[str, Any] = {"file": str(path), "instance": instance, "status": None}
    if not contexts:
        return report | {"why": "no presentation context"}
    request = C_STORE()
    request.MessageID = message
    request.AffectedSOPClassUID = UID(sop_class)
    request.AffectedSOPInstanceUID = UID(generate_uid() if fault == "uid-mismatch" else instance)
    request.Priority = 2
    request.DataSet = BytesIO(spoil(data, fault))
    # The same steps as Association.send_c_store, which would not send bytes that are no data set.
    association._reactor_checkpoint.clear()
    while not association._is_paused:
        time.sleep(0.005)
    association.dimse.send_msg(request, contexts[0].context_id)
    # Not a blocking wait: with its reactor held, the association does not see a peer that goes away.
    response, limit = None, time.monotonic() + 60
    while response is None and time.monotonic() < limit and association.dul.state_machine.current_state == "Sta6":
        _, response = association.dimse.get_msg(block=False)
        time.sleep(0.001)
    if response is None:
        _, response = association.dimse.get_msg(block=False)
    association._reactor_checkpoint.set()
    if response is None:
        return report | {"why": "no response"}
    return report | {"status": f"{response.Status:04X}", "comment": response.ErrorComment}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--calling", default="MODALITY")
    parser.add_argument("--called", default="OVERREAD")
    parser.add_argument("--hold", type=Path)
    plain = ["uid-mismatch", "truncated", "cut-in-header", "charset", "large-private", "unsupported"]
    parser.add_argument("--fault", choices=[*plain, *DEPTH, *CONTRADICTIONS])
    args = parser.parse_args()
    entity = AE(ae_title=args.calling)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 60
    if args.fault == "unsupported":
        # Hanging Protocol Storage: no image, no waveform, nothing that a second reading could be made of.
        entity.add_requested_context("1.2.840.10008.5.1.4.38.1")
    else:
        for pair in sorted({data_set_bytes(path)[1::2] for path in args.files}):
            entity.add_requested_context(*pair)
    association = entity.associate("127.0.0.1", args.port, ae_title=args.called)
    report: dict[str, Any] = {"association": "failed", "statuses": []}
    if association.is_established:
        report["association"] = "accepted"
        if args.hold:
            args.hold.with_name(args.hold.name + ".established").touch()
            while not args.hold.exists():
                time.sleep(0.01)
        for number, path in enumerate(args.files, 1):
            if not association.is_established:
                break
            report["statuses"].append(store(association, path, number, args.fault))
        report["alive"] = association.is_established
        if association.is_established:
            association.release()
    else:
        answer = association.acceptor.primitive
        if association.is_rejected and answer is not None:
            report["association"] = "rejected"
            report["result"], report["source"] = answer.result, answer.result_source
            report["reason"] = answer.diagnostic
        elif association.acceptor.primitive is not None and not association.accepted_contexts:
            report["association"] = "no context accepted"
            report["results"] = [context.result for context in association.rejected_contexts]
    print(json.dumps(report))


if __name__ == "__main__":
    main()
