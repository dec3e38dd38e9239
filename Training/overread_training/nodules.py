"""Simulated lung nodules with exact boxes.

The law of their size and contrast stands here, was written down before any model was trained on them, and is not to be
tuned afterwards: a sensitivity means something for a stated law only. It follows from a sphere of soft tissue in air:
the thickness that the beam crosses gives the profile, so the contrast in the middle grows with the diameter. Display
values of NIH's pictures are taken to span 0.35 a neper of attenuation, soft tissue in place of aerated lung takes 0.15
nepers a centimetre, and windows, scatter and density spread this by a factor of 1.7 either way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from overread_training.data import CANVAS

DIAMETER_MM = (6.0, 30.0)  # log-uniform
CONTRAST_PER_CM = (0.03, 0.09)  # display value in the middle for each cm of diameter; log-uniform
LOBES = 3  # low harmonics of the outline
LOBE = 0.08  # the greatest amplitude of each, of the radius


@dataclass
class Nodules:
    """One for each picture of a batch. Lengths in canvas pixels."""

    x: Tensor
    y: Tensor
    radius: Tensor
    contrast: Tensor
    lobes: Tensor  # [B, LOBES, 2]

    def boxes(self) -> Tensor:
        """[B, 4]: the corners (x0, y0, x1, y1) of the sphere without its lobes."""
        return torch.stack([self.x - self.radius, self.y - self.radius, self.x + self.radius, self.y + self.radius], 1)


def log_uniform(low: float, high: float, count: int, generator: torch.Generator) -> Tensor:
    u = torch.rand(count, generator=generator, device=generator.device)
    return torch.exp(math.log(low) + u * (math.log(high) - math.log(low)))


def draw(lungs: Tensor, millimetres: Tensor, generator: torch.Generator) -> Nodules:
    """A nodule a picture, its middle anywhere in the lungs [B, s, s] (0 or 1). `millimetres` of a canvas pixel [B]."""
    b, side = lungs.shape[0], lungs.shape[-1]
    weight = lungs.flatten(1).float() + 1e-9
    at = torch.multinomial(weight, 1, generator=generator)[:, 0]
    within = torch.rand(2, b, generator=generator, device=generator.device)
    cell = CANVAS / side
    diameter = log_uniform(*DIAMETER_MM, b, generator)
    contrast = log_uniform(*CONTRAST_PER_CM, b, generator) * diameter / 10
    lobes = torch.rand(b, LOBES, 2, generator=generator, device=generator.device)
    lobes = torch.stack([lobes[..., 0] * LOBE, lobes[..., 1] * 2 * math.pi], dim=-1)
    return Nodules(
        (at % side + within[0]) * cell, (at // side + within[1]) * cell, diameter / 2 / millimetres, contrast, lobes
    )


def insert(pictures: Tensor, nodules: Nodules) -> Tensor:
    """Display values [B, 1, S, S] with the nodules added, clipped to 1; S may be smaller than the canvas."""
    side = pictures.shape[-1]
    places = (torch.arange(side, device=pictures.device) + 0.5) * (CANVAS / side)
    dx = places[None, None, :] - nodules.x[:, None, None]
    dy = places[None, :, None] - nodules.y[:, None, None]
    angle = torch.atan2(dy, dx)
    outline = torch.ones_like(angle)
    for k in range(LOBES):
        amplitude, phase = nodules.lobes[:, k, 0, None, None], nodules.lobes[:, k, 1, None, None]
        outline = outline + amplitude * (torch.cos((k + 2) * angle + phase) - 1) / 2
    r2 = (dx * dx + dy * dy) / (nodules.radius[:, None, None] * outline) ** 2
    thickness = (1 - r2).clamp(min=0).sqrt()
    return (pictures + (thickness * nodules.contrast[:, None, None])[:, None]).clamp(0, 1)
