"""The public sets' own tables, in small."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from overread_training import data as d
from overread_training import layouts
from overread_training.errors import InputError

LABELS = list(layouts.CHEXPERT)


def image(path: Path, width: int = 40, height: int = 30) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width), 120, dtype=np.uint8)).save(path)


def values(**given: str) -> list[str]:
    return [given.get(name.replace(" ", "_"), "") for name in LABELS]


def chexpert(root: Path) -> Path:
    folder = root / "CheXpert-v1.0-small"
    head = ",".join(["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *LABELS])
    rows = [
        ("train/patient00001/study1/view1_frontal.jpg", "Frontal", "AP",
         values(Pleural_Effusion="1.0", Atelectasis="-1.0", Lung_Lesion="0.0")),
        ("train/patient00001/study1/view2_lateral.jpg", "Lateral", "", values(Cardiomegaly="1.0")),
        ("train/patient00002/study1/view1_frontal.jpg", "Frontal", "PA",
         values(No_Finding="1.0", Support_Devices="1.0")),
    ]  # fmt: skip
    text = [head] + [
        ",".join([f"CheXpert-v1.0-small/{path}", "Female", "61", side, view, *labels])
        for path, side, view, labels in rows
    ]
    valid = "valid/patient64541/study1/view1_frontal.jpg"
    image(folder / valid)
    for path, *_ in rows:
        image(folder / path)
    (folder / "train.csv").write_text("\n".join(text) + "\n")
    last = ",".join([f"CheXpert-v1.0-small/{valid}", "Male", "73", "Frontal", "AP", *values(Cardiomegaly="1.0")])
    (folder / "valid.csv").write_text(f"{head}\n{last}\n")
    return folder


def test_chexpert(tmp_path: Path) -> None:
    data = d.load(chexpert(tmp_path))
    assert [row["view"] for row in data.rows] == ["AP", "PA", "AP"]
    first = data.rows[0]
    assert (first["findings"], first["uncertain"], first["sex"], first["normal"]) == (
        "Effusion",
        "Atelectasis",
        "F",
        "0",
    )
    assert data.targets(d.TRAIN_ANNOTATORS)[0].tolist() == [1, 0, 0, 0, 0, 0]
    assert data.known(d.TRAIN_ANNOTATORS)[0].tolist() == [1, 1, 1, 1, 0, 1]
    assert data.rows[1]["normal"] == "1"
    assert data.rows[2]["split"] == "test" and data.rows[0]["split"] in ("train", "val")
    assert (data.places[0].width, data.places[0].height) == (512, 384)


def test_chexpert_says_what_it_does_not_understand(tmp_path: Path) -> None:
    folder = chexpert(tmp_path)
    table = folder / "train.csv"
    whole = table.read_text()
    table.write_text(whole.replace("-1.0", "maybe"))
    with pytest.raises(InputError, match=r"train.csv says 'maybe' of Atelectasis"):
        d.load(folder)
    table.write_text(whole.replace("Edema", "Oedema"))
    with pytest.raises(InputError, match=r"train.csv has no column Edema"):
        d.load(folder)
    table.write_text(whole)
    (folder / "train/patient00002/study1/view1_frontal.jpg").unlink()
    with pytest.raises(InputError, match="1 of 3 images are missing"):
        d.load(folder)


def nih(folder: Path) -> Path:
    image(folder / "images_001" / "images" / "00000001_000.png", 64, 64)
    image(folder / "images_002" / "images" / "00000002_000.png", 64, 64)
    head = ("Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
            "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],")  # fmt: skip
    (folder / "Data_Entry_2017.csv").write_text(
        f"{head}\n00000001_000.png,Cardiomegaly|Nodule,0,1,058Y,M,PA,2682,2749,0.143,0.143,\n"
        "00000002_000.png,No Finding,0,2,081,F,AP,2500,2048,0.171,0.171,\n"
    )
    (folder / "BBox_List_2017.csv").write_text(
        'Image Index,Finding Label,"Bbox [x",y,w,h],,,\n00000001_000.png,Infiltrate,10,20,30,16,,,\n'
    )
    (folder / "train_val_list.txt").write_text("00000001_000.png\n")
    (folder / "test_list.txt").write_text("00000002_000.png\n")
    return folder


def test_nih(tmp_path: Path) -> None:
    data = d.load(nih(tmp_path))
    assert data.rows[0]["file"] == "images_001/images/00000001_000.png"
    assert [row["split"] in ("train", "val") for row in data.rows] == [True, False]
    assert (data.rows[0]["age"], data.rows[0]["sex"], data.rows[1]["view"]) == ("058", "M", "AP")
    # The squeezed square gets its detector's shape back, and the box with it.
    where = data.places[0]
    assert (where.width, where.height) == (500, 512)
    box = data.boxes[0][0]
    assert (box.klass, box.annotator) == (3, "NIH_BBox_2017")
    assert (box.x, box.y, box.w) == pytest.approx((10 * 500 / 64 + 6, 160, 30 * 500 / 64))
    assert data.targets(d.TRAIN_ANNOTATORS)[0].tolist() == [0, 1, 1, 1, 0, 0]


def test_nih_without_its_list_or_outside_of_it(tmp_path: Path) -> None:
    folder = nih(tmp_path)
    (folder / "test_list.txt").write_text("")
    with pytest.raises(InputError, match=r"00000002_000.png is in neither"):
        d.load(folder)
    (folder / "test_list.txt").unlink()
    with pytest.raises(InputError, match=r"test_list.txt is missing"):
        d.load(folder)


def test_mimic(tmp_path: Path) -> None:
    pre = "mimic-cxr-2.0.0"
    tables = {
        "metadata": "dicom_id,subject_id,study_id,ViewPosition,Rows,Columns\n"
        "aa,10000032,50414267,PA,30,40\nbb,10000032,50414267,LATERAL,30,40\ncc,10000764,57375967,AP,30,40\n",
        "split": "dicom_id,study_id,subject_id,split\naa,50414267,10000032,train\ncc,57375967,10000764,validate\n",
        "chexpert": ",".join(["subject_id", "study_id", *LABELS]) + "\n"
        + ",".join(["10000032", "50414267", *values(Pneumonia="-1.0", Lung_Opacity="1.0")]) + "\n"
        + ",".join(["10000764", "57375967", *values(Edema="-1.0")]) + "\n",
    }  # fmt: skip
    for name, text in tables.items():
        with gzip.open(tmp_path / f"{pre}-{name}.csv.gz", "wt") as file:
            file.write(text)
    image(tmp_path / "files/p10/p10000032/s50414267/aa.jpg")
    image(tmp_path / "files/p10/p10000764/s57375967/cc.jpg")
    data = d.load(tmp_path)
    assert [(row["split"], row["view"]) for row in data.rows] == [("train", "PA"), ("val", "AP")]
    opacity = list(d.CLASSES).index("opacity")
    # The uncertain pneumonia is an opacity that is certain.
    assert data.targets(d.TRAIN_ANNOTATORS)[0, opacity] == 1 and data.known(d.TRAIN_ANNOTATORS)[0, opacity] == 1
    assert float(data.auxiliary()[1, d.AUXILIARY.index("Edema")]) == 0.5


def test_validation_patients_are_the_same_each_time_and_about_a_twentieth() -> None:
    chosen = [layouts.validation(f"patient{k:05}") for k in range(4000)]
    assert 150 < sum(chosen) < 250
    assert chosen == [layouts.validation(f"patient{k:05}") for k in range(4000)]
