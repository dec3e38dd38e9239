"""Train one stage from its configuration: supervised, distilled from a teacher, adapted to a site, or reconstruction.

Stages follow one another by `--init`; `leg` runs the stages of a plan for a machine that is lent by the minute.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from overread_training import augmentation, checkpoint, configuration, lora, losses, metrics
from overread_training import data as d
from overread_training.errors import InputError, told
from overread_training.loader import Batch, Loader
from overread_training.model import Overreader, Shape, parameters
from overread_training.reconstruction import Reconstruction
from overread_training.stage import Stage, mixed_precision

HIT = 0.25  # how much the boxes hit count beside the AUROC in the score that early stopping goes by


def positive_weights(targets: Tensor, known: Tensor) -> Tensor:
    """sqrt(negatives / positives) per class, of what is known; calibration undoes the shift."""
    p = ((targets * known).sum(dim=0) / known.sum(dim=0).clamp(min=1)).clamp(min=1e-3)
    return torch.sqrt((1 - p) / p).clamp(max=5.0)


@torch.no_grad()
def predict(model: nn.Module, loader: Loader) -> dict[str, np.ndarray[Any, Any]]:
    """Image logits, patch logits, embeddings, masks of a whole split, in the split's order."""
    model.eval()
    out: dict[str, list[Tensor]] = {"image": [], "patch": [], "embedding": [], "pooled": [], "mask": []}
    for batch in loader:
        with mixed_precision(loader.device.type):
            o = model(batch.image.to(memory_format=torch.channels_last))
        for name, value in zip(
            out, (o.image_logits, o.patch_logits, o.embedding, o.pooled_patch, batch.mask), strict=True
        ):
            out[name].append(value.float().cpu())
    return {name: torch.cat(values).numpy() for name, values in out.items()}


def hit_rate(patch: np.ndarray[Any, Any], mask: np.ndarray[Any, Any]) -> float:
    """Share of boxed class-image pairs whose highest patch is at least half covered by a box."""
    b, n, c = patch.shape
    side = math.isqrt(n)
    maps = patch.transpose(0, 2, 1).reshape(b, c, side * side)
    flat = mask.reshape(b, c, side * side)
    boxed = flat.max(axis=2) > 0
    best = maps.argmax(axis=2)
    hit = np.take_along_axis(flat, best[..., None], axis=2)[..., 0] >= 0.5
    return float(hit[boxed].mean()) if boxed.any() else float("nan")


def validation(model: nn.Module, loader: Loader) -> dict[str, float]:
    out = predict(model, loader)
    target, known = loader.targets.cpu().numpy() > 0, loader.known.cpu().numpy() > 0
    each = [metrics.auroc(out["image"][known[:, c], c], target[known[:, c], c]) for c in range(target.shape[1])]
    pooled = [metrics.auroc(out["pooled"][known[:, c], c], target[known[:, c], c]) for c in range(target.shape[1])]
    if not np.isfinite(each).any():
        raise InputError("the validation split has no class with both positive and negative images")
    return {
        "auroc": float(np.nanmean(each)),
        "auroc_pooled": float(np.nanmean(pooled)),
        "hit": hit_rate(out["patch"], out["mask"]),
        **{f"auroc_{key}": value for key, value in zip(d.CLASSES, each, strict=True)},
    }


class Supervised(Stage):
    """Image labels, patches and boxes from boxes; beside them a teacher's scores where a teacher is given."""

    def __init__(
        self, config: dict[str, Any], data: d.Radiographs, folder: Path, device: str = "cpu",
        init: Path | None = None, teacher: Path | None = None, started: float | None = None,
    ) -> None:  # fmt: skip
        torch.manual_seed(config["seed"])
        model = Overreader(Shape.of(config["model"]))
        if init:
            checkpoint.put(model, checkpoint.weights(init)[0], init)
        if config.get("lora"):
            if init is None:
                raise InputError("lora adapts weights that are there: give them with --init")
            lora.adapt(model, config["lora"]["rank"], config["lora"]["alpha"])
        self.teacher = self.taught_by(teacher, config, device)
        self.train, self.val = loaders(config, data, device)
        self.positive_weight = positive_weights(self.train.targets, self.train.known)
        self.weights = losses.Weights.of(config.get("losses"))
        super().__init__(config, data, folder, model, device, started)

    @staticmethod
    def taught_by(teacher: Path | None, config: dict[str, Any], device: str) -> Overreader | None:
        if (teacher is None) != (config.get("distillation") is None):
            raise InputError("distillation needs both the key `distillation` in the configuration and a --teacher")
        if teacher is None:
            return None
        state, shape = checkpoint.weights(teacher)
        model = Overreader(Shape.of(shape))
        checkpoint.put(model, state, teacher)
        ready: Overreader = model.to(device=device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        return ready.requires_grad_(False)

    def steps_an_epoch(self) -> int:
        return len(self.train)

    def batches(self) -> Iterator[Batch]:
        self.train.begin(self.epoch)
        torch.manual_seed(self.config["seed"] + self.epoch)
        return iter(self.train)

    def train_mode(self) -> None:
        self.model.train()
        if self.config.get("lora"):
            self.model.stem.eval()  # its statistics stay those of the weights that are adapted

    def parts(self, batch: Batch) -> losses.Parts:
        image = batch.image.to(memory_format=torch.channels_last)
        share = self.config.get("masked", 0.0) * torch.rand(())
        side = image.shape[-1] // 16
        hidden = torch.rand(len(image), 1, side, side, device=image.device) < share.to(image.device)
        with mixed_precision(self.device):
            output = self.learner(image, hidden)
        parts = losses.total(output, batch, self.positive_weight, self.weights)
        if self.teacher is not None:
            how = self.config["distillation"]
            with torch.no_grad(), mixed_precision(self.device):
                taught = self.teacher(image)
            said = losses.distillation(output, taught, how["temperature"])
            parts["taught_image"] = said["taught_image"] * how["image"]
            parts["taught_patch"] = said["taught_patch"] * how["patch"]
        return parts

    def validate(self) -> dict[str, float]:
        return validation(self.ema, self.val)

    def score(self, figures: dict[str, float]) -> float:
        return figures["auroc"] + HIT * (figures["hit"] if math.isfinite(figures["hit"]) else 0.0)

    def overreader(self) -> Overreader:
        assert isinstance(self.ema, Overreader)
        return lora.folded(self.ema)


def loaders(config: dict[str, Any], data: d.Radiographs, device: str) -> tuple[Loader, Loader]:
    normalise = (config["normalise"]["mean"], config["normalise"]["std"])
    for split in ("train", "val"):
        if not data.indices(split):
            raise InputError(f"the data have no image in the split {split}")
    if len(data.indices("train")) * config.get("repeats", 1) < config["batch"]:
        raise InputError(f"the train split has fewer images than a batch of {config['batch']}")
    train = Loader(
        data, "train", config["size"], config["batch"], normalise, config["seed"] + 1,
        augmentation.Augmentation.of(config.get("augmentation")), **config.get("patch_weights", {}),
        repeats=config.get("repeats", 1), device=device,
    )  # fmt: skip
    return train, Loader(data, "val", config["size"], max(4, config["batch"]), normalise, 0, device=device)


def stage(
    config: dict[str, Any], data: d.Radiographs, folder: Path, device: str, init: Path | None, teacher: Path | None,
    started: float | None = None,
) -> Stage:  # fmt: skip
    """The stage that the configuration asks for."""
    if config.get("kind") == "reconstruction":
        return Reconstruction(config, data, folder, loaders(config, data, device), device, init, started)
    return Supervised(config, data, folder, device, init, teacher, started)


def device_here() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def main() -> None:
    parser = argparse.ArgumentParser(description="Train one stage of the chest radiograph model.")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="a pack, or a folder in one of the known layouts")
    parser.add_argument("--run", type=Path, required=True, help="this run's folder (made where missing)")
    parser.add_argument("--init", type=Path, help="best.json of the stage before, or a model's checkpoint.safetensors")
    parser.add_argument("--teacher", type=Path, help="best.json of the model to distil")
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    config = configuration.read(arguments.config)
    data = d.load(arguments.data, arguments.run.parent / "cache")
    run = stage(config, data, arguments.run, device_here(), arguments.init, arguments.teacher)
    print(f"{parameters(run.model)} parameters, {run.steps_an_epoch()} steps an epoch, digest {data.digest[:16]}")
    run.go()


if __name__ == "__main__":
    told(main)
