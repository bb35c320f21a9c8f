"""Grades: on which side of which threshold, why, and what is not a grade."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import pytest

from data_access.analysis.qa import (
    Grade,
    grade,
    grade_caltable_flag_fraction,
    grade_caltable_not_finite,
    grade_caltable_snr,
    grade_dynamic_range,
    grade_image_noise,
    grade_ms_flag_fraction,
    read_thresholds,
    thresholds,
    worst,
)
from data_access.errors import FileMissing, QAError


@pytest.mark.parametrize(
    ("graded", "word"),
    [
        (grade_image_noise(0.0005), "good"),
        (grade_image_noise(0.001), "good"),
        (grade_image_noise(0.002), "suspect"),
        (grade_image_noise(0.01), "suspect"),
        (grade_image_noise(0.02), "bad"),
        (grade_dynamic_range(500), "good"),
        (grade_dynamic_range(100), "good"),
        (grade_dynamic_range(50), "suspect"),
        (grade_dynamic_range(9.9), "bad"),
        (grade_caltable_flag_fraction(0.1), "good"),
        (grade_caltable_flag_fraction(0.4), "suspect"),
        (grade_caltable_flag_fraction(0.6), "bad"),
        (grade_caltable_snr(25), "good"),
        (grade_caltable_snr(5), "suspect"),
        (grade_caltable_snr(2), "bad"),
        (grade_ms_flag_fraction(0.3), "good"),
        (grade_ms_flag_fraction(0.31), "suspect"),
        (grade_ms_flag_fraction(1.0), "bad"),
    ],
)
def test_figure_is_graded_by_its_thresholds(graded: Grade, word: str) -> None:
    assert graded.word == word


def test_reason_names_value_threshold_and_where_it_comes_from() -> None:
    graded = grade_image_noise(0.0234)
    assert graded.reason.startswith("Image noise 0.0234 Jy/beam is above 0.01 Jy/beam (pipeline API warning")
    assert (graded.metric, graded.value, graded.unit, graded.threshold) == ("image_noise", 0.0234, "Jy/beam", 0.01)


def test_missing_figure_is_not_applicable() -> None:
    graded = grade_caltable_snr(None)
    assert graded.word == "not applicable" and "no value" in graded.reason and graded.value is None


@pytest.mark.parametrize(
    "graded",
    [
        grade_image_noise(math.nan),
        grade_image_noise(0.0),
        grade_image_noise(-0.001),
        grade_dynamic_range(math.inf),
        grade_ms_flag_fraction(1.2),
        grade_caltable_flag_fraction(-0.1),
    ],
)
def test_impossible_figure_could_not_be_computed(graded: Grade) -> None:
    assert graded.word == "could not compute" and graded.reason


def test_unknown_metric_is_an_error() -> None:
    with pytest.raises(QAError, match="No threshold is defined"):
        grade("beauty", 1.0)


def test_worst_grade_wins() -> None:
    good, suspect, bad = grade_ms_flag_fraction(0.1), grade_ms_flag_fraction(0.4), grade_ms_flag_fraction(0.9)
    assert worst([good, bad, suspect]) is bad
    assert worst([good, suspect]) is suspect
    assert worst([good]) is good


def test_figures_without_a_grade_do_not_make_the_verdict_bad() -> None:
    good = grade_ms_flag_fraction(0.1)
    assert worst([grade_caltable_snr(None), good]) is good
    verdict = worst([grade_caltable_snr(math.nan), good])
    assert verdict.word == "good" and "1 of 2 figures could not be computed" in verdict.reason


def test_verdict_without_any_judged_figure() -> None:
    absent, failed = grade_caltable_snr(None), grade_caltable_snr(math.nan)
    assert worst([absent, failed]) is failed
    assert worst([absent]) is absent
    assert worst([]).word == "not applicable"


def test_every_threshold_has_two_sources_and_a_date() -> None:
    assert set(thresholds()) == {
        "image_noise", "dynamic_range", "caltable_flag_fraction", "caltable_snr", "ms_flag_fraction", "local_noise",
        "beam_size", "beam_elongation", "nan_fraction", "residual_skewness", "residual_kurtosis", "negative_bowl",
        "position_offset", "flux_scale",
    }  # fmt: skip
    for threshold in thresholds().values():
        assert threshold.suspect_source and threshold.bad_source and threshold.label
        assert isinstance(threshold.date, date)


ENTRY = """
[x]
label = "X"
unit = ""
worse_when = "above"
suspect = 1.0
suspect_source = "a"
bad = {bad}
bad_source = "b"
date = 2025-01-01
"""


def test_thresholds_in_the_wrong_order_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.toml"
    path.write_text(ENTRY.format(bad=2.0))
    assert read_thresholds(path)["x"].bad == 2.0
    path.write_text(ENTRY.format(bad=0.5))
    with pytest.raises(QAError, match="must come before"):
        read_thresholds(path)


@pytest.mark.parametrize("text", ["[x]\nlabel = 'X'\n", "x = 1\n", "[x\n", ENTRY.format(bad='"high"')])
def test_malformed_thresholds_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "thresholds.toml"
    path.write_text(text)
    with pytest.raises(QAError):
        read_thresholds(path)


def test_missing_thresholds_are_file_missing(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        read_thresholds(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("n_not_finite", "n_unflagged", "word", "reason"),
    [
        (0, 4000, "good", "All 4,000"),
        (1, 4000, "suspect", "1 of 4,000 unflagged solutions are not finite"),
        (4000, 4000, "bad", "No usable solution"),
        (0, 0, "not applicable", "no unflagged solution"),
    ],
)
def test_unflagged_solutions_that_are_not_finite_are_never_good(
    n_not_finite: int, n_unflagged: int, word: str, reason: str
) -> None:
    found = grade_caltable_not_finite(n_not_finite, n_unflagged)
    assert found.word == word
    assert reason in found.reason


def test_the_reason_of_a_grade_has_a_fraction_in_per_cent() -> None:
    assert "Flagged calibration solutions 23.1 % is within 30 % (" in grade_caltable_flag_fraction(0.231).reason
    assert "Flagged visibilities 90 % is above" in grade_ms_flag_fraction(0.9).reason
