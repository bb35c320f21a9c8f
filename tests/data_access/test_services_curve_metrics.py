"""Metrics of whole light curves: those of the page of a source, made when asked for, grown with the rows, kept."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from data_access import Archive, open_archive
from data_access.analysis.ese import leave_one_out
from data_access.analysis.variability import Metric, maximum_pair, von_neumann
from data_access.analysis.variability.metric import usable
from data_access.analysis.variability.moments import FluxKind
from data_access.errors import DatabaseError, SearchNotReady
from data_access.records import PageRequest
from data_access.records.curve_metrics import CurveMetrics
from data_access.records.source_columns import CURVE_METRICS
from data_access.records.source_query import Range, SourceQuery
from data_access.records.variability import BlockQuery
from data_access.services import curve_metrics as service_module
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
    plain = service_module.read_curve_parts

    def counted(query: BlockQuery, first: int, last: int, kind: FluxKind) -> object:
        made.append((first, last))
        return plain(query, first, last, kind)

    monkeypatch.setattr(service_module, "read_curve_parts", counted)
    return made


@pytest.fixture
def read_whole(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The sources of which all measurements are looked at, question by question."""
    made: list[tuple[str, ...]] = []
    plain = service_module.read_whole_curves

    def counted(query: BlockQuery, *args: object, **kwargs: object) -> object:
        made.append(query.names)
        return plain(query, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(service_module, "read_whole_curves", counted)
    return made


def observe(path: Path, rows: list[tuple[str, float, float]]) -> None:
    """Add (source, epoch, peak) with errors of 0.1."""
    with closing(sqlite3.connect(path)) as db, db:
        db.executemany("INSERT INTO photometry (source_id, mjd, peak_jyb, peak_err_jyb) VALUES (?, ?, ?, 0.1)", rows)


async def brought_up_to_date(archive: Archive) -> CurveMetrics:
    """Return the metrics of the peaks as they are now, all rows counted."""
    await archive.variability.refresh()
    task = archive.curve_metrics.follow("peak")
    if task is not None:
        await task
    table, columns = await archive.variability.table(), archive.curve_metrics.columns("peak")
    assert columns is not None
    assert (columns.last_id, columns.n_waiting) == (table.last_id, 0)
    return columns


def number(metric: Metric) -> float:
    return math.nan if metric.value is None else metric.value


async def found_in(archive: Archive, name: str) -> tuple[float, float]:
    """Return Vs and m of a source as they are now, all rows counted."""
    columns = await brought_up_to_date(archive)
    place = int(archive.variability.positions_of([name])[0])
    return float(columns.vs[place]), float(columns.m[place])


async def ratio_of(archive: Archive, name: str) -> float:
    """Return the von Neumann ratio of a source as it is now."""
    columns = await brought_up_to_date(archive)
    return float(columns.von_neumann[archive.variability.positions_of([name])[0]])


async def test_they_are_those_of_every_light_curve_of_the_real_archive(real_archive_split: Path) -> None:
    async with open_archive(real_archive_split) as archive:
        assert await archive.search.curve_metrics_made(["vs", "vs_int"])
        index = await archive.search.index()
        for row, name in enumerate(index.names.names):
            curve = await archive.sources.get_light_curve(name)
            for suffix, flux, err in (
                ("", curve.peak_jyb, curve.peak_err_jyb), ("_int", curve.flux_jy, curve.flux_err_jy)
            ):  # fmt: skip
                if not suffix and not np.isfinite(flux).any():
                    flux, err = curve.flux_jy, curve.flux_err_jy
                good = ~curve.is_flagged & usable(flux, err)
                flux, err = flux[good], err[good]
                pair = maximum_pair(flux, err)
                wanted = {
                    "vs": abs(number(pair.vs)), "m": abs(number(pair.m)),
                    "leave_one_out": number(leave_one_out(flux, err).largest),
                    "von_neumann": number(von_neumann(flux)),
                }  # fmt: skip
                for column, value in wanted.items():
                    found = index.columns[f"{column}{suffix}"][row]
                    assert found == pytest.approx(value, rel=1e-9, nan_ok=True), (name, column, suffix)


async def test_nothing_is_read_before_somebody_asks(products: Path, read: list[tuple[int, int]]) -> None:
    async with open_archive(products.parents[2]) as archive:
        await archive.search.find(SourceQuery(ranges=(Range("eta", 1.0),)), PageRequest(10, "", "v", True))
        assert read == []
        index = await archive.search.index()
        assert np.isnan(index.columns["vs"]).all()
        numbers = archive.search.numbers(index.names.names[:1])
        assert numbers is not None
        assert "eta" in numbers.values
        assert not set(CURVE_METRICS) & set(numbers.values)


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
        ratio = await ratio_of(archive, "flare")
    measure(products, [("steady", 1.0, 0.1, 0)])
    async with open_archive(products.parents[2]) as archive:
        assert await found_in(archive, "flare") == first
        assert await ratio_of(archive, "flare") == ratio == pytest.approx(number(von_neumann([1.0, 4.0, 2.0])))
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


async def test_sources_without_enough_usable_measurements_have_no_number(products: Path) -> None:
    unusable = [(math.nan, 0.1, 0), (1.0, 0.0, 0), (2.0, math.nan, 0), (3.0, 0.1, 4)]
    rows = [("all flagged", float(i), 0.1, 4) for i in range(5)]
    rows += [("one left", *values) for values in (*unusable, (4.0, 0.1, 0))]
    rows += [("two left", *values) for values in (*unusable, (4.0, 0.1, 0), (-1.0, 0.1, 1))]
    measure(products, rows)
    async with open_archive(products.parents[2]) as archive:
        assert await archive.search.curve_metrics_made(["von_neumann", "von_neumann_int"])
        index = await archive.search.index()
    for name, has_z in (("all flagged", False), ("one left", False), ("two left", True)):
        row = index.names.get(name)
        assert np.isfinite(index.columns["leave_one_out"][row]) == has_z, name
        assert np.isnan(index.columns["von_neumann"][row]), name
    assert np.isnan(index.columns["von_neumann_int"]).all()
    assert np.isnan(index.columns["leave_one_out_int"]).all()


async def test_rows_that_come_out_of_order_have_their_sources_read_once_more(
    products: Path, read_whole: list[tuple[str, ...]]
) -> None:
    rising = [(60_000.0 + i, 1.0 + i) for i in range(6)]
    observe(products, [("rising", *one) for one in rising if one[0] not in (60_002.0, 60_005.0)])
    async with open_archive(products.parents[2]) as archive:
        assert await ratio_of(archive, "rising") == number(von_neumann([1.0, 2.0, 4.0, 5.0]))
        observe(products, [("rising", *rising[2])])
        assert await ratio_of(archive, "rising") == pytest.approx(number(von_neumann([1, 2, 3, 4, 5])), rel=1e-12)
        observe(products, [("rising", *rising[5])])
        assert await ratio_of(archive, "rising") == pytest.approx(number(von_neumann([1, 2, 3, 4, 5, 6])), rel=1e-12)
    assert read_whole == [("rising",)]


async def test_torn_sources_are_read_in_parts_and_each_once(
    products: Path, read_whole: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "_NAMES_AT_ONCE", 2)
    monkeypatch.setattr(service_module, "_MOST_READ", 3)
    names = [f"S{i}" for i in range(5)]
    observe(products, [(name, 60_000.0 + day, float(day)) for day in (1, 3) for name in names])
    async with open_archive(products.parents[2]) as archive:
        await brought_up_to_date(archive)
        observe(products, [(name, 60_002.0, 10.0) for name in names])
        columns = await brought_up_to_date(archive)
        places = archive.variability.positions_of(names)
    assert columns.von_neumann[places].tolist() == [pytest.approx(number(von_neumann([1.0, 10.0, 3.0])))] * 5
    assert [name for part in read_whole for name in part] == names
    assert max(map(len, read_whole)) == 2


async def test_a_measurement_that_outweighs_all_others_has_its_source_read(
    products: Path, read_whole: list[tuple[str, ...]]
) -> None:
    flux, err = [1.0, 2.0, 3.5], [1e-5, 1.0, 1.0]
    measure(products, [("precise", f, e, 0) for f, e in zip(flux, err, strict=True)])
    async with open_archive(products.parents[2]) as archive:
        columns = await brought_up_to_date(archive)
        found = columns.leave_one_out[archive.variability.positions_of(["precise", "once"])]
    assert found[0] == pytest.approx(number(leave_one_out(flux, err).largest), rel=1e-12)
    assert math.isnan(found[1])
    assert read_whole == [("precise",)]


async def test_a_reading_that_failed_half_way_goes_on_where_it_was(
    products: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "_ROWS_AT_ONCE", 4)
    flux = [1.0, 3.0, 2.0, 2.0, 7.0]
    observe(products, [("same time", 60_000.0, value) for value in flux])
    plain, fails = service_module.read_curve_parts, [False, False, True]

    def sometimes(*args: object) -> object:
        if fails and fails.pop(0):
            raise DatabaseError("the disk is broken")
        return plain(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(service_module, "read_curve_parts", sometimes)
    async with open_archive(products.parents[2]) as archive:
        assert not await archive.curve_metrics.ready("peak", patience_s=None)
        assert archive.curve_metrics.state("peak").problem == "the disk is broken"
        archive.curve_metrics._kinds["peak"].due = 0.0
        assert await ratio_of(archive, "same time") == pytest.approx(number(von_neumann(flux)), rel=1e-12)


async def test_a_few_sources_are_answered_from_their_own_light_curves(
    products: Path, read: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure(products, [("forced", flux, 0.1, 1) for flux in (10.0, 2.0, -1.0)])
    with closing(sqlite3.connect(products)) as db, db:
        sql = "INSERT INTO photometry (source_id, flux_jy, flux_err_jy, mjd) VALUES ('integrated', ?, 0.1, 60000)"
        db.executemany(sql, [(1.0,), (3.0,)])
    async with open_archive(products.parents[2]) as archive:
        table = await archive.variability.table()
        asked = archive.variability.positions_of(["integrated", "flare", "once", "forced"])
        vs, m = await archive.curve_metrics.pairs_of(table, asked)
        assert read == []
        assert m.tolist() == pytest.approx([1.0, 1.2, math.nan, 6.0], nan_ok=True)
        assert vs.tolist() == pytest.approx(
            [value / math.hypot(0.1, 0.1) for value in (2, 3, math.nan, 3)], nan_ok=True
        )
        await brought_up_to_date(archive)
        monkeypatch.setattr(service_module, "read_whole_curves", None)
        for known, made in zip((vs, m), await archive.curve_metrics.pairs_of(table, asked), strict=True):
            np.testing.assert_allclose(made, known, rtol=1e-12)


async def test_of_a_few_sources_with_very_many_measurements_only_the_first_are_read(
    products: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "MOST_ROWS_OF_FEW", 7)
    measure(products, [("later", 1.0, 0.1, 0), ("later", 2.0, 0.1, 0)])
    async with open_archive(products.parents[2]) as archive:
        table = await archive.variability.table()
        asked = archive.variability.positions_of(["flare", "steady", "later"])
        vs, _ = await archive.curve_metrics.pairs_of(table, asked)
    assert np.isfinite(vs).tolist() == [True, True, False]


async def test_sources_are_found_by_their_index_when_they_are_read_whole(products: Path) -> None:
    with closing(sqlite3.connect(products)) as db, db:
        db.execute("CREATE INDEX by_source ON photometry (source_id)")
    async with open_archive(products.parents[2]) as archive:
        _, query = await archive.curve_metrics._blocks.look()
        named = archive.curve_metrics._blocks.of_sources(query, ["flare", "once"])
        with closing(sqlite3.connect(products)) as db:
            sql = f"EXPLAIN QUERY PLAN SELECT {named.expressions[2]} {named.from_where} ORDER BY rowid"
            plan = [row[3] for row in db.execute(sql, (0, 100, *named.names))]
    assert "by_source" in plan[0]


async def test_a_range_and_an_order_of_them_are_answered(products: Path) -> None:
    async with open_archive(products.parents[2]) as archive:
        wait = await archive.search.curve_metrics_made(["vs"])
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
        with pytest.raises(SearchNotReady, match="von Neumann ratio are being made: 0 rows are counted"):
            await archive.search.find(SourceQuery(ranges=(Range("vs", 4.3),)), PageRequest(10, "", "", False))
        assert await archive.search.curve_metrics_made(["vs"])
        _, found, _ = await archive.search.find(
            SourceQuery(ranges=(Range("vs", 4.3),)), PageRequest(10, "", "", False)
        )
    assert found.rows.size == 1


async def test_a_damaged_file_of_ours_is_made_anew(products: Path, read: list[tuple[int, int]]) -> None:
    async with open_archive(products.parents[2]) as archive:
        first = await found_in(archive, "flare")
        folder = archive.settings.cache_dir
    kept = max(folder.glob("curve-metrics-*-peak.npz"), key=lambda path: path.stat().st_mtime_ns)
    kept.write_bytes(kept.read_bytes()[:200])
    async with open_archive(products.parents[2]) as archive:
        assert await found_in(archive, "flare") == first
    assert read == [(0, 8), (0, 8)]


async def test_what_stops_the_making_is_said_and_not_asked_for_again_at_once(
    products: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise DatabaseError("the disk is broken")

    monkeypatch.setattr(service_module, "read_curve_parts", fail)
    async with open_archive(products.parents[2]) as archive:
        await archive.search.index()
        with pytest.raises(DatabaseError, match="von Neumann ratio cannot be made: the disk is broken") as caught:
            await archive.search.find(SourceQuery(ranges=(Range("vs", 4.3),)), PageRequest(10, "", "", False))
        assert not isinstance(caught.value, SearchNotReady)
        _, found, _ = await archive.search.find(SourceQuery(), PageRequest(10, "", "eta", False))
    assert found.rows.size == 3
