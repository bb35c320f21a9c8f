"""The line below the title of an image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dashboards.plots.image import describe_image
from tests.dashboards.plot_samples import make_preview


@pytest.mark.parametrize(
    ("fraction", "words"),
    [(0.25, "25.0 % blank"), (1e-6, "0.1 % blank"), (0.99999, "99.9 % blank"), (1.0, "all pixels")],
)
def test_blank_pixels_are_counted_in_the_file_and_not_in_the_picture(fraction, words):
    preview = make_preview(factor=4)
    counted = replace(preview, statistics=replace(preview.statistics, nan_fraction=fraction))

    assert words in describe_image(counted)


def test_pixels_without_statistics_are_counted_as_they_are():
    data = np.zeros((40, 40))
    data[:10] = np.nan
    preview = make_preview(data)
    unknown = replace(preview, statistics=replace(preview.statistics, nan_fraction=np.nan))

    assert "25.0 % blank" in describe_image(unknown)
