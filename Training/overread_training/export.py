"""From a run's best to what is shipped: model.onnx and the checkpoint that it was exported from, in half precision.

The weights are rounded to half precision first and the ONNX file is made from the rounded ones, so that the two files
hold the same numbers. The ONNX file is checked against torch in ONNX Runtime and OpenVINO. `--reproduce` makes a
shipped model's ONNX file again from its checkpoint and compares.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from overread_training import checkpoint
from overread_training import data as d
from overread_training.calibration import patch_shift
from overread_training.errors import InputError, told
from overread_training.model import Overreader, Shape, parameters

OPSET = 17
OUTPUTS = ("image_logits", "patch_logits", "embedding")  # and "boxes", where the model has them
Engine = Callable[[npt.NDArray[np.float32]], list[npt.NDArray[np.float32]]]


class Shipped(nn.Module):
    """The model without what only training needs.

    With `reduce` 2 the picture is halved by area before the stem and the patch logits are doubled bilinearly after the
    head: the way to ship, under the same contract, a model whose last stage was at half the size.
    """

    def __init__(self, model: Overreader, reduce: int = 1) -> None:
        super().__init__()
        self.model, self.reduce = model, reduce

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        output = self.model(nn.functional.avg_pool2d(image, self.reduce) if self.reduce > 1 else image)
        patch = output.patch_logits
        if self.reduce > 1:
            b, n, c = patch.shape
            side = math.isqrt(n)
            grid = patch.transpose(1, 2).reshape(b, c, side, side)
            grid = nn.functional.interpolate(grid, scale_factor=self.reduce, mode="bilinear", align_corners=False)
            patch = grid.flatten(2).transpose(1, 2)
        said = (output.image_logits, patch, output.embedding)
        return said if output.boxes is None else (*said, output.boxes)


def load_model(state: dict[str, Tensor], shape: Shape, size: int) -> Overreader:
    """The model for one input size: its position grid is interpolated now rather than in every inference."""
    model = Overreader(shape)
    model.load_state_dict(checkpoint.floats(state))
    side = size // 16
    with torch.no_grad():
        grid = nn.functional.interpolate(model.position, size=(side, side), mode="bicubic", align_corners=False)
    model.position = nn.Parameter(grid)
    return model.eval()


def onnxruntime_engine(path: Path) -> Engine:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda x: [np.asarray(v) for v in session.run(names, {"image": x})]


def openvino_engine(path: Path) -> Engine:
    """As the node runs it: f32 pinned, latency hint."""
    import openvino

    compiled = openvino.Core().compile_model(
        str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    )
    request = compiled.create_infer_request()
    ports = compiled.outputs

    def infer(x: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
        result = request.infer({"image": x})
        return [np.array(result[port]) for port in ports]

    return infer


def check(path: Path, model: nn.Module, images: npt.NDArray[np.float32]) -> dict[str, Any]:
    """Largest absolute difference from torch per engine and output, and the time of one image."""
    with torch.no_grad():
        expected = [[v.numpy() for v in model(torch.from_numpy(x[None]))] for x in images]
    report: dict[str, Any] = {}
    for name, engine in (("onnxruntime", onnxruntime_engine(path)), ("openvino", openvino_engine(path))):
        names = (*OUTPUTS, "boxes")[: len(expected[0])]
        worst = dict.fromkeys(names, 0.0)
        seconds = []
        for x, wanted in zip(images, expected, strict=True):
            started = time.perf_counter()
            got = engine(x[None])
            seconds.append(time.perf_counter() - started)
            for output, a, b in zip(names, got, wanted, strict=True):
                worst[output] = max(worst[output], float(np.abs(a - b).max()))
        report[name] = {
            "max_abs_difference": worst,
            "seconds_median": float(np.median(seconds)),
            "seconds_least": float(min(seconds)),
        }
    return report


def shift_patches(state: dict[str, Tensor], shift: list[float]) -> None:
    """Adds to the patch logits and takes it off again where they enter the image's logits, which stay as they are.

    Exact: the soft maximum is a weighted mean with weights that a common shift does not change.
    """
    by = torch.tensor(shift)
    state["patch_head.2.bias"] = state["patch_head.2.bias"].float() + by
    state["patch_bias"] = state["patch_bias"].float() - by


def fitted_shift(path: Path, data: d.Radiographs, normalise: dict[str, float]) -> list[float]:
    """The patch shift per class, from the boxed pairs of the validation split."""
    index = [i for i in data.indices("val") if any(box.annotator in d.TRAIN_ANNOTATORS for box in data.boxes[i])]
    engine = openvino_engine(path)
    patch = np.stack([engine(picture(data, i, normalise)[None])[1][0].T for i in index])
    covered = d.coverage(data, index, patch.shape[2])
    boxed = covered.max(axis=2) > 0
    return [patch_shift(patch[boxed[:, c], c], covered[boxed[:, c], c]) for c in range(patch.shape[1])]


def picture(data: d.Radiographs, i: int, normalise: dict[str, float]) -> npt.NDArray[np.float32]:
    """[1, 512, 512], as the model takes it."""
    x = (data.canvases[i].astype(np.float32) / 255 - normalise["mean"]) / normalise["std"]
    return np.asarray(x[None], dtype=np.float32)


def write_onnx(model: nn.Module, path: Path, size: int) -> None:
    blank = torch.zeros(1, 1, size, size)
    with torch.no_grad():
        names = (*OUTPUTS, "boxes")[: len(model(blank))]
    torch.onnx.export(
        model, (blank,), str(path), input_names=["image"], output_names=list(names), opset_version=OPSET, dynamo=False
    )


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def shipped(model: Path) -> Shipped:
    """The network of a model's folder, from its checkpoint."""
    state, facts = checkpoint.shipped(model / "checkpoint.safetensors")
    size, reduce = int(facts["exported_at"]), int(facts["reduce"])
    return Shipped(load_model(state, Shape.of(json.loads(facts["shape"])), size // reduce), reduce).eval()


def reproduce(model: Path, out: Path) -> dict[str, Any]:
    """Exports the model's committed checkpoint again, to `out`: the same bytes, or how far the outputs are apart.

    Another version of torch may write another file; the numbers must be the same.
    """
    size = int(checkpoint.shipped(model / "checkpoint.safetensors")[1]["exported_at"])
    out.mkdir(parents=True, exist_ok=True)
    path = out / "model.onnx"
    write_onnx(shipped(model), path, size)
    noise = np.random.default_rng(0).normal(size=(1, 1, size, size)).astype(np.float32)
    before, after = (onnxruntime_engine(p)(noise) for p in (model / "model.onnx", path))
    return {
        "shipped_sha256": digest(model / "model.onnx"),
        "made_sha256": digest(path),
        "same_bytes": digest(model / "model.onnx") == digest(path),
        "max_abs_difference": max(float(np.abs(a - b).max()) for a, b in zip(before, after, strict=True)),
    }


def export(content: dict[str, Any], radiographs: d.Radiographs, out: Path, size: int, reduced: bool) -> dict[str, Any]:
    """Writes model.onnx and checkpoint.safetensors for what a run's best holds; returns what the check found."""
    shape = Shape.of(content["shape"])
    if not reduced and content["size"] != size:
        raise InputError(f"the model was trained at {content['size']}: export it at that --size, or with --reduce")
    if reduced and shape.boxes:
        raise InputError("a model with boxes is exported at the size it was trained at, without --reduce")
    reduce = size // content["size"] if reduced else 1
    out.mkdir(parents=True, exist_ok=True)
    path = out / "model.onnx"

    def write(state: dict[str, Tensor]) -> Shipped:
        model = Shipped(load_model(state, shape, size // reduce), reduce).eval()
        write_onnx(model, path, size)
        return model

    state = checkpoint.floats(content["ema"])
    write(state)
    shift = fitted_shift(path, radiographs, content["normalise"])
    shift_patches(state, shift)
    half = checkpoint.halves(state)
    shipped = write(half)
    facts = {"shape": json.dumps(shape.plain()), "normalise": json.dumps(content["normalise"]),
             "trained_at": str(content["size"]), "exported_at": str(size), "reduce": str(reduce)}  # fmt: skip
    save_file({k: v.contiguous() for k, v in half.items()}, str(out / "checkpoint.safetensors"), facts)
    images = np.stack([picture(radiographs, i, content["normalise"]) for i in radiographs.indices("val")[:12]])
    report = check(path, shipped, images)
    report["patch_shift"] = shift
    report["parameters"] = parameters(shipped)
    report["bytes"] = {p.name: p.stat().st_size for p in sorted(out.iterdir()) if p.suffix != ".md"}
    report["normalise"] = content["normalise"]
    report["reduce"] = reduce
    report["width"], report["boxes"] = shape.width, shape.boxes
    config = content.get("config", {})
    report["simulated_nodules"] = (config.get("augmentation") or {}).get("nodules", 0.0)
    report["distilled"] = "distillation" in config
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description="Export a trained checkpoint.")
    parser.add_argument("--checkpoint", type=Path, help="best.json of the last stage")
    parser.add_argument("--reproduce", type=Path, help="instead: a model's folder, whose checkpoint is exported again")
    parser.add_argument("--out", type=Path, required=True, help="the model's folder")
    parser.add_argument("--data", type=Path, help="pictures to fit the patches' shift to and check the engines on")
    parser.add_argument("--report", type=Path, required=True, help="where to write what the check found (JSON)")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--reduce", action="store_true", help="reduce the input to the size of the last stage")
    arguments = parser.parse_args()
    if arguments.reproduce:
        report = reproduce(arguments.reproduce, arguments.out)
    elif arguments.checkpoint is None or arguments.data is None:
        raise InputError("give --checkpoint and --data, or --reproduce")
    else:
        content = checkpoint.load(arguments.checkpoint)
        data = d.load(arguments.data, arguments.cache)
        report = export(content, data, arguments.out, arguments.size, arguments.reduce)
    arguments.report.parent.mkdir(parents=True, exist_ok=True)
    arguments.report.write_text(json.dumps(report, indent=1))
    print(json.dumps(report, indent=1))
    if report.get("max_abs_difference", 0.0) > 1e-4:
        raise InputError(f"{arguments.out / 'model.onnx'} does not give the shipped file's numbers")


if __name__ == "__main__":
    told(main)
