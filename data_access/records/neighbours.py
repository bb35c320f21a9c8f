"""Neighbours of a source and what they say together about the flux scale of its images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class NeighbourCurves:
    """Fluxes of neighbours on the images of one light curve.

    Attributes
    ----------
    names : tuple of str, length n_neighbour
        The nearest first.
    separation_arcsec : float64, shape (n_neighbour,)
    fluxes, errors : float64, shape (n_neighbour, n_epoch)
        Jy/beam or Jy; one column per measurement of the light curve, NaN where a neighbour was not measured on that
        image or was flagged.
    ensemble : Ensemble
        Their common factor at every measurement, see `data_access.analysis.ensemble`.
    radius_deg : float
    truncated : bool
        True when the neighbours have more measurements than were read.
    """

    names: tuple[str, ...]
    separation_arcsec: npt.NDArray[np.float64]
    fluxes: npt.NDArray[np.float64]
    errors: npt.NDArray[np.float64]
    ensemble: Any
    radius_deg: float
    truncated: bool = False
