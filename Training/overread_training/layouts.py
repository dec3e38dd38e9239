"""The public sets as their own CSV files lay them out: ChestX-ray14, CheXpert, MIMIC-CXR-JPG.

Each becomes rows of this project's labels.csv. Lateral views are left out. A blank label counts as absent, 1 as
present; -1, uncertain, is neither: it goes into the column `uncertain` and is left out of the image loss. Where a set
names no validation split, a twentieth of its training patients, chosen by the digest of their identifier, is one.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from overread_training import data as d
from overread_training.errors import InputError

VALIDATION_PATIENTS = 20  # one in so many
# The labels of CheXpert's labeller, and what they are here.
CHEXPERT = {
    "No Finding": "No Finding",
    "Enlarged Cardiomediastinum": "Enlarged Cardiomediastinum",
    "Cardiomegaly": "Cardiomegaly",
    "Lung Opacity": "Lung Opacity",
    "Lung Lesion": "Lung Lesion",
    "Edema": "Edema",
    "Consolidation": "Consolidation",
    "Pneumonia": "Pneumonia",
    "Atelectasis": "Atelectasis",
    "Pneumothorax": "Pneumothorax",
    "Pleural Effusion": "Effusion",
    "Pleural Other": "Pleural Other",
    "Fracture": "Fracture",
    "Support Devices": "Support Devices",
}
NIH_SPELLING = {"Infiltrate": "Infiltration", "Pleural_Thickening": "Pleural_Thickening"}


def table(folder: Path, *names: str) -> list[d.Row]:
    """The first of the tables that is there, gzipped or not."""
    for name in names:
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                if path.suffix != ".gz":
                    return d.read_table(path)
                with gzip.open(path, "rt", newline="", encoding="utf-8-sig") as file:
                    return [dict(row) for row in csv.DictReader(io.StringIO(file.read()))]
    raise InputError(f"{folder}: none of {', '.join(names)} is there")


def column(row: d.Row, where: str, *names: str) -> str:
    for name in names:
        if name in row:
            return row[name]
    raise InputError(f"{where} has no column {' or '.join(names)}")


def validation(patient: str) -> bool:
    return int(hashlib.sha256(patient.encode()).hexdigest(), 16) % VALIDATION_PATIENTS == 0


def new_row(file: str, source: str, patient: str, view: str, split: str, positive: Sequence[str]) -> d.Row:
    normal = list(positive) in (["No Finding"], ["No Finding", "Support Devices"])
    return {
        "file": file, "source": source, "patient_id": f"{source}-{patient}", "view": view, "sex": "", "age": "",
        "findings": "|".join(positive), "uncertain": "", "normal": "1" if normal else "0",
        "normal_tier": "report_only" if normal else "abnormal", "width": "", "height": "", "detector_w": "",
        "detector_h": "", "pixel_mm": "", "split": split, "matched_eval": "",
    }  # fmt: skip


def labelled(row: d.Row, where: str) -> tuple[list[str], list[str]]:
    """What CheXpert's columns say: present, uncertain."""
    present, uncertain = [], []
    for name, ours in CHEXPERT.items():
        value = column(row, where, name).strip()
        if value == "":
            continue
        try:
            number = float(value)
        except ValueError:
            number = 9.0
        if number not in (-1.0, 0.0, 1.0):
            raise InputError(f"{where} says {value!r} of {name}; 1, 0, -1 or nothing is understood")
        if number == 1:
            present.append(ours)
        elif number == -1:
            uncertain.append(ours)
    return present, uncertain


def chexpert(folder: Path) -> tuple[list[d.Row], list[d.Row]]:
    """train.csv and valid.csv; the latter, read by radiologists, is the test split."""
    rows = []
    for name, split in (("train.csv", "train"), ("valid.csv", "test")):
        for entry in table(folder, name):
            if column(entry, name, "Frontal/Lateral") != "Frontal":
                continue
            path = Path(column(entry, name, "Path"))
            # The paths begin with the set's own folder, whatever it is called here.
            file = str(Path(*path.parts[1:])) if path.parts[0] == folder.name or len(path.parts) > 4 else str(path)
            patient = next((part for part in path.parts if part.startswith("patient")), "")
            if not patient:
                raise InputError(f"{name}: {path} names no patient")
            present, uncertain = labelled(entry, name)
            part = "val" if split == "train" and validation(patient) else split
            row = new_row(file, "CheXpert", patient, entry.get("AP/PA", ""), part, present)
            row.update(uncertain="|".join(uncertain), sex=entry.get("Sex", "")[:1], age=entry.get("Age", ""))
            rows.append(row)
    return rows, []


def mimic(folder: Path) -> tuple[list[d.Row], list[d.Row]]:
    """The metadata, split and CheXpert-labeller tables of MIMIC-CXR-JPG 2.0 or 2.1."""
    labels = {(r["subject_id"], r["study_id"]): r for r in table(folder, "mimic-cxr-2.0.0-chexpert.csv")}
    splits = {r["dicom_id"]: r["split"] for r in table(folder, "mimic-cxr-2.0.0-split.csv")}
    rows = []
    for entry in table(folder, "mimic-cxr-2.0.0-metadata.csv"):
        if entry["ViewPosition"] not in ("PA", "AP") or (entry["subject_id"], entry["study_id"]) not in labels:
            continue
        subject, study, dicom = entry["subject_id"], entry["study_id"], entry["dicom_id"]
        where = f"the label of study {study}"
        present, uncertain = labelled(labels[subject, study], where)
        if dicom not in splits:
            raise InputError(f"mimic-cxr-2.0.0-split.csv has no split for {dicom}")
        split = "val" if splits[dicom] == "validate" else splits[dicom]
        file = f"files/p{subject[:2]}/p{subject}/s{study}/{dicom}.jpg"
        row = new_row(file, "MIMIC-CXR", subject, entry["ViewPosition"], split, present)
        row["uncertain"] = "|".join(uncertain)
        rows.append(row)
    return rows, []


def listed(folder: Path, name: str) -> set[str]:
    if not (folder / name).is_file():
        raise InputError(f"{folder}: {name} is missing")
    return set((folder / name).read_text().split())


def nih(folder: Path) -> tuple[list[d.Row], list[d.Row]]:
    """Data_Entry_2017, the official lists and BBox_List_2017, images in images/ or images_001/images/ and so on."""
    test = listed(folder, "test_list.txt")
    known = test | listed(folder, "train_val_list.txt")
    found = {p.name: str(p.relative_to(folder)) for pattern in ("images/*.png", "images_*/images/*.png")
             for p in folder.glob(pattern)}  # fmt: skip
    rows, sizes = [], {}
    for entry in table(folder, "Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv"):
        name, patient = entry["Image Index"], entry["Patient ID"]
        if name not in known:
            raise InputError(f"{name} is in neither test_list.txt nor train_val_list.txt")
        split = "test" if name in test else "val" if validation(patient) else "train"
        positive = [NIH_SPELLING.get(f, f) for f in entry["Finding Labels"].split("|")]
        row = new_row(found.get(name, f"images/{name}"), "NIH", patient, entry["View Position"], split, positive)
        row.update(
            age=entry["Patient Age"].rstrip("Y"), sex=column(entry, "Data_Entry_2017", "Patient Gender", "Patient Sex"),
            detector_w=entry["OriginalImage[Width"], detector_h=entry["Height]"],
            pixel_mm=entry["OriginalImagePixelSpacing[x"],
        )  # fmt: skip
        sizes[name] = row["file"]
        rows.append(row)
    boxes = []
    for entry in table(folder, "BBox_List_2017.csv"):
        x, w, h = column(entry, "BBox_List_2017.csv", "Bbox [x"), entry["w"], entry["h]"]
        label = NIH_SPELLING.get(entry["Finding Label"], entry["Finding Label"])
        file = sizes.get(entry["Image Index"], entry["Image Index"])
        boxes.append({"file": file, "label": label, "x": x, "y": entry["y"], "w": w, "h": h, "annot": "NIH_BBox_2017"})
    return rows, boxes


def load(folder: Path, cache: Path | None = None) -> d.Radiographs:
    """Whichever of the three sets lies in the folder."""
    if (folder / "train.csv").is_file():
        rows, entries = chexpert(folder)
    elif any((folder / f"Data_Entry_2017{v}.csv").is_file() for v in ("_v2020", "")):
        rows, entries = nih(folder)
    elif any((folder / f"mimic-cxr-2.0.0-metadata.csv{z}").is_file() for z in ("", ".gz")):
        rows, entries = mimic(folder)
    else:
        raise InputError(
            f"{folder} is no layout that is known: it holds no pack.json, labels.csv, train.csv (CheXpert), "
            "Data_Entry_2017 (NIH) or mimic-cxr-2.0.0-metadata.csv (MIMIC-CXR-JPG)"
        )
    d.check_rows(rows, str(folder))
    d.check_files(folder, rows)

    def size(row: d.Row) -> tuple[int, int]:
        with Image.open(folder / row["file"]) as image:
            return image.size

    sha = hashlib.sha256()
    with ThreadPoolExecutor() as pool:
        for row, (width, height) in zip(rows, pool.map(size, rows), strict=True):
            row["width"], row["height"] = str(width), str(height)
            sha.update(f"{row['file']} {(folder / row['file']).stat().st_size} {row['split']} ".encode())
            sha.update(f"{row['findings']} {row['uncertain']}\n".encode())
    sha.update(repr(entries).encode())
    places = [d.restored_placement(row) for row in rows]
    boxes = d.placed_boxes(entries, rows, places, "the boxes")
    digest = sha.hexdigest()
    canvases = d.canvases_of(len(rows), lambda i: d.load_canvas(folder / rows[i]["file"], places[i]), digest, cache)
    return d.Radiographs(rows, canvases, boxes, places, digest)
