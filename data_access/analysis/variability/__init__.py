"""How variable a light curve is: eta, V and their relatives, by one definition each, and what the pipeline stored.

`metric` is a number or the reason why there is none; `formulas` turn one light curve into one number, `pairs` two
measurements into Vs and m, `summary` a light curve into all numbers; `sigma_deviation` is the pipeline's statistic
and its upper bound; `stored` holds the pipeline's row against the photometry.
"""

from data_access.analysis.variability.formulas import (
    DEFINITIONS,
    Definition,
    debiased_modulation_index,
    eta,
    modulation_index,
    reduced_chi_squared,
    unweighted_chi_squared,
    von_neumann,
    weighted_mean,
)
from data_access.analysis.variability.metric import Metric, total_error
from data_access.analysis.variability.pairs import (
    M_THRESHOLD,
    VS_THRESHOLD,
    PairMetrics,
    maximum_pair,
    pair_metrics,
)
from data_access.analysis.variability.stored import compare_monitoring, compare_stored, compare_v
from data_access.analysis.variability.summary import VariabilityMetrics, variability_metrics

__all__ = [
    "DEFINITIONS",
    "M_THRESHOLD",
    "VS_THRESHOLD",
    "Definition",
    "Metric",
    "PairMetrics",
    "VariabilityMetrics",
    "compare_monitoring",
    "compare_stored",
    "compare_v",
    "debiased_modulation_index",
    "eta",
    "maximum_pair",
    "modulation_index",
    "pair_metrics",
    "reduced_chi_squared",
    "total_error",
    "unweighted_chi_squared",
    "variability_metrics",
    "von_neumann",
    "weighted_mean",
]
