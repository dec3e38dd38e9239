"""Checkpoints as a few files of at most 15 MB each, whole or not there at all.

NAME.json lists the parts with their digests and is replaced last; the parts of the generation before are deleted only
then. A process killed while saving leaves the checkpoint before.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from overread_training.errors import InputError

PART = 15_000_000  # bytes


def save(folder: Path, name: str, content: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    payload = buffer.getvalue()
    digest = hashlib.sha256(payload).hexdigest()
    parts = []
    folder.mkdir(parents=True, exist_ok=True)
    for k, start in enumerate(range(0, len(payload), PART)):
        piece = payload[start : start + PART]
        part = folder / f"{name}-{digest[:8]}-{k:02}.part"
        part.write_bytes(piece)
        parts.append({"file": part.name, "sha256": hashlib.sha256(piece).hexdigest()})
    partial = folder / f"{name}.json.partial"
    partial.write_text(json.dumps({"bytes": len(payload), "sha256": digest, "parts": parts}, indent=1))
    partial.rename(folder / f"{name}.json")
    kept = {part["file"] for part in parts}
    for old in folder.glob(f"{name}-????????-??.part"):
        if old.name not in kept:
            old.unlink()


def load(index: Path) -> dict[str, Any]:
    """What `save` kept, from the NAME.json given."""
    if not index.is_file():
        raise InputError(f"{index}: there is no such checkpoint")
    try:
        entries = json.loads(index.read_text())["parts"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{index} is no checkpoint's index (a NAME.json beside its NAME-....part files)") from error
    payload = bytearray()
    for entry in entries:
        part = index.parent / entry["file"]
        if not part.is_file():
            raise InputError(f"{index}: its part {entry['file']} is missing")
        piece = part.read_bytes()
        if hashlib.sha256(piece).hexdigest() != entry["sha256"]:
            raise InputError(f"{index}: its part {entry['file']} is damaged (its digest differs)")
        payload += piece
    content: dict[str, Any] = torch.load(io.BytesIO(payload), weights_only=True, map_location="cpu")
    return content


def shipped(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The half-precision checkpoint that a model was exported from, and the facts in it."""
    if not path.is_file():
        raise InputError(f"{path}: there is no such checkpoint")
    with safe_open(str(path), "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, dict(file.metadata())  # noqa: SIM118


def weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights to begin with and the shape they fit: a run's best.json, or a shipped checkpoint.safetensors."""
    if path.suffix == ".safetensors":
        state, facts = shipped(path)
        return floats(state), json.loads(facts["shape"])
    content = load(path)
    return floats(content["ema"]), content["shape"]


def floats(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k: v.float() if v.dtype.is_floating_point else v for k, v in state.items()}


def halves(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k: v.half() if v.dtype.is_floating_point else v for k, v in state.items()}


def put(model: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    """Loads the weights into a model of the same shape. A box head that the checkpoint lacks stays as it is."""
    own = model.state_dict()
    lacking = [k for k in own if k not in state and not k.startswith("box_head.")]
    other = [k for k, v in state.items() if k not in own or own[k].shape != v.shape]
    if lacking or other:
        raise InputError(
            f"{path} is a checkpoint of another configuration: {len(lacking)} weights are not in it and {len(other)} "
            f"do not fit the model, such as {(lacking + other)[0]}"
        )
    model.load_state_dict(state, strict=False)


def check_same(before: dict[str, Any], now: dict[str, Any], path: Path) -> None:
    """A run is resumed with the configuration that it was begun with; only how long it may take can change."""
    free = {"minutes", "epochs", "patience"}
    for key in sorted((set(before) | set(now)) - free):
        if before.get(key) != now.get(key):
            raise InputError(
                f"{path} is a checkpoint of another configuration: its {key} is {before.get(key)}, here it is "
                f"{now.get(key)}; give the new configuration a folder of its own"
            )
