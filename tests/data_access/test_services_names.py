"""Names and positions, from the archive's own tables: exact names, their ambiguities, and help for the rest."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from data_access.archive import Archive, open_archive
from data_access.errors import ValidationError


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    calibrators = sqlite3.connect(tmp_path / "calibrators.sqlite3")
    calibrators.execute("CREATE TABLE vla_calibrators (id INTEGER PRIMARY KEY, name, ra_deg, dec_deg, notes)")
    calibrators.executemany(
        "INSERT INTO vla_calibrators (name, ra_deg, dec_deg, notes) VALUES (?, ?, ?, ?)",
        [
            ("1331+305", 202.784533, 30.509155, "3C286"), ("0003-066", 1.5578, -6.3931, "JVAS"),
            ("0137+331", 24.4220, 33.1597, "3C48"), ("0001+192", 0.2859, 19.2427, "JVAS"),
        ],
    )  # fmt: skip
    products = sqlite3.connect(tmp_path / "products.sqlite3")
    products.execute("CREATE TABLE variability_stats (source_id TEXT PRIMARY KEY, ra_deg, dec_deg)")
    products.execute("CREATE TABLE monitoring_sources (id INTEGER PRIMARY KEY, source_id, name, ra_deg, dec_deg)")
    products.execute("INSERT INTO variability_stats VALUES ('NVSS J040434+541402', 61.143791, 54.234022)")
    products.execute("INSERT INTO monitoring_sources VALUES (1, 'Tom''s source', 'TOM', 202.0, 30.0)")
    for connection in (calibrators, products):
        connection.commit()
        connection.close()
    async with open_archive(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(
    ("typed", "ra_deg", "origin"),
    [
        ("3C286", 202.784533, "calibrator list"),
        ("3c 286", 202.784533, "calibrator list"),
        ("1331+305", 202.784533, "calibrator list"),
        ("0003-066", 1.5578, "calibrator list"),
        ("NVSS J040434+541402", 61.143791, "variability table"),
        ("J040434+541402", 61.143791, "variability table"),
        ("tom's source", 202.0, "monitored sources"),
        ("13:31:08 +30:30:33", 202.783333, ""),
        ("202.5 30.5", 202.5, ""),
        ("J175534-252742", 268.891667, ""),
    ],
)
async def test_a_position_or_a_known_name_is_one_place(
    archive: Archive, typed: str, ra_deg: float, origin: str
) -> None:
    place = await archive.names.resolve(typed)
    assert place.ra_deg == pytest.approx(ra_deg, abs=1e-5)
    assert place.origin == origin


async def test_a_name_of_two_places_lists_both(archive: Archive) -> None:
    with pytest.raises(ValidationError, match="more than one place") as caught:
        await archive.names.resolve("JVAS")
    assert "-06:23:35 (calibrator list)" in caught.value.message
    assert "+19:14:34 (calibrator list)" in caught.value.message


async def test_a_part_of_a_name_says_which_names_there_are(archive: Archive) -> None:
    with pytest.raises(ValidationError, match="not a whole name; there are: 3C286, 3C48"):
        await archive.names.resolve("3C")


@pytest.mark.parametrize(
    "typed", ["Betelgeuse", "%", "0004-066", "'; DROP TABLE images; --", "x" * 300, "99:99 +12:00"]
)
async def test_what_is_neither_is_said_in_words(archive: Archive, typed: str) -> None:
    with pytest.raises(ValidationError):
        await archive.names.resolve(typed)


async def test_a_broken_list_of_calibrators_is_named_and_the_others_answer(tmp_path: Path, archive: Archive) -> None:
    (tmp_path / "calibrators.sqlite3").write_bytes(b"not a database at all" * 100)
    async with open_archive(tmp_path) as other:
        assert (await other.names.resolve("TOM")).dec_deg == 30.0
        with pytest.raises(ValidationError, match=r"cannot be read: .*calibrator list"):
            await other.names.resolve("3C286")


async def test_both_lists_of_calibrators_of_the_unified_layout_are_asked(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "pipeline.sqlite3")
    for table, name in (("calibrator_catalog", "0020+156"), ("vla_calibrators", "1331+305")):
        connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, name, ra_deg, dec_deg, notes)")
        connection.execute(f"INSERT INTO {table} VALUES (1, ?, 202.0, 30.0, NULL)", (name,))
    connection.commit()
    connection.close()
    async with open_archive(tmp_path) as unified:
        found = [(await unified.names.resolve(name)).origin for name in ("0020+156", "1331+305")]
    assert found == ["calibrator catalogue", "calibrator list"]


async def test_a_cutout_is_wanted_at_a_pixel_a_position_or_a_name(archive: Archive) -> None:
    place, name = await archive.names.find_place("pixel 120 88.5")
    assert (place.pixel, name) == ((120.0, 88.5), None)
    place, name = await archive.names.find_place("13:31:08 +30:30:33")
    assert (place.ra_deg, name) == (pytest.approx(202.783333, abs=1e-6), None)
    place, name = await archive.names.find_place("3C286")
    assert (place.ra_deg, place.dec_deg) == (202.784533, 30.509155)
    assert name is not None
    assert name.origin == "calibrator list"
    with pytest.raises(ValidationError, match="more than one place"):
        await archive.names.find_place("JVAS")
