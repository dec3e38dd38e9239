"""The model in the repository, made again from its checkpoint by the code as it is now."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from overread_training import export

SHIPPED = Path(__file__).parent.parent.parent / "Models" / "cxr-vit-small"
TORCH = "2.13.0"  # what requirements.txt names


@pytest.mark.filterwarnings("ignore")
def test_the_shipped_checkpoint_exports_to_the_shipped_file(tmp_path: Path) -> None:
    if not (SHIPPED / "model.onnx").is_file():
        pytest.skip("Models/cxr-vit-small is not in this checkout")
    report = export.reproduce(SHIPPED, tmp_path)
    assert report["max_abs_difference"] < 1e-5
    if torch.__version__.split("+")[0] == TORCH:
        assert report["same_bytes"]
