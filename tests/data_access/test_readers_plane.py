from __future__ import annotations

import warnings

import numpy as np
import pytest

from data_access.errors import ValidationError
from data_access.readers import plane as plane_module
from data_access.readers.plane import clip_box, plane_index, reduce_plane


def reduce_array(data, box=None, **options):
    clipped = clip_box(box, data.shape[1], data.shape[0])
    return reduce_plane(lambda y0, y1: data[y0:y1, clipped[0] : clipped[2]], clipped, **options)


def naive_block_mean(data, factor):
    ny, nx = -(-data.shape[0] // factor), -(-data.shape[1] // factor)
    result = np.full((ny, nx), np.nan)
    for y in range(ny):
        for x in range(nx):
            block = data[y * factor : (y + 1) * factor, x * factor : (x + 1) * factor]
            block = block[np.isfinite(block)]
            if block.size:
                result[y, x] = block.mean()
    return result


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (40, 64), (61, 200), (200, 61)])
@pytest.mark.parametrize("max_size", [1, 8, 25, 1000])
def test_preview_is_the_mean_of_the_finite_pixels_of_each_block(monkeypatch, shape, max_size):
    monkeypatch.setattr(plane_module, "BLOCK_PIXELS", 300)
    data = np.random.default_rng(3).normal(size=shape)
    data[data > 1.5] = np.nan
    data[: shape[0] // 3, : shape[1] // 2] = np.nan
    reduced = reduce_array(data, max_size=max_size)
    assert reduced.factor == -(-max(shape) // max_size)
    assert max(reduced.data.shape) <= max_size
    np.testing.assert_allclose(reduced.data, naive_block_mean(data, reduced.factor), rtol=1e-6)


def test_statistics_are_those_of_the_finite_pixels_whatever_the_blocks(monkeypatch):
    monkeypatch.setattr(plane_module, "BLOCK_PIXELS", 500)
    data = np.random.default_rng(4).normal(size=(90, 70)).astype(">f4")
    data[10:20] = np.nan
    data[33, 44], data[50, 2], data[60, 60], data[61, 61] = 99.0, -50.0, np.inf, -np.inf
    figures = reduce_array(data, max_size=16).statistics
    finite = data[np.isfinite(data)].astype(float)
    assert (figures.peak, figures.peak_x, figures.peak_y, figures.minimum) == (99.0, 44, 33, -50.0)
    assert figures.nan_fraction == pytest.approx(702 / 6300)
    assert figures.median == pytest.approx(np.median(finite))
    assert figures.noise == pytest.approx(1.4826 * np.median(np.abs(finite - np.median(finite))))


def test_first_of_equal_peaks_wins_across_blocks(monkeypatch):
    monkeypatch.setattr(plane_module, "BLOCK_PIXELS", 10)
    data = np.zeros((30, 10))
    data[4, 7] = data[25, 1] = 1.0
    figures = reduce_array(data, max_size=100).statistics
    assert (figures.peak_x, figures.peak_y) == (7, 4)


def test_all_negative_plane_has_its_true_peak():
    figures = reduce_array(np.array([[-3.0, -2.0], [-5.0, np.nan]]), max_size=10).statistics
    assert (figures.peak, figures.peak_x, figures.peak_y, figures.minimum) == (-2.0, 1, 0, -5.0)


def test_plane_without_a_finite_pixel_has_no_figures_and_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reduced = reduce_array(np.full((9, 9), np.nan), max_size=3)
    figures = reduced.statistics
    assert np.isnan([figures.peak, figures.minimum, figures.median, figures.noise]).all()
    assert (figures.peak_x, figures.nan_fraction) == (-1, 1.0)
    assert np.isnan(reduced.data).all()


def test_sampled_noise_of_a_large_plane_is_within_one_percent(monkeypatch):
    monkeypatch.setattr(plane_module, "EXACT_PIXELS", 100_000)
    monkeypatch.setattr(plane_module, "SAMPLE_PIXELS", 100_000)
    data = np.random.default_rng(5).normal(scale=2.5, size=(1000, 1000))
    data[:, ::2] = np.nan
    data[777, 333] = 1e3
    figures = reduce_array(data, max_size=100).statistics
    assert figures.noise == pytest.approx(2.5, rel=0.01)
    assert (figures.peak, figures.nan_fraction) == (1e3, 0.5)


def test_integers_keep_values_that_float32_cannot_hold():
    data = np.full((4, 4), 16_777_217, dtype=np.int32)
    assert reduce_array(data, max_size=4).statistics.peak == 16_777_217.0


def test_statistics_of_a_box_speak_of_file_pixels():
    data = np.zeros((50, 60))
    data[40, 30], data[5, 5] = 1.0, 9.0
    reduced = reduce_array(data, box=(20, 35, 500, 500), max_size=100)
    assert reduced.data.shape == (15, 40)
    assert (reduced.statistics.peak_x, reduced.statistics.peak_y) == (30, 40)


def test_box_outside_the_image_is_refused():
    with pytest.raises(ValidationError, match="holds no pixel"):
        clip_box((100, 0, 120, 10), 100, 100)


def test_plane_number_runs_in_c_order():
    assert plane_index((2, 5), 7) == (1, 2)


@pytest.mark.parametrize("plane", [-1, 10])
def test_plane_that_does_not_exist_is_refused(plane):
    with pytest.raises(ValidationError, match="the image has 10"):
        plane_index((2, 5), plane)
