"""Cutouts as files and as programs that make them again."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from data_access import Archive, open_archive
from data_access.records import Cutout
from data_access.records.files import MOST_HISTORY
from data_access.services.cutout_files import cutout_fits, cutout_name, cutout_script, plane_words
from tests.data_access.cutout_samples import CARDS, file_of_integers, write, write_cube_with_beams


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    (tmp_path / "state").mkdir()
    (tmp_path / "stage").mkdir()
    async with open_archive(tmp_path) as opened:
        yield opened


@pytest.fixture
def ramp() -> np.ndarray:
    return np.arange(100 * 120, dtype=np.float32).reshape(100, 120)


async def test_fits_file_has_coordinates_beam_unit_and_history(
    archive: Archive, tmp_path: Path, ramp: np.ndarray
) -> None:
    path = write(tmp_path, ramp)
    cutout = await archive.cutouts.cutout(path, "pixel 100 80", width=15, unit="pixel")
    with fits.open(io.BytesIO(cutout_fits(cutout))) as hdus:
        hdus.verify("exception")
        header, data = hdus[0].header, hdus[0].data
    assert data[7, 7] == ramp[80, 100]
    here, there = WCS(header).pixel_to_world(7, 7), WCS(fits.getheader(path)).pixel_to_world(100, 80)
    assert here.separation(there).arcsec < 1e-6
    assert (header["BUNIT"], header["BMAJ"], header["BPA"]) == ("Jy/beam", pytest.approx(0.003), 33.0)
    history = " ".join("".join(header["HISTORY"]).split())
    for words in (path, "94:108,74:88", "plane 0", "UTC by dsa110-dashboard"):
        assert words in history


async def test_fits_file_has_nothing_of_the_beam_that_is_not_recorded(
    archive: Archive, tmp_path: Path, ramp: np.ndarray
) -> None:
    path = write(tmp_path, ramp, BMIN=None, BPA=None)
    cutout = await archive.cutouts.cutout(path, "pixel 100 80", width=15, unit="pixel")
    header = fits.getheader(io.BytesIO(cutout_fits(cutout)))
    assert header["BMAJ"] == pytest.approx(0.003)
    assert "BMIN" not in header
    assert "BPA" not in header


async def test_cutout_of_a_plane_has_the_beam_of_that_plane(archive: Archive, tmp_path: Path) -> None:
    path = write_cube_with_beams(tmp_path / "stage" / "a.fits")
    for plane, major in enumerate((9.0, 12.0, 15.0)):
        cutout = await archive.cutouts.cutout(path, "pixel 20 15", width=5, unit="pixel", plane=plane)
        assert fits.getheader(io.BytesIO(cutout_fits(cutout)))["BMAJ"] * 3600 == pytest.approx(major)


async def test_cutout_of_a_plane_has_the_frequency_and_the_name_of_that_plane(
    archive: Archive, tmp_path: Path
) -> None:
    path = write_cube_with_beams(tmp_path / "stage" / "a.fits")
    for plane, name in enumerate(("1.4000 GHz", "1.4010 GHz", "1.4020 GHz")):
        cutout = await archive.cutouts.cutout(path, "pixel 20 15", width=5, unit="pixel", plane=plane)
        header = fits.getheader(io.BytesIO(cutout_fits(cutout)))
        assert header["OBSFREQ"] == pytest.approx(1.4e9 + plane * 1e6)
        words = plane_words(cutout.header, plane)
        assert float(words.split()[2]) == float(name.split()[0])
        assert words in "".join(header["HISTORY"])
        assert f"PLANE_NAME = {words.partition(', ')[2]!r}" in cutout_script(cutout, "http://nowhere.invalid/")


async def test_a_frequency_that_no_axis_tells_is_that_of_the_header_or_none(
    archive: Archive, tmp_path: Path, ramp: np.ndarray
) -> None:
    cube = np.stack([ramp, -ramp])
    axis = {"CTYPE3": "VRAD", "CRVAL3": 0.0, "CRPIX3": 1.0, "CDELT3": 1000.0, "CUNIT3": "m/s"}
    for name, cards, expected in (("a.fits", {"RESTFRQ": 1.42e9}, 1.42e9), ("b.fits", {}, None)):
        path = write(tmp_path, cube, name, **axis, **cards)
        cutout = await archive.cutouts.cutout(path, "pixel 20 15", width=5, unit="pixel", plane=1)
        header = fits.getheader(io.BytesIO(cutout_fits(cutout)))
        assert header.get("OBSFREQ") == expected
        assert "plane 1, 1 km/s" in "".join(header["HISTORY"])


async def test_fits_file_has_the_origin_of_the_image_and_the_end_of_its_history(
    archive: Archive, tmp_path: Path, ramp: np.ndarray
) -> None:
    path = tmp_path / "stage" / "a.fits"
    hdu = fits.PrimaryHDU(ramp)
    hdu.header.update({**CARDS, "ORIGIN": "CASA 6.6"})
    for n in range(MOST_HISTORY + 5):
        hdu.header.add_history(f"step {n}")
    hdu.writeto(path)
    cutout = await archive.cutouts.cutout(str(path), "pixel 100 80", width=15, unit="pixel")
    header = fits.getheader(io.BytesIO(cutout_fits(cutout)))
    history = list(header["HISTORY"])
    assert header["ORIGIN"] == "CASA 6.6"
    assert history[:MOST_HISTORY] == [f"step {n}" for n in range(5, MOST_HISTORY + 5)]
    assert history[MOST_HISTORY].startswith("Cutout of ")
    assert "'ORIGIN': 'CASA 6.6'" in cutout_script(cutout, "http://nowhere.invalid/")


def _write_blank_integers(path: Path, shape: tuple[int, ...]) -> str:
    stored = np.full(shape, 7, np.int16)
    stored[5] = -32768
    path.write_bytes(file_of_integers(stored, fits.Header(CARDS), {"BZERO": 32768.0, "BLANK": -32768}))
    return str(path)


@pytest.mark.parametrize(
    "case",
    ["plain", "turned axes", "bad third axis", "sky in the middle", "plane of beams", "blank integers",
     "behind an empty array"],
)  # fmt: skip
async def test_the_program_makes_the_same_file_from_a_copy(
    archive: Archive, tmp_path: Path, ramp: np.ndarray, case: str
) -> None:
    plane, swapped = 0, {f"{key}{1 + (n == 1)}": CARDS[f"{key}{n}"] for n in (1, 2)
                         for key in ("CTYPE", "CRVAL", "CDELT", "CRPIX", "CUNIT")}  # fmt: skip
    if case == "plain":
        path = write(tmp_path, ramp)
    elif case == "blank integers":
        path = _write_blank_integers(tmp_path / "stage" / "a.fits", ramp.shape)
    elif case == "behind an empty array":
        path = str(tmp_path / "stage" / "a.fits")
        image = fits.ImageHDU(ramp, fits.Header(CARDS))
        fits.HDUList([fits.PrimaryHDU(np.zeros((0, 0), np.float32)), image]).writeto(path)
    elif case == "turned axes":
        path = write(tmp_path, np.ascontiguousarray(ramp.T), **swapped)
    elif case == "bad third axis":
        plane = 1
        path = write(tmp_path, np.stack([ramp, -ramp]), CTYPE3="FREQ", CRVAL3=1.4e9, CUNIT3="no unit at all")
    elif case == "sky in the middle":
        cube = np.stack([np.stack([ramp, ramp + 1], axis=-1), np.stack([-ramp, -ramp - 1], axis=-1)])
        moved = {key[:-1] + str(int(key[-1]) + 1): value for key, value in CARDS.items() if key[-1] in "12"}
        plane = 3
        path = write(tmp_path, cube, CTYPE1="STOKES", CRVAL1=1.0, CDELT1=1.0, CRPIX1=1.0, CUNIT1=None,
                     **{k: v for k, v in moved.items() if k[-1] != "1"}, CTYPE4="FREQ")  # fmt: skip
    else:
        plane = 2
        path = write_cube_with_beams(tmp_path / "stage" / "a.fits")
    cutout = await archive.cutouts.cutout(path, "pixel 3 5", width=15, height=11, unit="pixel", plane=plane)
    (tmp_path / "cut.py").write_text(cutout_script(cutout, "http://nowhere.invalid/"))
    run = await asyncio.to_thread(
        subprocess.run, [sys.executable, "cut.py", path], cwd=tmp_path, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    with (
        fits.open(io.BytesIO(cutout_fits(cutout))) as (ours,),
        fits.open(tmp_path / cutout_name(cutout, "fits")) as (theirs,),
    ):
        np.testing.assert_array_equal(ours.data, theirs.data)
        assert np.isnan(ours.data).any()
        cards = {key: value for key, value in ours.header.items() if key not in ("HISTORY", "EXTEND")}
        assert dict(theirs.header) == cards
        assert {"BUNIT", "BMAJ", "CRPIX1"} <= set(cards)


def test_file_name_is_safe_everywhere(tmp_path: Path) -> None:
    image = '/x/2025-10-02T00:12:00.img/../été "1".fits.fz'
    cutout = Cutout(
        path=image, header=None, wcs_header={}, data=np.zeros((2, 2), np.float32), origin_x=0, origin_y=0,  # type: ignore[arg-type]
        plane=2, x=1.0, y=1.0, ra_deg=149.75, dec_deg=-0.5, width=60, height=30, unit="arcsec", pixel_arcsec=None,
        outside_fraction=0.0, key=(1,), modified_at=0.0,
    )  # fmt: skip
    assert cutout_name(cutout, "fits") == "t-1_J095900.0-003000_60x30arcsec_plane2.fits"
