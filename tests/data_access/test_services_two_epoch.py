"""Vs and m of all sources: those of the page of a source, made when asked for, grown with the rows, kept on disk."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from data_access import Archive, open_archive
from data_access.analysis.variability import maximum_pair
from data_access.errors import DatabaseError, SearchNotReady
from data_access.records import PageRequest
from data_access.records.source_query import Range, SourceQuery
from data_access.services import two_epoch as service_module
from tests.data_access.database_samples import PHOTOMETRY, make_database, measure

STEADY = [("steady", 1.0 + 0.01 * i, 0.1, 0) for i in range(4)]
FLARE = [("flare", 1.0, 0.1, 0), ("flare", 4.0, 0.1, 0), ("flare", 2.0, 0.1, 0)]


@pytest.fixture
def products(tmp_path: Path) -> Path:
    (tmp_path / "archive" / "state" / "db").mkdir(parents=True)
    path = make_database(tmp_path / "archive" / "state" / "db" / "products.sqlite3", PHOTOMETRY)
    measure(path, [*STEADY, *FLARE, ("once", 1.0, 0.1, 0)])
    return path


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The stretches of rows that are read."""
    made: list[tuple[int, int]] = []
    plain = service_module.read_fronts

    def counted(query: object, first: int, last: int, kind: object) -> object:
        made.append((first, last))
        return plain(query, first, last, kind)  # type: ignore[arg-type]

    monkeypatch.setattr(service_module, "read_fronts", counted)
    return made


async def found_in(archive: Archive, name: str) -> tuple[float, float]:
    """Return Vs and m of a source as they are now, all rows counted."""
    await archive.variability.refresh()
    task = archive.two_epoch.follow("peak")
    if task is not None:
        await task
    table, columns = await archive.variability.table(), archive.two_epoch.columns("peak")
    assert columns is not None
    assert (columns.last_id, columns.n_waiting) == (table.last_id, 0)
    place = table.source_id.tolist().index(name)
    return float(columns.vs[place]), float(columns.m[place])


async def test_they_are_those_of_every_light_curve_of_the_real_archive(real_archive_split: Path) -> None:
    async with open_archive(real_archive_split) as archive:
        assert await archive.search.two_epoch_made(["vs", "vs_int"])
        index = await archive.search.index()
        for row, name in enumerate(index.names.names):
            curve = await archive.sources.get_light_curve(name)
            good = ~curve.is_flagged
            for suffix, flux, err in (
                ("", curve.peak_jyb, curve.peak_err_jyb), ("_int", curve.flux_jy, curve.flux_err_jy)
            ):  # fmt: skip
                if not suffix and not np.isfinite(flux).any():
                    flux, err = curve.flux_jy, curve.flux_err_jy
                pair = maximum_pair(flux[good], err[good])
                for column, metric in (("vs", pair.vs), ("m", pair.m)):
                    wanted = math.nan if metric.value is None else abs(metric.value)
                    found = index.columns[f"{column}{suffix}"][row]
                    assert found == pytest.approx(wanted, rel=1e-9, nan_ok=True), (name, column, suffix)


async def test_nothing_is_read_before_somebody_asks(products: Path, read: list[tuple[int, int]]) -> None:
    async with open_archive(products.parents[2]) as archive:
        await archive.search.find(SourceQuery(ranges=(Range("eta", 1.0),)), PageRequest(10, "", "v", True))
        assert read == []
        assert np.isnan((await archive.search.index()).columns["vs"]).all()


async def test_new_rows_are_added_and_the_old_ones_not_read_again(
    products: Path, read: list[tuple[int, int]]
) -> None:
    async with open_archive(products.parents[2]) as archive:
        assert await found_in(archive, "flare") == (pytest.approx(3 / math.hypot(0.1, 0.1)), pytest.approx(1.2))
        assert all(math.isnan(value) for value in await found_in(archive, "once"))
        measure(products, [("flare", 9.0, 0.1, 0), ("once", 3.0, 0.1, 0), ("flare", 99.0, 0.1, 4)])
        assert await found_in(archive, "flare") == (pytest.approx(8 / math.hypot(0.1, 0.1)), pytest.approx(1.6))
        assert (await found_in(archive, "once"))[1] == pytest.approx(1.0)
    assert read == [(0, 8), (8, 11)]


async def test_they_survive_a_restart(products: Path, read: list[tuple[int, int]]) -> None:
    async with open_archive(products.parents[2]) as archive:
        first = await found_in(archive, "flare")
    measure(products, [("steady", 1.0, 0.1, 0)])
    async with open_archive(products.parents[2]) as archive:
        assert await found_in(archive, "flare") == first
    assert read == [(0, 8), (8, 9)]


async def test_they_begin_anew_when_the_sums_do(products: Path, read: list[tuple[int, int]]) -> None:
    async with open_archive(products.parents[2]) as archive:
        await found_in(archive, "flare")
        with closing(sqlite3.connect(products)) as db, db:
            db.execute("UPDATE photometry SET peak_jyb = 2.0 WHERE peak_jyb = 4.0")
        assert (await found_in(archive, "flare"))[1] == pytest.approx(2 / 3)
    assert read == [(0, 8), (0, 8)]


async def test_a_negative_flux_has_the_m_of_all_its_pairs(products: Path) -> None:
    measure(products, [("forced", flux, 0.1, 1) for flux in (10.0, 2.0, -1.0)])
    async with open_archive(products.parents[2]) as archive:
        assert await found_in(archive, "forced") == (pytest.approx(3 / math.hypot(0.1, 0.1)), pytest.approx(6.0))
        measure(products, [("forced", 1.5, 0.1, 1)])
        assert (await found_in(archive, "forced"))[1] == pytest.approx(10.0)


async def test_a_range_and_an_order_of_them_are_answered(products: Path) -> None:
    async with open_archive(products.parents[2]) as archive:
        wait = await archive.search.two_epoch_made(["vs"])
        page, _, index = await archive.search.find(
            SourceQuery(ranges=(Range("vs", 4.3), Range("m", 0.26))), PageRequest(10, "", "vs", True)
        )
        every, _, _ = await archive.search.find(SourceQuery(), PageRequest(10, "", "m", True))
    assert wait
    assert [index.names.names[i] for i in page.rows] == ["flare"]
    assert [index.names.names[i] for i in every.rows] == ["flare", "steady", "once"]


async def test_a_question_that_needs_them_is_told_how_far_they_are(
    products: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_archive(products.parents[2]) as archive:
        await archive.search.index()
        monkeypatch.setattr("data_access.services.source_search.PATIENCE_S", 0.0)
        with pytest.raises(SearchNotReady, match="Vs and m are being made: 0 rows are counted"):
            await archive.search.find(SourceQuery(ranges=(Range("vs", 4.3),)), PageRequest(10, "", "", False))
        assert await archive.search.two_epoch_made(["vs"])
        _, found, _ = await archive.search.find(
            SourceQuery(ranges=(Range("vs", 4.3),)), PageRequest(10, "", "", False)
        )
    assert found.rows.size == 1


async def test_a_damaged_file_of_ours_is_made_anew(products: Path, read: list[tuple[int, int]]) -> None:
    async with open_archive(products.parents[2]) as archive:
        first = await found_in(archive, "flare")
        folder = archive.settings.cache_dir
    kept = max(folder.glob("two-epoch-*-peak.npz"), key=lambda path: path.stat().st_mtime_ns)
    kept.write_bytes(kept.read_bytes()[:200])
    async with open_archive(products.parents[2]) as archive:
        assert await found_in(archive, "flare") == first
    assert read == [(0, 8), (0, 8)]


async def test_what_stops_the_making_is_said_and_not_asked_for_again_at_once(
    products: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise DatabaseError("the disk is broken")

    monkeypatch.setattr(service_module, "read_fronts", fail)
    async with open_archive(products.parents[2]) as archive:
        await archive.search.index()
        with pytest.raises(DatabaseError, match="Vs and m cannot be made: the disk is broken") as caught:
            await archive.search.find(SourceQuery(ranges=(Range("vs", 4.3),)), PageRequest(10, "", "", False))
        assert not isinstance(caught.value, SearchNotReady)
        _, found, _ = await archive.search.find(SourceQuery(), PageRequest(10, "", "eta", False))
    assert found.rows.size == 3
