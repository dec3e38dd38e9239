"""A run's curves as a picture: a small plot for each figure of curve.csv."""

from __future__ import annotations

import csv
from pathlib import Path


def read(path: Path) -> dict[str, tuple[list[int], list[float]]]:
    """(epochs, values) of each name. Where a killed run repeated an epoch, the later value counts."""
    values: dict[str, dict[int, float]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            values.setdefault(row["name"], {})[int(row["epoch"])] = float(row["value"])
    return {name: (sorted(of), [of[e] for e in sorted(of)]) for name, of in values.items()}


def draw(table: Path, picture: Path) -> None:
    if not table.exists():
        return
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    series = {name: points for name, points in read(table).items() if name not in ("progress", "seconds")}
    across = 4
    down = -(-len(series) // across)
    figure, axes = pyplot.subplots(down, across, figsize=(3.2 * across, 2.2 * down), squeeze=False, layout="tight")
    for axis in axes.flat[len(series) :]:
        axis.set_axis_off()
    for axis, (name, (epochs, values)) in zip(axes.flat, series.items(), strict=False):
        axis.plot(epochs, values, linewidth=1)
        axis.set_title(name, fontsize=8)
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.3)
    figure.supxlabel("epoch", fontsize=8)
    figure.savefig(picture, dpi=90)
    pyplot.close(figure)
