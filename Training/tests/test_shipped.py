"""The model in the repository, made again from its checkpoint by the code as it is now."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from overread_training import checkpoint, configuration, export
from overread_training import data as d
from overread_training.train import Supervised

TRAINING = Path(__file__).parent.parent
SHIPPED = TRAINING.parent / "Models" / "cxr-vit-small"
TORCH = "2.13.0"  # what requirements.txt names


@pytest.mark.filterwarnings("ignore")
def test_the_shipped_checkpoint_exports_to_the_shipped_file(tmp_path: Path) -> None:
    if not (SHIPPED / "model.onnx").is_file():
        pytest.skip("Models/cxr-vit-small is not in this checkout")
    report = export.reproduce(SHIPPED, tmp_path)
    assert report["max_abs_difference"] < 1e-5
    if torch.__version__.split("+")[0] == TORCH:
        assert report["same_bytes"]


@pytest.mark.filterwarnings("ignore")
def test_a_site_adapts_the_shipped_model_and_exports_it(folder: Path, tmp_path: Path) -> None:
    weights = SHIPPED / "checkpoint.safetensors"
    if not weights.is_file():
        pytest.skip("Models/cxr-vit-small is not in this checkout")
    config = {**configuration.read(TRAINING / "configs" / "lora-site.yaml"), "epochs": 1, "warmup": 1}
    data = d.load(folder)
    Supervised(config, data, tmp_path / "run", init=weights).go()
    best = checkpoint.load(tmp_path / "run" / "best.json")
    before, _ = checkpoint.weights(weights)
    moved = {k for k, v in best["ema"].items() if v.dtype.is_floating_point and not torch.equal(v, before[k])}
    assert set(best["ema"]) == set(before)
    assert any(k.endswith("qkv.weight") for k in moved) and any(k.startswith("head") for k in moved)
    assert not any(
        k.startswith(("stem", "position", "norm")) or k.endswith(("up.weight", "down.weight")) for k in moved
    )
    report = export.export(best, data, tmp_path / "model", 512, True)
    assert report["reduce"] == 2 and max(report["openvino"]["max_abs_difference"].values()) < 1e-3
