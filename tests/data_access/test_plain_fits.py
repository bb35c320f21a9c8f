"""Plain headers read without astropy, and projections without wcslib, say what those two say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from data_access.analysis.plain_projection import PlainProjection
from data_access.errors import FITSError
from data_access.readers.fits import read_fits_header, read_fits_storage
from data_access.readers.plain_header import read_plain_image

CARDS = {
    "WCSAXES": 2, "CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CRVAL1": 359.97, "CRVAL2": 54.57, "CUNIT1": "deg",
    "CUNIT2": "deg", "CDELT1": -3 / 3600, "CDELT2": 3 / 3600, "CRPIX1": 120.5, "CRPIX2": 88.0, "RADESYS": "ICRS",
}  # fmt: skip
TAN = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"}
PLAIN: dict[str, dict[str, Any]] = {
    "sine": {},
    "tangent": TAN,
    "coarse tangent": TAN | {"CDELT1": -0.3, "CDELT2": 0.3},
    "galactic": {"CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN", "RADESYS": ""},
    "near the pole": {"CRVAL2": 89.9},
    "at the pole": TAN | {"CRVAL2": 90.0},
    "at the other pole": {"CRVAL2": -90.0},
    "own native pole": TAN | {"LONPOLE": 137.0},
    "turned by CROTA2": {"CROTA2": 31.0, "CDELT2": 5 / 3600},
    "PC matrix": {"PC1_1": 0.8, "PC1_2": -0.6, "PC2_1": 0.6, "PC2_2": 0.8},
    "part of a PC matrix": {"PC1_2": 0.1},
    "CD matrix": {"CDELT1": None, "CDELT2": None, "CD1_1": -1e-3, "CD1_2": 2e-4, "CD2_1": 1e-4, "CD2_2": 1e-3},
    "SIN that is not slanted": {"PV2_1": 0.0, "PV2_2": 0.0},
}
FOR_WCSLIB: dict[str, dict[str, Any]] = {
    "other projection": {"CTYPE1": "RA---ARC", "CTYPE2": "DEC--ARC"},
    "slant": {"PV2_1": 0.0, "PV2_2": 0.1},
    "arcmin": {"CUNIT1": "arcmin", "CUNIT2": "arcmin"},
    "distortion": TAN | {"A_ORDER": 2, "A_2_0": 1e-4},
    "no scale": {"CDELT1": 0.0},
    "no reference": {"CRVAL2": None},
    "beyond the pole": {"CRVAL2": 91.0},
}


def _cards(changes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in (CARDS | changes).items() if value is not None}


@pytest.mark.parametrize("kind", PLAIN)
def test_plain_projection_agrees_with_wcslib(kind: str) -> None:
    cards = _cards(PLAIN[kind])
    plain, wcs = PlainProjection.of(cards), WCS(fits.Header(cards), naxis=2)
    assert plain is not None
    pixels = np.random.default_rng(7).uniform(-100, 400, size=(200, 2))
    world = wcs.wcs_pix2world(pixels, 0)
    for (x, y), (lon, lat) in zip(pixels, world, strict=True):
        ours = plain.to_native(x, y)
        cos = np.cos(np.radians(lat))
        assert abs((ours[0] - lon + 180) % 360 - 180) * cos < 1e-10
        assert abs(ours[1] - lat) < 1e-10
        assert plain.to_pixel(lon, lat) == pytest.approx((x, y), abs=1e-6)


def test_plain_projection_has_no_pixel_for_the_far_side_and_no_sky_beyond_the_edge() -> None:
    for changes in ({}, TAN):
        plain = PlainProjection.of(_cards(changes))
        assert plain is not None
        assert np.isnan(plain.to_pixel(359.97 - 180, -54.57)).all()
    sine = PlainProjection.of(_cards({"CDELT1": -1.0, "CDELT2": 1.0}))
    assert sine is not None
    assert np.isnan(sine.to_native(300, 0)).all()


@pytest.mark.parametrize("kind", FOR_WCSLIB)
def test_what_is_not_plain_is_left_to_wcslib(kind: str) -> None:
    assert PlainProjection.of(_cards(FOR_WCSLIB[kind])) is None


def test_every_real_file_has_the_same_facts_read_plainly_and_by_astropy(shared_data: Path) -> None:
    plain = 0
    for path in sorted((shared_data / "data" / "fits").rglob("*.fits*")):
        try:
            expected = read_fits_header(str(path))
        except FITSError as err:
            with pytest.raises(type(err)):
                read_fits_storage(str(path))
            continue
        plain += read_plain_image(str(path)) is not None
        assert replace(read_fits_storage(str(path))[0], cards=()) == replace(expected, cards=()), path.name
    assert plain > 5


@pytest.mark.parametrize(
    "card",
    [
        "OBJECT  = 'a quote '' and / slash'  / comment",
        "OBJECT  = '        '",
        "OBJECT  =",
        "CRVAL3  =            1.4112D+09",
        "RESTFRQ =  1.4E9 / Hz",
        "EQUINOX = 'J2000'",
        "BMAJ    = nonsense",
        "OBJECT  = 'open",
        "OBJECT  = 'long &'",
        "object  = 'small letters'",
        "HISTORY CASA restoration: 30.5 by 25 (arcsec) at pa 12 (deg)",
    ],
)
def test_odd_cards_are_read_as_by_astropy_or_left_to_it(tmp_path: Path, card: str) -> None:
    header = fits.PrimaryHDU(np.zeros((4, 5), "f4")).header
    header.update(_cards({"CTYPE3": "FREQ"}))
    text = header.tostring(endcard=False, padding=False) + card.ljust(80) + "END".ljust(80)
    path = tmp_path / "odd.fits"
    path.write_bytes(text.ljust(-(-len(text) // 2880) * 2880).encode() + bytes(2880))
    expected = read_fits_header(str(path))
    assert replace(read_fits_storage(str(path))[0], cards=()) == replace(expected, cards=())
