"""Tables of many sources for the tests of the eta-V plane."""

from __future__ import annotations

import numpy as np

from data_access.records.variability import VariabilityTable


def make_table(n: int, *, n_variable: int = 5, seed: int = 7) -> VariabilityTable:
    """Return `n` quiet sources around eta 1 and V 0.05, of which the first `n_variable` stand out in both."""
    rng = np.random.default_rng(seed)
    eta, v = 10 ** rng.normal(0.0, 0.1, n), 10 ** rng.normal(-1.3, 0.1, n)
    eta[:n_variable], v[:n_variable] = np.geomspace(50, 500, n_variable), np.linspace(0.6, 1.5, n_variable)
    mean = rng.uniform(0.002, 0.1, n)
    return VariabilityTable(
        flux="peak",
        source_id=np.array([f"S{i:07d}" for i in range(n)]),
        n_rows=np.full(n, 12),
        n=np.full(n, 12),
        eta=eta,
        v=v,
        chi2_nu=eta,
        mean=mean,
        std=v * mean,
        min=mean * 0.9,
        max=mean * 1.1,
        reason=np.zeros(n, dtype=np.int64),
        ra_deg=np.full(n, 10.0),
        dec_deg=np.full(n, 54.0),
        last_mjd=np.full(n, 60000.0),
    )
