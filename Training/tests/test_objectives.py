"""What is learnt: boxes, a teacher's scores, hidden patches; and the schedule."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

from overread_training import checkpoint, export, losses, reconstruction
from overread_training.model import Output, Overreader, Shape
from overread_training.stage import learning_rate

BOXED = Shape(width=32, depth=1, heads=2, stem=(8, 8, 16), stem_blocks=(0, 1, 0), position=4, boxes=True)


def test_boxes_are_corners_around_each_patchs_middle_and_reach_the_onnx_file(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = Overreader(BOXED).eval()
    boxes = model(torch.randn(2, 1, 64, 128)).boxes
    assert boxes is not None and boxes.shape == (2, 32, 4)
    # Patch row 1, column 5 of 4 x 8.
    x0, y0, x1, y1 = boxes[0, 13].tolist()
    assert x0 < 5.5 / 8 < x1 and y0 < 1.5 / 4 < y1
    shipped = export.Shipped(export.load_model(checkpoint.halves(model.state_dict()), BOXED, 64)).eval()
    path = tmp_path / "model.onnx"
    export.write_onnx(shipped, path, 64)
    report = export.check(path, shipped, torch.randn(2, 1, 64, 64).numpy())
    assert set(report["openvino"]["max_abs_difference"]) == {*export.OUTPUTS, "boxes"}
    assert max(report["openvino"]["max_abs_difference"].values()) < 1e-3
    assert "boxes" in BOXED.plain() and "boxes" not in Shape().plain()


def test_generalised_iou() -> None:
    a = torch.tensor([[0.0, 0.0, 0.2, 0.2]])
    assert float(losses.generalised_iou(a, a)) == pytest.approx(1)
    half = torch.tensor([[0.1, 0.0, 0.3, 0.2]])
    assert float(losses.generalised_iou(a, half)) == pytest.approx(1 / 3)
    # Apart by a box's width: no overlap, a third of the hull is empty.
    apart = torch.tensor([[0.4, 0.0, 0.6, 0.2]])
    assert float(losses.generalised_iou(a, apart)) == pytest.approx(-1 / 3)


def test_a_patch_learns_the_smallest_box_that_it_lies_in() -> None:
    large, small = [0.0, -1.0, -1.0, 1.0, 1.0], [2.0, -1.0, -1.0, 0.0, 0.0]
    boxes = torch.tensor([[large, small, [-1.0, 0.0, 0.0, 0.5, 0.5]]])  # the last: none
    predicted = torch.tensor([0.0, 0.0, 1.0, 1.0]).repeat(1, 16, 1)
    quarter = torch.zeros(4, 4, dtype=torch.bool)
    quarter[:2, :2] = True
    predicted[0, quarter.flatten()] = torch.tensor([0.0, 0.0, 0.5, 0.5])
    assert float(losses.box_loss(predicted, boxes, 4)) == pytest.approx(0, abs=1e-6)
    assert float(losses.box_loss(torch.roll(predicted, 1, dims=1), boxes, 4)) > 0.1
    # Where no box is, nothing is learnt.
    none = torch.full_like(boxes, -1)
    assert float(losses.box_loss(predicted, none, 4)) == 0


def output(image: torch.Tensor, patch: torch.Tensor) -> Output:
    return Output(image, patch, torch.zeros(1), torch.zeros(1), torch.zeros(1), None)


def test_distillation_is_nothing_where_the_student_says_what_the_teacher_says() -> None:
    image, patch = torch.randn(3, 6), torch.randn(3, 16, 6)
    same = losses.distillation(output(image, patch), output(image, patch), 2.0)
    assert {k: pytest.approx(float(v), abs=1e-6) for k, v in same.items()} == {"taught_image": 0, "taught_patch": 0}
    other = losses.distillation(output(image + 1, patch), output(image, patch), 2.0)
    assert float(other["taught_image"]) > 0.05 and float(other["taught_patch"]) == pytest.approx(0, abs=1e-6)
    # The temperature softens: for small differences the loss times its square hardly depends on it.
    warm = [losses.distillation(output(image * 0.1 + 0.1, patch), output(image * 0.1, patch), t) for t in (2.0, 4.0)]
    assert float(warm[0]["taught_image"]) == pytest.approx(float(warm[1]["taught_image"]), rel=0.02)


def test_focal_on_images_counts_less_what_is_nearly_right() -> None:
    target, easy, hard = torch.ones(1, 1), torch.full((1, 1), 3.0), torch.full((1, 1), -3.0)
    plain, focal = losses.Weights(smoothing=0.0), losses.Weights(smoothing=0.0, image_gamma=2.0)

    def ratio(logit: torch.Tensor) -> float:
        return float(losses.image_loss(logit, target, None, focal) / losses.image_loss(logit, target, None, plain))

    assert ratio(easy) < 0.01 and ratio(hard) > 0.9


def test_an_uncertain_label_gives_the_image_no_gradient() -> None:
    logits = torch.zeros(2, 6, requires_grad=True)
    known = torch.ones(2, 6)
    known[0, 4] = 0
    losses.image_loss(logits, torch.ones(2, 6), torch.ones(6), losses.Weights(), known).backward()
    assert logits.grad is not None
    assert float(logits.grad[0, 4]) == 0 and float(logits.grad[1, 4]) != 0
    # And the others count as much as if it had not been there.
    assert float(logits.grad[1, 4]) == pytest.approx(-0.47 / 11)


def test_warm_restarts_begin_anew_and_lower() -> None:
    rates = [learning_rate(1000, p / 300, 1, 1.0, restarts=2) for p in range(301)]
    rises = [k for k, (a, b) in enumerate(itertools.pairwise(rates)) if b > a]
    assert rises == [99, 199]
    assert rates[0] == 1 and rates[100] == pytest.approx(0.75) and rates[200] == pytest.approx(0.5625)
    assert rates[300] < 0.02


def test_hiding_takes_the_share_asked_for_in_whole_blocks() -> None:
    hidden = reconstruction.hide(3, 32, 0.6, torch.Generator().manual_seed(1))
    assert hidden.shape == (3, 1, 32, 32)
    assert hidden.float().mean(dim=(1, 2, 3)).tolist() == [pytest.approx(0.6, abs=0.002)] * 3
    blocks = hidden.float().reshape(3, 16, 2, 16, 2).mean(dim=(2, 4))
    assert set(blocks.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(hidden[0], hidden[1])


def test_what_is_hidden_cannot_be_seen_and_what_is_wanted_is_in_the_patches_order() -> None:
    torch.manual_seed(2)
    painter = reconstruction.Painter(BOXED).eval()
    image, hidden = torch.randn(1, 1, 64, 64), torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    hidden[0, 0, 1, 2] = True
    other = image.clone()
    other[:, :, 16:32, 32:48] += 5
    with torch.no_grad():
        assert torch.equal(painter(image, hidden), painter(other, hidden))
        assert not torch.equal(painter(image, ~hidden), painter(other, ~hidden))
    changed = (reconstruction.wanted(image * 2)[0] - reconstruction.wanted(image)[0]).abs().amax()
    assert float(changed) < 0.2  # the spread is taken out
    bright = image.clone()
    bright[:, :, 16, 32] += 50
    differs = (reconstruction.wanted(bright) - reconstruction.wanted(image)).abs().amax(dim=2)[0]
    assert differs.argmax() == 6 and float(differs[5]) == 0
