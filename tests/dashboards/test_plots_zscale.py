"""The z-scale limits are those of astropy, without astropy."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from astropy.visualization import ZScaleInterval

from dashboards.plots.zscale import zscale_limits


def field(n_sources: int, size: int = 300) -> np.ndarray:
    random = np.random.default_rng(n_sources)
    data = random.normal(2e-4, 1e-4, (size, size)).astype(np.float32)
    data[tuple(random.integers(0, size, (2, n_sources)))] += random.pareto(1.2, n_sources).astype(np.float32) * 1e-3
    return data


@pytest.mark.parametrize(
    "data",
    [
        *(field(n) for n in (0, 10, 1000, 30_000)),
        np.linspace(-1, 1, 100, dtype=np.float32),
        np.full((20, 20), 3.0, np.float32),
        np.array([1.0, 2.0, 40.0], np.float32),
        np.array([5.0], np.float32),
        np.random.default_rng(3).exponential(1.0, (999, 7)).astype(np.float32),
        np.repeat(np.float32([0.0, 1.0]), 5000),
    ],
)
def test_the_limits_are_those_of_astropy(data: np.ndarray) -> None:
    expected = ZScaleInterval().get_limits(data.astype(np.float64))
    assert zscale_limits(data) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_no_heavy_package_is_imported_for_them() -> None:
    code = (
        "import sys, numpy as np; from dashboards.plots.image_colour import ColourScale\n"
        "ColourScale(limits='zscale').find_limits(np.arange(100, dtype=np.float32))\n"
        "sys.exit('astropy.visualization' in sys.modules or 'scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
