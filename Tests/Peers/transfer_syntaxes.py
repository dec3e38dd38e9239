"""One image in each transfer syntax that the node accepts, and whether what the node keeps of them is the same.

    transfer_syntaxes.py make FOLDER SOURCE
        writes FOLDER/NAME.dcm for each transfer syntax, each an instance of its own; prints the paths as JSON
    transfer_syntaxes.py compare FOLDER KEPT
        for each NAME: whether KEPT has exactly one file in its transfer syntax (deflated: in Explicit VR Little Endian)
        that decodes to the same pixels; prints what is not so as JSON

Needs dcmcjpeg of DCMTK for the JPEG processes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    generate_uid,
)

NATIVE = {"implicit": ImplicitVRLittleEndian, "big": ExplicitVRBigEndian, "deflated": DeflatedExplicitVRLittleEndian}
COMPRESSED = {
    "rle": (RLELossless, {}),
    "jpeg-ls": (JPEGLSLossless, {}),
    "jpeg-ls-near": (JPEGLSNearLossless, {"jls_error": 3}),
    "jpeg-2000-lossless": (JPEG2000Lossless, {}),
    "jpeg-2000": (JPEG2000, {"j2k_cr": [6]}),
}
DCMCJPEG = {"jpeg-lossless-sv1": "+e1", "jpeg-lossless": "+el", "jpeg-extended": "+ee"}


def instance(source: Path, path: Path) -> Dataset:
    ds = dcmread(source)
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.filename = str(path)
    return ds


def make(folder: Path, source: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, syntax in NATIVE.items():
        path = folder / f"{name}.dcm"
        read = instance(source, path)
        # A data set that was not read from a file may be written in any byte order.
        ds = Dataset()
        read.decode()
        for element in read:
            ds.add(element)
        ds.file_meta = read.file_meta
        ds.file_meta.TransferSyntaxUID = syntax
        if syntax == ExplicitVRBigEndian:
            ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
        ds.save_as(path, enforce_file_format=True)
    for name, (syntax, options) in COMPRESSED.items():
        path = folder / f"{name}.dcm"
        ds = instance(source, path)
        ds.compress(syntax, generate_instance_uid=False, **options)
        ds.save_as(path, enforce_file_format=True)
    for name, option in DCMCJPEG.items():
        path = folder / f"{name}.dcm"
        plain = folder / "plain"
        instance(source, plain).save_as(plain, enforce_file_format=True)
        subprocess.run(["dcmcjpeg", option, "+un", str(plain), str(path)], check=True)
        plain.unlink()
    print(json.dumps([str(path) for path in sorted(folder.glob("*.dcm"))]))


def compare(folder: Path, kept: Path) -> None:
    stored: dict[str, list[Dataset]] = {}
    for path in kept.rglob("*.dcm"):
        if path.read_bytes()[128:132] != b"DICM":
            continue  # made ahead: zeros, of no instance
        ds = dcmread(path)
        stored.setdefault(str(ds.file_meta.TransferSyntaxUID), []).append(ds)
    wrong = []
    for path in sorted(folder.glob("*.dcm")):
        ds = dcmread(path)
        sent = ds.file_meta.TransferSyntaxUID
        syntax = ExplicitVRLittleEndian if sent == DeflatedExplicitVRLittleEndian else sent
        found = stored.get(str(syntax), [])
        if len(found) != 1:
            wrong.append(f"{path.stem}: {len(found)} files are kept in {syntax}")
        elif not np.array_equal(found[0].pixel_array, ds.pixel_array):
            wrong.append(f"{path.stem}: other pixels")
    print(json.dumps(wrong))


def main() -> None:
    command, folder, other = sys.argv[1:]
    {"make": make, "compare": compare}[command](Path(folder), Path(other))


if __name__ == "__main__":
    main()
