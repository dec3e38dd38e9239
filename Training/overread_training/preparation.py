"""From stored pixel values to the model's input: the reference that the Swift node is checked against.

The steps, in order. All arithmetic is IEEE double unless a step says otherwise; `float32(...)` rounds to nearest even.

1.  *Stored values.* One frame, one sample per pixel, integers `p`, signed if Pixel Representation is 1, of Bits Stored
    bits (bits above High Bit are not part of the value). Pixels are taken as square.
2.  *Padding.* A pixel is padding when Pixel Padding Value (0028,0120) `a` is present and `p == a`, or, when Pixel
    Padding Range Limit (0028,0121) `b` is present too, `min(a, b) <= p <= max(a, b)`. The comparison is on stored
    values (PS3.3 C.7.5.1.1.2).
3.  *Modality LUT* (PS3.3 C.11.1). With a Modality LUT Sequence: `x = lut[clamp(p - first, 0, n - 1)]`.
    Otherwise `x = p * slope + intercept`, slope 1 and intercept 0 where absent.
4.  *VOI* (PS3.3 C.11.2), to [0, 1]; the first that applies:
    a. VOI LUT Sequence, first item: `y = lut[clamp(floor(x + 0.5) - first, 0, n - 1)] / (2^bits - 1)`;
    b. Window Center `c` and Width `w`, first value of each, with VOI LUT Function (LINEAR where absent):
       LINEAR (w >= 1):      x <= c - 0.5 - (w-1)/2: 0;   x > c - 0.5 + (w-1)/2: 1;   else (x - (c-0.5))/(w-1) + 0.5
       LINEAR_EXACT (w > 0): x <= c - w/2: 0;   x > c + w/2: 1;   else (x - c)/w + 0.5
       SIGMOID (w > 0):      1 / (1 + exp(-4 (x - c)/w))
       a width outside the range given is as if the window were absent, an unknown function is LINEAR;
    c. otherwise the least and greatest `x` of the pixels that are not padding: `y = (x - low)/(high - low)`; `y = 0`
       everywhere when there is no such pixel or `high == low`.
    In a LUT Descriptor the number of entries 0 stands for 65536, and the first mapped value is signed where the values
    that it maps are: for the Modality LUT and, where the Modality LUT is not a table, for the VOI LUT when Pixel
    Representation is 1.
5.  *Polarity.* `y = 1 - y` when Photometric Interpretation is MONOCHROME1 or Presentation LUT Shape is INVERSE
    (either or both: once). Bone is then white.
6.  Padding pixels become 0. The display value is `d = float32(y)`.
7.  *Fitted size.* A picture of W columns and H rows goes into a canvas of Wc columns and Hc rows. The width limits when
    `W * Hc >= H * Wc`: then `w = Wc`, `h = max(1, floor((2*H*Wc + W) / (2*W)))` in integers, that is H*Wc/W
    rounded half up; else `h = Hc`, `w = max(1, floor((2*W*Hc + H) / (2*H)))`. `left = (Wc - w) // 2`,
    `top = (Hc - h) // 2`.
8.  *Resize*, separable, rows first (along x), then columns (along y), double accumulation, one rounding to float32 at
    the end. With the limiting side n long before and m after:
    - m <= n, *area*: output j of m covers source [j*n/m, (j+1)*n/m); the weight of source i is the length of the
      overlap of [i, i+1) with it, over n/m. (m == n copies.)
    - m > n, *bilinear* with half-pixel centres: u = (j + 0.5)*n/m - 0.5, i = floor(u), f = u - i;
      value (1-f)*s[clamp(i)] + f*s[clamp(i+1)], clamp to 0 ... n-1.
    The limiting side decides for both axes.
9.  *Canvas.* Hc x Wc of float32 `pad`, the picture at (top, left).
10. *Normalise*, in float32: `(v - mean) / std`.

The canvas point (cx, cy), in pixels from the canvas's top left corner, is at ((cx - left)*W/w, (cy - top)*H/h) in the
source, from the top left corner of its top left pixel: the coordinates of SCOORD (PS3.3 C.18.6.1.1).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # training on packed pictures needs the geometry here and no pydicom
    from pydicom.dataset import Dataset

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Placement:
    """Where a source picture lies in the model's canvas; all in pixels."""

    source_width: int
    source_height: int
    canvas_width: int
    canvas_height: int
    left: int
    top: int
    width: int
    height: int

    def to_source(self, x: float, y: float) -> tuple[float, float]:
        """The source point (column, row) under a canvas point, from the top left corner of the top left pixel."""
        return (
            (x - self.left) * self.source_width / self.width,
            (y - self.top) * self.source_height / self.height,
        )

    def to_canvas(self, x: float, y: float) -> tuple[float, float]:
        """The canvas point over a source point: the inverse of `to_source`."""
        return (
            x * self.width / self.source_width + self.left,
            y * self.height / self.source_height + self.top,
        )


@dataclass(frozen=True)
class Lut:
    """A LUT of PS3.3 C.11.1.1 or C.11.2.1.1: the first mapped value, the bits of an entry, and the entries."""

    first: int
    bits: int
    entries: npt.NDArray[np.uint16]

    def look_up(self, values: npt.NDArray[Any]) -> DoubleArray:
        index = np.clip(np.floor(values.astype(np.float64) + 0.5) - self.first, 0, len(self.entries) - 1)
        return np.asarray(self.entries[index.astype(np.int64)], dtype=np.float64)


def placement(width: int, height: int, canvas_width: int, canvas_height: int) -> Placement:
    """Step 7: fit-pad, aspect kept, centred (the odd pixel of padding goes right and below)."""
    if width * canvas_height >= height * canvas_width:
        w = canvas_width
        h = max(1, (2 * height * canvas_width + width) // (2 * width))
    else:
        h = canvas_height
        w = max(1, (2 * width * canvas_height + height) // (2 * height))
    return Placement(
        width, height, canvas_width, canvas_height, (canvas_width - w) // 2, (canvas_height - h) // 2, w, h
    )


def area_weights(source: int, target: int) -> DoubleArray:
    """The [target, source] matrix of step 8's area weights. Rows sum to 1."""
    step = source / target
    edges = np.arange(source, dtype=np.float64)
    low = np.arange(target, dtype=np.float64)[:, None] * source / target
    high = np.arange(1, target + 1, dtype=np.float64)[:, None] * source / target
    overlap = np.minimum(edges + 1, high) - np.maximum(edges, low)
    return np.asarray(np.clip(overlap, 0, None) / step)


def bilinear_weights(source: int, target: int) -> DoubleArray:
    """The [target, source] matrix of step 8's bilinear weights. Rows sum to 1."""
    u = (np.arange(target, dtype=np.float64) + 0.5) * source / target - 0.5
    i = np.floor(u)
    f = u - i
    weights = np.zeros((target, source))
    rows = np.arange(target)
    np.add.at(weights, (rows, np.clip(i, 0, source - 1).astype(np.int64)), 1 - f)
    np.add.at(weights, (rows, np.clip(i + 1, 0, source - 1).astype(np.int64)), f)
    return weights


def resize(picture: FloatArray, width: int, height: int, *, enlarge: bool) -> FloatArray:
    """Step 8 for one picture [rows, columns]. `enlarge` chooses bilinear; area otherwise."""
    rows, columns = picture.shape
    weights = bilinear_weights if enlarge else area_weights
    along_x = picture.astype(np.float64) @ weights(columns, width).T
    return (weights(rows, height) @ along_x).astype(np.float32)


def fit(picture: FloatArray, canvas_width: int, canvas_height: int, pad: float = 0.0) -> tuple[FloatArray, Placement]:
    """Steps 7 to 9: the canvas, and where the picture lies in it."""
    rows, columns = picture.shape
    where = placement(columns, rows, canvas_width, canvas_height)
    limiting_by_width = columns * canvas_height >= rows * canvas_width
    enlarge = where.width > columns if limiting_by_width else where.height > rows
    canvas = np.full((canvas_height, canvas_width), pad, dtype=np.float32)
    canvas[where.top : where.top + where.height, where.left : where.left + where.width] = resize(
        picture, where.width, where.height, enlarge=enlarge
    )
    return canvas, where


def normalise(canvas: FloatArray, mean: float, std: float) -> FloatArray:
    """Step 10."""
    return (canvas - np.float32(mean)) / np.float32(std)


def read_lut(item: Dataset, *, signed: bool) -> Lut:
    """A LUT item. The descriptor and data are read as numbers whatever their VR (US, SS or OW) says."""
    count, first, bits = (int(v) & 0xFFFF for v in item["LUTDescriptor"].value)
    count = count or 65536
    if signed and first >= 0x8000:
        first -= 0x10000
    data = item["LUTData"].value
    if isinstance(data, bytes):
        entry = np.dtype("u1") if bits <= 8 and len(data) < 2 * count else np.dtype("<u2")
        entries = np.frombuffer(data, dtype=entry)
    else:
        entries = np.asarray([int(v) & 0xFFFF for v in np.atleast_1d(data)])
    if not 1 <= bits <= 16 or len(entries) == 0:
        raise ValueError("a LUT has no entries or an entry size outside 1 to 16 bits")
    return Lut(first, bits, np.asarray(entries[:count], dtype=np.uint16))


def first_number(ds: Dataset, keyword: str) -> float | None:
    """The first value of a DS attribute, or nothing where it is absent or empty."""
    value = ds.get(keyword)
    if value is None or value == "":
        return None
    if not isinstance(value, (str, bytes)) and hasattr(value, "__len__"):
        return float(value[0]) if len(value) else None
    return float(value)


def window(x: DoubleArray, center: float, width: float, function: str) -> DoubleArray | None:
    """Step 4b, or nothing where the width makes no window."""
    if function == "LINEAR_EXACT" and width > 0:
        y = (x - center) / width + 0.5
        return np.where(x <= center - width / 2, 0.0, np.where(x > center + width / 2, 1.0, y))
    if function == "SIGMOID" and width > 0:
        with np.errstate(over="ignore"):
            return np.asarray(1.0 / (1.0 + np.exp(-4.0 * (x - center) / width)))
    if function in ("LINEAR_EXACT", "SIGMOID") or width < 1:
        return None
    half = (width - 1) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        y = (x - (center - 0.5)) / (width - 1) + 0.5
    return np.where(x <= center - 0.5 - half, 0.0, np.where(x > center - 0.5 + half, 1.0, y))


def padding_mask(stored: npt.NDArray[Any], ds: Dataset) -> npt.NDArray[np.bool_]:
    """Step 2. The values are read with the sign that Pixel Representation gives, whatever VR was written."""
    if "PixelPaddingValue" not in ds or ds.PixelPaddingValue in (None, ""):
        return np.zeros(stored.shape, dtype=bool)
    signed = ds.get("PixelRepresentation", 0) == 1

    def number(keyword: str) -> int:
        value = int(ds[keyword].value) & 0xFFFF
        return value - 0x10000 if signed and value >= 0x8000 else value

    a = number("PixelPaddingValue")
    limit = ds.get("PixelPaddingRangeLimit")
    b = number("PixelPaddingRangeLimit") if limit not in (None, "") else a
    return np.asarray((stored >= min(a, b)) & (stored <= max(a, b)))


def display_values(stored: npt.NDArray[Any], ds: Dataset) -> FloatArray:
    """Steps 2 to 6: stored values [rows, columns] to display values, bone white."""
    signed = ds.get("PixelRepresentation", 0) == 1
    padding = padding_mask(stored, ds)
    modality = ds.get("ModalityLUTSequence")
    if modality:
        x = read_lut(modality[0], signed=signed).look_up(stored)
        signed = False
    else:
        slope, intercept = first_number(ds, "RescaleSlope"), first_number(ds, "RescaleIntercept")
        x = stored.astype(np.float64) * (1.0 if slope is None else slope) + (0.0 if intercept is None else intercept)
    y = voi(x, padding, ds, signed=signed)
    inverse = ds.PhotometricInterpretation == "MONOCHROME1" or ds.get("PresentationLUTShape") == "INVERSE"
    if inverse:
        y = 1.0 - y
    return np.where(padding, 0.0, y).astype(np.float32)


def voi(x: DoubleArray, padding: npt.NDArray[np.bool_], ds: Dataset, *, signed: bool) -> DoubleArray:
    """Step 4."""
    sequence = ds.get("VOILUTSequence")
    if sequence:
        lut = read_lut(sequence[0], signed=signed)
        return lut.look_up(x) / float(2**lut.bits - 1)
    center, width = first_number(ds, "WindowCenter"), first_number(ds, "WindowWidth")
    if center is not None and width is not None:
        y = window(x, center, width, str(ds.get("VOILUTFunction") or "LINEAR"))
        if y is not None:
            return y
    seen = x[~padding]
    if seen.size == 0 or seen.max() == seen.min():
        return np.zeros_like(x)
    return np.asarray((x - seen.min()) / (seen.max() - seen.min()))


def prepare(
    path: Path, width: int = 512, height: int = 512, mean: float = 0.5, std: float = 0.25
) -> tuple[FloatArray, Placement]:
    """All steps for a DICOM file: the input tensor's [height, width] plane and the placement."""
    from pydicom import dcmread

    ds = dcmread(path)
    if ds.get("SamplesPerPixel", 1) != 1 or int(ds.get("NumberOfFrames") or 1) != 1:
        raise ValueError("only one frame of one sample per pixel can be prepared")
    canvas, where = fit(display_values(ds.pixel_array, ds), width, height)
    return normalise(canvas, mean, std), where


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the model's input for DICOM files, float32 little endian, raw.")
    parser.add_argument("dicom", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--mean", type=float, default=0.5)
    parser.add_argument("--std", type=float, default=0.25)
    arguments = parser.parse_args()
    plane, where = prepare(arguments.dicom, arguments.size, arguments.size, arguments.mean, arguments.std)
    plane.astype("<f4").tofile(arguments.out)
    print(where)


if __name__ == "__main__":
    main()
