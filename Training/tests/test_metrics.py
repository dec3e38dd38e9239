"""Figures of merit, calibration and the manifest's codes."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from pydicom.sr._concepts_dict import concepts
from sklearn.metrics import roc_auc_score

from overread_training import calibration, localisation, metrics
from overread_training import data as d
from overread_training.manifest import CODES, UNVERIFIED_CODES, device_uid
from overread_training.preparation import placement


def test_auroc_agrees_with_scikit_learn_ties_included() -> None:
    generator = np.random.default_rng(1)
    score, positive = generator.integers(0, 9, 300).astype(float), generator.random(300) < 0.3
    assert metrics.auroc(score, positive) == pytest.approx(roc_auc_score(positive, score))
    assert np.isnan(metrics.auroc(score, np.zeros(300, dtype=bool)))


def test_the_interval_resamples_patients_not_images() -> None:
    # One patient with all images twice over: resampling images would give an interval, resampling patients none.
    low, high = metrics.interval(["a"] * 50, lambda k: float(k.mean()))
    assert low == high
    low, high = metrics.interval([str(i) for i in range(50)], lambda k: float(k.mean()))
    assert low < 24.5 < high


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_a_figure_of_nobody_is_no_number() -> None:
    """A site's data may have no confirmed normals, or a class no positives."""
    nothing = np.zeros(0)
    assert metrics.figure([], lambda k: float(nothing[k].mean())) == {"value": None, "ci95": [None, None]}
    none = np.zeros(9, dtype=bool)
    assert metrics.figure(["a"] * 9, lambda k: metrics.auroc(np.arange(9.0)[k], none[k]))["value"] is None


def test_calibration_error_of_a_calibrated_score_is_small() -> None:
    generator = np.random.default_rng(4)
    p = generator.random(20_000)
    assert metrics.expected_calibration_error(p, generator.random(20_000) < p) < 0.02
    assert metrics.expected_calibration_error(p, generator.random(20_000) < p**3) > 0.1


def test_platt_finds_the_temperature_and_bias_that_made_the_labels() -> None:
    generator = np.random.default_rng(5)
    z = generator.normal(size=40_000) * 3
    positive = generator.random(z.size) < calibration.sigmoid(z / 2.5 - 0.7)
    temperature, bias = calibration.platt(z, positive)
    assert temperature == pytest.approx(2.5, rel=0.05)
    assert bias == pytest.approx(-0.7, abs=0.05)


def test_the_threshold_keeps_its_specificity_where_it_was_fitted() -> None:
    generator = np.random.default_rng(6)
    p, positive = generator.random(500), generator.random(500) < 0.2
    t = calibration.threshold_at(p, positive)
    assert (p[~positive] < t).mean() >= calibration.SPECIFICITY
    assert (p[~positive] < t).mean() < calibration.SPECIFICITY + 0.01


def test_patch_shift_and_temperature_give_the_share_of_patches_covered() -> None:
    generator = np.random.default_rng(8)
    z = generator.normal(size=(40, 256))
    covered = (generator.random(z.shape) < calibration.sigmoid(2 * z - 1)).astype(np.float32)
    low = z - 3  # as focal loss leaves them
    shift = calibration.patch_shift(low, covered)
    t = calibration.patch_temperature(low + shift, covered)
    assert shift == pytest.approx(2.5, abs=0.2)  # (z - 3 + 2.5) / 0.5 = 2z - 1
    assert t == pytest.approx(0.5, rel=0.1)
    assert calibration.sigmoid((low + shift) / t).mean() == pytest.approx(covered.mean(), abs=0.01)


def test_the_patch_level_is_that_of_the_best_overlap() -> None:
    coverage = np.array([[1.0, 1.0, 0.0, 0.0]])
    assert 0.3 < calibration.patch_level(np.array([[0.6, 0.5, 0.3, 0.1]]), coverage) <= 0.5


def test_the_pointing_game_hits_inside_a_box_only_and_ignores_unscored_annotators() -> None:
    rows = [{"patient_id": "p"}]
    boxes = [
        d.Box(0, 32, 64, 32, 32, "NIH_BBox_2017"),
        d.Box(2, 0, 0, 512, 512, "drpradeep-CVAT"),
    ]
    data = d.Radiographs(rows, np.zeros((1, 1, 1), np.uint8), [boxes], [placement(512, 512, 512, 512)], "")
    maps = np.zeros((1, 6, 1024))
    maps[0, 0, 4 * 32 + 2] = 1  # row 4, column 2: its middle is (40, 72)
    assert localisation.hits(data, [0], maps) == [("p", 0, "NIH_BBox_2017", True)]
    maps[0, 0, 2 * 32 + 4] = 2  # transposed: outside
    assert localisation.hits(data, [0], maps) == [("p", 0, "NIH_BBox_2017", False)]


def test_codes_and_meanings_are_those_of_the_dictionaries() -> None:
    known = {
        (scheme, value): {entry[value][0] for entry in table.values() if value in entry}
        for scheme, table in concepts.items()
        for value in {v for entry in table.values() for v in entry}
    }
    for finding, site in CODES.values():
        for code in (finding, site):
            if code["value"] not in UNVERIFIED_CODES:
                assert code["meaning"] in known[code["scheme"], code["value"]]
    assert not any(("SCT", value) in known for value in UNVERIFIED_CODES)


def test_a_build_has_a_uid_of_its_own() -> None:
    a, b = (device_uid(hashlib.sha256(x).hexdigest()) for x in (b"1", b"2"))
    assert a != b and a.startswith("2.25.") and len(a) <= 44
