"""Comparing a source with what lies near it: direction and spectral index."""

from __future__ import annotations

import math

from data_access.records.context import SpectralIndex

# Below this ratio of frequencies a percent of flux scale is more than a tenth in the index.
LEAST_FREQUENCY_RATIO = 1.1


def spectral_index(
    flux: float | None, freq_ghz: float | None, other_flux: float | None, other_freq_ghz: float | None, *,
    err: float | None = None, other_err: float | None = None,
) -> SpectralIndex:  # fmt: skip
    """Return α = ln(S1/S2) / ln(ν1/ν2) between two measurements, with the error of first order.

    Parameters
    ----------
    flux, other_flux, err, other_err : float, optional
        In one unit.
    freq_ghz, other_freq_ghz : float, optional
    """
    values = (flux, freq_ghz, other_flux, other_freq_ghz)
    if any(value is None or not math.isfinite(value) for value in values):
        return SpectralIndex(None, reason="a flux density or a frequency is not known")
    s1, nu1, s2, nu2 = (float(value) for value in values if value is not None)
    if min(s1, s2) <= 0 or min(nu1, nu2) <= 0:
        return SpectralIndex(None, reason="a flux density is not above zero")
    if max(nu1, nu2) / min(nu1, nu2) < LEAST_FREQUENCY_RATIO:
        return SpectralIndex(None, reason="the frequencies are too close to each other")
    spread = math.log(nu1 / nu2)
    known = [e for e in (err, other_err) if e is not None and math.isfinite(e) and e > 0]
    error = math.hypot(known[0] / s1, known[1] / s2) / abs(spread) if len(known) == 2 else None
    return SpectralIndex(math.log(s1 / s2) / spread, error)


def position_angle_deg(ra1_deg: float, dec1_deg: float, ra2_deg: float, dec2_deg: float) -> float:
    """Return the direction from the first position to the second, degrees east of north, in [0, 360)."""
    ra1, dec1, ra2, dec2 = map(math.radians, (ra1_deg, dec1_deg, ra2_deg, dec2_deg))
    east = math.cos(dec2) * math.sin(ra2 - ra1)
    north = math.cos(dec1) * math.sin(dec2) - math.sin(dec1) * math.cos(dec2) * math.cos(ra2 - ra1)
    return math.degrees(math.atan2(east, north)) % 360.0
