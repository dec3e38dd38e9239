"""Where the lungs are, roughly: an estimate from grey values, without labels to learn it from.

Simulated nodules are put inside it. Each lung is what is dark around its usual place; a lung that cannot be found
(white from effusion or pneumonia, cut off by the picture's edge) is taken to be the core of that place. README.md says
how good it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

SIDE = 128
# Of the picture's width and height: (centre x, centre y, half width, half height, lean), left in the picture first. The
# tops lean towards the spine: the centre moves by `lean` times the height above it.
PLACES = ((0.29, 0.43, 0.155, 0.31, 0.14), (0.71, 0.43, 0.155, 0.31, -0.14))
CORE, REACH = 0.75, 1.22  # times its usual place: where a lung is looked for first, and how far it may go
DARKER = 12.0  # grey levels that a lung is darker than what surrounds it
LEAST = 0.35  # of the core that must be dark, else the lung was not found
AIR = 0.8  # times the core's grey value: darker and joined to the picture's edge is the room, not the lung

Bools = npt.NDArray[np.bool_]
Place = tuple[float, float, float, float, float]


def ellipse(place: Place, box: tuple[int, int, int, int], grow: float) -> Bools:
    top, left, height, width = box
    y, x = np.mgrid[0:SIDE, 0:SIDE] + 0.5
    below = (y - top) / height - place[1]
    u = ((x - left) / width - place[0] + place[4] * below) / (place[2] * grow)
    v = below / (place[3] * grow)
    return np.asarray(u * u + v * v <= 1)


def room(smooth: npt.NDArray[np.floating], level: float, box: tuple[int, int, int, int]) -> Bools:
    """What is darker than the level and joined to the picture's edge."""
    top, left, height, width = box
    inner = np.zeros((SIDE, SIDE), dtype=bool)
    inner[top + 1 : top + height - 1, left + 1 : left + width - 1] = True
    parts, _ = ndimage.label((smooth < level) | ~inner)
    return np.isin(parts, np.unique(parts[~inner]))


def otsu(values: npt.NDArray[np.floating]) -> float:
    """The threshold that parts the values best in two."""
    histogram, edges = np.histogram(values, 64)
    middle = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(histogram)
    above = below[-1] - below
    sums = np.cumsum(histogram * middle)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(edges[1:][int(np.nan_to_num(between).argmax())])


def lung_field(canvas: npt.NDArray[np.uint8]) -> tuple[Bools, int]:
    """The mask [128, 128] for a canvas, and how many of the two lungs were found rather than assumed."""
    k = canvas.shape[0] // SIDE
    picture = canvas.reshape(SIDE, k, SIDE, k).mean(axis=(1, 3))
    seen = np.argwhere(picture > 0)
    if len(seen) == 0:
        return np.zeros((SIDE, SIDE), dtype=bool), 0
    (top, left), (bottom, right) = seen.min(axis=0), seen.max(axis=0) + 1
    box = (int(top), int(left), int(bottom - top), int(right - left))
    smooth = ndimage.gaussian_filter(picture, 1.5)
    out, found = np.zeros((SIDE, SIDE), dtype=bool), 0
    for place in PLACES:
        core, reach = ellipse(place, box, CORE), ellipse(place, box, REACH)
        outside = room(smooth, AIR * float(np.percentile(smooth[core], 25)), box)
        seen_there = reach & ~outside
        dark = seen_there & (smooth < otsu(smooth[seen_there]))
        if smooth[seen_there & ~dark].mean() - smooth[dark].mean() < DARKER:
            dark[:] = False
        parts, count = ndimage.label(ndimage.binary_opening(dark, iterations=2))
        sizes = ndimage.sum_labels(core, parts, range(1, count + 1)) if count else np.zeros(1)
        if sizes.max() < LEAST * core.sum():
            out |= core
            continue
        lung = ndimage.binary_closing(parts == 1 + int(sizes.argmax()), iterations=3)
        out |= ndimage.binary_fill_holes(lung) & reach
        found += 1
    return out, found


def fields(canvases: npt.NDArray[np.uint8], index: Sequence[int]) -> Bools:
    """The masks of several."""
    return np.stack([lung_field(np.asarray(canvases[i]))[0] for i in index])
