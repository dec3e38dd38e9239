"""Temperature, bias and thresholds, fitted on the validation split and nowhere else.

probability = sigmoid(logit / temperature + bias)
patch probability = sigmoid(patch logit / patch_temperature)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]

# Of the validation images without the finding, this share is not flagged.
SPECIFICITY = 0.90
LEAST_BOXED = 10  # fewer boxed images of a class: its patch level is the one of all classes together


@dataclass(frozen=True)
class ClassCalibration:
    temperature: float
    bias: float
    threshold: float
    patch_temperature: float
    patch_threshold: float


def sigmoid(x: Floats) -> Doubles:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -60, 60))), dtype=np.float64)


def platt(logit: Floats, positive: Bools) -> tuple[float, float]:
    """(temperature, bias) of least cross-entropy, with Platt's target smoothing."""
    p, n = int(positive.sum()), int((~positive).sum())
    slope, bias = logistic(logit, np.where(positive, (p + 1) / (p + 2), 1 / (n + 2)))
    return 1 / slope, bias


def logistic(logit: Floats, target: Floats, rounds: int = 200) -> tuple[float, float]:
    """(slope, bias) of sigmoid(slope * logit + bias) by Newton steps; the slope is kept positive."""
    z = logit.astype(np.float64)
    a, b = 1.0, 0.0
    for _ in range(rounds):
        q = sigmoid(a * z + b)
        gradient = np.array([((q - target) * z).sum() + 1e-3 * (a - 1), (q - target).sum()])
        w = q * (1 - q) + 1e-9
        hessian = np.array([[(w * z * z).sum() + 1e-3, (w * z).sum()], [(w * z).sum(), w.sum() + 1e-9]])
        step = np.linalg.solve(hessian, gradient)
        step /= max(1.0, float(np.abs(step).max()))
        a, b = max(0.05, a - step[0]), b - step[1]
        if np.abs(step).max() < 1e-8:
            break
    return float(a), float(b)


def threshold_at(probability: Doubles, positive: Bools, specificity: float = SPECIFICITY) -> float:
    """The least threshold with this specificity on the data given; flagged means probability >= threshold."""
    return float(np.nextafter(np.quantile(probability[~positive], specificity, method="higher"), 2))


def patch_shift(logits: Floats, coverage: Floats) -> float:
    """What to add to a class's patch logits so that a temperature alone calibrates them. Both [pairs, patches]."""
    slope, bias = logistic(logits.ravel(), coverage.ravel())
    return bias / slope


def cross_entropy(z: Floats, target: Floats) -> float:
    q = np.clip(sigmoid(z), 1e-7, 1 - 1e-7)
    return float(-(target * np.log(q) + (1 - target) * np.log(1 - q)).mean())


def patch_temperature(logits: Floats, coverage: Floats) -> float:
    """The temperature of least cross-entropy, on a grid. Both [pairs, patches], boxed pairs only."""
    best, best_loss = 1.0, np.inf
    for temperature in np.geomspace(0.15, 6.0, 75):
        loss = cross_entropy(logits / temperature, coverage)
        if loss < best_loss:
            best, best_loss = float(temperature), loss
    return best


def patch_level(probability: Doubles, coverage: Floats) -> float:
    """The level whose region has the greatest mean Dice with the boxes. Both [pairs, patches], boxed pairs only."""
    inside = coverage >= 0.5
    best, best_dice = 0.5, -1.0
    for level in np.linspace(0.02, 0.9, 89):
        region = probability >= level
        dice = 2 * (region & inside).sum(axis=1) / np.maximum(1, region.sum(axis=1) + inside.sum(axis=1))
        if dice.mean() > best_dice:
            best, best_dice = float(level), float(dice.mean())
    return best


def fit(image: Floats, target: Bools, patch: Floats, coverage: Floats) -> list[ClassCalibration]:
    """`image`, `target` [n, C]; `patch`, `coverage` [n, C, N]."""
    boxed = coverage.max(axis=2) > 0
    c_range = range(image.shape[1])
    temperatures = [patch_temperature(patch[boxed[:, c], c], coverage[boxed[:, c], c]) for c in c_range]
    probability = np.stack([sigmoid(patch[:, c] / t) for c, t in enumerate(temperatures)], axis=1)
    pooled = patch_level(probability[boxed], coverage[boxed])
    out = []
    for c in range(image.shape[1]):
        temperature, bias = platt(image[:, c], target[:, c])
        p = sigmoid(image[:, c] / temperature + bias)
        enough = int(boxed[:, c].sum()) >= LEAST_BOXED
        level = patch_level(probability[boxed[:, c], c], coverage[boxed[:, c], c]) if enough else pooled
        out.append(ClassCalibration(temperature, bias, threshold_at(p, target[:, c]), temperatures[c], level))
    return out
