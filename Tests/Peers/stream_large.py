"""Sends one Enhanced CT object of any size without ever holding it, with PDUs of its own making; prints JSON.

usage: stream_large.py PORT [--megabytes N] [--header-megabytes N] [--calling AE] [--called AE]

{"instance": UID, "status": "0000", "comment": "...", "bytes": N, "seconds": S}

With --header-megabytes the header holds a comment of that size, and no pixels follow.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import time
from collections.abc import Iterator
from io import BytesIO

from pdu import Peer
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
ROWS = COLUMNS = 512


def header(frames: int, comment: int) -> tuple[bytes, str]:
    """Everything before Pixel Data, with a functional group for each frame."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    ds.SOPClassUID, ds.SOPInstanceUID = ENHANCED_CT, generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.StudyDate = ds.ContentDate = "20260102"
    ds.StudyTime = ds.ContentTime = "101112"
    ds.Modality, ds.Manufacturer = "CT", "Synthetic"
    ds.PatientName, ds.PatientID = "Large^Object", "LARGE1"
    ds.BodyPartExamined = "CHEST"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.NumberOfFrames = frames
    ds.Rows, ds.Columns = ROWS, COLUMNS
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    groups = []
    for frame in range(frames):
        content, item = Dataset(), Dataset()
        content.FrameAcquisitionNumber = frame % 65536
        content.StackID, content.InStackPositionNumber = "1", frame + 1
        item.FrameContentSequence = Sequence([content])
        groups.append(item)
    ds.PerFrameFunctionalGroupsSequence = Sequence(groups)
    if comment:
        ds.add_new(0x00204000, "LT", "x" * 1000)
        ds.add_new(0x00189004, "CS", "RESEARCH")
        ds.add_new(0x0040A160, "UT", "word " * (comment // 5))
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, ds)
    return buffer.getvalue(), str(ds.SOPInstanceUID)


def pieces(head: bytes, pixels: int, size: int) -> Iterator[bytes]:
    """The data set in pieces of one size."""
    noise = os.urandom(1 << 20)
    source = BytesIO(head)
    piece = source.read(size)
    while len(piece) == size:
        yield piece
        piece = source.read(size)
    while pixels > 0:
        taken = noise[: min(pixels, size - len(piece))]
        pixels -= len(taken)
        piece += taken
        if len(piece) == size:
            yield piece
            piece = b""
    if piece:
        yield piece


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("--megabytes", type=int, default=64)
    parser.add_argument("--header-megabytes", type=int, default=0)
    parser.add_argument("--calling", default="MODALITY")
    parser.add_argument("--called", default="OVERREAD")
    args = parser.parse_args()
    frames = 1 if args.header_megabytes else args.megabytes * 1_000_000 // (2 * ROWS * COLUMNS)
    head, instance = header(frames, args.header_megabytes * 1_000_000)
    pixels = 0 if args.header_megabytes else frames * 2 * ROWS * COLUMNS
    if pixels:
        head += struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, pixels)
    report = {"instance": instance, "bytes": len(head) + pixels}
    begin = time.monotonic()
    with Peer(args.port, ENHANCED_CT, ExplicitVRLittleEndian, args.calling, args.called) as peer:
        answer = peer.store(instance, pieces(head, pixels, peer.longest - 6))
        peer.release()
    report |= {"status": answer.status, "comment": answer.comment}
    print(json.dumps(report | {"seconds": round(time.monotonic() - begin, 2)}))


if __name__ == "__main__":
    main()
