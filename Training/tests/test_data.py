"""Boxes, targets and augmentation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from overread_training import augmentation as au
from overread_training import data as d
from overread_training import loader
from overread_training.loader import Loader, patch_weights
from overread_training.preparation import placement


def radiographs(boxes: list[d.Box], findings: str = "No Finding") -> d.Radiographs:
    canvas = np.zeros((1, d.CANVAS, d.CANVAS), dtype=np.uint8)
    canvas[0, 128:256, 256:384] = 255
    row = {"findings": findings, "split": "train", "patient_id": "p"}
    return d.Radiographs([row], canvas, [boxes], [placement(512, 512, 512, 512)], "none")


def test_labels_that_no_class_covers_are_no_class() -> None:
    assert d.box_class("Fracture") is None
    assert d.box_class("Lung Opacity") == 3
    assert d.box_class("Nodule/Mass") == 2


def test_a_box_of_an_annotator_that_may_not_teach_is_neither_target_nor_mask() -> None:
    box = d.Box(3, 0, 0, 100, 100, "RSNA2018")
    data = radiographs([box])
    assert data.targets(d.TRAIN_ANNOTATORS)[0, 3] == 0
    assert data.targets(d.SCORE_ANNOTATORS)[0, 3] == 1
    assert d.rasterise([box], d.TRAIN_ANNOTATORS).sum() == 0
    assert d.TRAIN_ANNOTATORS.isdisjoint({"RSNA2018", "drpradeep-CVAT"})
    assert "drpradeep-CVAT" not in d.SCORE_ANNOTATORS


def test_a_rasterised_box_covers_its_area() -> None:
    mask = d.rasterise([d.Box(0, 10, 20, 33, 45, "NIH_BBox_2017")], d.TRAIN_ANNOTATORS)
    assert mask[0].astype(float).sum() / 255 * d.MASK_CELL**2 == pytest.approx(33 * 45, rel=0.01)
    assert mask[1:].sum() == 0


def test_augmentation_moves_the_mask_with_the_picture() -> None:
    data = radiographs([d.Box(0, 256, 128, 128, 128, "NIH_BBox_2017")], "Effusion")
    shading_off = au.Augmentation(gamma=0, contrast=0, density=0, noise=0, blur=0)
    loader = Loader(data, "train", 256, 1, (0.0, 1.0), 7, shading_off)
    for _ in range(5):
        batch = loader.collate([0])
        patches = torch.nn.functional.avg_pool2d(batch.image.round(), 16)[0, 0]
        p, t = patches - patches.min(), batch.mask[0, 0]
        overlap = float((p * t).sum() / torch.sqrt((p * p).sum() * (t * t).sum()))
        assert overlap > 0.97


def test_no_augmentation_flips_left_and_right() -> None:
    generator = torch.Generator().manual_seed(1)
    theta = au.affine(500, au.Augmentation(), generator)
    assert bool((torch.linalg.det(theta[:, :, :2]) > 0).all())
    assert bool((theta[:, 0, 0] > 0).all())


def test_patches_of_a_label_that_nobody_boxed_are_unknown() -> None:
    target = torch.tensor([[1.0, 0.0, 1.0]])
    boxed = torch.tensor([[1.0, 0.0, 0.0]])
    mask = torch.zeros(1, 3, 2, 2)
    mask[0, 0, 0, 0] = 1
    weight = patch_weights(target, torch.ones(1, 3), boxed, mask, outside=0.5, negative=0.25)
    assert weight[0, 0].tolist() == [[1.0, 0.5], [0.5, 0.5]]
    assert weight[0, 1].unique().tolist() == [0.25]
    assert weight[0, 2].unique().tolist() == [0.0]


def test_the_squeezed_picture_gets_its_detector_shape_back() -> None:
    row = {"detector_w": "2500", "detector_h": "2048", "width": "512", "height": "512"}
    where = d.restored_placement(row)
    assert (where.width, where.height, where.top) == (512, 419, 46)


def test_pictures_that_do_not_fit_the_device_are_read_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    data = radiographs([d.Box(0, 256, 128, 128, 128, "NIH_BBox_2017")], "Effusion")
    held = Loader(data, "train", 256, 1, (0.5, 0.25), 7).collate([0])
    monkeypatch.setattr(loader, "RESIDENT", 0)
    read = Loader(data, "train", 256, 1, (0.5, 0.25), 7)
    assert read.resident is None
    assert torch.equal(read.collate([0]).image, held.image)


def test_a_cache_is_used_again_and_is_one_of_the_same_data(tmp_path: Path) -> None:
    asked = []

    def read(i: int) -> np.ndarray:
        asked.append(i)
        return np.full((d.CANVAS, d.CANVAS), i, dtype=np.uint8)

    for digest, times in (("a" * 64, 1), ("a" * 64, 1), ("b" * 64, 2)):
        canvases = d.canvases_of(3, read, digest, tmp_path)
        assert canvases[:, 0, 0].tolist() == [0, 1, 2]
        assert len(asked) == 3 * times
