"""Reading a stage's configuration: every key known, every needed one there."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from overread_training.augmentation import Augmentation
from overread_training.errors import InputError
from overread_training.losses import Weights
from overread_training.model import Shape

NEEDED = frozenset({"seed", "size", "batch", "epochs", "warmup", "lr", "weight_decay", "ema", "normalise", "model"})
KNOWN = NEEDED | {
    "kind",  # supervised (the default) or reconstruction
    "minutes",  # the schedule ends at whichever comes first, epochs or minutes
    "restarts",  # of the cosine
    "repeats",  # visits of each picture in an epoch
    "masked",  # supervised: at most this share of patches hidden; reconstruction: just this share
    "validate_every",  # epochs; 0: not at all
    "patience",  # validations without a better score before a stage stops early
    "augmentation", "losses", "patch_weights",
    "distillation",  # temperature, image, patch
    "lora",  # rank, alpha
    "compile",
}  # fmt: skip
SECTIONS: dict[str, frozenset[str]] = {
    "model": frozenset(f.name for f in fields(Shape)),
    "augmentation": frozenset(f.name for f in fields(Augmentation)),
    "losses": frozenset(f.name for f in fields(Weights)),
    "patch_weights": frozenset({"outside", "negative"}),
    "distillation": frozenset({"temperature", "image", "patch"}),
    "lora": frozenset({"rank", "alpha"}),
    "normalise": frozenset({"mean", "std"}),
}


def check(config: Any, where: str) -> dict[str, Any]:
    if not isinstance(config, dict):
        raise InputError(f"{where} is not a mapping of keys to values")
    unknown = sorted(set(config) - KNOWN)
    unknown += [f"{s}.{k}" for s, keys in SECTIONS.items() for k in sorted(set(config.get(s) or {}) - keys)]
    if unknown:
        raise InputError(f"{where}: the key {unknown[0]} is not known")
    lacking = sorted(NEEDED - set(config))
    if lacking:
        raise InputError(f"{where}: the key {lacking[0]} is missing")
    if config["size"] % 16 or not 16 <= config["size"] <= 512:
        raise InputError(f"{where}: size is {config['size']}; it must be a multiple of 16 up to 512")
    if config.get("kind", "supervised") not in ("supervised", "reconstruction"):
        raise InputError(f"{where}: kind is {config['kind']!r}, neither supervised nor reconstruction")
    return config


def read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"{path}: there is no such configuration")
    try:
        return check(yaml.safe_load(path.read_text()), str(path))
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
