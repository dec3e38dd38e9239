"""One stage of training: a model, a schedule, an average, a clock; what is learnt is a subclass's business.

A stage's folder holds config.yaml, data.json, curve.csv, curve.png, last (to resume) and best (the averaged weights of
the best validation score), both as `checkpoint` keeps them. Stop it at any time: the same command goes on from the last
epoch that was finished.
"""

from __future__ import annotations

import copy
import csv
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from overread_training import checkpoint, curves
from overread_training import data as d
from overread_training.errors import InputError
from overread_training.losses import Parts
from overread_training.model import Overreader

FINITE_EVERY = 50  # steps between looks at whether the loss is finite: a look makes the device wait


def learning_rate(
    step: int, progress: float, warmup: int, peak: float, restarts: int = 0, floor: float = 0.02
) -> float:  # fmt: skip
    """Linear warm-up over `warmup` steps, under a cosine over the stage's progress (0 to 1).

    With warm restarts the cosine begins anew, each time three quarters as high, over equal parts of the progress.
    """
    cycles = restarts + 1
    cycle = min(int(min(1.0, progress) * cycles), cycles - 1)
    within = min(1.0, progress) * cycles - cycle
    cosine = floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * within))
    return peak * 0.75**cycle * cosine * min(1.0, (step + 1) / warmup)


def mixed_precision(device: str) -> torch.autocast:
    """bfloat16 where the processor computes in it. Elsewhere torch emulates it, 13 times slower than float32."""
    if device == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16)
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
    """Weight decay on matrices only; what is frozen is left out."""
    learnt = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in learnt if p.ndim >= 2], "weight_decay": decay},
        {"params": [p for p in learnt if p.ndim < 2], "weight_decay": 0.0},
    ]


class Stage:
    """`started`: when the clock of `minutes` began, so that reading the data counts; now, unless given."""

    def __init__(
        self, config: dict[str, Any], data: d.Radiographs, folder: Path, model: nn.Module, device: str,
        started: float | None = None,
    ) -> None:  # fmt: skip
        self.config, self.folder, self.device = config, folder, device
        self.digest = data.digest
        self.model = model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = copy.deepcopy(self.model)
        self.learner = torch.compile(self.model) if config.get("compile") else self.model
        self.optimiser = torch.optim.AdamW(groups(self.model, config["weight_decay"]), lr=0.0, betas=(0.9, 0.98))
        self.step, self.epoch, self.best, self.stale = 0, 0, -math.inf, 0
        self.spent, self.since = 0.0, time.monotonic() if started is None else started
        self.last = folder / "last.json"
        folder.mkdir(parents=True, exist_ok=True)
        if self.last.exists():
            self.resume()
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        (folder / "data.json").write_text(json.dumps(d.describe(data), indent=1))

    # What a subclass says.

    def batches(self) -> Iterator[Any]:
        raise NotImplementedError

    def steps_an_epoch(self) -> int:
        raise NotImplementedError

    def parts(self, batch: Any) -> Parts:
        """The loss as its parts."""
        raise NotImplementedError

    def validate(self) -> dict[str, float]:
        raise NotImplementedError

    def score(self, figures: dict[str, float]) -> float:
        """What early stopping goes by; more is better."""
        raise NotImplementedError

    def overreader(self) -> Overreader:
        """The averaged weights as the model that a later stage or the export takes."""
        raise NotImplementedError

    # The clock.

    def seconds(self) -> float:
        return self.spent + time.monotonic() - self.since

    def progress(self) -> float:
        """0 to 1, by steps or, where the configuration gives `minutes`, by time spent if that is further."""
        limit = float(self.config.get("minutes", math.inf)) * 60
        steps = self.config["epochs"] * self.steps_an_epoch()
        return max(float(self.step / max(1, steps)), self.seconds() / limit)

    # Saving.

    def resume(self) -> None:
        last = checkpoint.load(self.last)
        checkpoint.check_same(last["config"], self.config, self.last)
        if last["digest"] != self.digest:
            raise InputError(
                f"{self.last} was trained on other data (digest {last['digest'][:12]}, here {self.digest[:12]}); "
                "give the new data a folder of its own"
            )
        self.model.load_state_dict(last["model"])
        self.ema.load_state_dict(last["ema"])
        self.optimiser.load_state_dict(last["optimiser"])
        self.step, self.epoch, self.best = last["step"], last["epoch"], last["best"]
        self.stale, self.spent = last["stale"], last["spent"]

    def kept(self, figures: dict[str, float]) -> dict[str, Any]:
        """What best holds: enough to begin from, to export and to know where it came from."""
        model = self.overreader()
        return {"ema": model.state_dict(), "shape": model.shape.plain(), "size": self.config["size"],
                "normalise": self.config["normalise"], "epoch": self.epoch, "figures": figures,
                "config": self.config, "digest": self.digest}  # fmt: skip

    def keep(self, figures: dict[str, float]) -> None:
        """After an epoch: last, and best where the validation score rose or none is asked for."""
        if not self.config.get("validate_every", 1):
            checkpoint.save(self.folder, "best", self.kept(figures))
        elif "score" in figures:
            better = math.isfinite(figures["score"]) and figures["score"] > self.best
            self.stale = 0 if better else self.stale + 1
            if better:
                self.best = figures["score"]
                checkpoint.save(self.folder, "best", self.kept(figures))
        last = {"model": self.model.state_dict(), "ema": self.ema.state_dict(), "step": self.step, "epoch": self.epoch,
                "optimiser": self.optimiser.state_dict(), "best": self.best, "stale": self.stale,
                "spent": self.seconds(), "config": self.config, "digest": self.digest}  # fmt: skip
        checkpoint.save(self.folder, "last", last)

    def record(self, figures: dict[str, float]) -> None:
        path = self.folder / "curve.csv"
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if new:
                writer.writerow(["epoch", "name", "value"])
            writer.writerows([self.epoch, name, f"{value:.5f}"] for name, value in figures.items())
        print(self.epoch, " ".join(f"{k}={v:.3f}" for k, v in figures.items()), flush=True)

    # Training.

    def train_mode(self) -> None:
        self.model.train()

    def descend(self, batch: Any, progress: float) -> Parts:
        rate = learning_rate(
            self.step, progress, self.config["warmup"], self.config["lr"], self.config.get("restarts", 0)
        )
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        parts = self.parts(batch)
        loss = torch.stack(list(parts.values())).sum()
        if self.step % FINITE_EVERY == 0 and not bool(torch.isfinite(loss)):
            raise ArithmeticError(f"the loss is not finite at step {self.step}")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        average(self.ema, self.model, min(self.config["ema"], (1 + self.step) / (10 + self.step)))
        return {"loss": loss.detach(), **{name: part.detach() for name, part in parts.items()}}

    def one_epoch(self) -> dict[str, float]:
        self.train_mode()
        sums: dict[str, Tensor] = {}
        done = 0
        for batch in self.batches():
            progress = self.progress()
            if progress >= 1:
                break
            for name, value in self.descend(batch, progress).items():
                sums[name] = sums.get(name, torch.zeros((), device=self.device)) + value
            done += 1
        return {name: float(value) / max(1, done) for name, value in sums.items()} | {"progress": self.progress()}

    def go(self) -> None:
        every = self.config.get("validate_every", 1)
        while self.progress() < 1 and self.stale < self.config.get("patience", 1000):
            started = time.monotonic()
            figures = self.one_epoch()
            self.epoch += 1
            figures["seconds"] = time.monotonic() - started
            if every and (self.epoch % every == 0 or self.progress() >= 1):
                figures.update(self.validate())
                figures["score"] = self.score(figures)
            self.record(figures)
            self.keep(figures)
        if self.stale >= self.config.get("patience", 1000):
            print(f"stopped early: no better validation score in {self.stale} validations", flush=True)
        curves.draw(self.folder / "curve.csv", self.folder / "curve.png")
