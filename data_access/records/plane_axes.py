"""The axes of a cube beside the two of the sky: what each of its planes is."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Codes of the FITS standard 4.0, table 29, and those beyond that AIPS and CASA write.
STOKES = {
    1: "I", 2: "Q", 3: "U", 4: "V", -1: "RR", -2: "LL", -3: "RL", -4: "LR", -5: "XX", -6: "YY", -7: "XY", -8: "YX",
}  # fmt: skip
# What a unit of frequency is in Hz; FITS means Hz where it has no unit.
HERTZ = {"": 1.0, "hz": 1.0, "khz": 1e3, "mhz": 1e6, "ghz": 1e9}


@dataclass(frozen=True, slots=True)
class PlaneAxis:
    """One axis beside the sky.

    Attributes
    ----------
    ctype : str
        As the file has it; empty where it has none.
    size : int
    first, step : float or None
        Linear world coordinate in `unit`: its value at index 0, and from one index to the next. None where the file
        does not say, or where the axis is not linear.
    unit : str
    values : tuple of float
        One for each index, where the file lists them; they come before `first` and `step`.
    """

    ctype: str
    size: int
    first: float | None = None
    step: float | None = None
    unit: str = ""
    values: tuple[float, ...] = ()

    def value(self, index: int) -> float:
        """Return the world coordinate at an index, NaN where it is not known."""
        if self.values:
            return self.values[index] if index < len(self.values) else math.nan
        if self.first is None or (index and self.step is None):
            return math.nan
        return self.first + index * (self.step or 0.0)

    def freq_hz(self, index: int) -> float | None:
        """Return the frequency at an index, Hz; None where the axis is none of frequency, or does not tell it."""
        scale = HERTZ.get(self.unit.strip().lower())
        if scale is None or not self.ctype.upper().strip().startswith("FREQ"):
            return None
        value = self.value(index) * scale
        return value if math.isfinite(value) and value > 0 else None
