"""What is wrong with data, configurations and checkpoints is a sentence, not a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from conftest import edit

from overread_training import checkpoint, configuration, lora
from overread_training import data as d
from overread_training.errors import InputError
from overread_training.model import Overreader, Shape
from overread_training.train import Supervised

MODEL: dict[str, Any] = {
    "width": 16,
    "depth": 1,
    "heads": 2,
    "stem": [4, 4, 8],
    "stem_blocks": [0, 0, 0],
    "position": 4,
}
CONFIG: dict[str, Any] = {
    "seed": 1, "size": 32, "batch": 4, "epochs": 1, "warmup": 2, "lr": 1e-3, "weight_decay": 0.01, "ema": 0.9,
    "normalise": {"mean": 0.5, "std": 0.25}, "model": MODEL,
}  # fmt: skip


def test_a_missing_image(folder: Path) -> None:
    (folder / "images" / "train3.jpg").unlink()
    with pytest.raises(InputError, match=r"1 of 36 images are missing, the first is images/train3\.jpg"):
        d.load(folder)


def test_an_unknown_class_or_view(folder: Path) -> None:
    edit(folder / "labels.csv", 2, findings="Effusion|Hemothorax")
    with pytest.raises(InputError, match=r"images/train2\.jpg has the unknown class 'Hemothorax'"):
        d.load(folder)
    edit(folder / "labels.csv", 2, findings="Effusion", view="LL")
    with pytest.raises(InputError, match=r"images/train2\.jpg has the unknown view 'LL'"):
        d.load(folder)


def test_a_patient_in_two_splits(folder: Path) -> None:
    edit(folder / "labels.csv", 21, patient_id="train-0")
    with pytest.raises(InputError, match="patient train-0 is in two splits, train and val"):
        d.load(folder)


def test_a_box_outside_its_image_of_an_unknown_image_or_class(folder: Path) -> None:
    edit(folder / "boxes.csv", 0, x="80")
    with pytest.raises(InputError, match=r"the box 80,52,26,18 is not within images/train0.jpg \(96 x 96\)"):
        d.load(folder)
    edit(folder / "boxes.csv", 0, x="16", w="0")
    with pytest.raises(InputError, match="is not within"):
        d.load(folder)
    edit(folder / "boxes.csv", 0, w="26", file="images/none.jpg")
    with pytest.raises(InputError, match=r"names images/none\.jpg, which is not among the images"):
        d.load(folder)
    edit(folder / "boxes.csv", 0, file="images/train0.jpg", label="Gallstone")
    with pytest.raises(InputError, match="the unknown class 'Gallstone'"):
        d.load(folder)


def test_a_folder_of_no_known_layout(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no layout that is known"):
        d.load(tmp_path)


def test_a_checkpoint_of_another_configuration(folder: Path, tmp_path: Path) -> None:
    data = d.load(folder)
    Supervised(CONFIG, data, tmp_path / "run").go()
    with pytest.raises(InputError, match=r"another configuration: its lr is 0.001, here it is 0.002"):
        Supervised({**CONFIG, "lr": 2e-3}, data, tmp_path / "run")
    wider = {**CONFIG, "model": {**MODEL, "width": 32}}
    with pytest.raises(InputError, match="checkpoint of another configuration: 0 weights are not in it and"):
        Supervised(wider, data, tmp_path / "wide", init=tmp_path / "run" / "best.json")
    data.digest = "0" * 64
    with pytest.raises(InputError, match="was trained on other data"):
        Supervised(CONFIG, data, tmp_path / "run")


def test_a_damaged_or_missing_part_of_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "PART", 1000)
    checkpoint.save(tmp_path, "best", {"weights": torch.randn(1000)})
    parts = sorted(tmp_path.glob("best-*.part"))
    assert len(parts) > 3 and all(part.stat().st_size <= 1000 for part in parts)
    assert len(checkpoint.load(tmp_path / "best.json")["weights"]) == 1000
    whole = parts[1].read_bytes()
    parts[1].write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(InputError, match="is damaged"):
        checkpoint.load(tmp_path / "best.json")
    parts[1].unlink()
    with pytest.raises(InputError, match="is missing"):
        checkpoint.load(tmp_path / "best.json")
    with pytest.raises(InputError, match="there is no such checkpoint"):
        checkpoint.load(tmp_path / "other.json")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(InputError, match="is no checkpoint's index"):
        checkpoint.load(tmp_path / "other.json")


def test_saving_again_leaves_no_part_of_the_checkpoint_before(tmp_path: Path) -> None:
    for value in (1.0, 2.0):
        checkpoint.save(tmp_path, "last", {"weights": torch.full((10,), value)})
    assert len(list(tmp_path.iterdir())) == 2
    assert float(checkpoint.load(tmp_path / "last.json")["weights"][0]) == 2.0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"learning_rate": 1}, "the key learning_rate is not known"),
        ({"losses": {"dyce": 1}}, "the key losses.dyce is not known"),
        ({"size": 100}, "size is 100; it must be a multiple of 16"),
        ({"kind": "guess"}, "kind is 'guess'"),
        ({"seed": None, "drop": "seed"}, "the key seed is missing"),
    ],
)
def test_a_configuration_that_is_not_understood(change: dict[str, Any], sentence: str) -> None:
    config = {**CONFIG, **change}
    if "drop" in config:
        del config[config.pop("drop")]
    with pytest.raises(InputError, match=sentence):
        configuration.check(config, "test.yaml")


def test_every_configuration_of_the_repository_is_understood() -> None:
    files = sorted((Path(__file__).parent.parent / "configs").glob("*.yaml"))
    stages = [f for f in files if not f.name.startswith("gpu")]
    assert len(stages) >= 6
    for file in stages:
        configuration.read(file)


def test_lora_and_distillation_without_the_weights_that_they_need(folder: Path, tmp_path: Path) -> None:
    data = d.load(folder)
    with pytest.raises(InputError, match="give them with --init"):
        Supervised({**CONFIG, "lora": {"rank": 2, "alpha": 4}}, data, tmp_path / "a")
    with pytest.raises(InputError, match="distillation needs both"):
        Supervised({**CONFIG, "distillation": {"temperature": 2, "image": 1, "patch": 1}}, data, tmp_path / "b")


def test_the_command_ends_with_the_sentence_and_status_1(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(CONFIG))
    command = [sys.executable, "-m", "overread_training.train", "--config", str(tmp_path / "c.yaml"), "--data",
               str(tmp_path), "--run", str(tmp_path / "run")]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent.parent, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and len(done.stderr.strip().splitlines()) == 1


def test_lora_learns_little_and_folds_into_the_shape_it_had() -> None:
    torch.manual_seed(0)
    model = Overreader(Shape.of({**MODEL, "dropout": 0.0, "drop_path": 0.0}))
    x = torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        before = model.eval()(x).image_logits
    names = set(model.state_dict())
    lora.adapt(model, rank=2, alpha=4)
    with torch.no_grad():
        assert torch.allclose(model.eval()(x).image_logits, before, atol=1e-6)
    learnt = {name for name, p in model.named_parameters() if p.requires_grad}
    assert not any(name.startswith(("stem", "position", "local")) or ".layer." in name for name in learnt)
    assert any(name.endswith("qkv.up") for name in learnt) and any(name.startswith("head") for name in learnt)
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.5)
    for _ in range(3):
        optimiser.zero_grad()
        model(x).image_logits.sum().backward()
        optimiser.step()
    with torch.no_grad():
        after = model(x).image_logits
        folded = lora.folded(model)
        assert set(folded.state_dict()) == names
        assert torch.allclose(folded(x).image_logits, after, atol=1e-5)
        assert not torch.allclose(after, before, atol=1e-2)
