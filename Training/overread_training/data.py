"""The chest radiographs, their labels and boxes.

What an annotator's boxes may be used for is decided here, in `TRAIN_ANNOTATORS` and `SCORE_ANNOTATORS`: RSNA2018 is
under non-commercial research terms and drpradeep-CVAT is noise, so neither teaches a shipped weight, a calibration or a
threshold; RSNA2018 may score.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from overread_training import preparation
from overread_training.errors import InputError

CANVAS = 512
MASK = 128  # cells a side of the rasterised boxes
MASK_CELL = CANVAS // MASK
OVERHANG = 2.0  # pixels by which a drawn box may stick out of its picture

CLASSES: dict[str, frozenset[str]] = {
    "effusion": frozenset({"Effusion"}),
    "cardiomegaly": frozenset({"Cardiomegaly"}),
    "nodule_mass": frozenset({"Nodule", "Mass", "Lung Lesion"}),
    "opacity": frozenset({"Infiltration", "Consolidation", "Pneumonia", "Lung Opacity"}),
    "atelectasis": frozenset({"Atelectasis"}),
    "pneumothorax": frozenset({"Pneumothorax"}),
}
# Learnt beside the six so that the trunk sees all that the labels say; not exported.
AUXILIARY = ("No Finding", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening", "Infiltration", "Consolidation",
             "Pneumonia", "Nodule", "Mass")  # fmt: skip
# What a label may also say without being learnt. Any other word is a mistake.
OTHER_FINDINGS = frozenset({
    "Hernia", "Fracture", "Calcification", "Enlarged Cardiomediastinum", "Pleural Other", "Support Devices",
    "COVID-19 (patient-level, no per-image reading)",
})  # fmt: skip
FINDINGS = frozenset().union(*CLASSES.values()) | frozenset(AUXILIARY) | OTHER_FINDINGS
VIEWS = frozenset({"PA", "AP", ""})

TRAIN_ANNOTATORS = frozenset({"NIH_BBox_2017", "ChestX-Det10"})
SCORE_ANNOTATORS = frozenset({"NIH_BBox_2017", "ChestX-Det10", "RSNA2018"})

Row = dict[str, str]


@dataclass(frozen=True)
class Box:
    """A box in canvas pixels."""

    klass: int
    x: float
    y: float
    w: float
    h: float
    annotator: str


@dataclass
class Radiographs:
    """Rows of labels.csv with their pictures on the canvas, aligned by index."""

    rows: list[Row]
    canvases: npt.NDArray[np.uint8]  # [n, 512, 512] display values * 255, padding 0
    boxes: list[list[Box]]
    places: list[preparation.Placement]
    digest: str
    lung_fields: npt.NDArray[np.bool_] | None = None  # [n, 128, 128], where a pack holds them: `lungs` takes 20 ms each

    def indices(self, split: str) -> list[int]:
        return [i for i, row in enumerate(self.rows) if row["split"] == split]

    def targets(self, annotators: frozenset[str]) -> npt.NDArray[np.float32]:
        """[n, 6]: 1 where the label or a box of one of the annotators names the class."""
        out = np.zeros((len(self.rows), len(CLASSES)), dtype=np.float32)
        for i, row in enumerate(self.rows):
            found = set(row["findings"].split("|"))
            for c, names in enumerate(CLASSES.values()):
                out[i, c] = bool(found & names)
            for box in self.boxes[i]:
                if box.annotator in annotators:
                    out[i, box.klass] = 1
        return out

    def known(self, annotators: frozenset[str]) -> npt.NDArray[np.float32]:
        """[n, 6]: 0 where the reader of the report was uncertain (CheXpert's -1) and nothing else says yes."""
        uncertain = [set(row.get("uncertain", "").split("|")) for row in self.rows]
        doubted = np.array([[bool(u & names) for names in CLASSES.values()] for u in uncertain]).reshape(-1, 6)
        return np.asarray(~doubted | (self.targets(annotators) > 0), dtype=np.float32)

    def auxiliary(self) -> npt.NDArray[np.float32]:
        """[n, A]: 1 named, 0 not named, 0.5 uncertain."""
        out = []
        for row in self.rows:
            found, uncertain = set(row["findings"].split("|")), set(row.get("uncertain", "").split("|"))
            out.append([1.0 if name in found else 0.5 * (name in uncertain) for name in AUXILIARY])
        return np.array(out, dtype=np.float32)


def restored_placement(row: Row) -> preparation.Placement:
    """Where the picture lies on the canvas once it has its physical aspect again.

    NIH squeezed every picture to 1024 x 1024 whatever the detector's shape; a DICOM file is not squeezed, so the model
    is taught the shape that it will meet.
    """
    if row["detector_w"] and row["detector_h"]:
        width, height = int(float(row["detector_w"])), int(float(row["detector_h"]))
    else:
        width, height = int(row["width"]), int(row["height"])
    return preparation.placement(width, height, CANVAS, CANVAS)


def millimetres_per_pixel(row: Row, where: preparation.Placement) -> float:
    """On the canvas. The spacing is the detector's; where none is told, 0.82: the median of NIH's own."""
    if not row["pixel_mm"] or not row["detector_w"]:
        return 0.82
    return float(row["pixel_mm"]) * float(row["detector_w"]) / where.width


def load_canvas(path: Path, where: preparation.Placement) -> npt.NDArray[np.uint8]:
    with Image.open(path) as image:
        picture = np.asarray(image.convert("L"), dtype=np.float32) / np.float32(255)
    rows, columns = picture.shape
    enlarge = where.width > columns or where.height > rows
    canvas = np.zeros((CANVAS, CANVAS), dtype=np.float32)
    canvas[where.top : where.top + where.height, where.left : where.left + where.width] = preparation.resize(
        picture, where.width, where.height, enlarge=enlarge
    )
    return np.asarray(np.floor(canvas * 255 + 0.5), dtype=np.uint8)


def box_class(label: str) -> int | None:
    parts = set(label.split("/"))
    for c, names in enumerate(CLASSES.values()):
        if parts & names:
            return c
    return None


def digest_of(folder: Path, rows: Sequence[Row]) -> str:
    """SHA-256 over the two tables and each picture's name and size: what a run was trained on."""
    sha = hashlib.sha256()
    for name in ("labels.csv", "boxes.csv"):
        sha.update((folder / name).read_bytes())
    for row in rows:
        sha.update(f"{row['file']} {(folder / row['file']).stat().st_size}\n".encode())
    return sha.hexdigest()


def read_table(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return [dict(row) for row in csv.DictReader(file)]


def check_rows(rows: Sequence[Row], table: str) -> None:
    """Words that nobody knows, and patients in two splits."""
    split_of: dict[str, str] = {}
    for row in rows:
        for column in ("findings", "uncertain"):
            unknown = set(row.get(column, "").split("|")) - FINDINGS - {""}
            if unknown:
                raise InputError(f"{table}: {row['file']} has the unknown class {sorted(unknown)[0]!r}")
        if row["view"] not in VIEWS:
            raise InputError(f"{table}: {row['file']} has the unknown view {row['view']!r}; only PA and AP are taken")
        before = split_of.setdefault(row["patient_id"], row["split"])
        if before != row["split"]:
            raise InputError(f"{table}: patient {row['patient_id']} is in two splits, {before} and {row['split']}")


def check_files(folder: Path, rows: Sequence[Row]) -> None:
    missing = [row["file"] for row in rows if not (folder / row["file"]).is_file()]
    if missing:
        raise InputError(f"{folder}: {len(missing)} of {len(rows)} images are missing, the first is {missing[0]}")


def placed_boxes(
    entries: Sequence[Row], rows: Sequence[Row], places: Sequence[preparation.Placement], table: str
) -> list[list[Box]]:
    """The boxes of the six classes on the canvas, a list for each row."""
    boxes: list[list[Box]] = [[] for _ in rows]
    index = {row["file"]: i for i, row in enumerate(rows)}
    for entry in entries:
        i = index.get(entry["file"])
        if i is None:
            raise InputError(f"{table}: a box names {entry['file']}, which is not among the images")
        width, height = int(rows[i]["width"]), int(rows[i]["height"])
        x, y, w, h = (float(entry[k]) for k in ("x", "y", "w", "h"))
        low, right, bottom = -OVERHANG, width + OVERHANG, height + OVERHANG
        if w <= 0 or h <= 0 or x < low or y < low or x + w > right or y + h > bottom:
            raise InputError(
                f"{table}: the box {x:g},{y:g},{w:g},{h:g} is not within {entry['file']} ({width} x {height})"
            )
        c = box_class(entry["label"])
        if c is None:
            if not set(entry["label"].split("/")) <= FINDINGS:
                raise InputError(f"{table}: a box on {entry['file']} has the unknown class {entry['label']!r}")
            continue
        sx, sy = places[i].width / width, places[i].height / height
        boxes[i].append(
            Box(c, x * sx + places[i].left, y * sy + places[i].top, w * sx, h * sy, entry["annot"])
        )  # fmt: skip
    return boxes


def canvases_of(
    count: int, read: Callable[[int], npt.NDArray[np.uint8]], digest: str, cache: Path | None
) -> npt.NDArray[np.uint8]:
    """All pictures; with a cache, a file under the data's digest that is mapped, not held, so that it may be large."""
    kept = cache / f"canvases-{digest[:16]}.npy" if cache else None
    if kept and kept.exists():
        return np.asarray(np.load(kept, mmap_mode="r"))
    canvases: npt.NDArray[np.uint8]
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".partial.npy")
        canvases = np.lib.format.open_memmap(partial, "w+", np.uint8, (count, CANVAS, CANVAS))
    else:
        canvases = np.empty((count, CANVAS, CANVAS), dtype=np.uint8)
    with ThreadPoolExecutor() as pool:
        for start in range(0, count, 256):  # in blocks, or the finished pictures would all wait in memory
            block = range(start, min(count, start + 256))
            for i, canvas in zip(block, pool.map(read, block), strict=True):
                canvases[i] = canvas
    if kept:
        del canvases
        partial.rename(kept)
        return np.asarray(np.load(kept, mmap_mode="r"))
    return canvases


def load_folder(folder: Path, cache: Path | None) -> Radiographs:
    """This project's own layout: labels.csv, boxes.csv, images/."""
    rows = read_table(folder / "labels.csv")
    check_rows(rows, "labels.csv")
    check_files(folder, rows)
    digest = digest_of(folder, rows)
    places = [restored_placement(row) for row in rows]
    boxes = placed_boxes(read_table(folder / "boxes.csv"), rows, places, "boxes.csv")
    canvases = canvases_of(len(rows), lambda i: load_canvas(folder / rows[i]["file"], places[i]), digest, cache)
    return Radiographs(rows, canvases, boxes, places, digest)


def load(folder: Path, cache: Path | None = None) -> Radiographs:
    """Everything in the folder, whichever layout it has. `cache` keeps the canvases between runs."""
    from overread_training import layouts, pack  # they build on this module

    if (folder / pack.INDEX).is_file():
        return pack.read(folder, cache)
    if (folder / "labels.csv").is_file():
        return load_folder(folder, cache)
    return layouts.load(folder, cache)


def rasterise(boxes: Sequence[Box], annotators: frozenset[str]) -> npt.NDArray[np.uint8]:
    """[6, MASK, MASK]: how much of each cell (0 ... 255) boxes of the class cover (the most covering box counts)."""
    out = np.zeros((len(CLASSES), MASK, MASK))
    edges = np.arange(MASK) * MASK_CELL
    for box in boxes:
        if box.annotator not in annotators:
            continue
        across = np.clip(np.minimum(edges + MASK_CELL, box.x + box.w) - np.maximum(edges, box.x), 0, None) / MASK_CELL
        down = np.clip(np.minimum(edges + MASK_CELL, box.y + box.h) - np.maximum(edges, box.y), 0, None) / MASK_CELL
        out[box.klass] = np.maximum(out[box.klass], down[:, None] * across[None, :])
    return np.asarray(np.floor(out * 255 + 0.5), dtype=np.uint8)


def coverage(data: Radiographs, index: Sequence[int], patches: int) -> npt.NDArray[np.float32]:
    """[len(index), 6, patches], row-major: how much of each patch the training annotators' boxes cover."""
    side = math.isqrt(patches)
    k = MASK // side
    masks = np.stack([rasterise(data.boxes[i], TRAIN_ANNOTATORS) for i in index]).astype(np.float32) / 255
    cells = masks.reshape(len(index), len(CLASSES), side, k, side, k).mean(axis=(3, 5))
    return np.asarray(cells.reshape(len(index), len(CLASSES), patches))


def describe(data: Radiographs) -> dict[str, Any]:
    """Counts for a run's record."""
    counts: dict[str, Any] = {"digest": data.digest}
    targets = data.targets(TRAIN_ANNOTATORS)
    for split in ("train", "val", "test"):
        index = data.indices(split)
        counts[split] = {
            "images": len(index),
            "patients": len({data.rows[i]["patient_id"] for i in index}),
            "positives": dict(zip(CLASSES, targets[index].sum(axis=0).astype(int).tolist(), strict=True)),
            "boxes": sum(box.annotator in TRAIN_ANNOTATORS for i in index for box in data.boxes[i]),
        }
    return json.loads(json.dumps(counts))  # type: ignore[no-any-return]
