"""Figures of merit, and their intervals by resampling patients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


def auroc(score: npt.NDArray[np.floating], positive: npt.NDArray[np.bool_]) -> float:
    """Area under the ROC curve (ties count half); NaN where a side is empty."""
    p, n = int(positive.sum()), int((~positive).sum())
    if p == 0 or n == 0:
        return float("nan")
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    upper = np.cumsum(counts)
    rank = (upper - (counts - 1) / 2)[inverse]
    return float((rank[positive].sum() - p * (p + 1) / 2) / (p * n))


def mean_auroc(score: npt.NDArray[np.floating], positive: npt.NDArray[np.bool_]) -> float:
    """Mean over columns, those with an empty side left out."""
    values = [auroc(score[:, c], positive[:, c]) for c in range(score.shape[1])]
    return float(np.nanmean(values))


def expected_calibration_error(probability: Doubles, positive: npt.NDArray[np.bool_], bins: int = 10) -> float:
    """Mean |observed - predicted| over bins of equal count, weighted by count."""
    order = np.argsort(probability, kind="stable")
    total = 0.0
    for part in np.array_split(order, bins):
        if len(part):
            total += len(part) * abs(float(probability[part].mean()) - float(positive[part].mean()))
    return total / max(1, len(order))


def interval(
    patients: Sequence[str], statistic: Callable[[npt.NDArray[np.int64]], float], rounds: int = 1000, seed: int = 2
) -> tuple[float, float]:
    """95 % percentile interval of a statistic of row indices, resampling patients with replacement."""
    generator = np.random.default_rng(seed)
    names = sorted(set(patients))
    at: dict[str, list[int]] = {name: [] for name in names}
    for i, name in enumerate(patients):
        at[name].append(i)
    groups = [np.array(at[name], dtype=np.int64) for name in names]
    values = []
    for _ in range(rounds if groups else 0):
        chosen = generator.integers(0, len(groups), len(groups))
        value = statistic(np.concatenate([groups[j] for j in chosen]))
        if np.isfinite(value):
            values.append(value)
    if not values:
        return float("nan"), float("nan")
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def rounded(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def figure(patients: list[str], statistic: Callable[[npt.NDArray[np.int64]], float]) -> dict[str, Any]:
    low, high = interval(patients, statistic)
    return {"value": rounded(statistic(np.arange(len(patients)))), "ci95": [rounded(low), rounded(high)]}
