"""Planes of a cube by what they are in world coordinates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from data_access.analysis.plane_names import plane_name
from data_access.readers.fits import read_fits_header, read_fits_storage
from data_access.readers.plane_axes import casa_plane_axes

SKY = {
    "CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CRVAL1": 150.0, "CRVAL2": 33.0, "CRPIX1": 2.0, "CRPIX2": 2.0,
    "CDELT1": -1e-3, "CDELT2": 1e-3,
}  # fmt: skip
FREQ3 = {"CTYPE3": "FREQ", "CRVAL3": 1.4e9, "CDELT3": 5e6, "CRPIX3": 2.0, "CUNIT3": "Hz"}
STOKES4 = {"CTYPE4": "STOKES", "CRVAL4": 1.0, "CDELT4": 1.0, "CRPIX4": 1.0}


def names(folder: Path, shape: tuple[int, ...], cards: dict[str, Any]) -> list[str]:
    path = folder / "cube.fits"
    fits.PrimaryHDU(np.zeros((*shape, 3, 4), np.float32), fits.Header(SKY | cards)).writeto(path)
    header = read_fits_header(str(path))
    assert read_fits_storage(str(path))[0].plane_axes == header.plane_axes
    return [plane_name(header, plane) for plane in range(header.n_planes)]


def test_a_plane_is_named_by_frequency_and_stokes_parameter(tmp_path: Path) -> None:
    assert names(tmp_path, (2, 3), FREQ3 | STOKES4) == [
        "Stokes I, 1.395 GHz", "Stokes I, 1.4 GHz", "Stokes I, 1.405 GHz",
        "Stokes Q, 1.395 GHz", "Stokes Q, 1.4 GHz", "Stokes Q, 1.405 GHz",
    ]  # fmt: skip


def test_neighbouring_channels_never_have_the_same_name(tmp_path: Path) -> None:
    found = names(tmp_path, (40,), FREQ3 | {"CDELT3": 100.0})
    assert len(set(found)) == 40
    assert found[2] == "1.4000001 GHz"


@pytest.mark.parametrize(
    "matrix",
    [
        {"CD3_3": 2e6, "CD1_1": -1e-3, "CD2_2": 1e-3},
        {"CD3_3": 2e6, "CD1_1": -1e-3, "CD2_2": 1e-3, "CDELT1": None, "CDELT2": None, "CDELT3": None},
        {"PC3_3": 2.0, "CDELT3": 1e6},
        {"PC3_3": -0.5, "CDELT3": 1e6},
    ],
)
def test_the_step_of_a_matrix_is_that_of_wcslib(tmp_path: Path, matrix: dict[str, Any]) -> None:
    cards = {key: value for key, value in (SKY | FREQ3 | matrix).items() if value is not None}
    path = tmp_path / "cube.fits"
    fits.PrimaryHDU(np.zeros((4, 3, 4), np.float32), fits.Header(cards)).writeto(path)
    header = read_fits_header(str(path))
    expected = WCS(fits.Header(cards), naxis=3).wcs_pix2world([[1, 1, plane] for plane in range(4)], 0)[:, 2]
    np.testing.assert_allclose([header.plane_freq_hz(plane) for plane in range(4)], expected)


def test_a_matrix_of_the_sky_alone_leaves_the_step_of_the_planes(tmp_path: Path) -> None:
    matrix = {"CD1_1": -1e-3, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 1e-3}
    assert names(tmp_path, (2,), FREQ3 | matrix) == ["1.395 GHz", "1.4 GHz"]


@pytest.mark.parametrize(
    ("cards", "second"),
    [
        ({"CTYPE3": "VELO-LSR", "CRVAL3": -20e3, "CDELT3": 1500.0, "CRPIX3": 1.0, "CUNIT3": "m/s"}, "-18.5 km/s"),
        ({"CTYPE3": "VRAD", "CRVAL3": 12.0, "CDELT3": 0.5, "CRPIX3": 1.0, "CUNIT3": "km/s"}, "12.5 km/s"),
        ({"CTYPE3": "WAVE", "CRVAL3": 0.21, "CDELT3": 0.01, "CRPIX3": 1.0, "CUNIT3": "m"}, "22 cm"),
        ({"CTYPE3": "STOKES", "CRVAL3": -1.0, "CDELT3": -1.0, "CRPIX3": 1.0}, "Stokes LL"),
        ({"CTYPE3": "FREQ", "CRVAL3": 1.4, "CD3_3": 0.1, "CRPIX3": 1.0, "CUNIT3": "GHz"}, "1.5 GHz"),
    ],
)
def test_velocities_wavelengths_and_correlations_are_told_too(
    tmp_path: Path, cards: dict[str, Any], second: str
) -> None:
    assert names(tmp_path, (2,), cards)[1] == second


@pytest.mark.parametrize(
    ("cards", "second"),
    [
        ({"CTYPE3": "FREQ", "CRVAL3": 1.4e9}, "FREQ 1"),
        ({"CTYPE3": "FREQ-LOG", "CRVAL3": 1.4e9, "CDELT3": 1e6, "CRPIX3": 1.0}, "FREQ-LOG 1"),
        ({"CTYPE3": "FREQ", "CRVAL3": 1.4e9, "CDELT3": 1e6, "CRPIX3": 1.0, "CUNIT3": "furlong"}, "FREQ 1"),
        ({"CTYPE3": "STOKES", "CRVAL3": 17.0, "CDELT3": 1.0, "CRPIX3": 1.0}, "STOKES 1"),
        ({}, "axis 0 1"),
    ],
)
def test_coordinates_that_are_not_known_are_told_by_their_index(
    tmp_path: Path, cards: dict[str, Any], second: str
) -> None:
    assert names(tmp_path, (2,), cards)[1] == second


def test_a_casa_image_lists_its_stokes_parameters_and_counts_channels_from_zero() -> None:
    coords = {
        "stokes1": {"stokes": ["I", "V"]}, "pixelmap1": np.array([2]),
        "spectral2": {"unit": "Hz", "wcs": {"crval": 1.4e9, "cdelt": 1e6, "crpix": 1.0, "pc": 1.0}},
        "pixelmap2": np.array([3]),
    }  # fmt: skip
    axes = casa_plane_axes(coords, (40, 30, 2, 3))
    assert [axes[2].value(i) for i in range(2)] == [1.0, 4.0]
    assert [axes[3].value(i) for i in range(3)] == [1.399e9, 1.4e9, 1.401e9]


def test_channels_of_a_casa_image_that_are_listed_one_by_one_are_told() -> None:
    listed = {"pixelvalues": np.array([0.0, 1.0, 2.0]), "worldvalues": np.array([1.0e9, 1.1e9, 1.5e9])}
    axes = casa_plane_axes(
        {"spectral0": {"unit": "Hz", "tabular": listed}, "pixelmap0": np.array([0])}, (3,)
    )  # fmt: skip
    assert axes[0].values == (1.0e9, 1.1e9, 1.5e9)
