"""What training minimises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from overread_training.data import Batch
from overread_training.model import Output


@dataclass(frozen=True)
class Weights:
    """How the parts are added."""

    image: float = 1.0
    pooled: float = 0.3  # the soft maximum over patches, as an image score of its own
    auxiliary: float = 0.3
    patch: float = 0.5
    dice: float = 0.3
    gamma: float = 2.0
    smoothing: float = 0.03

    @classmethod
    def of(cls, values: dict[str, Any] | None) -> Weights:
        return cls(**(values or {}))


def image_loss(logits: Tensor, target: Tensor, positive_weight: Tensor, smoothing: float) -> Tensor:
    """Binary cross-entropy per class; labels mined from text are wrong now and then, hence the smoothing."""
    soft = target * (1 - 2 * smoothing) + smoothing
    return F.binary_cross_entropy_with_logits(logits, soft, pos_weight=positive_weight)


def focal(logits: Tensor, coverage: Tensor, weight: Tensor, gamma: float) -> Tensor:
    """Quality focal loss: cross-entropy to the coverage, times |p - coverage|^gamma, over the covered patches' sum.

    `logits`, `coverage`, `weight`: [B, C, g, g].
    """
    entropy = F.binary_cross_entropy_with_logits(logits, coverage, reduction="none")
    scale = (torch.sigmoid(logits) - coverage).abs() ** gamma
    return (entropy * scale * weight).sum() / (coverage * weight).sum().clamp(min=4.0)


def dice(logits: Tensor, coverage: Tensor) -> Tensor:
    """1 - Dice, over the class-image pairs that have a box."""
    boxed = coverage.amax(dim=(2, 3)) > 0
    if not bool(boxed.any()):
        return logits.sum() * 0
    p, t = torch.sigmoid(logits)[boxed], coverage[boxed]
    return (1 - (2 * (p * t).sum(dim=(1, 2)) + 1) / ((p + t).sum(dim=(1, 2)) + 1)).mean()


def total(output: Output, batch: Batch, positive_weight: Tensor, w: Weights) -> tuple[Tensor, dict[str, float]]:
    """The loss and its parts."""
    b, n, c = output.patch_logits.shape
    side = batch.mask.shape[-1]
    if side * side != n:
        raise ValueError("the mask's grid is not the model's")
    patches = output.patch_logits.transpose(1, 2).reshape(b, c, side, side)
    even = torch.ones(output.auxiliary.shape[1])
    parts = {
        "image": image_loss(output.image_logits, batch.target, positive_weight, w.smoothing) * w.image,
        "pooled": image_loss(output.pooled_patch, batch.target, positive_weight, w.smoothing) * w.pooled,
        "auxiliary": image_loss(output.auxiliary, batch.auxiliary, even, w.smoothing) * w.auxiliary,
        "patch": focal(patches, batch.mask, batch.weight, w.gamma) * w.patch,
        "dice": dice(patches, batch.mask) * w.dice,
    }
    loss = torch.stack(list(parts.values())).sum()
    return loss, {name: float(part.detach()) for name, part in parts.items()}
