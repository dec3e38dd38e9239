"""model.yaml: the manifest that the node reads and the model card that people read, from measured figures."""

from __future__ import annotations

import argparse
import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

import yaml

from overread_training import data as d

NAME = "overread-cxr-vit-small"

LUNG = {"scheme": "SCT", "value": "39607008", "meaning": "Lung"}
PLEURA = {"scheme": "SCT", "value": "3120008", "meaning": "Pleura"}
HEART = {"scheme": "SCT", "value": "80891009", "meaning": "Heart"}

# Checked against pydicom 3.0.2's dictionaries by a test, except those in UNVERIFIED_CODES.
CODES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "effusion": ({"scheme": "SCT", "value": "60046008", "meaning": "Pleural effusion"}, PLEURA),
    "cardiomegaly": ({"scheme": "SCT", "value": "8186001", "meaning": "Cardiomegaly"}, HEART),
    "nodule_mass": ({"scheme": "SCT", "value": "27925004", "meaning": "Nodule"}, LUNG),
    "opacity": ({"scheme": "DCM", "value": "112001", "meaning": "Opacity"}, LUNG),
    "atelectasis": ({"scheme": "SCT", "value": "46621007", "meaning": "Atelectasis"}, LUNG),
    "pneumothorax": ({"scheme": "SCT", "value": "36118008", "meaning": "Pneumothorax"}, PLEURA),
}
# SNOMED CT concepts that no DICOM context group in pydicom's dictionaries holds.
UNVERIFIED_CODES = frozenset({"8186001", "46621007"})

INTENDED_USE = (
    "Research: a second look at frontal chest radiographs (CR, DX) of adults for six findings, with a heatmap. "
    "Not a medical device; not for diagnosis, triage or exclusion of disease."
)

LIMITS = [
    "Trained on 1,754 radiographs of one hospital (NIH Clinical Center); how it does elsewhere is not known.",
    "Labels were mined from report text by NIH and are wrong now and then; boxes are not exhaustive.",
    "Discrimination is modest: read metrics.test_matched_eval, where view and detector do not tell normal from "
    "abnormal.",
    "Small nodules are mostly missed and their heatmap is not to be relied on (metrics.heatmap_hit_rate); an absent "
    "finding is not excluded.",
    "Training pictures are NIH's 8-bit JPEGs with an unknown window. A DICOM image's own window differs: training "
    "varied gamma, contrast and density, and metrics.robustness_mean_auroc_test says what such changes cost, but no "
    "figure here was measured on DICOM images.",
    "Probabilities are calibrated to the validation split's prevalence (about half abnormal), not to a clinic's.",
    "Frontal views only: a lateral view or another body part gives meaningless scores, hence `accepts`.",
    "Of the training images 79 are of children.",
    "nodule_mass stands for nodule or mass; opacity for infiltration, consolidation and pneumonia.",
]

NIH = (
    "NIH Clinical Center; Wang X, Peng Y, Lu L, Lu Z, Bagheri M, Summers RM. ChestX-ray8: Hospital-scale Chest X-ray "
    "Database and Benchmarks on Weakly-Supervised Classification and Localization of Common Thorax Diseases. IEEE CVPR "
    "2017, pp. 3462-3471. Images: https://nihcc.app.box.com/v/ChestXray-NIHCC"
)


def device_uid(sha256: str) -> str:
    """A UID per build: the digest's first 16 bytes as a UUID (RFC 4122 variant and version 8 set), PS3.5 B.2."""
    raw = bytearray(bytes.fromhex(sha256)[:16])
    raw[6] = (raw[6] & 0x0F) | 0x80
    raw[8] = (raw[8] & 0x3F) | 0x80
    return f"2.25.{uuid.UUID(bytes=bytes(raw)).int}"


def training_data(counts: dict[str, Any]) -> list[dict[str, Any]]:
    train, val, test = (counts[s] for s in ("train", "val", "test"))
    return [
        {
            "name": "NIH ChestX-ray14 (subset): images and text-mined labels",
            "licence": "free use with attribution",
            "attribution": NIH,
            "images": train["images"] + val["images"] + test["images"],
            "used_for": f"training ({train['images']}), early stopping and calibration ({val['images']}), "
            f"test ({test['images']}); patient-disjoint",
        },
        {
            "name": "NIH BBox_List_2017 and ChestX-Det10 boxes on those images",
            "licence": "NIH: free use with attribution; ChestX-Det10: published boxes by three radiologists, cite "
            "Liu J, Lian J, Yu Y, arXiv:2006.10550",
            "attribution": "NIH Clinical Center; Deepwise AI Lab",
            "images": train["images"],
            "used_for": f"patch head: training ({train['boxes']} boxes), calibration ({val['boxes']}), test",
        },
        {
            "name": "RSNA Pneumonia Detection Challenge 2018 boxes on those images",
            "licence": "non-commercial research",
            "attribution": "Radiological Society of North America; Shih G et al., Radiology: AI 2019",
            "images": test["images"],
            "used_for": "test only; no weight, calibration or threshold was fitted to them",
        },
        {
            "name": "Hannover COVID-19 radiographs",
            "licence": "CC BY 3.0",
            "attribution": "Winther HB et al., COVID-19 Image Repository, Hannover Medical School",
            "images": 243,
            "used_for": "description of an external site only (no reading per image)",
        },
    ]


def classes(calibration: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    return [
        {
            "key": key,
            "code": dict(CODES[key][0]),
            "finding_site": dict(CODES[key][1]),
            **{name: round(value, 5) for name, value in calibration[key].items()},
        }
        for key in d.CLASSES
    ]


def reduction(by: int) -> str:
    return (
        f"The picture of 512 x 512 is reduced {by}-fold inside the network, which was last trained at {512 // by}; the "
        f"heatmap's own grid is {32 // by} x {32 // by}, interpolated to 32 x 32."
    )


def simulated(share: float) -> str:
    return (
        f"Training put a simulated nodule of 6 to 30 mm into {100 * share:.0f} % of the pictures without nodule or "
        "mass; how real nodules differ from them is not known."
    )


def elsewhere(flagged: dict[str, float]) -> str:
    said = ", ".join(f"{key} in {100 * share:.0f} %" for key, share in flagged.items())
    return (
        "On bedside films of another hospital (Hannover, COVID-19, no reading per image) the thresholds flag "
        f"{said}; rates far above what such patients have are false alarms, so do not carry the thresholds over."
    )


def manifest(sha256: str, version: str, metrics: dict[str, Any], report: dict[str, Any], stage: str) -> dict[str, Any]:
    figures = {k: v for k, v in metrics.items() if k not in ("calibration", "data")}
    limits = ([f"IN PROGRESS: {stage}"] if stage else []) + LIMITS
    if report.get("reduce", 1) > 1:
        limits.append(reduction(report["reduce"]))
    if report.get("simulated_nodules"):
        limits.append(simulated(report["simulated_nodules"]))
    if report.get("distilled"):
        limits.append(
            "Taught by a larger network as well, which was trained on the same images, labels and boxes only."
        )
    if "external_hannover_covid" in metrics:
        limits.append(elsewhere(metrics["external_hannover_covid"]["share_flagged"]))
    accepts = {
        "modality": ["CR", "DX"],
        "body_part": ["CHEST", "THORAX", ""],
        "view": ["PA", "AP", ""],
        "photometric": ["MONOCHROME1", "MONOCHROME2"],
    }
    return {
        "schema": 1,
        "name": NAME,
        "version": version,
        "device_uid": device_uid(sha256),
        "manufacturer": "Overread",
        "sha256": sha256,
        "intended_use": INTENDED_USE,
        "limits": limits,
        "licence": "Weights: free for research use with the attributions of training_data; see NOTICE.md",
        "training_data": training_data(metrics["data"]),
        "input": {
            "name": "image",
            "width": 512,
            "height": 512,
            "channels": 1,
            "layout": "NCHW",
            "value_range": {"low": 0.0, "high": 1.0},
            "normalise": dict(report["normalise"]),
            "resize": {"policy": "fit-pad", "interpolation": "area", "pad": 0.0},
            "accepts": [accepts],
        },
        "outputs": {
            "image_logits": {"name": "image_logits", "classes": len(d.CLASSES)},
            "patch_logits": {
                "name": "patch_logits",
                "grid": {"rows": 32, "columns": 32},
                "classes": len(d.CLASSES),
            },
            "embedding": {"name": "embedding", "size": report.get("width", 256)},
            **({"boxes": {"name": "boxes"}} if report.get("boxes") else {}),
        },
        "classes": classes(metrics["calibration"]),
        "metrics": {
            "note": "As measured on the files in this folder. ci95: percentile bootstrap over patients. "
            "Positive: NIH's label or a scorable box. One training run, one seed.",
            **figures,
            "export": {k: report[k] for k in ("parameters", "onnxruntime", "openvino")},
        },
    }


HEADER = """\
# The manifest that the node reads, and the model card. Written by overread_training.manifest; do not edit.
# probability = sigmoid(image_logit / temperature + bias); flagged when probability >= threshold.
# patch probability = sigmoid(patch_logit / patch_temperature): the chance that a radiologist's box covers the patch,
# given that the finding is in the image; contours are drawn at patch_threshold.
# Preparation, pixel by pixel: Training/overread_training/preparation.py.
"""


class Plain(yaml.SafeDumper):
    """Without anchors: each mapping is written out."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def main() -> None:
    parser = argparse.ArgumentParser(description="Write model.yaml from the measured figures.")
    parser.add_argument("--model", type=Path, required=True, help="the folder with model.onnx")
    parser.add_argument("--metrics", type=Path, required=True, help="what evaluate wrote")
    parser.add_argument("--report", type=Path, required=True, help="what export wrote")
    parser.add_argument("--version", required=True)
    parser.add_argument("--in-progress", default="", help="said first among the limits of an unfinished model")
    arguments = parser.parse_args()
    sha256 = hashlib.sha256((arguments.model / "model.onnx").read_bytes()).hexdigest()
    content = manifest(
        sha256,
        arguments.version,
        json.loads(arguments.metrics.read_text()),
        json.loads(arguments.report.read_text()),
        arguments.in_progress,
    )
    text = yaml.dump(content, Dumper=Plain, sort_keys=False, width=110, allow_unicode=True)
    (arguments.model / "model.yaml").write_text(HEADER + text)


if __name__ == "__main__":
    main()
