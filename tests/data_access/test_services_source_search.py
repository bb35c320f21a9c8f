"""Search over all sources: what it finds is true, in order, page by page, and follows what is written."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from data_access import Archive, open_archive
from data_access.analysis.variability.formulas import (
    debiased_modulation_index,
    reduced_chi_squared,
    unweighted_chi_squared,
    weighted_mean,
)
from data_access.analysis.variability.metric import valid_measurements
from data_access.analysis.variability.sigma_deviation import sigma_deviation
from data_access.demo import write_demo
from data_access.errors import SearchNotReady, ValidationError
from data_access.records import PageRequest
from data_access.records.source_query import Cone, Range, SourceQuery
from data_access.repositories.sources import SourceFilter


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("search"), nights=1)


@pytest.fixture
def writable(written: Path, tmp_path: Path) -> Path:
    shutil.copytree(written / "state", tmp_path / "archive" / "state")
    return tmp_path / "archive"


async def walk(archive: Archive, query: SourceQuery, sort: str, *, descending: bool) -> tuple[list[str], list[str]]:
    """Return the names forwards, and those of the way back."""
    there: list[list[int]] = []
    cursor = ""
    while True:
        page, _, index = await archive.search.find(query, PageRequest(37, cursor, sort, descending))
        there.append(list(page.rows))
        if not page.next_cursor:
            break
        cursor = page.next_cursor
    back = [there[-1]]
    cursor = page.previous_cursor
    while cursor:
        page, _, index = await archive.search.find(query, PageRequest(37, cursor, sort, descending))
        back.insert(0, list(page.rows))
        cursor = page.previous_cursor
    names = index.names.names
    return [names[i] for part in there for i in part], [names[i] for part in back for i in part]


@pytest.mark.parametrize("sort", ["", "eta", "n_rows", "neighbour_arcsec", "sigma_deviation"])
@pytest.mark.parametrize("descending", [True, False])
async def test_every_source_is_met_once_in_order_and_on_the_way_back(
    written: Path, sort: str, *, descending: bool
) -> None:
    async with open_archive(written) as archive:
        there, back = await walk(archive, SourceQuery(), sort, descending=descending)
        index = await archive.search.index()
    assert sorted(there) == sorted(index.names.names)
    assert back == there
    if sort:
        values = np.array([index.columns[sort][index.names.get(name)] for name in there])
        known = values[~np.isnan(values)]
        assert np.isnan(values[known.size :]).all()
        assert (known[1:] <= known[:-1]).all() if descending else (known[1:] >= known[:-1]).all()
    else:
        assert there == sorted(there, reverse=descending)


async def test_the_numbers_are_those_of_every_light_curve_of_the_real_archive(real_archive_split: Path) -> None:
    truth = json.loads((real_archive_split / "truth.json").read_text())["sources"]
    async with open_archive(real_archive_split) as archive:
        index = await archive.search.index()
    for name, known in truth.items():
        row = index.names.get(name)
        assert row is not None
        assert index.columns["n"][row] == known["n_valid"]
        for column, key in (("eta", "eta_peak"), ("v", "v_peak"), ("eta_int", "eta_int"), ("v_int", "v_int")):
            expected = np.nan if known[key] is None else known[key]
            np.testing.assert_allclose(index.columns[column][row], expected, rtol=1e-9, err_msg=f"{name} {column}")


async def test_a_place_a_list_a_range_and_a_state_must_all_hold(written: Path) -> None:
    async with open_archive(written) as archive:
        index = await archive.search.index()
        active = {c.source_id for c in await archive.sources.find_ese_candidates() if c.status == "active"}
        chosen = sorted(active)[0]
        row = index.names.get(chosen)
        assert row is not None
        here = Cone(float(index.columns["ra_deg"][row]), float(index.columns["dec_deg"][row]), 5.0)
        _, found = await archive.search.select(SourceQuery(states=(("ese", "active"),)))
        assert {index.names.names[i] for i in found.rows} == active
        _, found = await archive.search.select(
            SourceQuery(cone=here, entries=(chosen.lower(), "nobody"), states=(("ese", "active"),))
        )
        assert found.rows.tolist() == [row]
        assert found.unmatched == ("nobody",)
        assert found.separation_arcsec is not None and found.separation_arcsec[0] < 1e-6
        _, found = await archive.search.select(SourceQuery(cone=here, ranges=(Range("n", 1e6),)))
        assert found.rows.size == 0


async def test_what_has_no_value_is_in_no_range(written: Path) -> None:
    async with open_archive(written) as archive:
        index, found = await archive.search.select(SourceQuery(ranges=(Range("eta", -1e9, 1e9),)))
        assert (index.columns["n"][found.rows] >= 2).all()
        assert 0 < found.rows.size < len(index)


async def test_a_new_source_is_found_after_the_next_look(writable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data_access.services.source_search._LOOK_AGAIN_S", 0.0)
    monkeypatch.setattr("data_access.services.source_search.PATIENCE_S", 30.0)
    async with open_archive(writable) as archive:
        _, before = await archive.search.select(SourceQuery(name="J235957-30"))
        with closing(sqlite3.connect(writable / "state" / "db" / "products.sqlite3")) as db:
            db.execute(
                "INSERT INTO photometry (source_id, image_path, ra_deg, dec_deg, peak_jyb, peak_err_jyb, "
                "measured_at) VALUES ('NVSS J235957-300000', '/x/a.fits', 359.99, -30.0, 0.1, 0.01, 1.8e9)"
            )
            db.commit()
        index, after = await archive.search.select(SourceQuery(name="J235957-30"))
        _, near = await archive.search.select(SourceQuery(cone=Cone(0.0, -30.0, 60.0)))
    assert before.rows.size == 0
    assert [index.names.names[i] for i in after.rows] == ["NVSS J235957-300000"]
    assert near.rows.tolist() == after.rows.tolist()


async def test_an_unknown_order_is_an_error_in_words(written: Path) -> None:
    async with open_archive(written) as archive:
        with pytest.raises(ValidationError, match="cannot be sorted"):
            await archive.search.find(SourceQuery(), PageRequest(sort="1; DROP TABLE photometry"))


async def test_bad_values_in_the_statistics_are_absent_and_break_nothing(writable: Path) -> None:
    with closing(sqlite3.connect(writable / "state" / "db" / "products.sqlite3")) as db:
        db.execute(
            "INSERT INTO variability_stats (source_id, eta_metric, ra_deg, dec_deg, updated_at) "
            "VALUES ('ODD', 'a lot', 'east', 54.0, 1.8e9)"
        )
        db.commit()
    async with open_archive(writable) as archive:
        index = await archive.search.index(patience_s=30.0)
    row = index.names.get("ODD")
    assert row is not None
    assert np.isnan(index.columns["eta_metric"][row])
    assert np.isnan(index.columns["ra_deg"][row])


async def test_last_seen_is_the_newest_epoch_of_every_light_curve_of_the_real_archive(
    real_archive_split: Path,
) -> None:
    truth = json.loads((real_archive_split / "truth.json").read_text())["sources"]
    async with open_archive(real_archive_split) as archive:
        index = await archive.search.index(patience_s=60.0)
        for name in truth:
            row = index.names.get(name)
            assert row is not None
            curve = await archive.sources.get_light_curve(name)
            assert index.columns["seen_mjd"][row] == np.nanmax(curve.mjd), name
            newest = curve.origin[int(np.nanargmax(curve.mjd))]
            assert index.columns["seen_processed"][row] == (newest == "processing time"), name


@pytest.mark.parametrize("name", ["0954+658", "0528+134", "1328+254", "1915+105"])
async def test_monitored_sources_are_found_by_their_other_name(real_archive_split: Path, name: str) -> None:
    async with open_archive(real_archive_split) as archive:
        index, found = await archive.search.select(SourceQuery(name=name))
        names = {index.names.names[i] for i in found.rows}
        described = await archive.sources.describe(sorted(names))
        assert name in {source.name for source in described}
        _, listed = await archive.search.select(SourceQuery(entries=(name,)))
        assert listed.unmatched == ()
        for wanted in (SourceFilter(text=name), SourceFilter(text=name, n_obs_min=1)):
            page = await archive.sources.find(wanted, PageRequest())
            assert names <= {source.source_id for source in page.rows}
            assert (await archive.sources.count(wanted)).value >= len(names)


async def used_measurements(
    archive: Archive, root: Path
) -> AsyncIterator[tuple[str, str, npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """Yield source, suffix of the columns, fluxes and errors in use of every light curve that has a truth."""
    for name in json.loads((root / "truth.json").read_text())["sources"]:
        curve = await archive.sources.get_light_curve(name)
        used = ~curve.is_flagged
        yield name, "", curve.peak_jyb[used], curve.peak_err_jyb[used]
        yield name, "_int", curve.flux_jy[used], curve.flux_err_jy[used]


async def test_debiased_index_and_chi_squared_are_those_of_every_light_curve(real_archive_split: Path) -> None:
    n_known = 0
    async with open_archive(real_archive_split) as archive:
        index = await archive.search.index(patience_s=60.0)
        async for name, suffix, flux, err in used_measurements(archive, real_archive_split):
            row, md = index.names.get(name), debiased_modulation_index(flux, err).value
            values = (md, reduced_chi_squared(flux, err).value, unweighted_chi_squared(flux, err).value)
            for column, value in zip(("md", "chi2", "chi2_mean"), values, strict=True):
                found = index.columns[f"{column}{suffix}"][row]
                wanted = np.nan if value is None else value
                np.testing.assert_allclose(found, wanted, rtol=1e-9, err_msg=f"{name} {column}{suffix}")
            n_known += md is not None
    assert n_known > 40


async def test_weighted_mean_and_sigma_deviation_are_those_of_every_light_curve(real_archive_split: Path) -> None:
    async with open_archive(real_archive_split) as archive:
        index = await archive.search.index(patience_s=60.0)
        async for name, suffix, flux, err in used_measurements(archive, real_archive_split):
            f, e = valid_measurements(flux, err)
            for column, ours in (("xi", weighted_mean(f, e)), ("sigma", sigma_deviation(f))):
                found, wanted = index.columns[f"{column}{suffix}"][index.names.get(name)], ours.value
                np.testing.assert_allclose(found, np.nan if wanted is None else wanted, rtol=1e-9)


async def test_weighted_mean_and_sigma_deviation_are_filters_orders_and_in_exports(written: Path) -> None:
    async with open_archive(written) as archive:
        for name in ("xi", "sigma", "xi_int", "sigma_int"):
            query = SourceQuery(ranges=(Range(name, 0.0, None),))
            page, found, index = await archive.search.find(query, PageRequest(5, "", name))
            values = index.columns[name][list(page.rows)]
            assert found.rows.size and (np.diff(values) <= 0).all()
        file, _ = await archive.source_export.write(query, "csv", sort="sigma", descending=True, facts={})
        with file:
            text = file.read().decode()
    head = next(line for line in text.splitlines() if line.startswith("source_id"))
    assert {"xi", "sigma", "xi_int", "sigma_int"} <= set(head.split(","))


async def test_a_wrong_order_is_refused_while_there_is_no_index_yet(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def not_ready() -> None:
        raise SearchNotReady("The index of all sources is being made")

    async with open_archive(written) as archive:
        monkeypatch.setattr(archive.search, "index", not_ready)
        with pytest.raises(ValidationError, match="cannot be sorted"):
            await archive.search.find(SourceQuery(), PageRequest(sort="evil"))
        with pytest.raises(SearchNotReady):
            await archive.search.find(SourceQuery(), PageRequest(sort="eta"))


async def test_the_stored_v_that_is_shown_is_the_one_that_is_filtered_sorted_and_exported(writable: Path) -> None:
    with closing(sqlite3.connect(writable / "state" / "db" / "products.sqlite3")) as db:
        name = db.execute(
            "SELECT m.source_id FROM monitoring_sources m JOIN variability_stats v USING (source_id) "
            "WHERE v.mean_flux_mjy > 0 LIMIT 1"
        ).fetchone()[0]
        db.execute("UPDATE monitoring_sources SET v_index = 77.0 WHERE source_id = ?", (name,))
        db.commit()
    async with open_archive(writable) as archive:
        index = await archive.search.index(patience_s=60.0)
        page, _, _ = await archive.search.find(
            SourceQuery(ranges=(Range("v_stored", 76.0, 78.0),)), PageRequest(5, "", "v_stored")
        )
        sources = await archive.sources.describe(index.names.names[:200])
    assert [index.names.names[i] for i in page.rows] == [name]
    for source in sources:
        shown = source.v_stored
        kept = index.columns["v_stored"][index.names.names.index(source.source_id)]
        assert kept == pytest.approx(np.nan if shown is None else shown, nan_ok=True)


async def test_the_stored_eta_of_monitored_sources_is_filtered_sorted_and_exported_as_it_is_shown(
    writable: Path,
) -> None:
    with closing(sqlite3.connect(writable / "state" / "db" / "products.sqlite3")) as db, db:
        names = [
            row[0]
            for row in db.execute(
                "SELECT m.source_id FROM monitoring_sources m JOIN variability_stats v USING (source_id) LIMIT 2"
            )
        ]
        db.executemany("UPDATE monitoring_sources SET eta = 987.5 WHERE source_id = ?", [(name,) for name in names])
        db.execute("UPDATE variability_stats SET eta_metric = NULL WHERE source_id = ?", (names[0],))
        db.execute("UPDATE variability_stats SET eta_metric = 3.5 WHERE source_id = ?", (names[1],))
    query = SourceQuery(ranges=(Range("eta_metric", 987.0, 988.0),))
    async with open_archive(writable) as archive:
        index = await archive.search.index(patience_s=60.0)
        page, _, _ = await archive.search.find(query, PageRequest(5, "", "eta_metric"))
        sources = await archive.sources.describe(index.names.names[:200])
        file, _ = await archive.source_export.write(query, "csv", sort="eta_metric", descending=True, facts={})
        with file:
            exported = file.read().decode()
    assert [index.names.names[i] for i in page.rows] == [names[0]]
    assert "987.5" in exported
    for source in sources:
        kept = index.columns["eta_metric"][index.names.names.index(source.source_id)]
        assert kept == pytest.approx(np.nan if source.eta_stored is None else source.eta_stored, nan_ok=True)


async def test_the_index_follows_every_table_that_it_is_made_of(
    writable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_archive(writable) as archive:
        columns = archive.search._columns
        asked, find = [], columns._layout.find_or_none

        async def noted(logical: str) -> object:
            asked.append(logical)
            return await find(logical)

        monkeypatch.setattr(columns._layout, "find_or_none", noted)
        await columns.version()
    tables = {
        "photometry", "variability_stats", "monitoring_sources", "sources", "ese_candidates", "transient_candidates",
    }  # fmt: skip
    assert set(asked) == tables
