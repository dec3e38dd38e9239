"""Whether copies decode to the pixels of their originals.

usage: same_pixels.py PAIRS

PAIRS is a JSON file with a list of [original, copy]. Prints how many were compared and which differ. Of native samples,
the bits outside Bits Stored do not count: no conforming reader shows them.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset, dcmread


def decoded(dataset: Dataset) -> Any:
    pixels = dataset.pixel_array
    unused = dataset.BitsAllocated - dataset.BitsStored
    if unused > 0 and pixels.dtype.kind in "iu" and not dataset.file_meta.TransferSyntaxUID.is_compressed:
        shift = dataset.BitsAllocated - 1 - dataset.HighBit
        pixels = np.right_shift(np.left_shift(pixels, shift), unused)
    return pixels


def main() -> None:
    warnings.simplefilter("ignore")
    compared, differ = 0, []
    for original, copy in json.loads(Path(sys.argv[1]).read_text()):
        try:
            expected = decoded(dcmread(original))
        except Exception:
            # It has no pixels, pydicom has no decoder for them, or the original is damaged.
            continue
        compared += 1
        try:
            same = np.array_equal(expected, decoded(dcmread(copy)))
        except Exception as error:
            differ.append(f"{Path(original).name}: {error}")
            continue
        if not same:
            differ.append(Path(original).name)
    print(json.dumps({"compared": compared, "differ": differ}))


if __name__ == "__main__":
    main()
