"""The reference preparation, against values worked out by hand from PS3.3 and from the definition."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from overread_training import preparation as p


def dataset(**attributes: object) -> Dataset:
    ds = Dataset()
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.PixelRepresentation = 0
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def test_linear_window_follows_the_pseudo_code_of_c_11_2_1_2_1() -> None:
    # Example of PS3.3: c=2048, w=4096 maps 0 ... 4095 onto the whole range, ends included.
    y = p.window(np.array([0.0, 4095.0, 2047.5]), 2048, 4096, "LINEAR")
    assert y is not None
    np.testing.assert_allclose(y, [0, 1, 0.5])
    # c=2048, w=1 is a threshold: <= 2047.5 black.
    y = p.window(np.array([2047.0, 2048.0]), 2048, 1, "LINEAR")
    assert y is not None
    np.testing.assert_array_equal(y, [0, 1])


def test_linear_exact_and_sigmoid() -> None:
    y = p.window(np.array([-50.0, 0.0, 25.0, 50.0, 51.0]), 0, 100, "LINEAR_EXACT")
    assert y is not None
    np.testing.assert_allclose(y, [0, 0.5, 0.75, 1, 1])
    y = p.window(np.array([0.0, 25.0]), 0, 100, "SIGMOID")
    assert y is not None
    np.testing.assert_allclose(y, [0.5, 1 / (1 + np.exp(-1))])


@pytest.mark.parametrize(("width", "function"), [(0.5, "LINEAR"), (0, "LINEAR_EXACT"), (-1, "SIGMOID")])
def test_a_width_that_makes_no_window_falls_back_to_the_range_of_the_pixels(width: float, function: str) -> None:
    ds = dataset(WindowCenter="5", WindowWidth=str(width), VOILUTFunction=function)
    d = p.display_values(np.array([[10, 20]], dtype=np.uint16), ds)
    np.testing.assert_array_equal(d, [[0, 1]])


def test_padding_is_left_out_of_the_range_and_is_black_after_inversion() -> None:
    ds = dataset(PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=0, PixelPaddingRangeLimit=5)
    d = p.display_values(np.array([[0, 5, 10, 30]], dtype=np.uint16), ds)
    np.testing.assert_array_equal(d, [[0, 0, 1, 0]])


def test_inverse_shape_and_monochrome1_together_invert_once() -> None:
    ds = dataset(PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE")
    np.testing.assert_array_equal(p.display_values(np.array([[0, 100]]), ds), [[1, 0]])
    ds = dataset(PresentationLUTShape="INVERSE")
    np.testing.assert_array_equal(p.display_values(np.array([[0, 100]]), ds), [[1, 0]])


def test_rescale_comes_before_the_window() -> None:
    ds = dataset(RescaleSlope="2", RescaleIntercept="-10", WindowCenter="0", WindowWidth="20")
    ds.VOILUTFunction = "LINEAR_EXACT"
    np.testing.assert_allclose(p.display_values(np.array([[0, 5, 10]]), ds), [[0, 0.5, 1]])


def test_tables_clamp_and_signed_first_values() -> None:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [3, 0xFFFF, 8])
    item.add_new("LUTData", "OW", bytes([0, 100, 255]))
    ds = dataset(PixelRepresentation=1)
    ds.VOILUTSequence = Sequence([item])
    d = p.display_values(np.array([[-5, -1, 0, 1, 9]], dtype=np.int16), ds)
    np.testing.assert_allclose(d, np.array([[0, 0, 100, 255, 255]]) / 255, rtol=1e-6)


def test_fitted_size_rounds_half_up_and_centres() -> None:
    where = p.placement(2048, 2500, 512, 512)
    assert (where.width, where.height, where.left, where.top) == (419, 512, 46, 0)
    # 1024 x 3 -> 1.5 rows: half rounds up.
    assert p.placement(1024, 3, 512, 512).height == 2
    assert p.placement(10_000, 1, 512, 512).height == 1


def test_area_resize_conserves_the_mean_and_is_exact_for_whole_factors() -> None:
    picture = np.arange(24, dtype=np.float32).reshape(4, 6)
    small = p.resize(picture, 3, 2, enlarge=False)
    np.testing.assert_allclose(small, [[3.5, 5.5, 7.5], [15.5, 17.5, 19.5]])
    odd = p.resize(picture, 4, 3, enlarge=False)
    assert odd.mean() == pytest.approx(picture.mean(), abs=1e-6)
    # 6 -> 4 columns: the first output covers 1.5 sources.
    np.testing.assert_allclose(p.area_weights(6, 4)[0], [2 / 3, 1 / 3, 0, 0, 0, 0])


def test_enlarging_is_bilinear_with_half_pixel_centres() -> None:
    np.testing.assert_allclose(p.bilinear_weights(2, 4), [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]])
    canvas, where = p.fit(np.array([[0, 1]], dtype=np.float32), 4, 4)
    assert (where.top, where.height) == (1, 2)
    np.testing.assert_allclose(canvas, [[0] * 4, [0, 0.25, 0.75, 1], [0, 0.25, 0.75, 1], [0] * 4])


def test_canvas_points_go_back_to_the_source() -> None:
    where = p.placement(2048, 2500, 512, 512)
    assert where.to_source(where.left, where.top) == (0, 0)
    assert where.to_source(where.left + where.width, where.top + where.height) == (2048, 2500)
    x, y = where.to_canvas(*where.to_source(100, 200))
    assert (x, y) == (pytest.approx(100), pytest.approx(200))
