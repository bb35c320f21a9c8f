"""Names and places of all sources in memory: what is found, in which order, page by page."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from data_access.analysis.name_index import NameIndex
from data_access.analysis.sky_index import SkyIndex

NAMES = [
    "NVSS J095847+653354",
    "NVSS J095812-653354",
    "J095847+6533",
    "3C 286",
    "J346.6203+15.9139",
    "8",
    "88",
    "PSR B0531+21",
    "FIRST J053100.1+210000.5",
]


def called(text: str) -> list[str]:
    return [NAMES[i] for i in NameIndex(NAMES).beginning(text).tolist()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NVSS J0958", [NAMES[0], NAMES[1], NAMES[2]]),
        ("nvss j095847+65", [NAMES[0], NAMES[2]]),
        ("J0958", [NAMES[0], NAMES[1], NAMES[2]]),
        ("0958+6533", [NAMES[0], NAMES[2]]),
        ("0958-65", [NAMES[1]]),
        ("0958−65", [NAMES[1]]),
        ("3c286", ["3C 286"]),
        ("J346.62", ["J346.6203+15.9139"]),
        ("8", ["8", "88"]),
        ("B0531", ["PSR B0531+21"]),
        ("0531", ["PSR B0531+21", "FIRST J053100.1+210000.5"]),
        ("J0531+21", ["FIRST J053100.1+210000.5"]),
        ("x", []),
        ("J9" * 100, []),
    ],
)
def test_a_name_is_found_by_its_beginning_with_and_without_prefix(text: str, expected: list[str]) -> None:
    assert called(text) == expected


def test_one_name_is_the_same_without_blanks_case_and_prefix() -> None:
    index = NameIndex(NAMES)
    for text in ("NVSS J095847+653354", "nvssj095847+653354", "J095847+653354", "095847+653354"):
        assert index.same(text).tolist() == [0]
    assert index.same("8").tolist() == [5]
    assert index.same("0958").tolist() == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NVSS J095847+653354", [0]),
        ("nvss j0958", [0, 1, 2]),
        ("J0958", [0, 1, 2]),
        ("0958+6533", [0, 2]),
        ("NVSS 0958−65", [1]),
        ("NVSSJ0958+65", [0, 2]),
        ("J346.6", [4]),
        ("PSR B0531", [7]),
        ("3c286", [3]),
        ("8", [5]),
        ("x1", []), ("foo2", []), ("x8", []), ("B0", []), ("B1", []), ("Q0", []), ("J0", []), ("J095", []),
        ("09+65", []),
        ("foo0958", []), ("blob0531", []), ("field09-65", []), ("NVSS", []), ("3C", []), ("", []),
    ],
)  # fmt: skip
def test_an_entry_of_a_list_means_the_same_name_or_one_that_is_cut_off_after_four_digits(
    text: str, expected: list[int]
) -> None:
    assert NameIndex(NAMES).meant(text, most=3).tolist() == expected
    assert len(expected) < 3 or NameIndex(NAMES).meant(text, most=2).tolist() == []


def test_any_part_of_a_name_is_found() -> None:
    assert NameIndex(NAMES).containing("653354").tolist() == [0, 1]
    assert NameIndex(NAMES).containing("zzz").tolist() == []


def test_another_name_of_a_source_finds_it_by_beginning_whole_and_part() -> None:
    index = NameIndex(NAMES, [(0, "0954+658"), (3, "1328+307"), (0, "S4 0954+65")])
    for text in ("0954+658", "B0954+65", "0954"):
        assert index.beginning(text).tolist() == [0]
    assert (
        index.same("0954+658").tolist() == index.same("b0954+658").tolist() == index.same("s40954+65").tolist() == [0]
    )
    assert index.containing("954").tolist() == [0]
    assert index.get("0954+658") is None
    assert index.beginning("J0958").tolist() == [0, 1, 2]


def sky(n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    ra, dec = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    ra[:4], dec[:4] = [0.0, 359.9999, 0.00005, 180.0], [10.0, 10.0, 10.0, -90.0]
    dec[4] = 90.0
    return ra, dec


@pytest.mark.parametrize(
    ("ra_deg", "dec_deg", "radius_deg"),
    [(0.0, 10.0, 0.001), (359.9, 10.0, 5.0), (12.0, 89.5, 3.0), (200.0, -90.0, 4.0), (77.0, 0.0, 95.0),
     (5.0, 5.0, 180.0)],
)  # fmt: skip
def test_a_cone_holds_what_astropy_finds_in_it(ra_deg: float, dec_deg: float, radius_deg: float) -> None:
    ra, dec = sky()
    rows, apart = SkyIndex(ra, dec).within(ra_deg, dec_deg, radius_deg * 3600)
    separation = SkyCoord(ra_deg, dec_deg, unit="deg").separation(SkyCoord(ra, dec, unit="deg"))
    assert rows.tolist() == np.flatnonzero(separation.deg <= radius_deg).tolist()
    np.testing.assert_allclose(apart, separation[rows].arcsec, atol=1e-6)


def test_what_is_not_on_the_sky_is_never_found() -> None:
    index = SkyIndex(np.array([np.nan, 10.0, 10.0]), np.array([0.0, 91.0, np.nan]))
    assert index.within(10.0, 0.0, 180 * 3600.0)[0].tolist() == []
    assert np.isnan(index.nearest_arcsec()).all()


def test_the_nearest_neighbour_is_the_one_of_all_pairs() -> None:
    ra, dec = sky(1200)
    nearest = SkyIndex(ra, dec).nearest_arcsec()
    places = SkyCoord(ra, dec, unit="deg")
    pairs = places[:, None].separation(places[None, :]).to_value(u.arcsec)
    np.fill_diagonal(pairs, np.inf)
    expected = pairs.min(axis=1)
    np.testing.assert_allclose(nearest, np.where(expected <= 3600, expected, np.inf), rtol=1e-7, atol=1e-5)
