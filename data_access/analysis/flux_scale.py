"""Which epochs have a wrong flux scale, judged by the common factor of the neighbours."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from data_access.analysis.ensemble import Ensemble

LARGEST_OFFSET = 0.05
SIGMA = 3.0


def off_scale(
    ensemble: Ensemble, *, largest_offset: float = LARGEST_OFFSET, sigma: float = SIGMA
) -> npt.NDArray[np.bool_]:
    """Return the epochs whose factor is off by more than `largest_offset` and by more than `sigma` errors.

    Both have to hold: a tiny offset of many bright neighbours is significant and harmless, a large one of three faint
    ones is noise. Epochs without a factor are not called wrong. Shape (n_epoch,).
    """
    with np.errstate(invalid="ignore"):
        offset = np.abs(ensemble.factor - 1.0)
        return np.asarray((offset > largest_offset) & (offset > sigma * ensemble.error))
