"""Medians of all sources: exact, kept while nothing is written, and honest about what was not read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access import open_archive
from data_access.analysis.variability import medians as medians_module
from data_access.analysis.variability.medians import medians_by_source
from data_access.services import medians as service_module
from tests.data_access.database_samples import PHOTOMETRY, make_database, measure


@pytest.fixture
def products(tmp_path: Path) -> Path:
    (tmp_path / "archive" / "state" / "db").mkdir(parents=True)
    path = make_database(tmp_path / "archive" / "state" / "db" / "products.sqlite3", PHOTOMETRY)
    measure(path, [(f"S{s}", float(s + e), 0.1, 0) for e in range(5) for s in range(8)])
    return path


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The last row of every stretch that is read."""
    made: list[int] = []
    plain = service_module.read_usable_fluxes

    def counted(query: object, first: int, last: int, kind: object) -> object:
        made.append(last)
        return plain(query, first, last, kind)  # type: ignore[arg-type]

    monkeypatch.setattr(service_module, "read_usable_fluxes", counted)
    return made


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(-1, 6), st.floats(-1e3, 1e3)), max_size=60), st.integers(1, 20))
def test_medians_of_many_are_those_of_each(rows: list[tuple[int, float]], at_once: int) -> None:
    positions = np.array([p for p, _ in rows], dtype=np.int32)
    flux = np.array([f for _, f in rows], dtype=np.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(medians_module, "_MEASUREMENTS_AT_ONCE", at_once)
        found = medians_by_source(positions, flux, 7)
    for source in range(7):
        own = flux[positions == source]
        assert found[source] == np.median(own) if own.size else np.isnan(found[source])


async def test_medians_are_those_of_every_light_curve_of_the_real_archive(real_archive_split: Path) -> None:
    truth = json.loads((real_archive_split / "truth.json").read_text())["sources"]
    async with open_archive(real_archive_split) as archive:
        table = await archive.variability.table()
        found = await archive.medians.of(table)
        place = {str(name): i for i, name in enumerate(table.source_id)}
        assert not found.is_partial
        for name in truth:
            curve = await archive.sources.get_light_curve(name)
            good = ~curve.is_flagged & np.isfinite(curve.peak_jyb) & (curve.peak_err_jyb > 0)
            wanted = np.median(curve.peak_jyb[good]) if good.any() else np.nan
            np.testing.assert_equal(found.flux[place[name]], wanted, err_msg=name)


async def test_flagged_and_unusable_measurements_do_not_count(products: Path) -> None:
    measure(products, [("S0", 1e6, 0.1, 4), ("S0", 1e6, 0.0, 0), ("S0", None, 0.1, 0), ("new", 7.0, 0.1, 1)])
    async with open_archive(products.parents[2]) as archive:
        table = await archive.variability.table()
        found = await archive.medians.of(table)
    assert found.flux[0] == 2.0
    assert found.flux[table.source_id.tolist().index("new")] == 7.0


async def test_they_are_read_once_until_something_is_written(products: Path, read: list[int]) -> None:
    async with open_archive(products.parents[2]) as archive:
        first = await archive.medians.of(await archive.variability.table())
        again = await archive.medians.of(await archive.variability.table())
        assert again is first
        assert len(read) == 1
        measure(products, [("S0", 100.0, 0.1, 0)] * 6)
        newer = await archive.medians.of(await archive.variability.table())
    assert newer.flux[0] == 100.0
    assert len(read) == 2


async def test_after_a_long_reading_they_are_not_read_with_every_commit(
    products: Path, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "_SHORT_S", 0.0)
    monkeypatch.setattr(service_module, "_REST", 1e6)
    async with open_archive(products.parents[2]) as archive:
        first = await archive.medians.of(await archive.variability.table())
        measure(products, [("later", 100.0, 0.1, 0), ("later", 100.0, 0.1, 0)])
        table = await archive.variability.table()
        kept = await archive.medians.of(table)
    assert len(read) == 1
    assert kept.last_id == first.last_id < table.last_id
    assert kept.flux[:8].tolist() == first.flux.tolist()
    assert np.isnan(kept.flux[8])


async def test_of_a_large_table_the_newest_rows_are_read_and_that_is_said(
    products: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "MOST_ROWS", 16)
    async with open_archive(products.parents[2]) as archive:
        found = await archive.medians.of(await archive.variability.table())
    assert (found.is_partial, found.after_id, found.last_id) == (True, 24, 40)
    assert found.flux.tolist() == [s + 3.5 for s in range(8)]
