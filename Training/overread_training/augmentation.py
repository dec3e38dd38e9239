"""Random changes of pictures. Everything is drawn from the generator given, on its device."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from overread_training.data import CANVAS

ELASTIC_SIGMA = 4.0  # canvas pixels


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random changes; 0 turns one off. No left-right flip: the heart has a side."""

    rotate: float = 10.0  # degrees
    scale: float = 0.18  # log range
    aspect: float = 0.12  # log range
    shift: float = 0.08  # of the side
    elastic: float = 0.0  # the greatest alpha: uniform noise smoothed with sigma 4, times 0 ... alpha canvas pixels
    gamma: float = 0.35  # log range
    contrast: float = 0.25
    density: float = 0.12  # amplitude of the smooth field
    noise: float = 0.02
    blur: float = 0.3  # probability
    nodules: float = 0.0  # the share of pictures without nodule or mass that get a simulated one

    @classmethod
    def of(cls, values: dict[str, Any] | None) -> Augmentation:
        return cls(**(values or {}))


def uniform(generator: torch.Generator, *shape: int) -> Tensor:
    """Uniform in [-1, 1]."""
    return torch.rand(*shape, generator=generator, device=generator.device) * 2 - 1


def affine(batch: int, a: Augmentation, generator: torch.Generator) -> Tensor:
    """[B, 2, 3] for `affine_grid`: output to input."""
    angle = uniform(generator, batch) * a.rotate * torch.pi / 180
    scale = torch.exp(uniform(generator, batch) * a.scale)
    stretch = torch.exp(uniform(generator, batch) * a.aspect / 2)
    cos, sin = torch.cos(angle), torch.sin(angle)
    first = torch.stack([cos * scale * stretch, -sin * scale, uniform(generator, batch) * 2 * a.shift], dim=1)
    second = torch.stack([sin * scale, cos * scale / stretch, uniform(generator, batch) * 2 * a.shift], dim=1)
    return torch.stack([first, second], dim=1)


def elastic(batch: int, side: int, alpha: float, generator: torch.Generator) -> Tensor:
    """[B, side, side, 2] to add to a sampling grid (Simard's elastic distortion, alpha drawn for each picture)."""
    sigma = ELASTIC_SIGMA * side / CANVAS
    radius = max(1, math.ceil(3 * sigma))
    taps = torch.arange(-radius, radius + 1, device=generator.device, dtype=torch.float32)
    kernel = torch.exp(-(taps**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    field = uniform(generator, batch * 2, 1, side, side)
    field = F.conv2d(F.pad(field, (radius, radius, 0, 0), mode="reflect"), kernel[None, None, None, :])
    field = F.conv2d(F.pad(field, (0, 0, radius, radius), mode="reflect"), kernel[None, None, :, None])
    strength = (uniform(generator, batch, 1, 1, 1) + 1) / 2 * alpha * 2 / CANVAS
    return field.reshape(batch, 2, side, side).permute(0, 2, 3, 1) * strength


def moved_boxes(boxes: Tensor, theta: Tensor) -> Tensor:
    """Boxes [B, K, 5] (class, then corners in [-1, 1]) of the input, as they lie in the output of `affine_grid`.

    Centres and sides are moved; a box does not grow by being turned (by 10 degrees it would, by a fifth).
    """
    inverse = torch.linalg.inv(theta[:, :, :2])
    low, high = boxes[..., 1:3], boxes[..., 3:5]
    centre = ((low + high) / 2 - theta[:, None, :, 2]) @ inverse.transpose(1, 2)
    half = (high - low) / 2 * inverse.diagonal(dim1=1, dim2=2).abs()[:, None]
    return torch.cat([boxes[..., :1], centre - half, centre + half], dim=-1)


def shade(x: Tensor, a: Augmentation, generator: torch.Generator) -> Tensor:
    """Gamma, contrast, a smooth density field, noise: what an unknown window and tube do to display values [0, 1]."""
    b = x.shape[0]
    x = x.clamp(0, 1) ** torch.exp(uniform(generator, b, 1, 1, 1) * a.gamma)
    x = (x - 0.5) * (1 + uniform(generator, b, 1, 1, 1) * a.contrast) + 0.5 + uniform(generator, b, 1, 1, 1) * 0.08
    field = F.interpolate(uniform(generator, b, 1, 3, 3), size=x.shape[-2:], mode="bicubic", align_corners=True)
    x = x + field * a.density
    soft = F.avg_pool2d(x, 3, 1, 1)
    blurred = (uniform(generator, b, 1, 1, 1) < 2 * a.blur - 1).to(x.dtype)
    x = x + (soft - x) * blurred
    noise = torch.randn(x.shape, generator=generator, device=generator.device)
    return (x + noise * a.noise).clamp(0, 1)


def reduce(canvases: Tensor, size: int) -> Tensor:
    """Canvases [B, 1, 512, 512] to S x S by area."""
    return canvases if size == CANVAS else F.interpolate(canvases, size=(size, size), mode="area")
