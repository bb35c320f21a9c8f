"""Grades of quality figures against the thresholds of one file, each with its reason."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from data_access.errors import QAError, file_error

GradeWord = Literal["good", "suspect", "bad", "not applicable", "could not compute"]

THRESHOLDS_FILE = Path(__file__).with_name("thresholds.toml")

_INSTRUMENT = "instrument"
_SPEED_OF_LIGHT = 299_792_458.0
_JUDGED: tuple[GradeWord, ...] = ("good", "suspect", "bad")


@dataclass(frozen=True, slots=True)
class Threshold:
    """When a metric is suspect and bad, and who says so.

    Attributes
    ----------
    metric, label, unit : str
        `unit` is empty for plain ratios.
    worse_when : {"above", "below"}
        On which side of the thresholds the worse grades are. A value exactly at one has the better grade.
    lowest_possible, highest_possible : float
        A value outside is an error of the figure, not of the data.
    own_telescope_only : bool
        The thresholds mean nothing for images of another telescope than that of `instrument`.
    """

    metric: str
    label: str
    unit: str
    worse_when: Literal["above", "below"]
    suspect: float
    suspect_source: str
    bad: float
    bad_source: str
    date: date
    lowest_possible: float = -math.inf
    highest_possible: float = math.inf
    own_telescope_only: bool = False

    def passes(self, value: float, limit: float) -> bool:
        """Tell whether `value` is on the good side of `limit`, or on it."""
        return value <= limit if self.worse_when == "above" else value >= limit


@dataclass(frozen=True, slots=True)
class Grade:
    """A judgement of one figure.

    Attributes
    ----------
    word : str
        ``"not applicable"`` (there is no such figure) and ``"could not compute"`` (there should be one) are not bad.
    reason : str
        One sentence with the value, the threshold and where that comes from.
    metric : str
        Its key in ``thresholds.toml``; empty where no threshold decides.
    value : float or None
    unit : str
    threshold : float or None
        The one that decided: the passed one for a good grade, the failed one otherwise.
    """

    word: GradeWord
    reason: str
    metric: str = ""
    value: float | None = None
    unit: str = ""
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Instrument:
    """What is expected of the telescope's images.

    Attributes
    ----------
    telescopes : tuple of str
        How headers (TELESCOP) call it, in capitals without separators.
    longest_baseline_m : float
    source : str
    """

    telescopes: tuple[str, ...]
    longest_baseline_m: float
    source: str

    def is_meant_by(self, telescope: str) -> bool:
        """Tell whether a header's TELESCOP is this telescope, however it is spelled."""
        return "".join(c for c in telescope.upper() if c.isalnum()) in self.telescopes

    def finest_beam_arcsec(self, freq_hz: float) -> float:
        """Return wavelength over longest baseline."""
        return math.degrees(_SPEED_OF_LIGHT / freq_hz / self.longest_baseline_m) * 3600


def read_thresholds(path: Path) -> Mapping[str, Threshold]:
    """Return the thresholds of a TOML file by metric.

    Raises
    ------
    FileError
        When it cannot be read.
    QAError
        When it is malformed or an entry contradicts itself.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise file_error(path, err) from err
    except ValueError as err:  # not UTF-8 or not TOML
        raise QAError(f"{path} is not a TOML file: {err}", path=str(path)) from err
    entries = {metric: table for metric, table in tables.items() if metric != _INSTRUMENT}
    return MappingProxyType({metric: _threshold(metric, table, path) for metric, table in entries.items()})


@lru_cache(maxsize=1)
def instrument() -> Instrument:
    """Return what the thresholds file says of the telescope, read once."""
    table = tomllib.loads(THRESHOLDS_FILE.read_text(encoding="utf-8"))[_INSTRUMENT]
    return Instrument(tuple(table["telescopes"]), float(table["longest_baseline_m"]), str(table["source"]))


@lru_cache(maxsize=1)
def thresholds() -> Mapping[str, Threshold]:
    """Return the thresholds that the project ships with, read once."""
    return read_thresholds(THRESHOLDS_FILE)


def grade(metric: str, value: float | None, *, absent: str = "") -> Grade:
    """Return the grade of one figure.

    Parameters
    ----------
    metric : str
        Key in ``thresholds.toml``.
    value : float or None
        None means that there is no such figure ("not applicable"), NaN or an impossible value that it could not be
        computed.
    absent : str
        Why there is no figure, for the reason.

    Raises
    ------
    QAError
        When no threshold is defined for the metric.
    """
    try:
        threshold = thresholds()[metric]
    except KeyError as err:
        raise QAError(f"No threshold is defined for '{metric}'", metric=metric) from err
    label, unit = threshold.label, threshold.unit
    if value is None:
        return Grade("not applicable", absent or f"{label}: the pipeline wrote no value", metric, None, unit)
    if not math.isfinite(value):
        return Grade("could not compute", f"{label}: the value is not a number", metric, None, unit)
    if not threshold.lowest_possible <= value <= threshold.highest_possible:
        return Grade("could not compute", f"{label}: {value:g} is not a possible value", metric, value, unit)
    return _judge(threshold, value)


def grade_for_telescope(found: Grade, telescope: str) -> Grade:
    """Return a grade as it is for an image whose header names `telescope`; empty where it names none."""
    threshold = thresholds()[found.metric]
    if not threshold.own_telescope_only or not telescope or instrument().is_meant_by(telescope):
        return found
    text = (
        f"{threshold.label}: the thresholds are those of DSA-110, and the telescope of the image is {telescope[:40]}"
    )
    return Grade("not applicable", text, found.metric, found.value, found.unit)


def grade_image_noise(noise_jy_beam: float | None) -> Grade:
    """Return the grade of an image's noise in Jy/beam; exactly zero is an empty image, not a perfect one."""
    if noise_jy_beam == 0:
        text = "Image noise: exactly zero, as in an empty or constant image"
        return Grade("could not compute", text, "image_noise", 0.0, thresholds()["image_noise"].unit)
    return grade("image_noise", noise_jy_beam)


def grade_dynamic_range(dynamic_range: float | None) -> Grade:
    """Return the grade of an image's peak over noise."""
    return grade("dynamic_range", dynamic_range)


def grade_caltable_flag_fraction(flag_fraction: float | None) -> Grade:
    """Return the grade of the flagged share of a calibration table's solutions."""
    return grade("caltable_flag_fraction", flag_fraction)


def grade_caltable_snr(median_snr: float | None) -> Grade:
    """Return the grade of the median signal-to-noise of a calibration table's solutions."""
    return grade("caltable_snr", median_snr)


def grade_caltable_not_finite(n_not_finite: int, n_unflagged: int) -> Grade:
    """Return the grade of a calibration table by its unflagged solutions that are no finite number.

    With none of them it is good; with nothing else it is bad, since it has no usable solution.
    """
    if not n_unflagged:
        return Grade("not applicable", "Finite solutions: there is no unflagged solution")
    if n_not_finite >= n_unflagged:
        return Grade("bad", f"No usable solution: none of the {n_unflagged:,} unflagged ones is a finite number")
    if n_not_finite:
        return Grade("suspect", f"{n_not_finite:,} of {n_unflagged:,} unflagged solutions are not finite numbers")
    return Grade("good", f"All {n_unflagged:,} unflagged solutions are finite numbers")


def grade_ms_flag_fraction(flag_fraction: float | None) -> Grade:
    """Return the grade of the flagged share of a Measurement Set's visibilities."""
    return grade("ms_flag_fraction", flag_fraction)


def worst(grades: Iterable[Grade]) -> Grade:
    """Return the worst grade: bad before suspect before good.

    Figures that do not apply or could not be computed never make the verdict bad; when one could not be computed
    the reason says so. Without any judged figure the verdict is "could not compute" when one could not be, else
    "not applicable". Of several equally bad ones the first decides.
    """
    given = tuple(grades)
    judged = [one for one in given if one.word in _JUDGED]
    failed = [one for one in given if one.word == "could not compute"]
    if not judged:
        return failed[0] if failed else (given[0] if given else Grade("not applicable", "there is nothing to judge"))
    decisive = max(judged, key=lambda one: _JUDGED.index(one.word))
    if not failed:
        return decisive
    reason = f"{decisive.reason}; {len(failed)} of {len(given)} figures could not be computed"
    return Grade(decisive.word, reason, decisive.metric, decisive.value, decisive.unit, decisive.threshold)


def _judge(threshold: Threshold, value: float) -> Grade:
    word: GradeWord
    if not threshold.passes(value, threshold.bad):
        word, limit, source = "bad", threshold.bad, threshold.bad_source
    elif not threshold.passes(value, threshold.suspect):
        word, limit, source = "suspect", threshold.suspect, threshold.suspect_source
    else:
        word, limit, source = "good", threshold.suspect, threshold.suspect_source
    side = "within" if word == "good" else threshold.worse_when
    reason = f"{threshold.label} {_in_words(value, threshold)} is {side} {_in_words(limit, threshold)} ({source})"
    return Grade(word, reason, threshold.metric, value, threshold.unit, limit)


def _in_words(value: float, threshold: Threshold) -> str:
    """Return a value with its unit; a fraction is read as a percentage."""
    number, unit = (100 * value, "%") if threshold.unit == "fraction" else (value, threshold.unit)
    text = f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"
    return f"{text} {unit}" if unit else text


def _threshold(metric: str, table: Any, path: Path) -> Threshold:
    try:
        threshold = Threshold(metric=metric, **table)
        in_order = threshold.passes(threshold.suspect, threshold.bad)
    except TypeError as err:
        raise QAError(f"{path}: the entry [{metric}] is not complete: {err}", path=str(path), metric=metric) from err
    if threshold.worse_when not in ("above", "below") or not in_order:
        raise QAError(
            f"{path}: in [{metric}] 'suspect' must come before 'bad' on the side 'worse_when'",
            path=str(path),
            metric=metric,
        )
    return threshold
