"""What a detector must beat: who took the picture and how, its grey values, its edges, and where boxes usually are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from overread_training import data as d
from overread_training.metrics import auroc
from overread_training.preparation import Placement

Doubles = npt.NDArray[np.float64]


def metadata_features(rows: list[d.Row]) -> Doubles:
    """View, sex, age and detector size: nothing of the anatomy."""
    sizes = ["2500x2048", "2992x2991", "2048x2500", "3056x2544", "2021x2021", "2544x3056"]
    out = []
    for row in rows:
        age = float(row["age"] or 50) / 50 - 1
        size = f"{row['detector_w']}x{row['detector_h']}"
        out.append([row["view"] == "AP", row["sex"] == "M", age, age * age, *(size == s for s in sizes)])
    return np.array(out, dtype=np.float64)


def fitted(
    features: Doubles, positive: npt.NDArray[np.bool_], penalty: float, rounds: int
) -> Callable[[Doubles], Doubles]:  # fmt: skip
    """A logistic regression's scores; of a class that the train split has not, or has throughout, nothing is said."""
    if positive.all() or not positive.any():
        return lambda x: np.zeros(len(x))
    model = LogisticRegression(C=penalty, max_iter=rounds).fit(features, positive)
    return lambda x: np.asarray(model.decision_function(x))


def metadata_scores(data: d.Radiographs, target: npt.NDArray[np.float32], rows: list[int]) -> Doubles:
    """[len(rows), C]: logistic regression fitted on the train split."""
    features = metadata_features(data.rows)
    train = data.indices("train")
    scores = []
    for c in range(target.shape[1]):
        known = [i for i in train if np.isfinite(target[i, c])]
        scores.append(fitted(features[known], target[known, c] > 0, 1.0, 2000)(features[rows]))
    return np.stack(scores, axis=1)


def mean_box_map(data: d.Radiographs, side: int) -> Doubles:
    """[C, side, side]: how often the boxes of the train split cover each patch."""
    total = np.zeros((len(d.CLASSES), d.MASK, d.MASK))
    for i in data.indices("train"):
        total += d.rasterise(data.boxes[i], d.TRAIN_ANNOTATORS)
    k = d.MASK // side
    return np.asarray(total.reshape(len(d.CLASSES), side, k, side, k).mean(axis=(2, 4)))


PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2)  # C of the logistic regressions on pictures; chosen on validation


def histogram_features(canvas: npt.NDArray[np.uint8], where: Placement) -> Doubles:
    """The picture's grey values without their places, and its border's: how it was exposed and cut."""
    picture = canvas[where.top : where.top + where.height, where.left : where.left + where.width]
    counts = np.bincount(picture.ravel() // 4, minlength=64) / picture.size
    edges = [picture[:8].mean(), picture[-8:].mean(), picture[:, :8].mean(), picture[:, -8:].mean()]
    return np.concatenate([np.sqrt(counts), np.array(edges) / 255])


def gradient_features(canvas: npt.NDArray[np.uint8]) -> Doubles:
    """Histograms of oriented gradients (Dalal, Triggs): 128 x 128, cells of 16, blocks of 2 x 2 cells, 9 directions."""
    x = np.sqrt(canvas.reshape(128, 4, 128, 4).mean(axis=(1, 3)) / 255)
    down, across = np.gradient(x)
    size = np.hypot(down, across)
    turn = np.mod(np.arctan2(down, across), np.pi) / np.pi * 9
    low = np.floor(turn).astype(int)
    part = turn - low
    cells = np.zeros((8, 8, 9))
    at = np.indices((128, 128)) // 16
    np.add.at(cells, (at[0], at[1], low % 9), size * (1 - part))
    np.add.at(cells, (at[0], at[1], (low + 1) % 9), size * part)
    blocks = np.concatenate([cells[:-1, :-1], cells[:-1, 1:], cells[1:, :-1], cells[1:, 1:]], axis=2)
    blocks = blocks / np.sqrt((blocks**2).sum(axis=2, keepdims=True) + 1e-4)
    return np.asarray(np.minimum(blocks, 0.2).ravel())


def picture_scores(
    data: d.Radiographs, features: Doubles, target: npt.NDArray[np.float32], rows: list[int]
) -> Doubles:  # fmt: skip
    """[len(rows), C]: logistic regression on standardised features of train, its penalty chosen on validation."""
    train, val = data.indices("train"), data.indices("val")
    spread = features[train].std(axis=0) + 1e-6
    z = (features - features[train].mean(axis=0)) / spread
    scores = []
    for c in range(target.shape[1]):
        known = [i for i in train if np.isfinite(target[i, c])]
        judged = [i for i in val if np.isfinite(target[i, c])]
        best, best_score = fitted(z[known], target[known, c] > 0, PENALTIES[0], 500), -np.inf
        for penalty in PENALTIES:
            model = fitted(z[known], target[known, c] > 0, penalty, 500)
            score = auroc(model(z[judged]), target[judged, c] > 0)
            if score > best_score:
                best, best_score = model, score
        scores.append(best(z[rows]))
    return np.stack(scores, axis=1)


def all_scores(data: d.Radiographs, target: npt.NDArray[np.float32], rows: list[int]) -> dict[str, Doubles]:
    """Each baseline's scores of the rows, by its name."""
    histogram = np.stack([histogram_features(data.canvases[i], w) for i, w in enumerate(data.places)])
    gradients = np.stack([gradient_features(np.asarray(canvas)) for canvas in data.canvases])
    return {
        "metadata_only": metadata_scores(data, target, rows),
        "grey_level_histogram": picture_scores(data, histogram, target, rows),
        "hog_logistic": picture_scores(data, gradients, target, rows),
    }
