"""Is the map the model's: it must change when the weights are random, and when another class is asked for.

After Adebayo et al., Sanity Checks for Saliency Maps: the weights are made random from the output inwards, and the map
before and after is compared by rank. A map that stays the same shows the picture, not what was learnt.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import spearmanr
from torch import nn

from overread_training import data as d
from overread_training.export import Shipped
from overread_training.localisation import hits
from overread_training.metrics import rounded

Floats = npt.NDArray[np.floating]
STEPS = ("patch_head", "blocks", "stem")  # each made random on top of those before it


@torch.no_grad()
def randomise(model: nn.Module, part: str, seed: int) -> None:
    """The part's weights in a random order, each tensor by itself: their spread stays, what was learnt goes."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in getattr(model, part).parameters():
        order = torch.randperm(parameter.numel(), generator=generator)
        parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))


@torch.no_grad()
def maps(model: Shipped, data: d.Radiographs, index: list[int], normalise: dict[str, float]) -> Floats:
    """[n, C, N]"""
    out = []
    for i in index:
        x = (torch.from_numpy(np.array(data.canvases[i])).float() / 255 - normalise["mean"]) / normalise["std"]
        out.append(model(x[None, None])[1][0].T.numpy())
    return np.stack(out)


def likeness(a: Floats, b: Floats) -> float:
    """The mean rank correlation of maps [..., N]."""
    pairs = zip(a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1]), strict=True)
    return float(np.mean([spearmanr(x, y).statistic for x, y in pairs]))


def rate(data: d.Radiographs, index: list[int], of: Floats) -> float | None:
    found = [hit for _, _, _, hit in hits(data, index, of)]
    return rounded(float(np.mean(found))) if found else None


def checks(
    model: Shipped, data: d.Radiographs, index: list[int], normalise: dict[str, float], seed: int = 3
) -> dict[str, Any]:  # fmt: skip
    """On the images given, which should have boxes: rank correlation with the model's own map, and the hit rate."""
    own = maps(model, data, index, normalise)
    result: dict[str, Any] = {"images": len(index), "hit_rate": rate(data, index, own), "random_weights": {}}
    changed = copy.deepcopy(model)
    for step in STEPS:
        randomise(changed.model, step, seed)
        other = maps(changed, data, index, normalise)
        result["random_weights"][f"and {step}" if step != STEPS[0] else step] = {
            "rank_correlation": rounded(likeness(own, other)), "hit_rate": rate(data, index, other)
        }  # fmt: skip
    swapped = np.roll(own, 1, axis=1)
    result["another_class"] = {
        "rank_correlation": rounded(likeness(own, swapped)),
        "hit_rate": rate(data, index, swapped),
    }
    return result
