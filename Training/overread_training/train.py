"""Train one stage: one input size, one cosine. Stages follow one another by `--init`.

A run's folder holds config.yaml, data.json, curve.csv, last.pt (to resume) and best.pt (EMA weights of the best
validation score). Stop it at any time; started again with the same command, it goes on from the last epoch.
"""

from __future__ import annotations

import argparse
import copy
import csv
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor, nn

from overread_training import data as d
from overread_training import losses, metrics
from overread_training.model import Overreader, Shape, parameters


def learning_rate(step: int, progress: float, warmup: int, peak: float, floor: float = 0.02) -> float:
    """Linear warm-up over `warmup` steps, under a cosine over the stage's progress (0 to 1)."""
    cosine = floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return peak * cosine * min(1.0, (step + 1) / warmup)


def mixed_precision() -> torch.autocast:
    """bfloat16 where the processor computes in it. Elsewhere torch emulates it, 13 times slower than float32."""
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=native)


@torch.no_grad()
def average(into: nn.Module, model: nn.Module, decay: float) -> None:
    """EMA of parameters; buffers (batch-norm statistics) as well, counters copied."""
    for a, b in zip(into.state_dict().values(), model.state_dict().values(), strict=True):
        if a.dtype.is_floating_point:
            a.lerp_(b.to(a.dtype), 1 - decay)
        else:
            a.copy_(b)


def groups(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weight decay on matrices only."""
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    return [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]


def positive_weights(targets: Tensor) -> Tensor:
    """sqrt(negatives / positives) per class; calibration undoes the shift."""
    p = targets.mean(dim=0).clamp(min=1e-3)
    return torch.sqrt((1 - p) / p).clamp(max=5.0)


@torch.no_grad()
def predict(model: nn.Module, loader: d.Loader) -> dict[str, np.ndarray[Any, Any]]:
    """Image logits, patch logits, embeddings, masks of a whole split, in the split's order."""
    model.eval()
    out: dict[str, list[Tensor]] = {"image": [], "patch": [], "embedding": [], "pooled": [], "mask": []}
    for batch in loader:
        with mixed_precision():
            o = model(batch.image.to(memory_format=torch.channels_last))
        for name, value in zip(
            out, (o.image_logits, o.patch_logits, o.embedding, o.pooled_patch, batch.mask), strict=True
        ):
            out[name].append(value.float())
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


def validate(model: nn.Module, loader: d.Loader) -> dict[str, float]:
    out = predict(model, loader)
    target = loader.targets[loader.index].numpy() > 0
    scores = {f"auroc_{k}": metrics.auroc(out["image"][:, c], target[:, c]) for c, k in enumerate(d.CLASSES)}
    return {
        "auroc": metrics.mean_auroc(out["image"], target),
        "auroc_pooled": metrics.mean_auroc(out["pooled"], target),
        "hit": hit_rate(out["patch"], out["mask"]),
        **scores,
    }


def save(path: Path, content: dict[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    partial.rename(path)


def initial(path: Path) -> dict[str, Tensor]:
    """The weights to begin with: a run's best.pt, or the half-precision checkpoint that a model was exported from."""
    if path.suffix == ".safetensors":
        return {k: v.float() if v.dtype.is_floating_point else v for k, v in load_file(path).items()}
    return dict(torch.load(path, weights_only=True)["ema"])


class Run:
    """The state of one stage."""

    def __init__(self, config: dict[str, Any], data: d.Radiographs, folder: Path, init: Path | None) -> None:
        self.config, self.folder = config, folder
        torch.manual_seed(config["seed"])
        self.shape = Shape.of(config["model"])
        self.model = Overreader(self.shape).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if init:
            self.model.load_state_dict(initial(init))
        self.ema = copy.deepcopy(self.model)
        normalise = (config["normalise"]["mean"], config["normalise"]["std"])
        self.train = d.Loader(
            data, "train", config["size"], config["batch"], normalise, config["seed"] + 1,
            d.Augmentation.of(config.get("augmentation")), **config.get("patch_weights", {}),
        )  # fmt: skip
        self.val = d.Loader(data, "val", config["size"], max(4, config["batch"]), normalise, 0)
        self.optimiser = torch.optim.AdamW(groups(self.model, config["weight_decay"]), lr=0.0, betas=(0.9, 0.98))
        self.positive_weight = positive_weights(self.train.targets[self.train.index])
        self.weights = losses.Weights.of(config.get("losses"))
        self.steps = config["epochs"] * len(self.train)
        self.step, self.epoch, self.best = 0, 0, -1.0
        self.spent, self.since = 0.0, time.monotonic()
        if (folder / "last.pt").exists():
            self.resume()

    def progress(self) -> float:
        """0 to 1, by steps or, where the configuration gives `minutes`, by time spent if that is further."""
        limit = float(self.config.get("minutes", math.inf)) * 60
        return max(float(self.step / self.steps), (self.spent + time.monotonic() - self.since) / limit)

    def resume(self) -> None:
        last = torch.load(self.folder / "last.pt", weights_only=True)
        self.model.load_state_dict(last["model"])
        self.ema.load_state_dict(last["ema"])
        self.optimiser.load_state_dict(last["optimiser"])
        self.step, self.epoch, self.best = last["step"], last["epoch"], last["best"]
        self.spent = last.get("spent", 0.0)
        self.train.generator.manual_seed(self.config["seed"] + 1 + 1000 * self.epoch)

    def one_epoch(self) -> dict[str, float]:
        self.model.train()
        sums: dict[str, float] = {}
        done = 0
        for batch in self.train:
            progress = self.progress()
            if progress >= 1:
                break
            done += 1
            rate = learning_rate(self.step, progress, self.config["warmup"], self.config["lr"])
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            masked = self.config["masked"] * torch.rand(()).item()
            with mixed_precision():
                output = self.model(batch.image.to(memory_format=torch.channels_last), masked)
            loss, parts = losses.total(output, batch, self.positive_weight, self.weights)
            if not bool(torch.isfinite(loss)):
                raise ArithmeticError(f"the loss is not finite at step {self.step}")
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimiser.step()
            self.step += 1
            decay = min(self.config["ema"], (1 + self.step) / (10 + self.step))
            average(self.ema, self.model, decay)
            if self.config.get("validate_every", 1) == 0 and self.step % 40 == 0:
                self.keep({})
            for name, value in {"loss": float(loss.detach()), **parts}.items():
                sums[name] = sums.get(name, 0.0) + value
        return {name: value / max(1, done) for name, value in sums.items()} | {"progress": self.progress()}

    def keep(self, figures: dict[str, float]) -> None:
        """After an epoch: last.pt, and best.pt where the validation score rose or none is asked for."""
        score = figures.get("auroc", float("nan")) + 0.25 * figures.get("hit", 0.0)
        validated = bool(self.config.get("validate_every", 1))
        if not validated or (math.isfinite(score) and score > self.best):
            self.best = score
            content = {"ema": self.ema.state_dict(), "shape": self.shape.plain(), "size": self.config["size"],
                       "normalise": self.config["normalise"], "epoch": self.epoch, "figures": figures}  # fmt: skip
            save(self.folder / "best.pt", content)
        last = {"model": self.model.state_dict(), "ema": self.ema.state_dict(), "step": self.step, "epoch": self.epoch,
                "optimiser": self.optimiser.state_dict(), "best": self.best,
                "spent": self.spent + time.monotonic() - self.since}  # fmt: skip
        save(self.folder / "last.pt", last)

    def record(self, figures: dict[str, float]) -> None:
        path = self.folder / "curve.csv"
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["epoch", "name", "value"])
            writer.writerows([self.epoch, name, f"{value:.5f}"] for name, value in figures.items())
        print(self.epoch, " ".join(f"{k}={v:.3f}" for k, v in figures.items()), flush=True)

    def go(self) -> None:
        every = self.config.get("validate_every", 1)
        stale = 0
        while self.progress() < 1:
            started = time.monotonic()
            figures = self.one_epoch()
            self.epoch += 1
            figures["seconds"] = time.monotonic() - started
            if every == 0:
                self.keep(figures)
            elif self.epoch % every == 0 or self.progress() >= 1:
                figures.update(validate(self.ema, self.val))
                before = self.best
                self.keep(figures)
                stale = 0 if self.best > before else stale + 1
            self.record(figures)
            if stale >= self.config.get("patience", 1000):
                print(f"stopped: no better validation score in {stale} validations", flush=True)
                return


def main() -> None:
    parser = argparse.ArgumentParser(description="Train one stage of the chest radiograph model.")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="the folder with labels.csv, boxes.csv and images/")
    parser.add_argument("--run", type=Path, required=True, help="this run's folder (made where missing)")
    parser.add_argument("--init", type=Path, help="best.pt of the stage before, or a model's checkpoint.safetensors")
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    config = yaml.safe_load(arguments.config.read_text())
    arguments.run.mkdir(parents=True, exist_ok=True)
    (arguments.run / "config.yaml").write_text(yaml.safe_dump({**config, "init": str(arguments.init or "")}))
    data = d.load(arguments.data, arguments.run.parent / "cache")
    (arguments.run / "data.json").write_text(json.dumps(d.describe(data), indent=1))
    run = Run(config, data, arguments.run, arguments.init)
    print(f"{parameters(run.model)} parameters, {len(run.train)} steps an epoch, digest {data.digest[:16]}", flush=True)
    run.go()


if __name__ == "__main__":
    main()
