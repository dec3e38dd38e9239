"""Packing, and training from a pack alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from overread_training import data as d
from overread_training import lungs, pack
from overread_training.augmentation import Augmentation
from overread_training.errors import InputError
from overread_training.loader import Loader


def test_a_pack_gives_the_same_pictures_labels_and_boxes_without_the_folder(folder: Path, tmp_path: Path) -> None:
    before = d.load(folder)
    made = pack.write(before, tmp_path / "pack")
    shutil.rmtree(folder)
    after = d.load(tmp_path / "pack")
    kept = before.indices("train") + before.indices("val")
    assert [r["file"] for r in after.rows] == [before.rows[i]["file"] for i in kept]
    assert made["made_from"] == before.digest and after.digest == made["digest"]
    error = np.abs(after.canvases.astype(int) - before.canvases[kept].astype(int))
    assert float(error.mean()) < 3  # grey levels of 255
    annotators = d.TRAIN_ANNOTATORS
    np.testing.assert_array_equal(after.targets(annotators), before.targets(annotators)[kept])
    np.testing.assert_allclose(d.coverage(after, [0], 64), d.coverage(before, [kept[0]], 64), atol=0.01)


def test_what_may_not_teach_and_what_must_not_leak_stay_behind(folder: Path, tmp_path: Path) -> None:
    pack.write(d.load(folder), tmp_path / "pack")
    assert "RSNA2018" not in (tmp_path / "pack" / "boxes.csv").read_text()
    assert "test" not in (tmp_path / "pack" / "labels.csv").read_text()


def test_the_lungs_come_with_the_pack_and_are_not_looked_for_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = d.load(folder)
    pack.write(before, tmp_path / "pack")
    index = before.indices("train") + before.indices("val")
    wanted = lungs.fields(before.canvases, index)
    monkeypatch.delattr(lungs, "lung_field")
    after = d.load(tmp_path / "pack")
    assert after.lung_fields is not None and wanted.any()
    np.testing.assert_array_equal(after.lung_fields, wanted)
    used = Loader(after, "val", 64, 4, (0.5, 0.25), 1, Augmentation(nodules=0.5)).lungs
    np.testing.assert_array_equal(used.numpy(), wanted[len(before.indices("train")) :])


def test_the_same_data_give_the_same_digest(folder: Path, tmp_path: Path) -> None:
    data = d.load(folder)
    a, b = pack.write(data, tmp_path / "a"), pack.write(data, tmp_path / "b")
    assert a == b


def test_a_changed_or_missing_file_of_a_pack_is_told(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "pack"
    pack.write(d.load(folder), place)
    shard = place / "images-00.bin"
    content = bytearray(shard.read_bytes())
    content[100] ^= 1
    shard.write_bytes(content)
    with pytest.raises(InputError, match=r"images-00\.bin is not the file that was packed"):
        d.load(place)
    shard.unlink()
    with pytest.raises(InputError, match=r"images-00\.bin is missing"):
        d.load(place)


def test_shards_stay_small(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = d.load(folder)
    pack.write(data, tmp_path / "whole")
    monkeypatch.setattr(pack, "SHARD", 60_000)
    pack.write(data, tmp_path / "parts")
    whole, parts = (json.loads((tmp_path / name / pack.INDEX).read_text())["files"] for name in ("whole", "parts"))
    assert len(whole) + 2 <= len(parts) < 20
    np.testing.assert_array_equal(d.load(tmp_path / "parts").canvases, d.load(tmp_path / "whole").canvases)
