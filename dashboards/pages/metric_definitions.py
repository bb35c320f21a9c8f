"""What every metric on the page of a source is: formula, unit, source, and what to beware of."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.components.cells import cell
from dashboards.components.record_table import Column, Row, row
from data_access.analysis.variability import DEFINITIONS, M_THRESHOLD, VS_THRESHOLD, Definition

DEFINITION_COLUMNS: Sequence[Column] = (
    {"name": "metric", "label": "Metric"},
    {"name": "formula", "label": "Definition"},
    {"name": "unit", "label": "Unit"},
    {"name": "reference", "label": "Reference"},
    {"name": "caveat", "label": "Beware"},
)
LEAVE_ONE_OUT = Definition(
    "z",
    "(I[i]-ξ of all others) / √(σ[i]²+1/Σ1/σ²): the largest, signed (of two as large, the positive one). Unlike σ "
    "deviation it has no upper bound",
    "own statistic of this dashboard",
)
SIGMA_DEVIATION = Definition(
    "σ deviation",
    "max|I-mean| / √(Σ(I-mean)²/N), the pipeline's ESE statistic",
    "Samuelson 1968, JASA 63, 1522 (the bound)",
)
_NAMES = {
    "eta": "weighted variability", "modulation_index": "modulation index",
    "debiased_modulation_index": "debiased modulation index", "reduced_chi_squared": "about the weighted mean",
    "unweighted_chi_squared": "about the unweighted mean",
    "vs": "two-epoch significance", "m": "two-epoch modulation", "von_neumann": "von Neumann ratio",
    "weighted_mean": "weighted mean", "mean": "", "std": "standard deviation",
    "sigma_deviation": "", "leave_one_out": "leave-one-out",
}  # fmt: skip
_OF_FLUX = ("weighted_mean", "mean", "std")
_CAVEATS = {
    "eta": "grows when errors are too small: give a systematic error; needs 2 usable measurements",
    "modulation_index": "means nothing for a mean that the errors cannot tell from zero; large for faint sources",
    "debiased_modulation_index": "no value when the errors alone explain the scatter",
    "reduced_chi_squared": "the pipeline stores the one about the unweighted mean, which is never smaller",
    "unweighted_chi_squared": "never below η: the weighted mean makes the sum smallest; what the pipeline stores",
    "vs": f"of the pair with the largest |m| among those with |Vs| of {VS_THRESHOLD:g} or more, else of that with "
    "the largest |Vs|: one pair for both",
    "m": f"of the same pair as Vs, variable above {M_THRESHOLD:g}; noise makes that of a negative flux as large as "
    "it likes",
    "von_neumann": "depends on the order in time, not on its spacing; ignores errors",
    "weighted_mean": "one measurement with a tiny error rules it",
    "std": "divides by N-1; the pipeline stores the one that divides by N",
    "sigma_deviation": "can never pass √(N-1): few epochs cannot reach a high threshold",
    "leave_one_out": "of many epochs the largest is above 3 by chance: compare with the number of epochs",
}


def definition_rows() -> list[Row]:
    """Return one row per metric, in the order of the table of metrics."""
    every = {**DEFINITIONS, "sigma_deviation": SIGMA_DEVIATION, "leave_one_out": LEAVE_ONE_OUT}
    return [
        row(
            key,
            [
                cell(f"{one.symbol}  {_NAMES.get(key, '')}".strip()),
                cell(one.formula),
                cell("mJy or Jy, of peaks per beam" if key in _OF_FLUX else "none"),
                cell(one.reference or "textbook"),
                cell(_CAVEATS.get(key, "")) if key in _CAVEATS else cell("nothing"),
            ],
        )
        for key, one in every.items()
    ]
