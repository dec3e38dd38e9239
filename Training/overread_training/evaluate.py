"""Calibrate on validation, then measure on test: what model.yaml reports, whatever it turns out to be.

It runs the ONNX file in OpenVINO as the node does, not the torch model. Positive for a figure of test: NIH's label or a
scorable box (NIH, ChestX-Det10, RSNA2018). Calibration and thresholds see the training kind of label only: no RSNA2018.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from overread_training import baselines, detection, export, localisation, metrics, sanity
from overread_training import data as d
from overread_training.calibration import ClassCalibration, fit, sigmoid
from overread_training.errors import InputError, told
from overread_training.localisation import gain_table, hit_table, hits
from overread_training.metrics import figure, rounded
from overread_training.preparation import placement

Floats = npt.NDArray[np.floating]
KEYS = list(d.CLASSES)
SANITY_IMAGES = 40
Change = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]


def predict(
    engine: Any, data: d.Radiographs, index: list[int], normalise: dict[str, float], change: Change | None = None
) -> dict[str, npt.NDArray[np.float32]]:
    """image [n, C], patch [n, C, N], embedding [n, D] and, where the model has them, boxes [n, N, 4]."""
    images, patches, embeddings, boxes = [], [], [], []
    for i in index:
        x = data.canvases[i].astype(np.float32) / np.float32(255)
        if change:
            x = change(x)
        x = ((x - np.float32(normalise["mean"])) / np.float32(normalise["std"])).astype(np.float32)
        image, patch, embedding, *corners = engine(x[None, None])
        images.append(image[0])
        patches.append(patch[0].T)
        embeddings.append(embedding[0])
        boxes += [of[0] for of in corners]
    out = {"image": np.stack(images), "patch": np.stack(patches), "embedding": np.stack(embeddings)}
    return {**out, "boxes": np.stack(boxes)} if boxes else out


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


def gains(rows: list[d.Row], target: Floats, score: Floats, others: Mapping[str, Floats]) -> dict[str, Any]:
    """The model's mean AUROC of six less each baseline's, on the same resampled patients."""
    patients, positive = [row["patient_id"] for row in rows], target > 0

    def gain(k: npt.NDArray[np.int64], other: Floats) -> float:
        return metrics.mean_auroc(score[k], positive[k]) - metrics.mean_auroc(other[k], positive[k])

    return {name: figure(patients, lambda k, o=other: gain(k, o)) for name, other in others.items()}  # type: ignore[misc]


def classification(
    data: d.Radiographs, test: list[int], target: Floats, probability: npt.NDArray[np.float64]
) -> dict[str, Any]:  # fmt: skip
    """The model's AUROC and the baselines' beside it: on all of test, and where view and detector tell nothing."""
    rows = [data.rows[i] for i in test]
    six = baselines.all_scores(data, data.targets(d.TRAIN_ANNOTATORS), test)
    abnormal = normals(data.rows)[:, None].astype(np.float32)
    one = baselines.all_scores(data, abnormal, test)
    matched = np.array([k for k, row in enumerate(rows) if row["matched_eval"] == "test"], dtype=np.int64)
    result: dict[str, Any] = {}
    for name, at in (("test_all", np.arange(len(test))), ("test_matched_eval", matched)):
        if len(at) == 0:
            continue
        part = [rows[k] for k in at]
        result[name] = {"auroc": auroc_table(part, probability[at], any_of(probability)[at], target[at])}
        for kind, score in six.items():
            result[name][f"auroc_{kind}"] = auroc_table(part, score[at], one[kind][at, 0], target[at])
        others = {kind: score[at] for kind, score in six.items()}
        result[name]["gain_in_mean_of_six_over"] = gains(part, target[at], probability[at], others)
    known = np.flatnonzero([row["normal_tier"] in ("abnormal", "confirmed") for row in rows])
    sick = np.array([rows[k]["normal_tier"] == "abnormal" for k in known])
    score = any_of(probability)[known]
    result["test_abnormal_v_confirmed_normal"] = {
        "images": len(known),
        "confirmed_normals": int((~sick).sum()),
        **figure([rows[k]["patient_id"] for k in known], lambda k: metrics.auroc(score[k], sick[k])),
    }
    return result


def calibration_error(
    patients: list[str], probability: npt.NDArray[np.float64], positive: npt.NDArray[np.bool_]
) -> dict[str, Any]:  # fmt: skip
    """Per class and their mean. The mean's interval is only that: resampling alone raises the error."""

    def of(c: int, k: npt.NDArray[np.int64]) -> float:
        return metrics.expected_calibration_error(probability[k, c], positive[k, c])

    every = np.arange(len(patients))
    mean = figure(patients, lambda k: float(np.mean([of(c, k) for c in range(len(KEYS))])))
    return {
        "mean": mean["value"],
        "mean_ci95": mean["ci95"],
        "per_class": {key: rounded(of(c, every)) for c, key in enumerate(KEYS)},
    }


def infer_nodules(engine: Any, normalise: dict[str, float]) -> Callable[[Floats], Floats]:
    """A display picture [512, 512] to its map of nodule logits [N]."""

    def infer(picture: Floats) -> Floats:
        x = (picture - np.float32(normalise["mean"])) / np.float32(normalise["std"])
        patch: Floats = engine(x[None, None].astype(np.float32))[1][0, :, localisation.NODULE]
        return patch

    return infer


def explanation(
    engine: Any, model: Path, data: d.Radiographs, test: list[int], patch: Floats, normalise: dict[str, float]
) -> dict[str, Any]:  # fmt: skip
    """What the longer evaluation adds: sanity checks of the map, and simulated nodules in normal films."""
    result: dict[str, Any] = {}
    boxed = [i for i in test if any(box.annotator in d.SCORE_ANNOTATORS for box in data.boxes[i])]
    if (model / "checkpoint.safetensors").is_file() and boxed:
        result["heatmap_sanity"] = sanity.checks(export.shipped(model), data, boxed[:SANITY_IMAGES], normalise)
    normal = [k for k, i in enumerate(test) if data.rows[i]["normal_tier"] in ("confirmed", "report_only")]
    if normal:
        films = [test[k] for k in normal]
        plain = patch[normal][:, localisation.NODULE]
        found = localisation.simulated_nodules(data, films, plain, infer_nodules(engine, normalise))
        result["simulated_nodules_in_normal_films"] = localisation.nodule_table(found)
    return result


def measure(
    engine: Any, model: Path, data: d.Radiographs, folder: Path, normalise: dict[str, float], quick: bool
) -> dict[str, Any]:  # fmt: skip
    val, test = data.indices("val"), data.indices("test")
    if not val or not test:
        raise InputError(f"{folder} has no test split (a pack has none): evaluate on the original folder")
    fitted_on = predict(engine, data, val, normalise)
    calibration = calibrate(data, fitted_on, val)
    val_auroc = metrics.mean_auroc(fitted_on["image"], data.targets(d.TRAIN_ANNOTATORS)[val] > 0)
    out = predict(engine, data, test, normalise)
    rows = [data.rows[i] for i in test]
    target = data.targets(d.SCORE_ANNOTATORS)[test]
    probability = calibrated(out["image"], calibration)
    result: dict[str, Any] = {"calibration": dict(zip(KEYS, [asdict(c) for c in calibration], strict=True))}
    result["validation_mean_auroc"] = rounded(val_auroc)
    result["validation_hit_rate"] = hit_table(hits(data, val, fitted_on["patch"]))["all_six"]
    result |= classification(data, test, target, probability)
    prior = baselines.mean_box_map(data, round(out["patch"].shape[2] ** 0.5)).reshape(1, len(KEYS), -1)
    pointed, fixed = (hits(data, test, m) for m in (out["patch"], np.broadcast_to(prior, out["patch"].shape)))
    result["heatmap_hit_rate"] = {
        "model": hit_table(pointed),
        "mean_box_prior": hit_table(fixed),
        "gain_over_the_prior": gain_table(pointed, fixed),
    }
    if "boxes" in out:
        result["boxes_test"] = detection.table(data, test, target, out["patch"], out["boxes"])
    result["operating_point_test_all"] = operating_point(
        rows, probability >= np.array([c.threshold for c in calibration]), target
    )
    # The calibration was fitted to labels without RSNA2018's boxes; it is judged by the same kind.
    labels = data.targets(d.TRAIN_ANNOTATORS)[test] > 0
    patients = [row["patient_id"] for row in rows]
    result["expected_calibration_error_test"] = calibration_error(patients, probability, labels)
    before = sigmoid(out["image"])
    result["expected_calibration_error_test"]["before_calibration"] = calibration_error(patients, before, labels)
    if not quick:
        result |= explanation(engine, model, data, test, out["patch"], normalise)
        result["robustness_mean_auroc_test"] = robustness(engine, data, folder, test, normalise, target)
        if data.indices("external"):
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
    parser.add_argument(
        "--quick", action="store_true", help="without sanity checks, simulated nodules, robustness and the external set"
    )
    arguments = parser.parse_args()
    data = d.load(arguments.data, arguments.cache)
    engine = export.openvino_engine(arguments.model / "model.onnx")
    normalise = {"mean": arguments.mean, "std": arguments.std}
    result = {
        "data": d.describe(data),
        **measure(engine, arguments.model, data, arguments.data, normalise, arguments.quick),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1))
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    told(main)
