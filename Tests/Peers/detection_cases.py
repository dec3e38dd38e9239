"""Pictures of every kind that the detector's preparation knows, and what the reference preparation makes of them.

    detection_cases.py prepare FOLDER [FILE...]
        writes NAME.dcm and NAME.f32 (the model's input, float32 little endian) for each case, and for the files given
    detection_cases.py compress FOLDER
        writes NAME.dcm and NAME.i32 (the stored values) for each transfer syntax that can be written from here;
        source*.dcm are for other encoders
    detection_cases.py decode FOLDER NAME...
        writes NAME.i32 as pydicom reads NAME.dcm
    detection_cases.py published FOLDER
        the same for each compressed single-frame gray image that the packages pydicom and pydicom-data carry

Both print the names, one a line.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    generate_uid,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "Training"))

from overread_training import preparation

IMPLICIT, EXPLICIT, BIG = ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian


def picture(rows: int, columns: int, low: int, high: int, seed: int) -> np.ndarray[Any, Any]:
    """Smooth shading with noise and a few sharp edges, from `low` to `high`; both ends occur."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:columns].astype(float)
    shade = np.sin(3.1 * x / max(columns, 2)) * np.cos(2.3 * y / max(rows, 2)) + 0.4 * ((x // 7 + y // 5) % 2)
    shade += generator.normal(0, 0.15, shade.shape)
    shade -= shade.min()
    shade /= max(shade.max(), 1e-9)
    return np.rint(low + shade * (high - low)).astype(np.int64)


def image(
    pixels: np.ndarray[Any, Any],
    *,
    bits: int = 16,
    allocated: int = 16,
    signed: bool = False,
    syntax: UID = EXPLICIT,
    **attributes: Any,
) -> Dataset:
    """A CR of a chest with the given stored values."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.1")
    meta.MediaStorageSOPInstanceUID = generate_uid(prefix=None)
    meta.TransferSyntaxUID = syntax
    ds = Dataset()
    ds.file_meta = meta
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.Modality, ds.BodyPartExamined, ds.ViewPosition = "CR", "CHEST", "PA"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = pixels.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = allocated, bits, bits - 1, int(signed)
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    kind = np.dtype(f"{'>' if syntax == BIG else '<'}{'i' if signed else 'u'}{allocated // 8}")
    data = pixels.astype(kind).tobytes()
    if len(data) % 2:
        data += b"\0"
    if allocated == 8 and syntax == BIG:
        data = np.frombuffer(data, "<u2").astype(">u2").tobytes()
    ds.PixelData = data
    ds["PixelData"].VR = "OW"
    return ds


def lut(count: int, first: int, bits: int, entries: Any, vr: str = "US", signed: bool = False) -> Sequence:
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if signed else "US", [count, first, bits])
    item.add_new("LUTData", vr, entries)
    return Sequence([item])


def curve(count: int, top: int) -> list[int]:
    return [int(v) for v in np.rint(top * np.linspace(0, 1, count) ** 0.6)]


def with_high_bits(pixels: np.ndarray[Any, Any], bits: int) -> np.ndarray[Any, Any]:
    """Sets what lies above the stored bits, as old overlays did."""
    noise = np.random.default_rng(9).integers(0, 1 << (16 - bits), pixels.shape)
    return pixels | (noise << bits)


def preparation_cases() -> dict[str, Dataset]:
    packed = bytes(curve(256, 255))
    wide = curve(65536, 65535)
    cases = {
        "8-bit": image(picture(100, 80, 0, 255, 1), bits=8, allocated=8),
        "8-bit-odd": image(picture(61, 83, 3, 200, 2), bits=8, allocated=8, WindowCenter=90, WindowWidth=120),
        "8-bit-big-endian": image(picture(61, 83, 3, 200, 2), bits=8, allocated=8, syntax=BIG),
        "10-bit-mono1": image(picture(600, 500, 0, 1023, 3), bits=10, PhotometricInterpretation="MONOCHROME1"),
        "12-bit-window": image(picture(700, 560, 0, 4095, 4), bits=12, WindowCenter="1800", WindowWidth="2500.5"),
        "12-bit-two-windows": image(
            picture(300, 900, 0, 4095, 5), bits=12, WindowCenter=["1000", "2000"], WindowWidth=["500", "4000"]
        ),
        "12-bit-overlay-bits": image(with_high_bits(picture(130, 140, 0, 4095, 6), 12), bits=12),
        "12-bit-signed": image(
            picture(520, 610, -2048, 2047, 7), bits=12, signed=True, WindowCenter=0, WindowWidth=900
        ),
        "15-bit-mono1-portrait": image(
            picture(1000, 300, 0, 32767, 8),
            bits=15,
            PhotometricInterpretation="MONOCHROME1",
            WindowCenter="16000",
            WindowWidth="20000",
        ),
        "16-bit-landscape": image(picture(200, 1500, 0, 65535, 10)),
        "16-bit-signed-rescaled": image(
            picture(513, 511, -32768, 32767, 11),
            signed=True,
            RescaleSlope="0.031",
            RescaleIntercept="-1024",
            WindowCenter="40",
            WindowWidth="400",
        ),
        "16-bit-big-endian": image(picture(220, 330, 0, 65535, 12), syntax=BIG, WindowCenter=30000, WindowWidth=50000),
        "implicit": image(
            picture(256, 256, 10, 4000, 13), bits=12, syntax=IMPLICIT, WindowCenter=2000, WindowWidth=3000
        ),
        "inverse-shape": image(picture(400, 400, 0, 4095, 14), bits=12, PresentationLUTShape="INVERSE"),
        "inverse-shape-mono1": image(
            picture(400, 400, 0, 4095, 14),
            bits=12,
            PresentationLUTShape="INVERSE",
            PhotometricInterpretation="MONOCHROME1",
        ),
        "linear-exact": image(
            picture(640, 512, 0, 4095, 15), bits=12, WindowCenter=2000, WindowWidth=1500, VOILUTFunction="LINEAR_EXACT"
        ),
        "sigmoid": image(
            picture(640, 512, 0, 4095, 16), bits=12, WindowCenter=2000, WindowWidth=900, VOILUTFunction="SIGMOID"
        ),
        "unknown-function": image(
            picture(640, 512, 0, 4095, 16), bits=12, WindowCenter=2000, WindowWidth=900, VOILUTFunction="CUBIC"
        ),
        "width-1": image(picture(300, 300, 0, 255, 17), bits=8, WindowCenter=128, WindowWidth=1),
        "width-too-small": image(picture(300, 300, 0, 255, 17), bits=8, WindowCenter=128, WindowWidth="0.5"),
        "padding": image(picture(350, 290, 0, 4095, 18), bits=12, PixelPaddingValue=0),
        "padding-range-mono1": image(
            picture(350, 290, 0, 4095, 19),
            bits=12,
            PixelPaddingValue=3900,
            PixelPaddingRangeLimit=4095,
            PhotometricInterpretation="MONOCHROME1",
        ),
        "padding-signed": image(picture(350, 290, -900, 900, 20), signed=True, RescaleSlope="2"),
        "padding-all": image(np.full((30, 40), 7, dtype=np.int64), PixelPaddingValue=7),
        "flat": image(np.full((30, 40), 7, dtype=np.int64)),
        "modality-lut": image(
            picture(450, 380, 0, 1023, 21),
            bits=10,
            ModalityLUTSequence=lut(900, 50, 12, curve(900, 4000)),
            WindowCenter=2000,
            WindowWidth=3000,
        ),
        "modality-lut-signed": image(
            picture(450, 380, -500, 500, 22),
            signed=True,
            ModalityLUTSequence=lut(901, -450, 12, curve(901, 4000), signed=True),
        ),
        "voi-lut": image(picture(450, 380, 0, 4095, 23), bits=12, VOILUTSequence=lut(4096, 0, 10, curve(4096, 1023))),
        "voi-lut-over-window": image(
            picture(450, 380, 0, 4095, 24),
            bits=12,
            VOILUTSequence=lut(3000, 500, 12, curve(3000, 4095)),
            WindowCenter=10,
            WindowWidth=10,
        ),
        "voi-lut-packed-8-bit": image(
            picture(450, 380, 0, 255, 25), bits=8, allocated=8, VOILUTSequence=lut(256, 0, 8, packed, vr="OW")
        ),
        "voi-lut-65536": image(picture(300, 310, 0, 65535, 26), VOILUTSequence=lut(0, 0, 16, wide)),
        "voi-lut-fractions": image(
            picture(300, 310, 0, 4095, 27),
            bits=12,
            RescaleSlope="0.25",
            RescaleIntercept="-3.5",
            VOILUTSequence=lut(1000, 5, 12, curve(1000, 4095)),
        ),
        "voi-lut-implicit": image(
            picture(300, 310, 0, 4095, 28),
            bits=12,
            syntax=IMPLICIT,
            VOILUTSequence=lut(
                4096, 0, 12, np.array(curve(4096, 4095), dtype="<u2").tobytes(), vr="OW"
            ),
        ),
        "voi-lut-big-endian": image(
            picture(300, 310, 0, 4095, 29), bits=12, syntax=BIG, VOILUTSequence=lut(4096, 0, 12, curve(4096, 4095))
        ),
        "both-luts": image(
            picture(300, 310, 0, 1023, 30),
            bits=10,
            ModalityLUTSequence=lut(1024, 0, 12, curve(1024, 4095)),
            VOILUTSequence=lut(4096, 0, 8, curve(4096, 255)),
        ),
        "pixel": image(np.array([[1000]]), bits=12),
        "line": image(picture(1, 700, 0, 4095, 31), bits=12),
        "column": image(picture(5000, 1, 0, 4095, 32), bits=12),
        "tiny": image(picture(3, 5, 0, 4095, 33), bits=12, WindowCenter=2000, WindowWidth=4000),
        "same-size": image(picture(512, 512, 0, 4095, 34), bits=12),
        "mammogram-size": image(picture(3518, 2800, 0, 4095, 35), bits=12, WindowCenter=2000, WindowWidth=4000),
    }
    cases["padding-signed"].add_new("PixelPaddingValue", "SS", -300)
    cases["padding-signed"].add_new("PixelPaddingRangeLimit", "SS", -900)
    return cases


def prepare(folder: Path, files: list[Path]) -> None:
    for name, ds in preparation_cases().items():
        ds.save_as(folder / f"{name}.dcm", enforce_file_format=True)
    for index, file in enumerate(files):
        (folder / f"file-{index}.dcm").symlink_to(file)
    for file in sorted(folder.glob("*.dcm")):
        plane, _ = preparation.prepare(file)
        plane.astype("<f4").tofile(file.with_suffix(".f32"))
        print(file.stem)


def jpeg2000(ds: Dataset, values: np.ndarray[Any, Any], *, reversible: bool, boxed: bool = False) -> Dataset:
    stream = io.BytesIO()
    depth = np.uint8 if ds.BitsAllocated == 8 else np.uint16
    Image.fromarray(values.astype(depth)).save(
        stream,
        "JPEG2000",
        irreversible=not reversible,
        no_jp2=not boxed,
        quality_mode="rates",
        quality_layers=[1 if reversible else 8],
    )
    data = stream.getvalue()
    ds.PixelData = encapsulate([data])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = JPEG2000Lossless if reversible else JPEG2000
    return ds


def compress(folder: Path) -> None:
    def save(name: str, ds: Dataset, values: np.ndarray[Any, Any] | None) -> None:
        ds.save_as(folder / f"{name}.dcm", enforce_file_format=True)
        if values is None:
            values = dcmread(folder / f"{name}.dcm").pixel_array
        values.astype("<i4").tofile(folder / f"{name}.i32")
        print(name)

    twelve = picture(203, 155, 0, 4095, 40)
    eight = picture(203, 155, 0, 255, 41)
    negative = picture(203, 155, -2000, 2000, 42)
    wide = picture(203, 155, 0, 65535, 44)
    low = picture(203, 155, -32768, 32767, 45)
    save("source", image(twelve, bits=12), twelve)
    save("source8", image(eight, bits=8, allocated=8), eight)
    save("source16", image(picture(203, 155, 0, 65535, 43)), None)
    save("source-signed", image(negative, bits=12, signed=True), negative)
    save("source-signed-16", image(low, signed=True), low)
    for name, values, options in (
        ("8", eight, {"bits": 8, "allocated": 8}),
        ("12", twelve, {"bits": 12}),
        ("16", wide, {}),
        ("12-signed", negative, {"bits": 12, "signed": True}),
        ("signed", negative, {"signed": True}),
        ("16-signed", low, {"signed": True}),
    ):
        for prefix, syntax in (("rle", RLELossless), ("jpeg-ls", JPEGLSLossless), ("jpeg-2000", JPEG2000Lossless)):
            ds = image(values, **options)
            ds.compress(syntax)
            save(f"{prefix}-{name}", ds, values)
        ds = image(values, **options)
        ds.compress(JPEG2000, j2k_cr=[8])
        save(f"jpeg-2000-lossy-{name}", ds, None)
    ds = image(twelve, bits=12)
    ds.compress(JPEGLSNearLossless, jls_error=4)
    save("jpeg-ls-near", ds, None)
    save("jpeg-2000-boxed", jpeg2000(image(eight, bits=8, allocated=8), eight, reversible=True, boxed=True), eight)


def decode(file: Path) -> None:
    dcmread(file).pixel_array.astype("<i4").tofile(file.with_suffix(".i32"))
    print(file.stem)


def published(folder: Path) -> None:
    installed = Path(pydicom.__file__).parent
    for store in (installed / "data" / "test_files", installed.parent / "data_store" / "data"):
        for file in sorted(store.glob("*.dcm")):
            ds = dcmread(file, stop_before_pixels=True, force=True)
            syntax = getattr(getattr(ds, "file_meta", None), "TransferSyntaxUID", None)
            if syntax in (None, IMPLICIT, EXPLICIT, DeflatedExplicitVRLittleEndian):
                continue
            if ds.get("SamplesPerPixel") != 1 or ds.get("NumberOfFrames", 1) not in (1, None):
                continue
            if ds.get("BitsAllocated") not in (8, 16) or ds.Rows * ds.Columns > 1 << 20:
                continue
            # A mark for what lossy decoders may differ in.
            lossy = syntax in (JPEG2000, JPEGBaseline8Bit, JPEGExtended12Bit)
            copy = folder / f"{'lossy-' if lossy else ''}{file.name}"
            shutil.copyfile(file, copy)
            try:
                decode(copy)
            except Exception as error:  # what pydicom cannot read either is said, and not compared
                print(f"{file.name}: {error}", file=sys.stderr)


def main() -> None:
    command, folder, *files = sys.argv[1:]
    if command == "prepare":
        prepare(Path(folder), [Path(f) for f in files])
    elif command == "decode":
        for name in files:
            decode(Path(folder) / f"{name}.dcm")
    elif command == "published":
        published(Path(folder))
    else:
        compress(Path(folder))


if __name__ == "__main__":
    main()
