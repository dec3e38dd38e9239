"""One leg of a training plan, for a machine that is lent by the minute: `--leg 1`, then 2, then 3.

A leg trains one stage, begins from what the leg before left, and stops by itself before its seconds are over: the clock
runs from the process's start. Run again after it was killed, it goes on from its last epoch with the time it has left.
`--out` gets what the next leg, on a machine that remembers nothing, and a reader need: the averaged weights in half
precision in parts of at most 15 MB, the curves, and record.json.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path
from typing import Any

import torch
import yaml

from overread_training import checkpoint, configuration, curves
from overread_training import data as d
from overread_training.errors import InputError, told
from overread_training.model import parameters
from overread_training.train import device_here, stage

STARTED = time.monotonic()
MOST_FILES = 8  # in --out
LEG_KEYS = {"name", "init", "teacher", "stage"}
PLAN_KEYS = {"seconds", "reserve", "common", "legs"}


def read_plan(path: Path) -> dict[str, Any]:
    """The plan with each leg's configuration whole and checked."""
    if not path.is_file():
        raise InputError(f"{path}: there is no such plan")
    plan = yaml.safe_load(path.read_text())
    if not isinstance(plan, dict) or set(plan) != PLAN_KEYS:
        raise InputError(f"{path} must have just the keys {', '.join(sorted(PLAN_KEYS))}")
    names: list[str] = []
    for leg in plan["legs"]:
        unknown = sorted(set(leg) - LEG_KEYS)
        if unknown or not {"name", "stage"} <= set(leg):
            raise InputError(f"{path}: a leg has a name and a stage, and maybe init and teacher, but not {unknown}")
        for key in ("init", "teacher"):
            if key in leg and leg[key] not in names:
                raise InputError(f"{path}: leg {leg['name']} takes its {key} from {leg[key]}, no leg before it")
        names.append(leg["name"])
        leg["stage"] = configuration.check({**plan["common"], **leg["stage"]}, f"{path}, leg {leg['name']}")
    return plan


def left_by(run: Path, name: str | None, leg: str) -> Path | None:
    """The weights that an earlier leg left."""
    if name is None:
        return None
    path = run / name / "best.json"
    if not path.is_file():
        raise InputError(f"leg {leg} begins from {path}, which is missing: run leg {name} first, or bring its files")
    return path


def hand_out(folder: Path, out: Path, seconds: float) -> list[str]:
    """Copies what travels, and says which files."""
    if not (folder / "best.json").is_file():
        raise InputError(f"{folder} holds no weights to hand out: the leg's time ended before its first validation")
    content = checkpoint.load(folder / "best.json")
    out.mkdir(parents=True, exist_ok=True)
    checkpoint.save(out, "best", {**content, "ema": checkpoint.halves(content["ema"])})
    shutil.copyfile(folder / "curve.csv", out / "curve.csv")
    curves.draw(folder / "curve.csv", out / "curve.png")
    record = {
        "config": content["config"], "digest": content["digest"], "best_epoch": content["epoch"],
        "best": content["figures"], "data": json.loads((folder / "data.json").read_text()), "seconds": round(seconds),
        "torch": torch.__version__, "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }  # fmt: skip
    (out / "record.json").write_text(json.dumps(record, indent=1))
    return sorted(path.name for path in out.iterdir())


def go(plan: dict[str, Any], number: int, data: Path, run: Path, out: Path | None, started: float) -> None:
    if not 1 <= number <= len(plan["legs"]):
        raise InputError(f"there is no leg {number}: the plan has legs 1 to {len(plan['legs'])}")
    leg = plan["legs"][number - 1]
    name = leg["name"]
    init, teacher = left_by(run, leg.get("init"), name), left_by(run, leg.get("teacher"), name)
    config = {**leg["stage"], "minutes": (plan["seconds"] - plan["reserve"]) / 60}
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True  # all batches have one shape
    work = stage(config, d.load(data), run / name, device_here(), init, teacher, started)
    print(
        f"leg {number} ({name}): {parameters(work.model)} parameters, {work.steps_an_epoch()} steps an epoch, on "
        f"{work.device}, data {work.digest[:16]}, ready after {time.monotonic() - started:.0f} s, "
        f"at epoch {work.epoch}, {100 * work.progress():.0f} % done",
        flush=True,
    )
    work.go()
    if out:
        files = hand_out(run / name, out, time.monotonic() - started)
        if len(files) > MOST_FILES:
            raise InputError(f"{out} holds {len(files)} files, more than the {MOST_FILES} that may come back")
        print("to take away:", " ".join(files), flush=True)


def shortened(plan: dict[str, Any], seconds: float | None, epochs: int | None) -> dict[str, Any]:
    """The plan with less time, or with so few epochs that it only shows whether a leg runs and how fast."""
    if seconds is not None and seconds <= plan["reserve"]:
        raise InputError(f"--seconds {seconds:g} leaves nothing: {plan['reserve']} are held back for saving")
    legs = [{**leg, "stage": {**leg["stage"], **({"epochs": epochs} if epochs else {})}} for leg in plan["legs"]]
    return {**plan, "seconds": seconds or plan["seconds"], "legs": legs}


def main() -> None:
    parser = argparse.ArgumentParser(description="Run one leg of a training plan.")
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--leg", type=int, required=True, help="from 1")
    parser.add_argument("--data", type=Path, required=True, help="a pack (or a folder in one of the known layouts)")
    parser.add_argument("--run", type=Path, required=True, help="the plan's folder: a folder for each leg in it")
    parser.add_argument("--out", type=Path, help="where to put what must come back")
    parser.add_argument("--seconds", type=float, help="instead of the plan's")
    parser.add_argument("--epochs", type=int, help="at most so many: to try a machine")
    arguments = parser.parse_args()
    plan = shortened(read_plan(arguments.plan), arguments.seconds, arguments.epochs)
    go(plan, arguments.leg, arguments.data, arguments.run, arguments.out, STARTED)


if __name__ == "__main__":
    told(main)
