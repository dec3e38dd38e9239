"""What a detector must beat: figures from who took the picture and how, and from where boxes usually are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from overread_training import data as d

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


def metadata_scores(data: d.Radiographs, target: npt.NDArray[np.float32], rows: list[int]) -> Doubles:
    """[len(rows), C]: logistic regression fitted on the train split."""
    features = metadata_features(data.rows)
    train = data.indices("train")
    scores = []
    for c in range(target.shape[1]):
        known = [i for i in train if np.isfinite(target[i, c])]
        model = LogisticRegression(C=1.0, max_iter=2000).fit(features[known], target[known, c] > 0)
        scores.append(model.decision_function(features[rows]))
    return np.stack(scores, axis=1)


def mean_box_map(data: d.Radiographs, side: int) -> Doubles:
    """[C, side, side]: how often the boxes of the train split cover each patch."""
    total = np.zeros((len(d.CLASSES), d.MASK, d.MASK))
    for i in data.indices("train"):
        total += d.rasterise(data.boxes[i], d.TRAIN_ANNOTATORS)
    k = d.MASK // side
    return np.asarray(total.reshape(len(d.CLASSES), side, k, side, k).mean(axis=(2, 4)))
