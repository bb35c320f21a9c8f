"""Grades of quality figures as the reader sees them: word, glyph, and the reason with its threshold."""

from __future__ import annotations

import numpy as np

from dashboards.components.cells import Cell, State, cell
from data_access.analysis.qa import Grade, grade, grade_caltable_flag_fraction, grade_caltable_not_finite
from data_access.records import CaltableDetail

_STATES: dict[str, State] = {
    "good": "ok", "suspect": "warn", "bad": "bad", "not applicable": "off", "could not compute": "info",
}  # fmt: skip


def grade_cell(found: Grade | None, *, explain: bool = False) -> Cell:
    """Return a grade; its reason is the tooltip, or with `explain` stands below it too.

    None is a figure that was not looked at (yet).
    """
    if found is None:
        return cell(None, title="The file has not been read")
    return cell(found.word, state=_STATES[found.word], title=found.reason, note=found.reason if explain else None)


def caltable_grades(detail: CaltableDetail) -> tuple[Grade, Grade, Grade]:
    """Return the grades of the flagged share, of the signal-to-noise and of the finite values of a calibration table.

    Delay tables of some solvers hold zeros as signal-to-noise: that is no figure, not a bad one.
    """
    flagged = grade_caltable_flag_fraction(detail.flag_fraction)
    finite = grade_caltable_not_finite(detail.n_not_finite, detail.n_solutions - detail.n_flagged)
    if not np.any(np.nan_to_num(detail.snr) != 0):
        why = "The solver wrote no signal-to-noise (absent, or all zero)"
        return flagged, grade("caltable_snr", None, absent=why), finite
    return flagged, grade("caltable_snr", detail.median_snr), finite
