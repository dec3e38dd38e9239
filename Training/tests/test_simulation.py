"""The lung estimate, the simulated nodules and the other changes that must move boxes with the picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import chest
from PIL import Image

from overread_training import augmentation as au
from overread_training import data as d
from overread_training import loader, lungs, nodules
from overread_training.preparation import placement


def on_canvas(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    where = placement(width, height, d.CANVAS, d.CANVAS)
    canvas = np.zeros((d.CANVAS, d.CANVAS), dtype=np.uint8)
    resized = Image.fromarray(picture).resize((where.width, where.height))
    canvas[where.top : where.top + where.height, where.left : where.left + where.width] = np.asarray(resized)
    return canvas


@pytest.mark.parametrize(("width", "height"), [(512, 512), (2048, 2500), (2500, 2048)])
def test_the_lungs_of_drawn_chests_are_found(width: int, height: int) -> None:
    for seed in range(4):
        picture, truth = chest(512, seed)
        mask, found = lungs.lung_field(on_canvas(picture, width, height))
        wanted = on_canvas(truth.astype(np.uint8) * 255, width, height)[2::4, 2::4] > 127
        assert found == 2
        assert 2 * (mask & wanted).sum() / (mask.sum() + wanted.sum()) > 0.9


def test_a_white_lung_is_assumed_where_it_usually_is_and_an_empty_picture_has_none() -> None:
    picture, truth = chest(512, 1)
    left = truth & (np.arange(512) < 256)[None]
    picture[left] = 190
    mask, found = lungs.lung_field(picture)
    assert found == 1
    assert (mask & left[2::4, 2::4]).sum() > 0.4 * left[2::4, 2::4].sum()
    assert lungs.lung_field(np.zeros((512, 512), dtype=np.uint8))[1] == 0


def nodule(x: float, y: float, radius: float, contrast: float) -> nodules.Nodules:
    lobes = torch.zeros(1, nodules.LOBES, 2)
    return nodules.Nodules(*(torch.tensor([v]) for v in (x, y, radius, contrast)), lobes)


def test_a_nodule_lies_in_its_box_and_has_its_contrast() -> None:
    blank = torch.full((1, 1, 512, 512), 0.3)
    one = nodule(200, 300, 12, 0.1)
    added = (nodules.insert(blank, one) - blank)[0, 0]
    assert float(added.max()) == pytest.approx(0.1, abs=0.002)
    rows, columns = added.nonzero(as_tuple=True)
    x0, y0, x1, y1 = one.boxes()[0].tolist()
    assert x0 - 1 <= columns.min() and columns.max() <= x1 and y0 - 1 <= rows.min() and rows.max() <= y1
    assert columns.max() - columns.min() >= 22
    # A sphere: at 0.6 of the radius the beam crosses 0.8 of the diameter.
    assert float(added[300, 207]) == pytest.approx(0.08, abs=0.004)


def test_the_law_of_size_and_contrast_is_the_one_that_was_committed() -> None:
    assert nodules.DIAMETER_MM == (6.0, 30.0) and nodules.CONTRAST_PER_CM == (0.03, 0.09)
    generator = torch.Generator().manual_seed(1)
    field = torch.zeros(4000, 8, 8)
    field[:, 2:4, 5] = 1
    drawn = nodules.draw(field, torch.full((4000,), 0.5), generator)
    diameter = 2 * drawn.radius * 0.5
    assert 6 <= float(diameter.min()) < 6.1 and 29.5 < float(diameter.max()) <= 30
    assert float(diameter.log().mean()) == pytest.approx((np.log(6) + np.log(30)) / 2, abs=0.02)
    per_cm = drawn.contrast / diameter * 10
    assert float(per_cm.min()) >= 0.03 and float(per_cm.max()) <= 0.0901
    assert bool(((drawn.x >= 320) & (drawn.x < 384) & (drawn.y >= 128) & (drawn.y < 256)).all())


def radiographs(boxes: list[d.Box], findings: str, count: int = 1, uncertain: str = "") -> d.Radiographs:
    row = {"findings": findings, "uncertain": uncertain, "split": "train", "patient_id": "p", "pixel_mm": "",
           "detector_w": "", "detector_h": ""}  # fmt: skip
    canvas = np.stack([chest(512, 5)[0]] * count)
    where = placement(512, 512, 512, 512)
    return d.Radiographs([row] * count, canvas, [boxes] * count, [where] * count, "none")


def still(**values: float) -> au.Augmentation:
    """No change but those named."""
    off = dict.fromkeys(
        ("rotate", "scale", "aspect", "shift", "elastic", "gamma", "contrast", "density", "noise", "blur"), 0.0
    )
    return au.Augmentation(**{**off, **values})


def test_a_picture_with_a_simulated_nodule_says_so_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(au, "shade", lambda x, *_: x)
    data = radiographs([], "No Finding", 24)
    batch = loader.Loader(data, "train", 256, 24, (0.0, 1.0), 3, still(nodules=0.5)).collate(range(24))
    put = batch.target[:, loader.NODULE] > 0
    assert 4 <= int(put.sum()) <= 20
    assert torch.equal(put, batch.boxes[:, -1, 0] == loader.NODULE)
    assert torch.equal(put, batch.mask[:, loader.NODULE].amax(dim=(1, 2)) > 0)
    assert torch.equal(put, batch.auxiliary[:, d.AUXILIARY.index("No Finding")] == 0)
    plain = loader.Loader(data, "train", 256, 24, (0.0, 1.0), 3, still()).collate(range(24))
    changed = (batch.image - plain.image).abs().amax(dim=(1, 2, 3)) > 0.005
    assert torch.equal(put, changed)
    # Where the picture changed is where the box is.
    for k in put.nonzero()[:, 0].tolist():
        rows, columns = ((batch.image - plain.image)[k, 0] > 0.003).nonzero(as_tuple=True)
        x0, y0, x1, y1 = ((batch.boxes[k, -1, 1:] + 1) * 128).tolist()
        assert x0 - 2 < columns.min() and columns.max() < x1 + 2 and y0 - 2 < rows.min() and rows.max() < y1 + 2


def test_a_picture_with_a_nodule_of_its_own_gets_none() -> None:
    data = radiographs([], "Nodule", 8)
    batch = loader.Loader(data, "train", 64, 8, (0.0, 1.0), 3, still(nodules=1.0)).collate(range(8))
    assert bool((batch.boxes[..., 0] < 0).all())


def test_boxes_move_with_the_picture() -> None:
    box = d.Box(0, 200, 120, 90, 140, "NIH_BBox_2017")
    data = radiographs([box], "Effusion", 16)
    data.canvases[:] = 0
    data.canvases[:, 120:260, 200:290] = 255
    batch = loader.Loader(data, "train", 256, 16, (0.0, 1.0), 9, still(scale=0.2, aspect=0.1, shift=0.1)).collate(
        range(16)
    )
    for k in range(16):
        rows, columns = (batch.image[k, 0] > 0.5).nonzero(as_tuple=True)
        seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        moved = ((batch.boxes[k, 0, 1:] + 1) * 128).clamp(0, 256).tolist()
        assert moved == pytest.approx([float(v) for v in seen], abs=2)


def test_the_elastic_field_is_smooth_bounded_and_off_by_default() -> None:
    generator = torch.Generator().manual_seed(2)
    field = au.elastic(8, 512, 10.0, generator) * d.CANVAS / 2
    assert field.shape == (8, 512, 512, 2)
    assert 0.1 < float(field.std()) < 1.0  # pixels
    step = (field[:, :, 1:] - field[:, :, :-1]).abs().mean() / field.abs().mean()
    assert float(step) < 0.35
    assert au.Augmentation().elastic == 0


def test_what_is_uncertain_is_unknown_to_the_image_loss_and_to_the_patches() -> None:
    data = radiographs([], "Effusion", uncertain="Atelectasis|Edema")
    batch = loader.Loader(data, "train", 64, 1, (0.0, 1.0), 3).collate([0])
    atelectasis = list(d.CLASSES).index("atelectasis")
    assert batch.known[0].tolist() == [float(c != atelectasis) for c in range(6)]
    assert float(batch.weight[0, atelectasis].max()) == 0 < float(batch.weight[0, 5].max())
    assert float(batch.auxiliary[0, d.AUXILIARY.index("Edema")]) == 0.5
