"""The training and validation pictures in a few files, so that they can go where the original folder cannot.

A pack holds pack.json (what it was made from, the files and their digests), labels.csv (with each picture's place),
boxes.csv (only those that may teach), lungs.bin (the estimate of each picture's lungs) and images-NN.bin: the pictures
as they lie on the canvas, their physical aspect restored, one WebP after the other. The test split and the external
images stay behind: what is not there cannot leak.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, features

from overread_training import data as d
from overread_training import lungs
from overread_training.errors import InputError, told
from overread_training.preparation import Placement

INDEX = "pack.json"
LUNGS = "lungs.bin"
SPLITS = ("train", "val")
SHARD = 12_000_000  # bytes; the last picture may go over it
COLUMNS = ("file", "source", "patient_id", "view", "sex", "age", "findings", "uncertain", "normal", "normal_tier",
           "width", "height", "detector_w", "detector_h", "pixel_mm", "split", "matched_eval")  # fmt: skip


def encoded(canvas: npt.NDArray[np.uint8], where: Placement, quality: int) -> bytes:
    picture = canvas[where.top : where.top + where.height, where.left : where.left + where.width]
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(out, "WEBP", quality=quality, method=6)
    return out.getvalue()


def decoded(content: bytes, where: Placement, file: str) -> npt.NDArray[np.uint8]:
    with Image.open(io.BytesIO(content)) as image:
        if image.size != (where.width, where.height):
            raise InputError(f"the pack holds {file} as {image.size}, its label says {where.width} x {where.height}")
        picture = np.asarray(image.convert("L"))
    canvas = np.zeros((d.CANVAS, d.CANVAS), dtype=np.uint8)
    canvas[where.top : where.top + where.height, where.left : where.left + where.width] = picture
    return canvas


def write_table(path: Path, columns: Sequence[str], rows: Sequence[d.Row]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def box_rows(data: d.Radiographs, index: Sequence[int]) -> list[d.Row]:
    """The boxes that may teach, back in the pixels of the picture that the label's width and height count."""
    names = {c: sorted(names)[0] for c, names in enumerate(d.CLASSES.values())}
    out = []
    for i in index:
        where, row = data.places[i], data.rows[i]
        sx, sy = int(row["width"]) / where.width, int(row["height"]) / where.height
        for box in data.boxes[i]:
            if box.annotator in d.TRAIN_ANNOTATORS:
                x, y, w, h = (box.x - where.left) * sx, (box.y - where.top) * sy, box.w * sx, box.h * sy
                place = {k: f"{v:.3f}" for k, v in zip("xywh", (x, y, w, h), strict=True)}
                out.append({"file": row["file"], "label": names[box.klass], "annot": box.annotator, **place})
    return out


def write(data: d.Radiographs, out: Path, quality: int = 85, splits: Sequence[str] = SPLITS) -> dict[str, object]:
    """Packs the splits; the index is written last, so that a pack that was not finished is none."""
    index = [i for split in splits for i in data.indices(split)]
    if not index:
        raise InputError(f"there is nothing to pack: no image is in the splits {', '.join(splits)}")
    out.mkdir(parents=True, exist_ok=True)
    (out / INDEX).unlink(missing_ok=True)
    for old in out.glob("images-*.bin"):
        old.unlink()
    with ThreadPoolExecutor() as pool:
        pictures = list(pool.map(lambda i: encoded(data.canvases[i], data.places[i], quality), index))
    rows, shards = [], [bytearray()]
    for i, picture in zip(index, pictures, strict=True):
        if len(shards[-1]) >= SHARD:
            shards.append(bytearray())
        place = {"shard": str(len(shards) - 1), "offset": str(len(shards[-1])), "length": str(len(picture))}
        rows.append({**{k: data.rows[i].get(k, "") for k in COLUMNS}, **place})
        shards[-1] += picture
    write_table(out / "labels.csv", (*COLUMNS, "shard", "offset", "length"), rows)
    write_table(out / "boxes.csv", ("file", "label", "x", "y", "w", "h", "annot"), box_rows(data, index))
    (out / LUNGS).write_bytes(zlib.compress(np.packbits(lungs.fields(data.canvases, index)).tobytes(), 9))
    for k, shard in enumerate(shards):
        (out / f"images-{k:02}.bin").write_bytes(shard)
    names = ["labels.csv", "boxes.csv", LUNGS, *(f"images-{k:02}.bin" for k in range(len(shards)))]
    digests = {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in names}
    content: dict[str, object] = {
        "made_from": data.digest,
        "splits": list(splits),
        "images": len(index),
        "bytes": sum((out / name).stat().st_size for name in names),
        "quality": quality,
        "digest": hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest(),
        "files": digests,
    }
    (out / INDEX).write_text(json.dumps(content, indent=1))
    return content


def read(folder: Path, cache: Path | None = None) -> d.Radiographs:
    """The pack's pictures; every file is checked against its digest first."""
    if not features.check("webp"):
        raise InputError("this Pillow cannot read WebP, which the pack's pictures are in")
    index = json.loads((folder / INDEX).read_text())
    for name, digest in index["files"].items():
        path = folder / name
        if not path.is_file():
            raise InputError(f"{folder}: the pack's file {name} is missing")
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise InputError(f"{folder}: {name} is not the file that was packed (its digest differs)")
    rows = d.read_table(folder / "labels.csv")
    d.check_rows(rows, "labels.csv of the pack")
    places = [d.restored_placement(row) for row in rows]
    boxes = d.placed_boxes(d.read_table(folder / "boxes.csv"), rows, places, "boxes.csv of the pack")
    shards = [(folder / name).read_bytes() for name in sorted(index["files"]) if name.startswith("images-")]

    def picture(i: int) -> npt.NDArray[np.uint8]:
        row = rows[i]
        start = int(row["offset"])
        return decoded(shards[int(row["shard"])][start : start + int(row["length"])], places[i], row["file"])

    canvases = d.canvases_of(len(rows), picture, index["digest"], cache)
    bits = np.frombuffer(zlib.decompress((folder / LUNGS).read_bytes()), dtype=np.uint8)
    fields = np.unpackbits(bits).reshape(len(rows), lungs.SIDE, lungs.SIDE).astype(bool)
    return d.Radiographs(rows, canvases, boxes, places, index["digest"], fields)


def main() -> None:
    parser = argparse.ArgumentParser(description="Pack the training and validation pictures.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--quality", type=int, default=85, help="of WebP")
    arguments = parser.parse_args()
    content = write(d.load(arguments.data, arguments.cache), arguments.out, arguments.quality)
    print(json.dumps(content, indent=1))


if __name__ == "__main__":
    told(main)
