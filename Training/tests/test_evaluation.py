"""The evaluation's own instruments: baselines, the gain over a fixed place, simulated nodules, sanity of the map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import chest

from overread_training import baselines, detection, evaluate, export, localisation, manifest, metrics, nodules, sanity
from overread_training import data as d
from overread_training.export import Shipped
from overread_training.model import Overreader, Shape
from overread_training.preparation import placement

WHERE = placement(512, 512, 512, 512)


def hit(patient: str, klass: int, found: bool) -> localisation.Hit:
    return patient, klass, "NIH_BBox_2017", found


def test_the_gain_over_a_fixed_place_is_paired() -> None:
    model = [hit(f"p{k}", k % 6, k % 3 != 0) for k in range(60)]
    prior = [hit(f"p{k}", k % 6, k % 3 == 1) for k in range(60)]
    table = localisation.gain_table(model, prior)
    assert table["all_six"]["value"] == pytest.approx(1 / 3, abs=1e-3)
    low, high = table["all_six"]["ci95"]
    assert 0.15 < low < 1 / 3 < high < 0.5
    # Class 2 and 5 are all gained, the others none: a paired interval has no width there.
    assert table["per_class"]["nodule_mass"]["ci95"] == [1.0, 1.0]
    assert table["per_class"]["effusion"]["ci95"] == [0.0, 0.0]
    assert table["without_cardiomegaly"]["pairs"] == 50
    with pytest.raises(ValueError, match="not of the same pairs"):
        localisation.gain_table(model, prior[1:] + prior[:1])


def test_peaks_and_the_level_that_gives_so_many_false_ones() -> None:
    grid = np.zeros((8, 8))
    grid[2, 3], grid[2, 4], grid[6, 6] = 5, 4, 3
    at, height = localisation.peaks(grid)
    tall = {(int(r), int(c)): float(h) for (r, c), h in zip(at, height, strict=True) if h > 0}
    assert tall == {(2, 3): 5, (6, 6): 3}
    maps = [grid * k for k in range(1, 11)]
    level = localisation.level_at(maps, 0.3)
    assert sum(int((localisation.peaks(m)[1] > level).sum()) for m in maps) == 3


def radiographs(count: int) -> d.Radiographs:
    row = {"patient_id": "", "split": "test", "pixel_mm": "", "detector_w": ""}
    canvases = np.stack([chest(512, k)[0] for k in range(count)])
    rows = [{**row, "patient_id": str(k)} for k in range(count)]
    return d.Radiographs(rows, canvases, [[] for _ in rows], [WHERE] * count, "")


def test_simulated_nodules_are_found_by_what_sees_them_and_not_by_what_does_not() -> None:
    data = radiographs(6)
    base = data.canvases.astype(np.float32) / 255

    def blocks(picture: np.ndarray) -> np.ndarray:
        return picture.reshape(32, 16, 32, 16).mean(axis=(1, 3))

    def perfect(picture: np.ndarray) -> np.ndarray:
        original = base[np.abs(base - picture).mean(axis=(1, 2)).argmin()]
        return blocks(np.abs(picture - original)).ravel()

    def blind(picture: np.ndarray) -> np.ndarray:
        return -blocks(picture).ravel()

    index = list(range(6))
    for infer, share in ((perfect, 1.0), (blind, 0.25)):
        plain = np.stack([infer(picture) for picture in base]) + np.random.default_rng(1).normal(size=(6, 1024)) * 1e-9
        found = localisation.simulated_nodules(data, index, plain, infer, draws=3)
        assert len(found) == 18
        rate = np.mean([s.found for s in found])
        assert rate == 1 if share == 1 else rate <= share
    assert [s.millimetres for s in found] == [
        s.millimetres for s in localisation.simulated_nodules(data, index, plain, blind, draws=3)
    ]
    table = localisation.nodule_table(found)
    assert sum(of["nodules"] for of in table["by_millimetres"].values()) == 18
    assert sum(of["nodules"] for of in table["by_contrast_to_noise"].values()) == 18


def test_contrast_to_noise_is_the_contrast_over_the_spread_around_it() -> None:
    canvas = np.random.default_rng(2).normal(scale=0.05, size=(512, 512))
    one = nodules.Nodules(*(torch.tensor([v]) for v in (200.0, 200.0, 20.0, 0.1)), torch.zeros(1, 3, 2))
    assert localisation.contrast_to_noise(canvas, one) == pytest.approx(2, rel=0.05)


def test_gradient_features_see_edges_and_the_histogram_sees_no_places() -> None:
    upright = np.zeros((512, 512), dtype=np.uint8)
    upright[:, 256:] = 200
    a = baselines.gradient_features(upright).reshape(7, 7, 4, 9)
    assert a[3, 3].sum(axis=0).argmax() == 0  # the gradient of an upright edge points along x
    assert baselines.gradient_features(np.ascontiguousarray(upright.T)).reshape(7, 7, 4, 9)[3, 3].sum(
        axis=0
    ).argmax() in (4, 5)
    mixed = upright.copy()
    inner = mixed[8:-8, 8:-8].ravel()
    np.random.default_rng(0).shuffle(inner)
    mixed[8:-8, 8:-8] = inner.reshape(496, 496)
    np.testing.assert_allclose(
        baselines.histogram_features(upright, WHERE), baselines.histogram_features(mixed, WHERE), atol=1e-12
    )
    assert not np.allclose(baselines.gradient_features(upright), baselines.gradient_features(mixed))


def test_a_picture_baseline_learns_from_train_and_is_judged_elsewhere() -> None:
    generator = np.random.default_rng(3)
    rows = [{"split": s} for s in ["train"] * 200 + ["val"] * 60 + ["test"] * 60]
    truth = (generator.random((320, 1)) < 0.4).astype(np.float32)
    features = generator.normal(size=(320, 30))
    features[:, 0] += 4 * truth[:, 0]
    data = d.Radiographs(rows, np.zeros((0, 1, 1), np.uint8), [[] for _ in rows], [], "")
    test = data.indices("test")
    good = baselines.picture_scores(data, features, truth, test)
    assert metrics.auroc(good[:, 0], truth[test, 0] > 0) > 0.85
    other = truth.copy()
    other[test] = 1 - truth[test]
    np.testing.assert_array_equal(baselines.picture_scores(data, features, other, test), good)
    other = truth.copy()
    other[:200] = 0  # a class that the train split has not: nothing is said
    assert not baselines.picture_scores(data, features, other, test).any()


def small() -> Shipped:
    torch.manual_seed(5)
    shape = Shape(width=16, depth=1, heads=2, stem=(4, 4, 8), stem_blocks=(0, 0, 0), position=8)
    model = Overreader(shape).eval()
    torch.nn.init.normal_(model.patch_head[2].weight)
    return Shipped(model).eval()


def test_random_weights_and_another_class_change_the_map_of_a_model_that_made_it() -> None:
    data = radiographs(2)
    for i in range(2):
        data.boxes[i] = [d.Box(0, 100, 100, 100, 100, "NIH_BBox_2017")]
    result = sanity.checks(small(), data, [0, 1], {"mean": 0.5, "std": 0.25})
    assert set(result["random_weights"]) == {"patch_head", "and blocks", "and stem"}
    assert all(entry["rank_correlation"] < 0.9 for entry in result["random_weights"].values())
    assert result["another_class"]["rank_correlation"] < 0.95
    assert sanity.likeness(np.arange(12.0).reshape(1, 2, 6), np.arange(12.0).reshape(1, 2, 6) ** 3) == 1


def test_a_map_that_ignores_the_weights_does_not_pass_the_sanity_check() -> None:
    """The check must be able to fail: a map of the picture's own grey values stays the same."""

    class Grey(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = small().model

        def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            grey = torch.nn.functional.avg_pool2d(image, 16).flatten(2).transpose(1, 2)
            return grey.mean(), grey.expand(-1, -1, 6)

    result = sanity.checks(Grey(), radiographs(2), [0, 1], {"mean": 0.5, "std": 0.25})  # type: ignore[arg-type]
    assert result["random_weights"]["and stem"]["rank_correlation"] == 1
    assert result["another_class"]["rank_correlation"] == 1


def test_calibration_error_before_and_after() -> None:
    generator = np.random.default_rng(4)
    truth = generator.random((4000, 6))
    positive = generator.random((4000, 6)) < truth
    patients = [str(k // 2) for k in range(4000)]
    good = evaluate.calibration_error(patients, truth, positive)
    bad = evaluate.calibration_error(patients, truth**3, positive)
    assert good["mean"] < 0.03 < 0.1 < bad["mean"]
    assert good["mean_ci95"][0] <= good["mean_ci95"][1]


def test_gains_are_nothing_over_the_same_scores() -> None:
    generator = np.random.default_rng(6)
    rows = [{"patient_id": str(k)} for k in range(200)]
    target = (generator.random((200, 6)) < 0.3).astype(np.float32)
    score = target + generator.normal(size=(200, 6))
    table = evaluate.gains(rows, target, score, {"same": score, "chance": generator.normal(size=(200, 6))})
    assert table["same"] == {"value": 0.0, "ci95": [0.0, 0.0]}
    assert table["chance"]["ci95"][0] > 0.1


def test_average_precision_and_sensitivity_of_a_list_worked_out_by_hand() -> None:
    score, right = np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, True, False])
    # Of 4 boxes 2 are found: precision 1 at the first, 2/3 at the second.
    assert detection.average_precision(score, right, 4) == pytest.approx((1 + 2 / 3) / 4)
    at = detection.sensitivity(score, right, 4, images=2)
    assert at["0.36"] == 0.25 and at["0.5"] == 0.5 and at["2"] == 0.5


def test_a_box_is_found_once_and_only_by_enough_overlap() -> None:
    truth = np.array([[0.0, 0.0, 0.4, 0.4]])
    corners = np.array([[0.0, 0.0, 0.4, 0.38], [0.0, 0.0, 0.4, 0.4], [0.2, 0.0, 0.6, 0.4]])
    score = np.array([3.0, 2.0, 1.0])
    assert detection.matched(score, corners, truth, 0.5).tolist() == [True, False, False]
    assert detection.matched(score[2:], corners[2:], truth, 0.3).tolist() == [True]
    assert detection.matched(score[2:], corners[2:], truth, 0.5).tolist() == [False]
    grid = np.zeros((8, 8))
    grid[1, 1], grid[1, 4], grid[6, 6] = 3, 2, 1
    boxes = np.zeros((64, 4))
    boxes[[9, 12]], boxes[54] = [0, 0, 0.5, 0.5], [0.6, 0.6, 0.9, 0.9]
    kept, of = detection.detections(grid, boxes)
    assert kept[:2].tolist() == [3, 1] and of[1].tolist() == [0.6, 0.6, 0.9, 0.9]


def test_boxes_are_not_judged_where_nobody_drew_what_the_label_asserts() -> None:
    data = radiographs(3)
    data.boxes[0] = [d.Box(0, 128, 128, 64, 64, "NIH_BBox_2017")]
    patch, boxes = np.full((3, 6, 1024), -9.0), np.zeros((3, 1024, 4))
    patch[:, 0, 9 * 32 + 9] = 1
    boxes[:, 9 * 32 + 9] = [0.25, 0.25, 0.375, 0.375]
    target = np.zeros((3, 6))
    target[:2, 0] = 1
    table = detection.table(data, [0, 1, 2], target, patch, boxes)
    effusion = table["per_class"]["effusion"]
    assert (effusion["boxes"], effusion["images"]) == (1, 2)  # the second film is left out
    assert effusion["ap_0.5"] == 1 and table["mean_ap_0.5"] == 1
    assert table["per_class"]["opacity"] == {"boxes": 0}


@pytest.mark.filterwarnings("ignore")
def test_the_whole_evaluation_runs_on_drawn_chests(folder: Path, tmp_path: Path) -> None:
    """With an untrained network: every figure is there, and none is good."""
    shape = Shape(width=16, depth=1, heads=2, stem=(4, 4, 8), stem_blocks=(0, 0, 0), position=32, boxes=True)
    torch.manual_seed(7)
    content = {"ema": Overreader(shape).state_dict(), "shape": shape.plain(), "size": 512,
               "normalise": {"mean": 0.5, "std": 0.25}}  # fmt: skip
    data = d.load(folder)
    content["config"] = {"augmentation": {"nodules": 0.15}, "distillation": {"temperature": 2}}
    report = export.export(content, data, tmp_path / "model", 512, False)
    engine = export.openvino_engine(tmp_path / "model" / "model.onnx")
    result = evaluate.measure(engine, tmp_path / "model", data, folder, content["normalise"], quick=False)
    for table in ("test_all", "test_matched_eval"):
        assert set(result[table]["gain_in_mean_of_six_over"]) == {
            "metadata_only", "grey_level_histogram", "hog_logistic"
        }  # fmt: skip
    # The drawn effusion is plain to see for edges.
    assert result["test_all"]["auroc_hog_logistic"]["per_class"]["effusion"]["value"] > 0.9
    assert result["test_abnormal_v_confirmed_normal"]["confirmed_normals"] == 2
    assert result["heatmap_hit_rate"]["gain_over_the_prior"]["per_class"]["effusion"]["pairs"] == 4
    assert result["simulated_nodules_in_normal_films"]["all"]["nodules"] == 8
    assert {"heatmap_sanity", "robustness_mean_auroc_test"} < set(result)
    assert result["boxes_test"]["per_class"]["effusion"]["boxes"] == 8  # NIH's and RSNA's
    assert "external_hannover_covid" not in result
    error = result["expected_calibration_error_test"]
    assert error["mean"] < error["before_calibration"]["mean"]
    card = manifest.manifest("0" * 64, "1.2.3", {"data": d.describe(data), **result}, report, "")
    assert card["outputs"]["embedding"]["size"] == 16 and card["outputs"]["boxes"] == {"name": "boxes"}
    assert any("simulated nodule of 6 to 30 mm into 15 %" in limit for limit in card["limits"])
    assert any("Taught by a larger network" in limit for limit in card["limits"])
