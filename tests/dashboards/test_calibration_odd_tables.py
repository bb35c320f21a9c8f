"""Calibration tables whose solutions are not what their kind promises: said, and never drawn or graded as good."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dashboards.links import Links
from dashboards.pages.calibration_facts import file_groups
from dashboards.pages.grades import caltable_grades
from dashboards.plots import plot_caltable
from data_access.analysis.qa import worst
from data_access.records import CaltableDetail
from tests.dashboards.plot_samples import make_caltable
from tests.dashboards.test_pages_calibration import facts_of, make_table


def table_with_nan(n_not_finite: int) -> CaltableDetail:
    values = np.ones(12, dtype=complex)
    values[:n_not_finite] = np.nan
    return replace(make_caltable(values.reshape(1, 6, 1, 1, 2)), n_not_finite=n_not_finite)


@pytest.mark.parametrize(("n_not_finite", "word"), [(0, "good"), (1, "suspect"), (12, "bad")])
def test_a_table_with_unflagged_solutions_that_are_not_finite_is_never_good(n_not_finite: int, word: str) -> None:
    detail = replace(table_with_nan(n_not_finite), median_snr=100.0, snr=np.full((1, 6, 1, 1, 2), 100.0))
    shown = facts_of(file_groups(make_table(), detail, Links()))["Finite solutions"]
    assert shown["t"] == worst(caltable_grades(detail)).word == word
    assert ("not finite" in shown["n"]) == (word == "suspect")
    assert ("No usable solution" in shown["n"]) == (word == "bad")


def test_solutions_that_are_not_finite_are_said_below_the_figures_and_count_for_no_signal_to_noise() -> None:
    detail = table_with_nan(2)
    detail.snr[0, 0] = 1000.0
    amplitude, _, _, snr = plot_caltable(detail)
    assert "2 unflagged ones are not finite and not drawn" in amplitude.select_one({"name": "subtitle"}).text
    assert list(snr.select_one({"name": "snr"}).data["antenna"]) == [1, 2, 3, 4, 5]


def test_offsets_of_antenna_positions_have_axes_and_no_polarisations() -> None:
    detail = replace(make_caltable(np.ones((1, 6, 1, 1, 3)), kind="KAntPos Jones"), pol_names=("x", "y", "z"))
    shown = facts_of(file_groups(make_table(), detail, Links()))
    assert shown["Axes"]["t"] == "x, y, z"
    assert "Polarisations" not in shown
