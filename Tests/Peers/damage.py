"""Writes an image again with something changed, most often a fault that no header shows.

usage: damage.py KIND SOURCE OUT

kinds: rle-cut-short      RLE Lossless whose last segment ends before the image does
       deflate-cut-short  a deflated data set that ends in the middle of the stream
       deflate-garbage    a deflated data set that is no deflated stream
       deflate-bomb       a deflated header of 80 MB, of which 80 KB are sent
       other-pixels       the same instance with another first pixel
       of-today           the same instance with a Study Date of today
"""

from __future__ import annotations

import struct
import sys
import zlib
from datetime import UTC, datetime
from pathlib import Path

from pydicom import dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless


def rle_cut_short(source: Path, out: Path) -> None:
    ds = dcmread(source)
    ds.compress(RLELossless, generate_instance_uid=False)
    frame = next(generate_frames(ds.PixelData, number_of_frames=1))
    second = struct.unpack_from("<I", frame, 8)[0]
    # Half of the segment of the low bytes, and of an even length.
    ds.PixelData = encapsulate([frame[: second + (len(frame) - second) // 4 * 2]])
    ds.save_as(out, enforce_file_format=True)


def other_pixels(source: Path, out: Path) -> None:
    ds = dcmread(source)
    ds.PixelData = bytes([ds.PixelData[0] ^ 1]) + ds.PixelData[1:]
    ds.save_as(out, enforce_file_format=True)


def of_today(source: Path, out: Path) -> None:
    ds = dcmread(source)
    ds.StudyDate = datetime.now(UTC).strftime("%Y%m%d")
    ds.save_as(out, enforce_file_format=True)


def raw_deflate(data: bytes) -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflater.compress(data) + deflater.flush()


def deflated(kind: str, source: Path, out: Path) -> None:
    ds = dcmread(source)
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    ds.save_as(out, enforce_file_format=True)
    whole = out.read_bytes()
    # 128 bytes preamble, "DICM", then (0002,0000) UL 4 whose value is the length of the rest of the group.
    start = 144 + struct.unpack_from("<I", whole, 140)[0]
    meta, stream = whole[:start], whole[start:]
    if kind == "deflate-cut-short":
        stream = stream[: len(stream) // 2]
    elif kind == "deflate-garbage":
        stream = b"\xff" * len(stream)
    else:
        # (0008,4000) UT, so that it comes before the instance's own attributes are of use to anybody.
        stream = raw_deflate(b"\x08\x00\x00\x40UT\x00\x00" + struct.pack("<I", 80_000_000) + bytes(80_000_000))
    out.write_bytes(meta + stream)


def main() -> None:
    kind, source, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    match kind:
        case "rle-cut-short":
            rle_cut_short(source, out)
        case "other-pixels":
            other_pixels(source, out)
        case "of-today":
            of_today(source, out)
        case _:
            deflated(kind, source, out)


if __name__ == "__main__":
    main()
