"""The flux scale from neighbours, on the page of a source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bokeh.models import ColumnDataSource

from dashboards.links import Links
from dashboards.pages.source import SourcePage
from dashboards.plots.flux_scale import plot_flux_scale
from dashboards.plots.time_axis import utc_ms
from dashboards.session import Session
from data_access import open_archive
from data_access.analysis.ensemble import ensemble_of
from data_access.analysis.flux_scale import off_scale
from data_access.records.neighbours import NeighbourCurves
from tests.dashboards.epoch_samples import NAME, write_epochs
from tests.dashboards.plot_samples import make_light_curve

N_EPOCH, N_NEIGHBOUR, BAD = 30, 8, 7


def neighbour_table(bad_factor: float, noise: float = 0.01) -> tuple[Any, Any]:
    """Fluxes of steady neighbours around 50 mJy; at one epoch all are wrong by a factor."""
    random_numbers = np.random.default_rng(4)
    usual = random_numbers.uniform(0.02, 0.08, (N_NEIGHBOUR, 1))
    fluxes = usual * (1 + noise * random_numbers.standard_normal((N_NEIGHBOUR, N_EPOCH)))
    fluxes[:, BAD] *= bad_factor
    return fluxes, np.broadcast_to(usual * noise, fluxes.shape)


@pytest.mark.parametrize(("factor", "noise", "called"), [(1.2, 0.01, True), (1.02, 0.001, False), (1.2, 0.3, False)])
def test_an_epoch_is_called_wrong_when_its_offset_is_large_and_significant(
    factor: float, noise: float, called: bool
) -> None:
    assert bool(off_scale(ensemble_of(*neighbour_table(factor, noise)))[BAD]) is called


def test_the_panel_shows_the_factor_and_says_how_many_epochs_are_off() -> None:
    fluxes, errors = neighbour_table(1.2)
    names = tuple(f"S{i}" for i in range(N_NEIGHBOUR))
    ensemble = ensemble_of(fluxes, errors)
    neighbours = NeighbourCurves(names, np.arange(N_NEIGHBOUR) * 60.0, fluxes, errors, ensemble, 0.5)
    figure = plot_flux_scale(make_light_curve(N_EPOCH), neighbours)
    data = figure.select_one({"name": "flux_scale", "type": ColumnDataSource}).data
    assert data["factor"][BAD] == pytest.approx(1.2, rel=0.02)
    assert data["word"][BAD] == "flux scale off"
    assert "1 of 30 epochs off" in figure.select_one({"name": "subtitle"}).text


async def test_epochs_with_a_wrong_scale_are_framed_in_the_light_curve(tmp_path: Path) -> None:
    async with open_archive(write_epochs(tmp_path / "archive")) as archive:
        await archive.search.index(patience_s=30.0)
        path_params = {"source_id": NAME}
        prepared = await SourcePage.prepare(archive, path_params, {})
        view = SourcePage(Session(archive, path_params=path_params, links=Links("../"), prepared=prepared))
        view.__panel__()
        await view.load()
    assert view.figure is not None
    framed = view.figure.select_one({"name": "off_scale", "type": ColumnDataSource}).data["x"]
    assert framed.tolist() == [float(utc_ms(view.detail.light_curve.mjd)[BAD])]
