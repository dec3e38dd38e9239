"""Low-rank adaptation: a site's own few hundred pictures move a small addition to the attention, not the weights.

The additions are folded into the weights at the end, so that what is exported has the shape it always had.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from overread_training.model import Block, Overreader

HEADS = ("head", "auxiliary", "patch_head", "patch_scale", "patch_bias", "pool_query", "box_head")


class LowRank(nn.Module):
    """A linear layer, frozen, plus `up(down(x)) * alpha / rank`; the addition begins at 0."""

    def __init__(self, layer: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.layer, self.scale = layer, alpha / rank
        self.down = nn.Parameter(torch.empty(rank, layer.in_features))
        self.up = nn.Parameter(torch.zeros(layer.out_features, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x)
        return y + (x @ self.down.T @ self.up.T) * self.scale

    @torch.no_grad()
    def folded(self) -> nn.Linear:
        layer = copy.deepcopy(self.layer)
        layer.weight += (self.up @ self.down) * self.scale
        return layer


def adapt(model: Overreader, rank: int, alpha: float) -> None:
    """Freezes all but the heads and puts an addition beside each attention's two linear layers."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.split(".")[0] in HEADS)
    for block in model.blocks:
        assert isinstance(block, Block)
        block.qkv = LowRank(block.qkv, rank, alpha)  # type: ignore[assignment]
        block.out = LowRank(block.out, rank, alpha)  # type: ignore[assignment]


def folded(model: Overreader) -> Overreader:
    """The same model with the additions in its weights."""
    out = copy.deepcopy(model)
    for block in out.blocks:
        for name in ("qkv", "out"):
            layer = getattr(block, name)
            if isinstance(layer, LowRank):
                setattr(block, name, layer.folded())
    return out
