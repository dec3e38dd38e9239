"""The chest radiographs, their labels and boxes, and the augmentation.

What an annotator's boxes may be used for is decided here, in `TRAIN_ANNOTATORS` and `SCORE_ANNOTATORS`: RSNA2018 is
under non-commercial research terms and drpradeep-CVAT is noise, so neither teaches a shipped weight, a calibration or a
threshold; RSNA2018 may score.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from overread_training import preparation

CANVAS = 512
MASK = 128  # cells a side of the rasterised boxes
MASK_CELL = CANVAS // MASK

CLASSES: dict[str, frozenset[str]] = {
    "effusion": frozenset({"Effusion"}),
    "cardiomegaly": frozenset({"Cardiomegaly"}),
    "nodule_mass": frozenset({"Nodule", "Mass"}),
    "opacity": frozenset({"Infiltration", "Consolidation", "Pneumonia", "Lung Opacity"}),
    "atelectasis": frozenset({"Atelectasis"}),
    "pneumothorax": frozenset({"Pneumothorax"}),
}
# Learnt beside the six so that the trunk sees all that the labels say; not exported.
AUXILIARY = ("No Finding", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening", "Infiltration", "Consolidation",
             "Pneumonia", "Nodule", "Mass")  # fmt: skip

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
    masks: dict[int, npt.NDArray[np.uint8]] = field(default_factory=dict)

    def indices(self, split: str) -> list[int]:
        return [i for i, row in enumerate(self.rows) if row["split"] == split]

    def targets(self, annotators: frozenset[str]) -> npt.NDArray[np.float32]:
        """[n, 6]: 1 where NIH's label or a box of one of the annotators names the class."""
        out = np.zeros((len(self.rows), len(CLASSES)), dtype=np.float32)
        for i, row in enumerate(self.rows):
            found = set(row["findings"].split("|"))
            for c, names in enumerate(CLASSES.values()):
                out[i, c] = bool(found & names)
            for box in self.boxes[i]:
                if box.annotator in annotators:
                    out[i, box.klass] = 1
        return out

    def auxiliary(self) -> npt.NDArray[np.float32]:
        found = [set(row["findings"].split("|")) for row in self.rows]
        return np.array([[name in f for name in AUXILIARY] for f in found], dtype=np.float32)


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


def load(folder: Path, cache: Path | None = None) -> Radiographs:
    """Everything in the folder. `cache` keeps the canvases between runs, under the data's digest."""
    with (folder / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    digest = digest_of(folder, rows)
    places = [restored_placement(row) for row in rows]
    kept = cache / f"canvases-{digest[:16]}.npy" if cache else None
    if kept and kept.exists():
        canvases = np.load(kept, mmap_mode="r")
    else:
        canvases = np.stack([load_canvas(folder / r["file"], w) for r, w in zip(rows, places, strict=True)])
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            partial = kept.with_suffix(".partial.npy")
            np.save(partial, canvases)
            partial.rename(kept)
    boxes: list[list[Box]] = [[] for _ in rows]
    index = {row["file"]: i for i, row in enumerate(rows)}
    with (folder / "boxes.csv").open(newline="") as file:
        for entry in csv.DictReader(file):
            c, i = box_class(entry["label"]), index[entry["file"]]
            if c is None:
                continue
            sx, sy = places[i].width / int(rows[i]["width"]), places[i].height / int(rows[i]["height"])
            x, y, w, h = (float(entry[k]) for k in ("x", "y", "w", "h"))
            boxes[i].append(Box(c, x * sx + places[i].left, y * sy + places[i].top, w * sx, h * sy, entry["annot"]))
    return Radiographs(rows, canvases, boxes, places, digest)


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


@dataclass
class Batch:
    image: Tensor  # [B, 1, S, S], normalised
    target: Tensor  # [B, 6]
    auxiliary: Tensor  # [B, len(AUXILIARY)]
    mask: Tensor  # [B, 6, S/16, S/16]: coverage by boxes
    weight: Tensor  # [B, 6, 1, 1] or [B, 6, g, g]: how much a patch's target is trusted


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random changes; 0 turns one off. No left-right flip: the heart has a side."""

    rotate: float = 10.0  # degrees
    scale: float = 0.18  # log range
    aspect: float = 0.12  # log range
    shift: float = 0.08  # of the side
    gamma: float = 0.35  # log range
    contrast: float = 0.25
    density: float = 0.12  # amplitude of the smooth field
    noise: float = 0.02
    blur: float = 0.3  # probability

    @classmethod
    def of(cls, values: dict[str, Any] | None) -> Augmentation:
        return cls(**(values or {}))


def uniform(generator: torch.Generator, *shape: int) -> Tensor:
    """Uniform in [-1, 1]."""
    return torch.rand(*shape, generator=generator) * 2 - 1


def affine(batch: int, a: Augmentation, generator: torch.Generator) -> Tensor:
    """[B, 2, 3] for `affine_grid`: output to input."""
    angle = uniform(generator, batch) * a.rotate * torch.pi / 180
    scale = torch.exp(uniform(generator, batch) * a.scale)
    stretch = torch.exp(uniform(generator, batch) * a.aspect / 2)
    cos, sin = torch.cos(angle), torch.sin(angle)
    first = torch.stack([cos * scale * stretch, -sin * scale, uniform(generator, batch) * 2 * a.shift], dim=1)
    second = torch.stack([sin * scale, cos * scale / stretch, uniform(generator, batch) * 2 * a.shift], dim=1)
    return torch.stack([first, second], dim=1)


def shade(x: Tensor, a: Augmentation, generator: torch.Generator) -> Tensor:
    """Gamma, contrast, a smooth density field, noise: what an unknown window and tube do to display values [0, 1]."""
    b = x.shape[0]
    x = x.clamp(0, 1) ** torch.exp(uniform(generator, b, 1, 1, 1) * a.gamma)
    x = (x - 0.5) * (1 + uniform(generator, b, 1, 1, 1) * a.contrast) + 0.5 + uniform(generator, b, 1, 1, 1) * 0.08
    field_ = F.interpolate(uniform(generator, b, 1, 3, 3), size=x.shape[-2:], mode="bicubic", align_corners=True)
    x = x + field_ * a.density
    soft = F.avg_pool2d(x, 3, 1, 1)
    blurred = (torch.rand(b, 1, 1, 1, generator=generator) < a.blur).to(x.dtype)
    x = x + (soft - x) * blurred
    return (x + torch.randn(x.shape, generator=generator) * a.noise).clamp(0, 1)


def reduce(canvases: Tensor, size: int) -> Tensor:
    """Canvases [B, 1, 512, 512] to S x S by area."""
    return canvases if size == CANVAS else F.interpolate(canvases, size=(size, size), mode="area")


def patch_weights(target: Tensor, boxed: Tensor, mask: Tensor, outside: float, negative: float) -> Tensor:
    """How much each patch's target counts.

    Boxes are not exhaustive: outside them `outside`. A class that the label denies: `negative` everywhere. A class that
    the label asserts but nobody boxed: unknown, 0.
    """
    in_box = outside + (1 - outside) * (mask > 0).to(mask.dtype)
    boxed4, target4 = boxed[:, :, None, None], target[:, :, None, None]
    return boxed4 * in_box + (1 - boxed4) * (1 - target4) * negative


class Loader:
    """Batches of one split at one input size, on the calling thread."""

    def __init__(
        self, data: Radiographs, split: str, size: int, batch: int, normalise: tuple[float, float], seed: int,
        augmentation: Augmentation | None = None, outside: float = 0.5, negative: float = 0.5,
    ) -> None:  # fmt: skip
        self.data, self.size, self.batch, self.normalise = data, size, batch, normalise
        self.augmentation, self.outside, self.negative = augmentation, outside, negative
        self.index = data.indices(split)
        self.generator = torch.Generator().manual_seed(seed)
        self.targets = torch.from_numpy(data.targets(TRAIN_ANNOTATORS))
        self.aux = torch.from_numpy(data.auxiliary())
        self.masks = {
            i: rasterise(data.boxes[i], TRAIN_ANNOTATORS)
            for i in self.index
            if any(box.annotator in TRAIN_ANNOTATORS for box in data.boxes[i])
        }
        # Low sizes are reduced once, not once an epoch.
        self.reduced: dict[int, Tensor] = {}

    def __len__(self) -> int:
        full, rest = divmod(len(self.index), self.batch)
        return full + (1 if rest and self.augmentation is None else 0)

    def pictures(self, chosen: Sequence[int]) -> Tensor:
        size = min(CANVAS, 2 * self.size if self.size <= CANVAS // 2 else CANVAS)
        out = []
        for i in chosen:
            if i not in self.reduced:
                canvas = torch.from_numpy(np.array(self.data.canvases[i]))[None, None].float()
                self.reduced[i] = reduce(canvas, size)[0].round().to(torch.uint8)
            out.append(self.reduced[i])
        return torch.stack(out).float() / 255

    def __iter__(self) -> Iterator[Batch]:
        order = self.index
        if self.augmentation is not None:
            order = [self.index[j] for j in torch.randperm(len(self.index), generator=self.generator).tolist()]
        for k in range(len(self)):
            yield self.collate(order[k * self.batch : (k + 1) * self.batch])

    def collate(self, chosen: Sequence[int]) -> Batch:
        image = self.pictures(chosen)
        grid = self.size // 16
        zeros = np.zeros((len(CLASSES), MASK, MASK), dtype=np.uint8)
        mask = torch.from_numpy(np.stack([self.masks.get(i, zeros) for i in chosen])).float() / 255
        if self.augmentation is None:
            image = reduce(image, self.size)
            mask = F.interpolate(mask, size=(grid, grid), mode="area")
        else:
            theta = affine(len(chosen), self.augmentation, self.generator)
            half = self.size if image.shape[-1] == self.size else 2 * self.size
            sampled = F.affine_grid(theta, [len(chosen), 1, half, half], align_corners=False)
            image = reduce(F.grid_sample(image, sampled, align_corners=False), self.size)
            coarse = F.affine_grid(theta, [len(chosen), 1, 2 * grid, 2 * grid], align_corners=False)
            soft = F.avg_pool2d(mask, 2) if grid <= 16 else mask
            mask = F.avg_pool2d(F.grid_sample(soft, coarse, align_corners=False), 2)
            image = shade(image, self.augmentation, self.generator)
        target, boxed = self.targets[list(chosen)], (mask.amax(dim=(2, 3)) > 0).float()
        mean, std = self.normalise
        weight = patch_weights(target, boxed, mask, self.outside, self.negative)
        return Batch((image - mean) / std, target, self.aux[list(chosen)], mask, weight)


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
