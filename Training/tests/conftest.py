"""A little data set that is made up: 36 drawn chests in this project's own layout."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

SPLITS = [("train", 20), ("val", 8), ("test", 8)]
COLUMNS = ("file", "source", "patient_id", "view", "sex", "age", "findings", "normal", "normal_tier", "width", "height",
           "detector_w", "detector_h", "pixel_mm", "split", "matched_eval")  # fmt: skip


def chest(size: int, seed: int, effusion: bool = False) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """A picture and its lungs: a bright trunk on black with two dark ellipses, the heart's shadow on the left one."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size
    lungs = np.zeros((size, size), dtype=bool)
    for middle in (0.3, 0.7):
        cx, cy = middle + random.uniform(-0.02, 0.02), 0.44 + random.uniform(-0.03, 0.03)
        lungs |= ((x - cx) / 0.14) ** 2 + ((y - cy) / 0.27) ** 2 < 1
    lungs &= ((x - 0.58) / 0.13) ** 2 + ((y - 0.62) / 0.13) ** 2 >= 1
    picture = np.where(((x - 0.5) / 0.46) ** 2 + ((y - 0.6) / 0.75) ** 2 < 1, 0.75, 0.08)
    picture[lungs] = 0.3
    if effusion:
        picture[(y > 0.55) & (x < 0.45) & lungs] = 0.7
    picture += random.normal(scale=0.03, size=picture.shape)
    return np.asarray(np.clip(picture, 0, 1) * 255, dtype=np.uint8), lungs


def write_table(path: Path, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """labels.csv, boxes.csv, images/."""
    out = tmp_path / "data"
    (out / "images").mkdir(parents=True)
    labels, boxes = [], []
    for split, count in SPLITS:
        for k in range(count):
            file, sick = f"images/{split}{k}.jpg", k % 2 == 0
            Image.fromarray(chest(96, k + 100 * len(labels), sick)[0]).save(out / file, quality=95)
            labels.append({
                "file": file, "source": "drawn", "patient_id": f"{split}-{k // 2}", "view": "PA", "sex": "F",
                "age": "50", "findings": "Effusion" if sick else "No Finding", "normal": str(int(not sick)),
                "normal_tier": "abnormal" if sick else ("confirmed" if k % 4 == 1 else "report_only"), "width": "96",
                "height": "96", "detector_w": "2500", "detector_h": "2048", "pixel_mm": "0.168", "split": split,
                "matched_eval": split if k < 6 else "",
            })  # fmt: skip
            if sick:
                for annotator in ("NIH_BBox_2017", "RSNA2018"):
                    boxes.append({"file": file, "patient_id": f"{split}-{k // 2}", "split": split, "label": "Effusion",
                                  "x": 16, "y": 52, "w": 26, "h": 18, "annot": annotator})  # fmt: skip
    write_table(out / "labels.csv", COLUMNS, labels)
    write_table(out / "boxes.csv", ("file", "patient_id", "split", "label", "x", "y", "w", "h", "annot"), boxes)
    return out


def edit(path: Path, row: int, **values: str) -> None:
    """Changes one row of a table."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[row].update(values)
    write_table(path, tuple(rows[0]), rows)
