"""Calibrate on validation, then measure on test: what model.yaml reports, whatever it turns out to be.

It runs the ONNX file in OpenVINO as the node does, not the torch model. Positive for a figure of test: NIH's label or a
scorable box (NIH, ChestX-Det10, RSNA2018). Calibration and thresholds see the training kind of label only: no RSNA2018.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from overread_training import baselines, metrics
from overread_training import data as d
from overread_training.calibration import ClassCalibration, fit, sigmoid
from overread_training.export import openvino_engine
from overread_training.preparation import placement

Floats = npt.NDArray[np.floating]
KEYS = list(d.CLASSES)
Change = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]


def predict(
    engine: Any, data: d.Radiographs, index: list[int], normalise: dict[str, float], change: Change | None = None
) -> dict[str, npt.NDArray[np.float32]]:
    """image [n, C], patch [n, C, N], embedding [n, D]."""
    images, patches, embeddings = [], [], []
    for i in index:
        x = data.canvases[i].astype(np.float32) / np.float32(255)
        if change:
            x = change(x)
        x = ((x - np.float32(normalise["mean"])) / np.float32(normalise["std"])).astype(np.float32)
        image, patch, embedding = engine(x[None, None])[:3]
        images.append(image[0])
        patches.append(patch[0].T)
        embeddings.append(embedding[0])
    return {"image": np.stack(images), "patch": np.stack(patches), "embedding": np.stack(embeddings)}


def rounded(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def figure(patients: list[str], statistic: Callable[[npt.NDArray[np.int64]], float]) -> dict[str, Any]:
    low, high = metrics.interval(patients, statistic)
    return {"value": rounded(statistic(np.arange(len(patients)))), "ci95": [rounded(low), rounded(high)]}


def normals(rows: list[d.Row]) -> npt.NDArray[np.float64]:
    """1 abnormal, 0 normal, NaN where it is contradicted or unknown."""
    return np.array(
        [np.nan if r["normal_tier"] in ("contradicted", "unknown") or r["normal"] == "" else 1 - int(r["normal"])
         for r in rows], dtype=np.float64,
    )  # fmt: skip


def auroc_table(rows: list[d.Row], score: Floats, any_score: Floats, target: Floats) -> dict[str, Any]:
    """Per class, mean of six, abnormal v. normal."""
    patients = [row["patient_id"] for row in rows]
    positive = target > 0
    table: dict[str, Any] = {
        "images": len(rows),
        "patients": len(set(patients)),
        "mean_of_six": figure(patients, lambda k: metrics.mean_auroc(score[k], positive[k])),
    }
    abnormal = normals(rows)
    known = np.flatnonzero(np.isfinite(abnormal))
    table["abnormal_v_normal"] = {
        "images": len(known),
        **figure(
            [patients[i] for i in known],
            lambda k: metrics.auroc(any_score[known][k], abnormal[known][k] > 0),
        ),
    }
    table["per_class"] = {
        key: {
            "positives": int(positive[:, c].sum()),
            **figure(patients, lambda k, c=c: metrics.auroc(score[k, c], positive[k, c])),  # type: ignore[misc]
        }
        for c, key in enumerate(KEYS)
    }
    return table


def operating_point(rows: list[d.Row], flagged: npt.NDArray[np.bool_], target: Floats) -> dict[str, Any]:
    """Sensitivity and specificity per class at the manifest's thresholds; normals without any flag, by tier."""
    patients = [row["patient_id"] for row in rows]
    out: dict[str, Any] = {}
    for c, key in enumerate(KEYS):
        positive = target[:, c] > 0

        def share(k: npt.NDArray[np.int64], of: npt.NDArray[np.bool_], c: int = c, want: bool = True) -> float:
            chosen = k[of[k]]
            return float((flagged[chosen, c] == want).mean()) if len(chosen) else float("nan")

        out[key] = {
            "sensitivity": figure(patients, lambda k, p=positive: share(k, p)),  # type: ignore[misc]
            "specificity": figure(patients, lambda k, p=positive: share(k, ~p, want=False)),  # type: ignore[misc]
        }
    out["normals_without_any_flag"] = {}
    for tier in ("confirmed", "report_only"):
        at = [i for i, row in enumerate(rows) if row["normal_tier"] == tier]
        clean = ~flagged[at].any(axis=1)
        out["normals_without_any_flag"][tier] = {
            "images": len(at),
            **figure([patients[i] for i in at], lambda k, v=clean: float(v[k].mean())),  # type: ignore[misc]
        }
    return out


def hits(data: d.Radiographs, index: list[int], maps: Floats) -> list[tuple[str, int, str, bool]]:
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


def hit_table(found: list[tuple[str, int, str, bool]]) -> dict[str, Any]:
    cardiomegaly = KEYS.index("cardiomegaly")

    def of(keep: Callable[[tuple[str, int, str, bool]], bool]) -> dict[str, Any]:
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


def calibrate(data: d.Radiographs, out: dict[str, npt.NDArray[np.float32]], index: list[int]) -> list[ClassCalibration]:
    target = data.targets(d.TRAIN_ANNOTATORS)[index] > 0
    return fit(out["image"], target, out["patch"], d.coverage(data, index, out["patch"].shape[2]))


def calibrated(image: Floats, calibration: list[ClassCalibration]) -> npt.NDArray[np.float64]:
    columns = [sigmoid(image[:, c] / k.temperature + k.bias) for c, k in enumerate(calibration)]
    return np.stack(columns, axis=1)


def any_of(probability: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The study's abnormality score: the chance that at least one is there, were they independent."""
    return np.asarray(1 - np.prod(1 - probability, axis=1))


def squeezed(data: d.Radiographs, folder: Path, index: list[int]) -> d.Radiographs:
    """The same pictures as NIH gave them, squeezed to a square: what a node meets that is fed with NIH's own files."""
    where = placement(512, 512, d.CANVAS, d.CANVAS)
    rows = [data.rows[i] for i in index]
    stacked = np.stack([d.load_canvas(folder / row["file"], where) for row in rows])
    return d.Radiographs(rows, stacked, [[] for _ in index], [where for _ in index], data.digest)


def robustness(
    engine: Any, data: d.Radiographs, folder: Path, index: list[int], normalise: dict[str, float], target: Floats
) -> dict[str, Any]:
    """Mean AUROC of six on test under changes that an unknown window brings, and with NIH's squeezed shape."""

    def gamma(value: float) -> Change:
        return lambda x: np.asarray(x ** np.float32(value), dtype=np.float32)

    def contrast(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asarray(np.clip((x - 0.5) * 1.3 + 0.5, 0, 1), dtype=np.float32)

    changes = {"gamma_0.7": gamma(0.7), "gamma_1.4": gamma(1.4), "contrast_1.3": contrast}
    out: dict[str, Any] = {}
    for name, change in changes.items():
        out[name] = rounded(metrics.mean_auroc(predict(engine, data, index, normalise, change)["image"], target > 0))
    square = squeezed(data, folder, index)
    scores = predict(engine, square, list(range(len(index))), normalise)["image"]
    out["squeezed_to_a_square"] = rounded(metrics.mean_auroc(scores, target > 0))
    return out


def external(engine: Any, data: d.Radiographs, normalise: dict[str, float], calibration: list[ClassCalibration]) -> Any:
    """Hannover has no reading per image and no normals: only the share flagged is told, as a description."""
    index = data.indices("external")
    flagged = calibrated(predict(engine, data, index, normalise)["image"], calibration) >= np.array(
        [k.threshold for k in calibration]
    )
    return {
        "images": len(index),
        "patients": len({data.rows[i]["patient_id"] for i in index}),
        "share_flagged": {key: rounded(flagged[:, c].mean()) for c, key in enumerate(KEYS)},
    }


def measure(engine: Any, data: d.Radiographs, folder: Path, normalise: dict[str, float], quick: bool) -> dict[str, Any]:
    val, test = data.indices("val"), data.indices("test")
    fitted_on = predict(engine, data, val, normalise)
    calibration = calibrate(data, fitted_on, val)
    val_auroc = metrics.mean_auroc(fitted_on["image"], data.targets(d.TRAIN_ANNOTATORS)[val] > 0)
    out = predict(engine, data, test, normalise)
    rows = [data.rows[i] for i in test]
    target = data.targets(d.SCORE_ANNOTATORS)[test]
    probability = calibrated(out["image"], calibration)
    matched = np.array([k for k, row in enumerate(rows) if row["matched_eval"] == "test"])
    meta = baselines.metadata_scores(data, data.targets(d.TRAIN_ANNOTATORS), test)
    abnormal = normals(data.rows)[:, None].astype(np.float32)
    meta_any = baselines.metadata_scores(data, abnormal, test)[:, 0]
    prior = baselines.mean_box_map(data, 32).reshape(1, len(KEYS), -1)
    result: dict[str, Any] = {"calibration": dict(zip(KEYS, [asdict(c) for c in calibration], strict=True))}
    result["validation_mean_auroc"] = rounded(val_auroc)
    result["validation_hit_rate"] = hit_table(hits(data, val, fitted_on["patch"]))["all_six"]
    for name, at in (("test_all", np.arange(len(test))), ("test_matched_eval", matched)):
        part = [rows[k] for k in at]
        result[name] = {
            "auroc": auroc_table(part, probability[at], any_of(probability)[at], target[at]),
            "auroc_metadata_only": auroc_table(part, meta[at], meta_any[at], target[at]),
        }
    result["heatmap_hit_rate"] = {
        "model": hit_table(hits(data, test, out["patch"])),
        "mean_box_prior": hit_table(hits(data, test, np.broadcast_to(prior, out["patch"].shape))),
    }
    result["operating_point_test_all"] = operating_point(
        rows, probability >= np.array([c.threshold for c in calibration]), target
    )
    # The calibration was fitted to labels without RSNA2018's boxes; it is judged by the same kind.
    labels = data.targets(d.TRAIN_ANNOTATORS)[test] > 0
    ece = [metrics.expected_calibration_error(probability[:, c], labels[:, c]) for c in range(len(KEYS))]
    result["expected_calibration_error_test"] = {
        "mean": rounded(float(np.mean(ece))),
        "per_class": {key: rounded(ece[c]) for c, key in enumerate(KEYS)},
    }
    if not quick:
        result["robustness_mean_auroc_test"] = robustness(engine, data, folder, test, normalise, target)
        result["external_hannover_covid"] = external(engine, data, normalise, calibration)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="Calibrate on validation and measure on test.")
    parser.add_argument("--model", type=Path, required=True, help="the folder with model.onnx")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="the JSON to write")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--mean", type=float, default=0.5)
    parser.add_argument("--std", type=float, default=0.25)
    parser.add_argument("--quick", action="store_true", help="without robustness and the external set")
    arguments = parser.parse_args()
    data = d.load(arguments.data, arguments.cache)
    engine = openvino_engine(arguments.model / "model.onnx")
    normalise = {"mean": arguments.mean, "std": arguments.std}
    result = {"data": d.describe(data), **measure(engine, data, arguments.data, normalise, arguments.quick)}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1))
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
