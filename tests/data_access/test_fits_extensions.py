"""Images that are not the primary HDU: found behind an empty one, with what its header says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from data_access.errors import FITSError
from data_access.readers.fits import read_fits_header, read_fits_preview, read_fits_storage
from tests.data_access.cutout_samples import CARDS

PRIMARY = {
    "DATE-OBS": "2026-01-01T00:00:00", "TELESCOP": "DSA-110", "OBJECT": "another", "BUNIT": "mJy/beam", "BMAJ": 0.01,
    "BMIN": 0.005, "BPA": 7.0, "RESTFRQ": 1.4e9, "EQUINOX": 1950.0,
}  # fmt: skip
BARE = {key: value for key, value in CARDS.items() if key not in ("BUNIT", "BMAJ", "BMIN", "BPA", "RADESYS")}


def write(path: Path, cards: dict[str, Any], *, empty: Any = None, kind: type = fits.ImageHDU) -> str:
    data = np.arange(20 * 30, dtype=np.float32).reshape(20, 30)
    image = kind(data, fits.Header(cards))
    fits.HDUList([fits.PrimaryHDU(empty, fits.Header(PRIMARY)), image]).writeto(path)
    return str(path)


def test_an_image_behind_an_empty_array_is_found(tmp_path: Path) -> None:
    path = write(tmp_path / "a.fits", CARDS, empty=np.zeros((0, 0), np.float32))
    assert fits.getheader(path)["NAXIS"] == 2
    assert read_fits_storage(path)[0].shape == (20, 30)
    assert read_fits_preview(path).statistics.peak == 599.0


def test_a_file_of_nothing_but_empty_images_says_so(tmp_path: Path) -> None:
    fits.PrimaryHDU(np.zeros((0, 5), np.float32)).writeto(tmp_path / "a.fits")
    with pytest.raises(FITSError, match="without pixels"):
        read_fits_header(str(tmp_path / "a.fits"))


@pytest.mark.parametrize("kind", [fits.ImageHDU, fits.CompImageHDU])
def test_what_only_an_empty_primary_header_says_holds_for_its_image(tmp_path: Path, kind: type) -> None:
    header = read_fits_header(write(tmp_path / "a.fits", BARE, kind=kind))
    assert (header.date_obs, header.telescope, header.bunit) == ("2026-01-01T00:00:00", "DSA-110", "mJy/beam")
    assert (header.freq_hz, header.frame) == (1.4e9, "fk4")
    assert header.beam is not None
    assert (header.beam.major_arcsec, header.beam.pa_deg) == (36.0, 7.0)
    assert header.object_name == "field", "its own card comes first"
    assert ("TELESCOP", "DSA-110", "") in header.cards


def test_cards_that_belong_together_are_not_mixed(tmp_path: Path) -> None:
    header = read_fits_header(write(tmp_path / "a.fits", BARE | {"BMAJ": 0.003, "RADESYS": "ICRS"}))
    assert header.beam is not None
    assert (header.beam.major_arcsec, header.beam.minor_assumed, header.beam.pa_deg) == (10.8, True, None)
    assert header.frame == "icrs"


def test_nothing_is_inherited_where_the_image_forbids_it_or_the_primary_header_is_of_other_data(
    tmp_path: Path,
) -> None:
    forbidden = read_fits_header(write(tmp_path / "a.fits", BARE | {"INHERIT": False}))
    spectrum = read_fits_header(write(tmp_path / "b.fits", BARE, empty=np.zeros(7, np.float32)))
    for header in (forbidden, spectrum):
        assert (header.telescope, header.date_obs, header.bunit, header.beam) == ("", "", "", None)
