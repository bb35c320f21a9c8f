"""The flux density that a catalogue gives for a source, with what must be known before comparing."""

from __future__ import annotations

import numpy as np

from dashboards.components.cells import Cell, cell
from dashboards.plots.light_curve_lines import Reference
from data_access.records import SourceDetail

_CAVEAT = "1.4 GHz, integrated, 45″ beam, 1993 to 1996 (Condon et al. 1998, AJ 115, 1693): band, beam and time differ"


def nvss_mjy(detail: SourceDetail) -> float | None:
    """Return the NVSS flux density as it is recorded; None when it is not recorded or not above zero."""
    stored = detail.source.stored
    for known in (detail.light_curve.nvss_flux_mjy, stored.nvss_flux_mjy if stored else None):
        if known is not None and np.isfinite(known) and known > 0:
            return float(known)
    return None


def nvss_doubt(detail: SourceDetail) -> str:
    """Return why the recorded value is doubtful: one code path of the pipeline stores it 1000 times too large."""
    known, peak = nvss_mjy(detail), detail.light_curve.peak_jyb
    finite = peak[np.isfinite(peak)]
    mean_mjy = float(np.mean(finite)) * 1e3 if finite.size else 0.0
    # Frequencies and beams differ, so that even a right catalogue flux is within a factor of ten only.
    if known is None or mean_mjy <= 0 or not 100 < known / mean_mjy < 10_000:
        return ""
    return f"1000 times too large? the mean of the photometry is {mean_mjy:.4g} mJy"


def nvss_reference(detail: SourceDetail) -> Reference | None:
    """Return the line for the light curve; None without a recorded value."""
    known = nvss_mjy(detail)
    if known is None:
        return None
    return Reference(known, "NVSS (1000 × too large?)" if nvss_doubt(detail) else "NVSS 1.4 GHz")


def nvss_cell(detail: SourceDetail) -> Cell:
    """Return the recorded value with its caveat, and with the doubt where there is one."""
    known, doubt = nvss_mjy(detail), nvss_doubt(detail)
    if known is None:
        return cell(None)
    return cell(known, digits=2, unit="mJy", state="warn" if doubt else None, title=_CAVEAT, note=doubt or _CAVEAT)
