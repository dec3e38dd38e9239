"""Computes the colour map of the heatmaps and prints it as lines of hexadecimal RGB triples.

A sequential map from dark violet over red to light yellow, drawn in Oklab (B. Ottosson, 2020, "A perceptual color space
for image processing"): lightness rises from first to last entry, hue turns one way, chroma stays a little inside sRGB's
gamut, and entries are spaced so that neighbours are equally far apart in Oklab. `Sources/Results/ColourMap.swift` holds
what this prints; a test compares the two.
"""

import argparse

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LIGHTNESS = (0.22, 0.95)
HUE_DEGREES = (295.0, 467.0)
GAMUT_SHARE = 0.94
MAXIMUM_CHROMA = 0.22
ENTRIES = 256

TO_LMS = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def linear_rgb(oklab: Array) -> Array:
    """Oklab to linear-light sRGB, unclipped."""
    lms: Array = (oklab @ TO_LMS.T) ** 3
    result: Array = lms @ TO_RGB.T
    return result


def encoded(linear: Array) -> Array:
    """Linear light to sRGB's transfer function."""
    low = linear * 12.92
    high = 1.055 * np.clip(linear, 0.0031308, None) ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, low, high)


def polar(lightness: Array, chroma: Array, hue: Array) -> Array:
    """Lightness, chroma and hue (radians) to Oklab."""
    return np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=-1)


def gamut_chroma(lightness: Array, hue: Array) -> Array:
    """The largest chroma that sRGB can show, by bisection."""
    low, high = np.zeros_like(lightness), np.full_like(lightness, 0.4)
    for _ in range(40):
        middle = (low + high) / 2
        rgb = linear_rgb(polar(lightness, middle, hue))
        inside = ((rgb >= 0) & (rgb <= 1)).all(axis=-1)
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return low


def curve(parameter: Array) -> Array:
    """The map's path in Oklab for parameters in 0...1."""
    lightness = LIGHTNESS[0] + (LIGHTNESS[1] - LIGHTNESS[0]) * parameter
    hue = np.radians(HUE_DEGREES[0] + (HUE_DEGREES[1] - HUE_DEGREES[0]) * parameter)
    chroma = np.minimum(gamut_chroma(lightness, hue) * GAMUT_SHARE, MAXIMUM_CHROMA)
    return polar(lightness, chroma, hue)


def table() -> NDArray[np.uint8]:
    """256 RGB triples, equally spaced along the path."""
    fine = np.linspace(0, 1, 20001)
    path = curve(fine)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    parameter = np.interp(np.linspace(0, length[-1], ENTRIES), length, fine)
    rgb = encoded(np.clip(linear_rgb(curve(parameter)), 0, 1))
    return np.round(rgb * 255).astype(np.uint8)


def main() -> None:
    """Prints the table, eight triples to a line."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    triples = [bytes(entry).hex() for entry in table()]
    for start in range(0, ENTRIES, 8):
        print("".join(triples[start : start + 8]))


if __name__ == "__main__":
    main()
