"""Pre-training without labels: the picture behind hidden patches is to be told from those that are seen.

Masked image modelling as SimMIM does it, for a network with a convolutional stem: the hidden patches are blanked in the
picture, or the stem would see across their edges, and their tokens replaced; each token says its 16 x 16 pixels, and
the error counts where a patch was hidden. The target is each patch with its own mean and spread taken out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from overread_training import checkpoint
from overread_training import data as d
from overread_training.loader import Batch, Loader
from overread_training.losses import Parts
from overread_training.model import Overreader, Shape
from overread_training.stage import Stage, mixed_precision

PATCH = 16


class Painter(nn.Module):
    """The network with a linear layer that says pixels."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.overreader = Overreader(shape)
        self.paint = nn.Linear(shape.width, PATCH * PATCH)

    def forward(self, image: Tensor, hidden: Tensor) -> Tensor:
        """[B, N, 256]. `hidden` [B, 1, g, g]."""
        blank = hidden.repeat_interleave(PATCH, dim=2).repeat_interleave(PATCH, dim=3)
        seen = torch.where(blank, torch.zeros((), device=image.device, dtype=image.dtype), image)
        said: Tensor = self.paint(self.overreader.encode(seen, hidden))
        return said


def hide(batch: int, side: int, share: float, generator: torch.Generator) -> Tensor:
    """[B, 1, side, side]: just `share` of the blocks of 2 x 2 patches (of the patches, where `side` is odd)."""
    block = 2 if side % 2 == 0 else 1
    cells = (side // block) ** 2
    order = torch.rand(batch, cells, generator=generator, device=generator.device).argsort(dim=1).argsort(dim=1)
    hidden = (order < round(share * cells)).reshape(batch, 1, side // block, side // block)
    return hidden.repeat_interleave(block, dim=2).repeat_interleave(block, dim=3)


def wanted(image: Tensor) -> Tensor:
    """[B, N, 256]: each patch's pixels, its mean taken out and its spread made 1 (where it has one: 0.05 is added)."""
    patches = F.unfold(image, PATCH, stride=PATCH).transpose(1, 2)
    spread = patches.std(dim=2, keepdim=True)
    return (patches - patches.mean(dim=2, keepdim=True)) / (spread + 0.05)


class Reconstruction(Stage):
    def __init__(
        self, config: dict[str, Any], data: d.Radiographs, folder: Path, loaders: tuple[Loader, Loader],
        device: str = "cpu", init: Path | None = None, started: float | None = None,
    ) -> None:  # fmt: skip
        torch.manual_seed(config["seed"])
        model = Painter(Shape.of(config["model"]))
        if init:
            checkpoint.put(model.overreader, checkpoint.weights(init)[0], init)
        self.train, self.val = loaders
        self.generator = torch.Generator(device=device)
        super().__init__(config, data, folder, model, device, started)

    def steps_an_epoch(self) -> int:
        return len(self.train)

    def batches(self) -> Iterator[Batch]:
        self.train.begin(self.epoch)
        self.generator.manual_seed(self.config["seed"] + self.epoch)
        torch.manual_seed(self.config["seed"] + self.epoch)
        return iter(self.train)

    def error(self, model: Any, batch: Batch, generator: torch.Generator) -> Tensor:
        hidden = hide(len(batch.image), batch.image.shape[-1] // PATCH, self.config["masked"], generator)
        with mixed_precision(self.device):
            said = model(batch.image.to(memory_format=torch.channels_last), hidden)
        each = F.smooth_l1_loss(said.float(), wanted(batch.image), reduction="none").mean(dim=2)
        counted = hidden.flatten(1).to(each.dtype)
        return (each * counted).sum() / counted.sum().clamp(min=1)

    def parts(self, batch: Batch) -> Parts:
        return {"reconstruction": self.error(self.learner, batch, self.generator)}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        self.ema.eval()
        generator = torch.Generator(device=self.device).manual_seed(0)
        values = [float(self.error(self.ema, batch, generator)) for batch in self.val]
        return {"val_reconstruction": sum(values) / len(values)}

    def score(self, figures: dict[str, float]) -> float:
        return -figures["val_reconstruction"]

    def overreader(self) -> Overreader:
        assert isinstance(self.ema, Painter)
        return self.ema.overreader
