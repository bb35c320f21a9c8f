"""Neighbours on the same images: found by place, matched by image, and right about a bad flux scale."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from data_access import Archive, open_archive
from data_access.analysis.ensemble import divide_by_ensemble
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
    assert versions == {NAME: (N_EPOCH, int(curve.photometry_id.max())), "nobody": (0, 0)}
