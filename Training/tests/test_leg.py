"""Each leg of a plan on the CPU, in small: what it leaves, how it is stopped, how it goes on after being killed."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from overread_training import checkpoint, leg, pack, stage
from overread_training import data as d
from overread_training.errors import InputError

TRAINING = Path(__file__).parent.parent
TEACHER = {
    "width": 24,
    "depth": 1,
    "heads": 2,
    "stem": [4, 4, 8],
    "stem_blocks": [0, 1, 0],
    "position": 4,
    "boxes": True,
}
PLAN: dict[str, Any] = {
    "seconds": 600,
    "reserve": 1,
    "common": {
        "size": 64, "batch": 8, "epochs": 2, "normalise": {"mean": 0.5, "std": 0.25}, "weight_decay": 0.05,
        "warmup": 2, "lr": 1e-3, "ema": 0.9,
    },
    "legs": [
        {"name": "pretrain", "stage": {"kind": "reconstruction", "seed": 1, "masked": 0.5, "model": TEACHER}},
        {
            "name": "finetune",
            "init": "pretrain",
            "stage": {"seed": 2, "masked": 0.2, "restarts": 1, "model": TEACHER, "losses": {"image_gamma": 1.0},
                      "augmentation": {"elastic": 10, "nodules": 0.5}},
        },
        {
            "name": "distil",
            "teacher": "finetune",
            "stage": {"seed": 3, "distillation": {"temperature": 2, "image": 1, "patch": 1},
                      "model": {**TEACHER, "width": 16, "boxes": False}},
        },
    ],
}  # fmt: skip


@pytest.fixture
def packed(folder: Path, tmp_path: Path) -> Path:
    pack.write(d.load(folder), tmp_path / "pack")
    return tmp_path / "pack"


def written(tmp_path: Path, plan: dict[str, Any]) -> Path:
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    return tmp_path / "plan.yaml"


def run(tmp_path: Path, packed: Path, number: int, out: Path | None = None, plan: dict[str, Any] = PLAN) -> None:
    whole = leg.read_plan(written(tmp_path, plan))
    leg.go(whole, number, packed, tmp_path / "run", out, time.monotonic())


def epochs(place: Path) -> list[int]:
    """As curve.csv has them, in the order in which they were finished."""
    with (place / "curve.csv").open() as file:
        return [int(row["epoch"]) for row in csv.DictReader(file) if row["name"] == "loss"]


def test_three_legs_end_in_a_student_and_hand_out_what_the_next_one_needs(packed: Path, tmp_path: Path) -> None:
    for number, name in enumerate(("pretrain", "finetune", "distil"), start=1):
        out = tmp_path / f"out{number}"
        run(tmp_path, packed, number, out)
        files = {path.name for path in out.iterdir()}
        assert {"best.json", "curve.csv", "curve.png", "record.json"} < files and len(files) <= leg.MOST_FILES
        # The next machine remembers nothing but what was handed out.
        for old in (tmp_path / "run" / name).iterdir():
            old.unlink()
        for file in out.iterdir():
            file.rename(tmp_path / "run" / name / file.name)
    best = checkpoint.load(tmp_path / "run" / "distil" / "best.json")
    assert best["shape"]["width"] == 16 and best["ema"]["head.weight"].dtype == torch.float16
    assert 0 <= best["figures"]["auroc"] <= 1 and best["figures"]["taught_image"] >= 0
    tuned = checkpoint.load(tmp_path / "run" / "finetune" / "best.json")
    assert {"boxes", "patch", "dice", "hit"} <= set(tuned["figures"])
    assert tuned["digest"] == d.load(packed).digest


def test_a_plan_can_be_shortened_to_try_a_machine() -> None:
    plan = leg.read_plan(TRAINING / "configs" / "gpu.yaml")
    short = leg.shortened(plan, 200.0, 1)
    assert short["seconds"] == 200 and [of["stage"]["epochs"] for of in short["legs"]] == [1, 1, 1]
    assert leg.shortened(plan, None, None) == plan
    with pytest.raises(InputError, match="--seconds 20 leaves nothing: 30 are held back"):
        leg.shortened(plan, 20.0, None)


def test_a_leg_without_the_one_before_is_told(packed: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run leg pretrain first"):
        run(tmp_path, packed, 2)
    with pytest.raises(InputError, match="there is no leg 4"):
        run(tmp_path, packed, 4)


def test_the_clock_stops_a_leg_between_two_steps_and_it_is_saved(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Epochs of 125 steps, of which the time is over in the first.
    plan = {**PLAN, "seconds": 60, "reserve": 10, "common": {**PLAN["common"], "epochs": 10**6, "repeats": 50}}
    now = [0.0]

    def tick() -> float:
        now[0] += 1.0
        return now[0]

    monkeypatch.setattr(stage.time, "monotonic", tick)
    whole = leg.read_plan(written(tmp_path, plan))
    leg.go(whole, 1, packed, tmp_path / "run", tmp_path / "out", 0.0)
    last = checkpoint.load(tmp_path / "run" / "pretrain" / "last.json")
    assert 50 <= last["spent"] <= 60  # one tick a look at the clock: it ended at the first look past 50
    assert last["step"] > 0 and (tmp_path / "out" / "best.json").is_file()
    # Again: no time is left, nothing is trained, the same is handed out.
    leg.go(whole, 1, packed, tmp_path / "run", tmp_path / "out", now[0])
    assert checkpoint.load(tmp_path / "run" / "pretrain" / "last.json")["step"] == last["step"]


def test_a_killed_leg_goes_on_and_loses_at_most_one_epoch(packed: Path, tmp_path: Path) -> None:
    plan = {**PLAN, "common": {**PLAN["common"], "epochs": 10**6}}
    command = [sys.executable, "-m", "overread_training.leg", "--plan", str(written(tmp_path, plan)), "--leg", "1",
               "--data", str(packed), "--run", str(tmp_path / "run")]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, cwd=TRAINING, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("3 "):  # the third epoch is over and about to be saved, or saved
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    place = tmp_path / "run" / "pretrain"
    kept = checkpoint.load(place / "last.json")
    assert kept["epoch"] >= 2
    before = epochs(place)
    plan["common"]["epochs"] = kept["epoch"] + 1
    run(tmp_path, packed, 1, plan=plan)
    after = checkpoint.load(place / "last.json")
    assert after["epoch"] == kept["epoch"] + 1
    assert after["step"] == kept["step"] + kept["step"] // kept["epoch"]
    assert epochs(place) == [*before, kept["epoch"] + 1]
    assert set(epochs(place)) == set(range(1, after["epoch"] + 1))


def test_a_resumed_run_ends_with_the_weights_of_an_unbroken_one(packed: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    timeless = {**PLAN, "seconds": 10**9}  # or the rate at the first steps would follow the clock
    run(tmp_path, packed, 1, plan=timeless)
    unbroken = checkpoint.load(tmp_path / "run" / "pretrain" / "last.json")["model"]
    for path in (tmp_path / "run" / "pretrain").iterdir():
        path.unlink()

    original, calls = stage.Stage.keep, [0]

    def keep_once(self: stage.Stage, figures: dict[str, float]) -> None:
        original(self, figures)
        calls[0] += 1
        if calls[0] == 1:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage.Stage, "keep", keep_once)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, packed, 1, plan=timeless)
    assert checkpoint.load(tmp_path / "run" / "pretrain" / "last.json")["epoch"] == 1
    run(tmp_path, packed, 1, plan=timeless)
    resumed = checkpoint.load(tmp_path / "run" / "pretrain" / "last.json")["model"]
    assert all(torch.allclose(resumed[k].float(), v.float(), atol=1e-6) for k, v in unbroken.items())


def test_training_needs_neither_pydicom_nor_an_inference_engine() -> None:
    """The lent machine has its own Python packages, these not among them."""
    block = "import sys\nfor name in ('pydicom', 'openvino', 'onnxruntime', 'onnx'): sys.modules[name] = None\n"
    done = subprocess.run(
        [sys.executable, "-c", block + "import overread_training.leg"], cwd=TRAINING, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_repositorys_plan_is_whole_and_its_files_may_travel() -> None:
    plan = leg.read_plan(TRAINING / "configs" / "gpu.yaml")
    assert 3 * plan["seconds"] <= 27 * 60 and plan["reserve"] >= 20
    for entry in plan["legs"]:
        from overread_training.model import Overreader, Shape

        with torch.device("meta"):
            model = Overreader(Shape.of(entry["stage"]["model"]))
        half = sum(2 * v.numel() for v in model.state_dict().values())
        parts = -(-half // checkpoint.PART)
        assert parts + 4 <= leg.MOST_FILES
        assert half < 38_000_000  # with a pack of 25 MB and the sources: less than the 64 MiB that may travel
