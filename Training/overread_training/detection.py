"""Boxes as detections, for models with a box head: average precision, sensitivity by false positives an image.

A detection is a peak of a class's map with the box of its patch. An image counts for a class where somebody boxed it or
the label denies it; where the label asserts it and nobody boxed it there is no truth to judge by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from overread_training import data as d
from overread_training.localisation import peaks
from overread_training.metrics import rounded

Floats = npt.NDArray[np.floating]
OVERLAPS = (0.3, 0.5)
RATES = (0.125, 0.25, 0.36, 0.5, 1.0, 2.0)  # false positives an image
APART = 0.5  # of two detections of an image that overlap by more, the lower is dropped


def overlap(a: Floats, b: Floats) -> Floats:
    """[n, m]: intersection over union of corners [n, 4] and [m, 4]."""
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.clip(high - low, 0, None).prod(axis=2)
    area = [(x[:, 2:] - x[:, :2]).prod(axis=1) for x in (a, b)]
    return np.asarray(both / np.maximum(1e-9, area[0][:, None] + area[1][None] - both))


def detections(grid: Floats, boxes: Floats) -> tuple[Floats, Floats]:
    """(scores, corners) of a map [s, s] with a box for each patch [s * s, 4], the highest first."""
    at, score = peaks(grid)
    order = np.argsort(-score, kind="stable")
    corners, score = boxes[at[order, 0] * grid.shape[1] + at[order, 1]], score[order]
    kept: list[int] = []
    for k in range(len(order)):
        if not kept or overlap(corners[k : k + 1], corners[kept]).max() <= APART:
            kept.append(k)
    return score[kept], corners[kept]


def matched(score: Floats, corners: Floats, truth: Floats, least: float) -> npt.NDArray[np.bool_]:
    """Which detections, taken from the highest down, overlap a box that none before them took."""
    free = np.ones(len(truth), dtype=bool)
    right = np.zeros(len(score), dtype=bool)
    shares = overlap(corners, truth)
    for k in range(len(score)):
        open_shares = np.where(free, shares[k], -1.0)
        if len(truth) and open_shares.max() >= least:
            free[int(open_shares.argmax())] = False
            right[k] = True
    return right


def average_precision(score: Floats, right: npt.NDArray[np.bool_], boxes: int) -> float:
    """The area under precision over recall, precision made non-increasing (all points)."""
    order = np.argsort(-score, kind="stable")
    found = np.cumsum(right[order])
    precision = np.maximum.accumulate((found / np.arange(1, len(order) + 1))[::-1])[::-1]
    return float((precision * right[order]).sum() / boxes)


def sensitivity(score: Floats, right: npt.NDArray[np.bool_], boxes: int, images: int) -> dict[str, float | None]:
    """At each rate of false positives an image."""
    order = np.argsort(-score, kind="stable")
    found, wrong = np.cumsum(right[order]), np.cumsum(~right[order])
    within = [found[wrong <= rate * images] for rate in RATES]
    return {f"{rate:g}": rounded(of[-1] / boxes if len(of) else 0.0) for rate, of in zip(RATES, within, strict=True)}


def table(data: d.Radiographs, index: Sequence[int], target: Floats, patch: Floats, boxes: Floats) -> dict[str, Any]:
    """`target` [n, C]; `patch` [n, C, N]; `boxes` [n, N, 4] in fractions of the canvas."""
    side = round(patch.shape[2] ** 0.5)
    out: dict[str, Any] = {}
    for c, key in enumerate(d.CLASSES):
        per: dict[float, list[npt.NDArray[np.bool_]]] = {least: [] for least in OVERLAPS}
        scores, count, images = [], 0, 0
        for k, i in enumerate(index):
            drawn = [b for b in data.boxes[i] if b.klass == c and b.annotator in d.SCORE_ANNOTATORS]
            if not drawn and target[k, c] > 0:
                continue
            truth = np.array([[b.x, b.y, b.x + b.w, b.y + b.h] for b in drawn]).reshape(-1, 4) / d.CANVAS
            score, corners = detections(patch[k, c].reshape(side, side), boxes[k])
            scores.append(score)
            for least in OVERLAPS:
                per[least].append(matched(score, corners, truth, least))
            count, images = count + len(drawn), images + 1
        if count == 0:
            out[key] = {"boxes": 0}
            continue
        every = np.concatenate(scores)
        rights = {least: np.concatenate(of) for least, of in per.items()}
        out[key] = {
            "boxes": count,
            "images": images,
            **{f"ap_{least:g}": rounded(average_precision(every, right, count)) for least, right in rights.items()},
            "sensitivity_at_false_positives_an_image": sensitivity(every, rights[OVERLAPS[0]], count, images),
        }
    judged = [of for of in out.values() if of["boxes"]]
    means = {f"mean_ap_{v:g}": rounded(np.mean([of[f"ap_{v:g}"] for of in judged])) for v in OVERLAPS if judged}
    return {**means, "per_class": out}
