"""Times of CASA tables and images are UTC, or say that they are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from casacore.tables import table

from data_access.readers.caltable import read_caltable
from data_access.readers.casa_epochs import to_utc
from data_access.readers.casa_image import read_casa_header
from data_access.readers.ms import read_measurement_set
from tests.data_access.test_readers_caltable import solution, write_caltable
from tests.data_access.test_readers_casa_image import coordinates, cube, write_image
from tests.data_access.test_readers_ms import ROWS, write_ms

# TAI - UTC has been 37 s since 2017, and TT - TAI is 32.184 s by definition; TDB keeps within 2 ms of TT.
AHEAD_S = {"": 0.0, "UTC": 0.0, "TAI": 37.0, "IAT": 37.0, "TT": 69.184, "TDT": 69.184, "TDB": 69.184}
UNKNOWN = ("LAST", "GMST1", "something else")


def _set_reference(path: str, reference: str) -> None:
    with table(path, readonly=False, ack=False) as tab:
        tab.putcolkeyword("TIME", "MEASINFO", {"type": "epoch", "Ref": reference})


@pytest.mark.parametrize("reference", AHEAD_S)
def test_times_in_a_known_scale_become_utc_without_a_word(reference: str) -> None:
    mjd = np.array([61000.25, np.nan, 61000.75])
    utc, remark = to_utc(mjd, reference)
    np.testing.assert_allclose((mjd - utc) * 86400, [AHEAD_S[reference], np.nan, AHEAD_S[reference]], atol=3e-3)
    assert remark == ""


@pytest.mark.parametrize("reference", ["UT1", *UNKNOWN])
def test_times_in_another_scale_stay_and_the_scale_is_named(reference: str) -> None:
    utc, remark = to_utc(np.array([61000.25]), reference)
    assert utc.tolist() == [61000.25]
    assert reference in remark


def test_times_of_a_measurement_set_in_tai_are_shown_in_utc(tmp_path: Path) -> None:
    path = write_ms(tmp_path / "a.ms", ROWS)
    _set_reference(path, "TAI")
    detail = read_measurement_set(path)
    np.testing.assert_allclose((detail.times_mjd - 61000) * 86400, [-37, -27], atol=1e-4)
    assert (detail.start_mjd - 61000) * 86400 == pytest.approx(-37, abs=1e-4)
    assert not any("times" in problem for problem in detail.problems)
    _set_reference(path, "LAST")
    assert any("LAST" in problem for problem in read_measurement_set(path).problems)


def test_times_of_a_calibration_table_in_tai_are_shown_in_utc(tmp_path: Path) -> None:
    path = write_caltable(tmp_path / "a.bcal", [solution(0, 0, 0), solution(60, 0, 0)])
    _set_reference(path, "TAI")
    detail = read_caltable(path)
    np.testing.assert_allclose((detail.times_mjd - 61000) * 86400, [-37, 23], atol=1e-4)
    assert detail.problems == ()
    _set_reference(path, "LAST")
    assert any("LAST" in problem for problem in read_caltable(path).problems)


def test_the_date_of_a_casa_image_in_tt_is_shown_in_utc(tmp_path: Path) -> None:
    date = {"type": "epoch", "refer": "TDT", "m0": {"value": 61000.5, "unit": "d"}}
    header = read_casa_header(write_image(tmp_path / "a.image", cube(), coordinates() | {"obsdate": date}))
    assert (header.date_obs, header.problems) == ("2025-11-21T11:58:50.816", ())
    other = coordinates() | {"obsdate": date | {"refer": "UT1"}}
    header = read_casa_header(write_image(tmp_path / "b.image", cube(), other))
    assert header.date_obs == "2025-11-21T12:00:00.000"
    assert any("UT1" in problem for problem in header.problems)


def test_a_set_whose_rows_have_scales_of_their_own_says_so(tmp_path: Path) -> None:
    path = write_ms(tmp_path / "a.ms", ROWS)
    with table(path, readonly=False, ack=False) as tab:
        tab.putcolkeyword("TIME", "MEASINFO", {"type": "epoch", "VarRefCol": "TIME_REF"})
    assert any("TIME_REF" in problem for problem in read_measurement_set(path).problems)
