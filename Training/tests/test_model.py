"""The model's contract, its losses and its export."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from overread_training import checkpoint, configuration, export, losses
from overread_training.loader import Batch
from overread_training.model import Overreader, Shape
from overread_training.stage import average, learning_rate

SMALL = Shape(width=32, depth=2, heads=2, stem=(8, 8, 16), stem_blocks=(1, 1, 1), position=4)


def model() -> Overreader:
    torch.manual_seed(3)
    return Overreader(SMALL)


def test_outputs_have_the_manifests_shapes() -> None:
    o = model().eval()(torch.randn(2, 1, 128, 96))
    assert o.image_logits.shape == (2, 6)
    assert o.patch_logits.shape == (2, 48, 6)
    assert o.embedding.shape == (2, 32)


def test_patches_are_row_major_and_local_in_the_stem() -> None:
    m = model().eval()
    with torch.no_grad():
        m.position.zero_()
        a = torch.zeros(1, 1, 128, 128)
        b = a.clone()
        b[:, :, 16:32, 80:96] = 3  # patch row 1, column 5
        moved = (m.stem(a) - m.stem(b)).abs().sum(dim=1)[0]
    # The centre of what moved, to within a patch; a transposed grid would be four off.
    share = moved / moved.sum()
    places = torch.arange(8.0)
    assert abs(float((share.sum(dim=1) * places).sum()) - 1) <= 1
    assert abs(float((share.sum(dim=0) * places).sum()) - 5) <= 1


def test_a_single_patch_reaches_the_image_logit() -> None:
    m = model().eval()
    o = m(torch.randn(1, 1, 128, 128))
    gradient = torch.autograd.grad(o.image_logits[0, 0], o.patch_logits)[0]
    assert float(gradient[0, :, 0].max()) > 0


def test_focal_loss_is_least_at_the_truth_and_ignores_what_is_unknown() -> None:
    coverage = torch.zeros(1, 1, 4, 4)
    coverage[0, 0, :2, :2] = 1
    weight = torch.ones_like(coverage)
    right = torch.where(coverage > 0, 8.0, -8.0)
    assert float(losses.focal(right, coverage, weight, 2.0)) < 1e-3
    assert float(losses.focal(-right, coverage, weight, 2.0)) > 1
    assert float(losses.focal(-right, coverage, weight * 0, 2.0)) == 0


def test_a_few_steps_lower_the_loss() -> None:
    m = model()
    mask = torch.zeros(4, 6, 4, 4)
    mask[0, 0, 1:3, 1:3] = 1
    target = torch.zeros(4, 6)
    target[0, 0] = 1
    known, no_boxes = torch.ones(4, 6), torch.full((4, 1, 5), -1.0)
    batch = Batch(torch.randn(4, 1, 64, 64), target, known, torch.zeros(4, 10), mask, torch.ones_like(mask), no_boxes)
    optimiser = torch.optim.AdamW(m.parameters(), lr=3e-3)
    seen = []
    for _ in range(25):
        loss = torch.stack(list(losses.total(m(batch.image), batch, torch.ones(6), losses.Weights()).values())).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        seen.append(float(loss.detach()))
    assert seen[-1] < 0.6 * seen[0]


def test_the_rate_warms_up_and_falls() -> None:
    rates = [learning_rate(s, s / 100, 10, 1.0) for s in range(100)]
    assert rates[0] < 0.11 and max(rates) == rates[9] and rates[99] < 0.03
    assert all(a >= b for a, b in itertools.pairwise(rates[9:]))


def test_the_average_follows_parameters_and_statistics() -> None:
    a, b = model(), model()
    with torch.no_grad():
        for p in b.parameters():
            p.add_(1)
    average(a, b, 0.9)
    assert torch.allclose(a.head.bias, b.head.bias - 0.9)


@pytest.mark.parametrize("reduce", [1, 2])
def test_the_onnx_file_agrees_with_torch_in_both_engines(tmp_path: Path, reduce: int) -> None:
    half = checkpoint.halves(model().state_dict())
    shipped = export.Shipped(export.load_model(half, SMALL, 128 // reduce), reduce).eval()
    assert shipped(torch.zeros(1, 1, 128, 128))[1].shape == (1, 64, 6)
    path = tmp_path / "model.onnx"
    export.write_onnx(shipped, path, 128)
    images = np.random.default_rng(0).normal(size=(2, 1, 128, 128)).astype(np.float32)
    report = export.check(path, shipped, images)
    for engine in ("onnxruntime", "openvino"):
        assert max(report[engine]["max_abs_difference"].values()) < 1e-3


def test_a_patch_shift_leaves_the_image_logits_alone() -> None:
    m, x = model().eval(), torch.randn(2, 1, 64, 64)
    state = m.state_dict()
    export.shift_patches(state, [1.0, 2.0, 3.0, 0.0, -1.0, 0.5])
    shifted = Overreader(SMALL).eval()
    shifted.load_state_dict(state)
    with torch.no_grad():
        a, b = m(x), shifted(x)
    assert torch.allclose(a.image_logits, b.image_logits, atol=1e-5)
    assert torch.allclose(b.patch_logits - a.patch_logits, torch.tensor([1.0, 2.0, 3.0, 0.0, -1.0, 0.5]), atol=1e-5)


def test_vit_base_seed_is_what_it_is_called() -> None:
    """Built on no device: it takes 750 MB. A step and an export of it were run by hand (README.md)."""
    config = configuration.read(Path(__file__).parent.parent / "configs" / "vit-base-seed.yaml")
    shape = Shape.of(config["model"])
    assert (shape.depth, shape.width, shape.heads, config["size"] // 16) == (24, 768, 12, 32)
    with torch.device("meta"):
        model = Overreader(shape)
        output = model.eval()(torch.zeros(1, 1, 512, 512))
    assert output.patch_logits.shape == (1, 1024, 6) and output.embedding.shape == (1, 768)
    assert sum(p.numel() for p in model.blocks.parameters()) == 24 * (12 * 768**2 + 13 * 768)
