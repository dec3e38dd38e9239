"""Does the map point at the finding: the pointing game against a fixed place, and simulated nodules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from overread_training import data as d
from overread_training import lungs, nodules
from overread_training.metrics import figure, rounded

Floats = npt.NDArray[np.floating]
KEYS = list(d.CLASSES)
NODULE = KEYS.index("nodule_mass")
FALSE_POSITIVES = 0.36  # an image: where sensitivity to simulated nodules is read
SIZES_MM = ((6, 10), (10, 15), (15, 20), (20, 30))
Hit = tuple[str, int, str, bool]


def hits(data: d.Radiographs, index: list[int], maps: Floats) -> list[Hit]:
    """(patient, class, annotator, hit) for each class-image pair with a scorable box.

    The pointing game: is the middle of the highest patch inside a box of the class? `maps` [n, C, N]. The annotator is
    "several" where more than one drew.
    """
    side = round(maps.shape[2] ** 0.5)
    cell = d.CANVAS / side
    out = []
    for k, i in enumerate(index):
        for c in range(len(KEYS)):
            boxes = [b for b in data.boxes[i] if b.klass == c and b.annotator in d.SCORE_ANNOTATORS]
            if not boxes:
                continue
            row, column = divmod(int(maps[k, c].argmax()), side)
            x, y = (column + 0.5) * cell, (row + 0.5) * cell
            hit = any(b.x <= x <= b.x + b.w and b.y <= y <= b.y + b.h for b in boxes)
            names = {b.annotator for b in boxes}
            out.append((data.rows[i]["patient_id"], c, names.pop() if len(names) == 1 else "several", hit))
    return out


def hit_table(found: list[Hit]) -> dict[str, Any]:
    cardiomegaly = KEYS.index("cardiomegaly")

    def of(keep: Callable[[Hit], bool]) -> dict[str, Any]:
        kept = [f for f in found if keep(f)]
        values = np.array([f[3] for f in kept], dtype=np.float64)
        if not kept:
            return {"pairs": 0}
        return {"pairs": len(kept), **figure([f[0] for f in kept], lambda k: float(values[k].mean()))}

    return {
        "all_six": of(lambda _: True),
        "without_cardiomegaly": of(lambda f: f[1] != cardiomegaly),
        "per_class": {key: of(lambda f, c=c: f[1] == c) for c, key in enumerate(KEYS)},  # type: ignore[misc]
        "per_annotator": {n: of(lambda f, n=n: f[2] == n) for n in sorted({f[2] for f in found})},  # type: ignore[misc]
    }


def gain_table(model: list[Hit], prior: list[Hit]) -> dict[str, Any]:
    """The hit rate less that of the fixed place, pair by pair, with the interval of the difference."""
    if [f[:3] for f in model] != [f[:3] for f in prior]:
        raise ValueError("the two lists are not of the same pairs")

    def of(keep: Callable[[Hit], bool]) -> dict[str, Any]:
        kept = [(m, p) for m, p in zip(model, prior, strict=True) if keep(m)]
        if not kept:
            return {"pairs": 0}
        gain = np.array([float(m[3]) - float(p[3]) for m, p in kept])
        return {"pairs": len(kept), **figure([m[0] for m, _ in kept], lambda k: float(gain[k].mean()))}

    return {
        "all_six": of(lambda _: True),
        "without_cardiomegaly": of(lambda f: f[1] != KEYS.index("cardiomegaly")),
        "per_class": {key: of(lambda f, c=c: f[1] == c) for c, key in enumerate(KEYS)},  # type: ignore[misc]
    }


def peaks(grid: Floats) -> tuple[npt.NDArray[np.int64], Floats]:
    """(row and column, value) of the places of a map that are higher than their eight neighbours, or as high."""
    padded = np.pad(grid, 1, constant_values=-np.inf)
    n, m = grid.shape
    around = [padded[1 + i : 1 + i + n, 1 + j : 1 + j + m] for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    at = np.argwhere(grid >= np.max(around, axis=0))
    return at, grid[at[:, 0], at[:, 1]]


def level_at(maps: list[Floats], rate: float) -> float:
    """The least level above which the maps have at most `rate` peaks an image."""
    heights = np.sort(np.concatenate([peaks(grid)[1] for grid in maps]))[::-1]
    allowed = int(rate * len(maps))
    return float(heights[allowed]) if allowed < len(heights) else -np.inf


@dataclass(frozen=True)
class Simulated:
    """One nodule in one normal film."""

    patient: str
    millimetres: float
    contrast_to_noise: float
    found: bool


def contrast_to_noise(canvas: Floats, nodule: nodules.Nodules) -> float:
    """The contrast in the middle over the spread of the film's grey values in the ring of one to two radii."""
    x, y, radius = float(nodule.x[0]), float(nodule.y[0]), float(nodule.radius[0])
    rows, columns = np.mgrid[0 : d.CANVAS, 0 : d.CANVAS] + 0.5
    distance = np.hypot(columns - x, rows - y)
    ring = canvas[(distance > radius) & (distance < 2 * radius)]
    return float(nodule.contrast[0]) / max(1e-3, float(ring.std()))


def simulated_nodules(
    data: d.Radiographs, index: list[int], plain: Floats, infer: Callable[[Floats], Floats], draws: int = 2
) -> list[Simulated]:
    """Puts nodules into normal films and asks for a peak in the box (half a patch of leeway) above the level.

    `plain` [n, N]: the nodule maps of the films as they are, which give the level. `infer`: a display picture
    [512, 512] to its nodule map [N]. The draws are seeded by the film's place, so that every model is asked the same.
    """
    side = round(plain.shape[1] ** 0.5)
    cell = d.CANVAS / side
    level = level_at([grid.reshape(side, side) for grid in plain], FALSE_POSITIVES)
    out = []
    for i in index:
        lung, _ = lungs.lung_field(np.asarray(data.canvases[i]))
        display = data.canvases[i].astype(np.float32) / np.float32(255)
        for draw in range(draws):
            generator = torch.Generator().manual_seed(1000 * draw + i)
            spacing = torch.tensor([d.millimetres_per_pixel(data.rows[i], data.places[i])])
            nodule = nodules.draw(torch.from_numpy(lung)[None], spacing, generator)
            changed = nodules.insert(torch.from_numpy(display)[None, None], nodule)[0, 0].numpy()
            at, height = peaks(infer(changed).reshape(side, side))
            x0, y0, x1, y1 = nodule.boxes()[0].tolist()
            x, y = (at[:, 1] + 0.5) * cell, (at[:, 0] + 0.5) * cell
            near = (x > x0 - cell / 2) & (x < x1 + cell / 2) & (y > y0 - cell / 2) & (y < y1 + cell / 2)
            found = bool((height[near] > level).any())
            size = 2 * float(nodule.radius[0]) * float(spacing[0])
            ratio = contrast_to_noise(display, nodule)
            out.append(Simulated(data.rows[i]["patient_id"], size, ratio, found))
    return out


def nodule_table(found: list[Simulated]) -> dict[str, Any]:
    def of(kept: list[Simulated]) -> dict[str, Any]:
        if not kept:
            return {"nodules": 0}
        values = np.array([s.found for s in kept], dtype=np.float64)
        return {"nodules": len(kept), **figure([s.patient for s in kept], lambda k: float(values[k].mean()))}

    low, high = np.quantile([s.contrast_to_noise for s in found], [1 / 3, 2 / 3])
    return {
        "false_positives_an_image": FALSE_POSITIVES,
        "all": of(found),
        "of_10_mm_and_more": of([s for s in found if s.millimetres >= 10]),
        "by_millimetres": {f"{a}-{b}": of([s for s in found if a <= s.millimetres < b]) for a, b in SIZES_MM},
        "by_contrast_to_noise": {
            f"below {rounded(low)}": of([s for s in found if s.contrast_to_noise < low]),
            f"{rounded(low)} to {rounded(high)}": of([s for s in found if low <= s.contrast_to_noise < high]),
            f"{rounded(high)} and above": of([s for s in found if s.contrast_to_noise >= high]),
        },
    }
