"""Batches of one split at one input size, augmented on the device that trains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from overread_training import augmentation as au
from overread_training import data as d
from overread_training import lungs, nodules

NODULE = list(d.CLASSES).index("nodule_mass")
RESIDENT = 8_000_000_000  # bytes of pictures held on the device; beyond, they are read batch by batch


@dataclass
class Batch:
    image: Tensor  # [B, 1, S, S], normalised
    target: Tensor  # [B, 6]
    known: Tensor  # [B, 6]: 0 where the label is uncertain
    auxiliary: Tensor  # [B, len(AUXILIARY)]
    mask: Tensor  # [B, 6, S/16, S/16]: coverage by boxes
    weight: Tensor  # [B, 6, g, g]: how much a patch's target is trusted
    boxes: Tensor  # [B, K, 5]: class (-1: none), corners in [-1, 1] over the picture


def patch_weights(
    target: Tensor, known: Tensor, boxed: Tensor, mask: Tensor, outside: float, negative: float
) -> Tensor:  # fmt: skip
    """How much each patch's target counts.

    Boxes are not exhaustive: outside them `outside`. A class that the label denies: `negative` everywhere. A class that
    the label asserts but nobody boxed, or of which it is uncertain: unknown, 0.
    """
    in_box = outside + (1 - outside) * (mask > 0).to(mask.dtype)
    boxed4, denied = boxed[:, :, None, None], ((1 - target) * known)[:, :, None, None]
    return boxed4 * in_box + (1 - boxed4) * denied * negative


def box_table(boxes: Sequence[Sequence[d.Box]]) -> Tensor:
    """[n, K, 5] of the boxes that may teach; one row is left free for a simulated nodule."""
    kept = [[b for b in of if b.annotator in d.TRAIN_ANNOTATORS] for of in boxes]
    out = torch.zeros(len(kept), 1 + max((len(of) for of in kept), default=0), 5)
    out[..., 0] = -1
    for i, of in enumerate(kept):
        for k, b in enumerate(of):
            corners = torch.tensor([b.x, b.y, b.x + b.w, b.y + b.h]) * (2 / d.CANVAS) - 1
            out[i, k] = torch.cat([torch.tensor([float(b.klass)]), corners])
    return out


def raster(corners: Tensor) -> Tensor:
    """[B, MASK, MASK]: how much of each cell a box [B, 4] in canvas pixels covers."""
    edges = torch.arange(d.MASK, device=corners.device) * float(d.MASK_CELL)
    across = torch.minimum(edges + d.MASK_CELL, corners[:, 2:3]) - torch.maximum(edges, corners[:, 0:1])
    down = torch.minimum(edges + d.MASK_CELL, corners[:, 3:4]) - torch.maximum(edges, corners[:, 1:2])
    return (down.clamp(min=0)[:, :, None] * across.clamp(min=0)[:, None, :]) / d.MASK_CELL**2


class Loader:
    def __init__(
        self, data: d.Radiographs, split: str, size: int, batch: int, normalise: tuple[float, float], seed: int,
        augmentation: au.Augmentation | None = None, outside: float = 0.5, negative: float = 0.5,
        repeats: int = 1, device: str = "cpu",
    ) -> None:  # fmt: skip
        self.data, self.size, self.batch, self.normalise = data, size, batch, normalise
        self.augmentation, self.outside, self.negative = augmentation, outside, negative
        self.repeats, self.device, self.seed = repeats, torch.device(device), seed
        self.index = data.indices(split)
        self.order = torch.Generator().manual_seed(seed)
        self.generator = torch.Generator(device=device).manual_seed(seed)
        at = self.index
        self.targets = torch.from_numpy(data.targets(d.TRAIN_ANNOTATORS)[at]).to(device)
        self.known = torch.from_numpy(data.known(d.TRAIN_ANNOTATORS)[at]).to(device)
        self.aux = torch.from_numpy(data.auxiliary()[at]).to(device)
        self.boxes = box_table([data.boxes[i] for i in at]).to(device)
        # The masks of the pictures with boxes, behind an empty one for all others.
        boxed = [k for k, i in enumerate(at) if any(b.annotator in d.TRAIN_ANNOTATORS for b in data.boxes[i])]
        masks = [np.zeros((len(d.CLASSES), d.MASK, d.MASK), dtype=np.uint8)]
        masks += [d.rasterise(data.boxes[at[k]], d.TRAIN_ANNOTATORS) for k in boxed]
        self.masks = torch.from_numpy(np.stack(masks)).to(device)
        mask_of = torch.zeros(len(at), dtype=torch.long)
        mask_of[boxed] = torch.arange(1, len(boxed) + 1)
        self.mask_of = mask_of.to(device)
        # Augmented at twice the input size where the canvas allows; low sizes are reduced once, not once an epoch.
        self.side = min(d.CANVAS, 2 * size if size <= d.CANVAS // 2 else d.CANVAS)
        self.resident: Tensor | None = None
        if len(at) * self.side**2 <= RESIDENT:
            parts = [self.read(list(range(k, min(len(at), k + 64)))).to(device) for k in range(0, len(at), 64)]
            self.resident = torch.cat(parts) if parts else None
        if augmentation is not None and augmentation.nodules > 0:
            fields = lungs.fields(data.canvases, at) if data.lung_fields is None else data.lung_fields[at]
            self.lungs = torch.from_numpy(fields).to(device)
            spacing = [d.millimetres_per_pixel(data.rows[i], data.places[i]) for i in at]
            self.spacing = torch.tensor(spacing, device=device)

    def __len__(self) -> int:
        full, rest = divmod(len(self.index) * self.repeats, self.batch)
        return full + (1 if rest and self.augmentation is None else 0)

    def read(self, chosen: Sequence[int]) -> Tensor:
        """[B, 1, side, side], 8 bits, from the canvases."""
        canvases = np.stack([self.data.canvases[self.index[k]] for k in chosen])
        reduced = au.reduce(torch.from_numpy(canvases)[:, None].float(), self.side)
        return reduced.round().to(torch.uint8)

    def begin(self, epoch: int) -> None:
        """Seeds the epoch, so that a resumed run draws what the unbroken one would have."""
        self.order.manual_seed(self.seed + 1000 * epoch)
        self.generator.manual_seed(self.seed + 1000 * epoch)

    def __iter__(self) -> Iterator[Batch]:
        places = list(range(len(self.index)))
        if self.augmentation is not None:
            rounds = [torch.randperm(len(places), generator=self.order) for _ in range(self.repeats)]
            places = torch.cat(rounds).tolist()
        for k in range(len(self)):
            yield self.collate(places[k * self.batch : (k + 1) * self.batch])

    def collate(self, chosen: Sequence[int]) -> Batch:
        """`chosen`: places in the split."""
        at = torch.tensor(list(chosen), device=self.device)
        picture = self.read(chosen).to(self.device) if self.resident is None else self.resident[at]
        image = picture.float() / 255
        mask = self.masks[self.mask_of[at]].float() / 255
        target, known, auxiliary = self.targets[at].clone(), self.known[at].clone(), self.aux[at].clone()
        boxes = self.boxes[at].clone()
        grid = self.size // 16
        if self.augmentation is None:
            image, mask = au.reduce(image, self.size), F.interpolate(mask, size=(grid, grid), mode="area")
        else:
            if self.augmentation.nodules > 0:
                image = self.with_nodules(at, image, target, known, auxiliary, mask, boxes)
            image, mask, boxes = self.augmented(image, mask, boxes, grid)
        boxed = (mask.amax(dim=(2, 3)) > 0).float()
        mean, std = self.normalise
        weight = patch_weights(target, known, boxed, mask, self.outside, self.negative)
        return Batch((image - mean) / std, target, known, auxiliary, mask, weight, boxes)

    def with_nodules(
        self, at: Tensor, image: Tensor, target: Tensor, known: Tensor, auxiliary: Tensor, mask: Tensor, boxes: Tensor
    ) -> Tensor:
        """Puts a simulated nodule into a share of the pictures that have none; the labels are changed in place."""
        assert self.augmentation is not None
        free = (target[:, NODULE] == 0) & (known[:, NODULE] > 0)
        drawn = torch.rand(len(at), generator=self.generator, device=self.device) < self.augmentation.nodules
        simulated = nodules.draw(self.lungs[at], self.spacing[at], self.generator)
        put = (free & drawn).nonzero()[:, 0]
        corners = simulated.boxes()[put]
        target[put, NODULE] = 1
        auxiliary[put, d.AUXILIARY.index("No Finding")] = 0
        auxiliary[put, d.AUXILIARY.index("Nodule")] = 1
        mask[put, NODULE] = raster(corners)
        boxes[put, -1, 0] = float(NODULE)
        boxes[put, -1, 1:] = corners * (2 / d.CANVAS) - 1
        return torch.where((free & drawn)[:, None, None, None], nodules.insert(image, simulated), image)

    def augmented(self, image: Tensor, mask: Tensor, boxes: Tensor, grid: int) -> tuple[Tensor, Tensor, Tensor]:
        a, n = self.augmentation, image.shape[0]
        assert a is not None
        theta = au.affine(n, a, self.generator)
        fine = F.affine_grid(theta, [n, 1, self.side, self.side], align_corners=False)
        coarse = F.affine_grid(theta, [n, 1, 2 * grid, 2 * grid], align_corners=False)
        if a.elastic > 0:
            bend = au.elastic(n, self.side, a.elastic, self.generator)
            fine = fine + bend
            small = F.interpolate(bend.permute(0, 3, 1, 2), size=(2 * grid, 2 * grid), mode="area")
            coarse = coarse + small.permute(0, 2, 3, 1)
        image = au.reduce(F.grid_sample(image, fine, align_corners=False), self.size)
        soft = F.avg_pool2d(mask, 2) if grid <= 16 else mask
        mask = F.avg_pool2d(F.grid_sample(soft, coarse, align_corners=False), 2)
        return au.shade(image, a, self.generator), mask, au.moved_boxes(boxes, theta)
