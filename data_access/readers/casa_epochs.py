"""Times of casacore tables in UTC, whatever scale they refer to."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from astropy.time import Time

from data_access.records.measurement_sets import FloatArray

# casacore's names (casa/measures/Measures/MEpoch.cc), those that are a scale of astropy which needs no network.
_SCALES = {
    "TAI": "tai", "IAT": "tai", "TT": "tt", "TDT": "tt", "ET": "tt", "TDB": "tdb", "TCG": "tcg", "TCB": "tcb",
}  # fmt: skip
_NEAR_UTC = ("UT", "UT1", "UT2")


def to_utc(mjd: FloatArray, reference: str) -> tuple[FloatArray, str]:
    """Return times in UTC, and what a reader must know of them.

    Parameters
    ----------
    mjd : array
        Days, in the scale of `reference`.
    reference : str
        casacore's name of the scale; empty means UTC, as casacore itself assumes.

    Returns
    -------
    array, shape of `mjd`
        Days, UTC; what is not finite stays so. Unchanged when the scale is not known here.
    str
        Empty when the times are right.
    """
    name = reference.strip().upper()
    if name in ("", "UTC"):
        return mjd, ""
    if name in _NEAR_UTC:
        return mjd, f"the times are {name}: taken for UTC, which is less than a second off"
    scale = _SCALES.get(name)
    if scale is None:
        return (
            mjd,
            f"the times refer to {reference.strip()[:40]}, which is not converted here: shown as if it were UTC",
        )
    utc = np.array(mjd, dtype=np.float64)
    finite = np.isfinite(utc)
    with warnings.catch_warnings():
        # ERFA warns of years without a known leap second, also of an unset time of 0
        warnings.simplefilter("ignore")
        utc[finite] = Time(utc[finite], format="mjd", scale=scale).utc.mjd
    return utc, ""


def time_reference(tab: Any, name: str = "TIME") -> str:
    """Return the scale that a column of a table refers to; empty when it says none."""
    info = tab.getcolkeywords(name).get("MEASINFO", {})
    by_row = info.get("VarRefCol", "")
    return f"the column {by_row}" if by_row else str(info.get("Ref", ""))
