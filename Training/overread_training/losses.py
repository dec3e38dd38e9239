"""What training minimises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from overread_training.loader import Batch
from overread_training.model import Output

Parts = dict[str, Tensor]


@dataclass(frozen=True)
class Weights:
    """How the parts are added."""

    image: float = 1.0
    pooled: float = 0.3  # the soft maximum over patches, as an image score of its own
    auxiliary: float = 0.3
    patch: float = 0.5
    dice: float = 0.3
    boxes: float = 0.3  # where the model has a box head
    gamma: float = 2.0  # of the patches' focal loss
    image_gamma: float = 0.0  # of the image's; 0: plain cross-entropy
    smoothing: float = 0.03

    @classmethod
    def of(cls, values: dict[str, Any] | None) -> Weights:
        return cls(**(values or {}))


def image_loss(
    logits: Tensor, target: Tensor, positive_weight: Tensor | None, w: Weights, known: Tensor | None = None
) -> Tensor:
    """Cross-entropy (focal where asked) per class, over the labels that are known.

    Labels mined from text are wrong now and then, hence the smoothing.
    """
    soft = target * (1 - 2 * w.smoothing) + w.smoothing
    loss = F.binary_cross_entropy_with_logits(logits, soft, pos_weight=positive_weight, reduction="none")
    if w.image_gamma > 0:
        loss = loss * (torch.sigmoid(logits) - soft).abs() ** w.image_gamma
    if known is None:
        return loss.mean()
    return (loss * known).sum() / known.sum().clamp(min=1)


def focal(logits: Tensor, coverage: Tensor, weight: Tensor, gamma: float) -> Tensor:
    """Quality focal loss: cross-entropy to the coverage, times |p - coverage|^gamma, over the covered patches' sum.

    `logits`, `coverage`, `weight`: [B, C, g, g].
    """
    entropy = F.binary_cross_entropy_with_logits(logits, coverage, reduction="none")
    scale = (torch.sigmoid(logits) - coverage).abs() ** gamma
    return (entropy * scale * weight).sum() / (coverage * weight).sum().clamp(min=4.0)


def dice(logits: Tensor, coverage: Tensor) -> Tensor:
    """1 - Dice, over the class-image pairs that have a box."""
    boxed = (coverage.amax(dim=(2, 3)) > 0).to(logits.dtype)
    p = torch.sigmoid(logits)
    overlap = (2 * (p * coverage).sum(dim=(2, 3)) + 1) / ((p + coverage).sum(dim=(2, 3)) + 1)
    return ((1 - overlap) * boxed).sum() / boxed.sum().clamp(min=1)


def generalised_iou(a: Tensor, b: Tensor) -> Tensor:
    """Of boxes [..., 4] given by corners: 1 where they are the same, towards -1 the farther apart."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    overlap = (high - low).clamp(min=0).prod(dim=-1)
    union = (a[..., 2:] - a[..., :2]).prod(dim=-1) + (b[..., 2:] - b[..., :2]).prod(dim=-1) - overlap
    low, high = torch.minimum(a[..., :2], b[..., :2]), torch.maximum(a[..., 2:], b[..., 2:])
    hull = (high - low).prod(dim=-1).clamp(min=1e-9)
    return overlap / union.clamp(min=1e-9) - (hull - union) / hull


def box_loss(predicted: Tensor, boxes: Tensor, side: int) -> Tensor:
    """1 - generalised IoU of each patch whose middle lies in a box, with the smallest such box.

    `predicted` [B, N, 4] in fractions of the picture; `boxes` [B, K, 5] as a batch has them.
    """
    corners = ((boxes[..., 1:] + 1) / 2).clamp(0, 1)
    places = (torch.arange(side, device=boxes.device) + 0.5) / side
    middle = torch.stack([places.repeat(side), places.repeat_interleave(side)], dim=1)[None, :, None]
    inside = ((middle > corners[:, None, :, :2]) & (middle < corners[:, None, :, 2:])).all(dim=-1)
    inside = inside & (boxes[:, None, :, 0] >= 0)
    area = (corners[..., 2:] - corners[..., :2]).prod(dim=-1)[:, None].expand_as(inside)
    smallest = torch.where(inside, area, torch.inf).argmin(dim=2)
    wanted = torch.gather(corners, 1, smallest[..., None].expand(-1, -1, 4))
    counted = inside.any(dim=2).to(predicted.dtype)
    return ((1 - generalised_iou(predicted, wanted)) * counted).sum() / counted.sum().clamp(min=1)


def total(output: Output, batch: Batch, positive_weight: Tensor, w: Weights) -> Parts:
    """The parts; the loss is their sum."""
    b, n, c = output.patch_logits.shape
    side = batch.mask.shape[-1]
    if side * side != n:
        raise ValueError("the mask's grid is not the model's")
    patches = output.patch_logits.transpose(1, 2).reshape(b, c, side, side)
    parts = {
        "image": image_loss(output.image_logits, batch.target, positive_weight, w, batch.known) * w.image,
        "pooled": image_loss(output.pooled_patch, batch.target, positive_weight, w, batch.known) * w.pooled,
        "auxiliary": image_loss(output.auxiliary, batch.auxiliary, None, w) * w.auxiliary,
        "patch": focal(patches, batch.mask, batch.weight, w.gamma) * w.patch,
        "dice": dice(patches, batch.mask) * w.dice,
    }
    if output.boxes is not None:
        parts["boxes"] = box_loss(output.boxes, batch.boxes, side) * w.boxes
    return parts


def distillation(student: Output, teacher: Output, temperature: float) -> Parts:
    """Cross-entropy to the teacher's softened scores, of images and of patches, less the least it can be."""

    def divergence(a: Tensor, b: Tensor) -> Tensor:
        soft = torch.sigmoid(b / temperature)
        a = a / temperature
        entropy = F.binary_cross_entropy_with_logits(b / temperature, soft)
        return (F.binary_cross_entropy_with_logits(a, soft) - entropy) * temperature**2

    return {
        "taught_image": divergence(student.image_logits, teacher.image_logits),
        "taught_patch": divergence(student.patch_logits, teacher.patch_logits),
    }
