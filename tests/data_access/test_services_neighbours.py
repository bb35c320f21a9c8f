"""Neighbours on the same images: found by place, matched by image, and right about a bad flux scale."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from data_access import Archive, open_archive
from data_access.analysis.ensemble import divide_by_ensemble
from data_access.repositories import photometry_versions
from tests.dashboards.epoch_samples import BAD_SCALE, N_EPOCH, NAME, write_epochs


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_epochs(tmp_path_factory.mktemp("neighbours") / "archive")


@pytest.fixture
async def archive(folder: Path) -> AsyncIterator[Archive]:
    async with open_archive(folder) as opened:
        yield opened


async def test_the_nearest_neighbours_show_which_image_has_a_wrong_scale(archive: Archive) -> None:
    curve = await archive.sources.get_light_curve(NAME)
    found = await archive.neighbours.of(curve)
    assert found.names[0] == "N00"
    assert NAME not in found.names
    assert np.all(np.diff(found.separation_arcsec) > 0)
    assert found.ensemble.factor[7] == pytest.approx(BAD_SCALE, rel=0.01)
    assert np.delete(found.ensemble.factor, 7) == pytest.approx(np.ones(N_EPOCH - 1), rel=0.01)
    own, _ = divide_by_ensemble(curve.peak_jyb, curve.peak_err_jyb, found.ensemble)
    assert own[7] == pytest.approx(0.1, rel=0.01)


async def test_neighbours_are_near_and_not_more_than_asked_for(archive: Archive) -> None:
    curve = await archive.sources.get_light_curve(NAME)
    assert (await archive.neighbours.of(curve, radius_deg=0.1)).names == ("N00", "N01", "N02")
    assert (await archive.neighbours.of(curve, most=2)).names == ("N00", "N01")


async def test_a_source_without_neighbours_says_why_there_is_no_factor(archive: Archive) -> None:
    curve = await archive.sources.get_light_curve(NAME)
    found = await archive.neighbours.of(curve, radius_deg=0.01)
    assert found.names == ()
    assert found.ensemble.reason.startswith("needs 3 steady neighbours")


async def test_measurements_of_other_images_are_not_matched(archive: Archive) -> None:
    curve = await archive.sources.get_light_curve("N05")
    found = await archive.neighbours.of(curve)
    rows, truncated = await archive.photometry.find_fluxes(found.names, "peak")
    assert (len(rows), truncated) == (N_EPOCH * len(found.names), False)
    assert np.count_nonzero(np.isfinite(found.fluxes)) == len(rows)


async def test_versions_change_with_every_epoch(archive: Archive) -> None:
    versions = await archive.photometry.find_versions((NAME, "nobody"))
    curve = await archive.sources.get_light_curve(NAME)
    assert versions[NAME][:2] == (N_EPOCH, int(curve.photometry_id.max()))
    assert versions["nobody"] == (0, 0, 0)


@pytest.mark.parametrize(
    "change",
    [
        "peak_jyb = 3 * peak_jyb",
        "peak_jyb = 0.14 - peak_jyb",  # the steady and the faint epochs change places
        "peak_err_jyb = 2 * peak_err_jyb",
        "peak_err_jyb = NULL",
        "flux_jy = flux_jy + 1e-6",
        "mjd = mjd + 0.001",
        "flags = flags | 4",
    ],
)
async def test_versions_change_when_measurements_are_written_anew_in_place(tmp_path: Path, change: str) -> None:
    folder = write_epochs(tmp_path / "archive")
    async with open_archive(folder) as archive:
        before = await archive.photometry.find_versions((NAME, "N03"))
        with closing(sqlite3.connect(folder / "state" / "db" / "products.sqlite3")) as db, db:
            db.execute(f"UPDATE photometry SET {change} WHERE source_id = ?", (NAME,))
        after = await archive.photometry.find_versions((NAME, "N03"))
    assert after[NAME][:2] == before[NAME][:2]
    assert after[NAME] != before[NAME]
    assert after["N03"] == before["N03"]


async def test_an_infinite_error_does_not_hide_what_else_changes(tmp_path: Path) -> None:
    folder = write_epochs(tmp_path / "archive")
    path = folder / "state" / "db" / "products.sqlite3"
    async with open_archive(folder) as archive:
        versions = []
        for change in ("peak_err_jyb = 9e999 WHERE flags = 4", "peak_err_jyb = 0.5 WHERE flags = 1"):
            with closing(sqlite3.connect(path)) as db, db:
                db.execute(f"UPDATE photometry SET {change}")
            versions.append((await archive.photometry.find_versions((NAME,)))[NAME])
    assert versions[0] != versions[1]


async def test_checksums_are_asked_for_in_parts(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    names = (NAME, "N00", "N01", "N02")
    whole = await archive.photometry.find_versions(names)
    monkeypatch.setattr(photometry_versions, "MOST_ROWS", 2 * N_EPOCH)
    assert await archive.photometry.find_versions(names) == whole
    assert len({version.checksum for version in whole.values()}) == len(names)
    monkeypatch.setattr(photometry_versions, "MOST_ROWS", N_EPOCH - 1)
    unread = await archive.photometry.find_versions(names)
    assert {version.checksum for version in unread.values()} == {0.0}
