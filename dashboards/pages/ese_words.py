"""How the analysis of an ESE candidate is worded, on the page of a source and in the list of candidates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from dashboards.components.cells import Cell, cell
from dashboards.components.facts import fact, group
from dashboards.components.record_table import Column, Row, row
from dashboards.pages.source_words import bounded_cell, flagged_cell
from dashboards.pages.wording import mjd_cell
from data_access.analysis.ese import PRESET_SIGMA, Dip
from data_access.analysis.ese_summary import EseOptions, EseSummary, days_words
from data_access.analysis.variability.sigma_deviation import (
    fewest_epochs_for_sigma_deviation,
    longest_visible_dip_fraction,
)
from data_access.records import EseCandidate
from data_access.records.neighbours import NeighbourCurves

MOST_DIPS = 50
FLAG_SIGMA = PRESET_SIGMA[0][1]
LEAVE_ONE_OUT = (
    "each measurement against the weighted mean of all others, in standard errors: the largest, signed; "
    "it has no upper bound"
)
BOUND_FRACTION = "σ deviation over the largest value that so many epochs can reach: 100 % is a single outlier"
DIP_COLUMNS: Sequence[Column] = (
    {"name": "curve", "label": "Light curve"},
    {"name": "start", "label": "From", "unit": "UTC"},
    {"name": "end", "label": "To", "unit": "UTC"},
    {
        "name": "duration",
        "label": "Duration",
        "align": "right",
        "title": "from the first to the last low measurement",
    },
    {"name": "run", "label": "Run", "align": "right", "title": "measurements below the baseline without a break"},
    {
        "name": "depth",
        "label": "Depth",
        "align": "right",
        "title": "largest loss of flux, in per cent of the baseline",
    },
    {
        "name": "sigma",
        "label": "Deepest z",
        "align": "right",
        "title": "largest deviation from the baseline, in errors",
    },
)


def ese_facts(
    summary: EseSummary, neighbours: NeighbourCurves | None, candidate: EseCandidate | None
) -> list[dict[str, Any]]:
    """Return the facts of the panel: the flag with its bound, our statistic, the neighbours."""
    flag = [
        fact("σ deviation (the pipeline's flag)", sigma_cell(summary)),
        fact("Share of what is possible", fraction_cell(summary)),
        fact("Flag at 5", reach_cell(summary)),
        fact("leave-one-out z", leave_one_out_cell(summary)),
    ]
    if candidate is not None:
        flag.insert(0, fact("As flagged", flagged_cell(candidate)))
    dips = [
        fact("Deepest dip as measured", dip_cell(summary.dip)),
        fact("Beside the neighbours", beside_cell(summary)),
        fact("Verdict of the neighbours", verdict_cell(summary)),
    ]
    if neighbours is not None:
        steady = int(neighbours.ensemble.is_steady.sum())
        note = "only the newest measurements of the neighbours were read" if neighbours.truncated else None
        dips.append(fact("Neighbours", cell(f"{steady} steady of {len(neighbours.names)}", note=note)))
    return [group("The flag and its bound", flag), group("Dips", dips)]


def sigma_cell(summary: EseSummary) -> Cell:
    """Return the pipeline's statistic of our measurements with its bound."""
    if summary.sigma.value is None:
        return cell("n/a", title=summary.sigma.reason)
    return bounded_cell(summary.sigma.value, summary.bound, of=f"{summary.n:,} usable epochs")


def fraction_cell(summary: EseSummary) -> Cell:
    """Return how much of the bound is reached."""
    share = summary.bound_fraction
    return cell("n/a", title=summary.sigma.reason) if share is None else cell(
        100 * share, digits=0, unit="%", title=BOUND_FRACTION
    )  # fmt: skip


def reach_cell(summary: EseSummary) -> Cell:
    """Say whether the flag could be raised at all with so many epochs."""
    needed = fewest_epochs_for_sigma_deviation(FLAG_SIGMA)
    if summary.n < needed:
        return cell(
            "cannot be reached",
            state="warn",
            note=f"{summary.n} epochs; {needed} are needed, whatever the source does",
        )
    days = longest_visible_dip_fraction(FLAG_SIGMA) * summary.n
    return cell("can be reached", note=f"by dips of at most {math.floor(days)} of {summary.n} epochs, however deep")


def leave_one_out_cell(summary: EseSummary) -> Cell:
    """Return the error-based statistic."""
    metric = summary.leave_one_out
    if metric.value is None:
        return cell("n/a", title=metric.reason)
    return cell(metric.value, digits=2, title=LEAVE_ONE_OUT)


def dip_cell(dip: Dip | None, *, reason: str = "") -> Cell:
    """Return depth and duration of a dip in words."""
    if reason:
        return cell("n/a", note=reason)
    if dip is None:
        return cell("none")
    edge = "; it reaches the edge of the light curve: it may be longer" if dip.touches_edge else ""
    return cell(
        f"{100 * dip.depth_fraction:.0f} % over {days_words(dip.duration_days)}",
        note=f"{dip.run_length} measurements, z {dip.depth_sigma:.1f}{edge}",
    )


def beside_cell(summary: EseSummary) -> Cell:
    """Return what is left of the dip beside the neighbours, or why nobody knows."""
    unknown = summary.verdict == "not known"
    return dip_cell(summary.normalised_dip, reason=(summary.reason or unmeasured_words(summary)) if unknown else "")


def verdict_cell(summary: EseSummary) -> Cell:
    """Say what dividing by the neighbours did to the dip, at the epochs of the dip."""
    if summary.verdict == "no dip" or summary.dip is None:
        return cell("no dip to judge")
    if summary.verdict == "source":
        return cell("the source itself", state="ok", note="the neighbours do not share the dip")
    if summary.verdict == "flux scale":
        return cell("flux scale", state="warn", note="the dip is gone when the neighbours are divided out")
    return cell("not known", state="off", note=summary.reason or unmeasured_words(summary))


def unmeasured_words(summary: EseSummary) -> str:
    """Return why the neighbours cannot judge the dip although they were measured at other times."""
    of = 0 if summary.dip is None else summary.dip.run_length
    return f"neighbours not measured then: at {summary.n_compared} of the {of} epochs of the dip"


def dip_rows(summary: EseSummary) -> list[Row]:
    """Return one row per dip, those as measured first, at most `MOST_DIPS` of each curve."""
    named = (("as measured", summary.own.dips), ("beside the neighbours", summary.normalised.dips))
    return [_dip_row(name, number, dip) for name, dips in named for number, dip in enumerate(dips[:MOST_DIPS])]


def _dip_row(name: str, number: int, dip: Dip) -> Row:
    edge = "reaches the edge of the light curve: a lower limit" if dip.touches_edge else None
    return row(
        f"{name} {number}",
        [
            cell(name),
            mjd_cell(dip.start_mjd),
            mjd_cell(dip.end_mjd),
            cell(("> " if dip.touches_edge else "") + days_words(dip.duration_days), title=edge),
            cell(dip.run_length),
            cell(100 * dip.depth_fraction, digits=0, unit="%"),
            cell(dip.depth_sigma, digits=1),
        ],
    )


def dips_note(summary: EseSummary, options: EseOptions) -> str:
    """Return what counts as a dip, and how many are not listed."""
    cut = max(0, *(len(c.dips) - MOST_DIPS for c in (summary.own, summary.normalised)))
    return options_words(options) + (f"; the {MOST_DIPS} most significant, {cut:,} more are drawn" if cut else "")


def options_words(options: EseOptions) -> str:
    """Return what counts as a dip."""
    fraction = f"{options.fractional_error:.3g} of the flux" if options.fractional_error else ""
    constant = f"{options.additive_error * 1e3:.3g} mJy" if options.additive_error else ""
    added = " and ".join(word for word in (fraction, constant) if word)
    systematic = f", errors with {added}" if added else ""
    return (
        f"{options.fewest_points} or more measurements in a row below -{options.threshold_sigma:g} σ of the running "
        f"median of {options.window_days:g} days{systematic}"
    )
