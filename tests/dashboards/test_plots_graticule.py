"""Labels of lines that no axis shows."""

from __future__ import annotations

import numpy as np

from dashboards.plots.graticule import inner_labels

BOX = (0.0, 0.0, 10.0, 10.0)


def columns_of(xs: list[float], label: str) -> dict[str, list[object]]:
    """Return one parallel along the upper edge, which does not reach the left one."""
    return {
        "xs": [np.array(xs)], "ys": [np.full(len(xs), 9.9)], "label": [label], "family": ["lat"], "value_deg": [54.0]
    }  # fmt: skip


def test_a_label_that_the_edge_would_cut_begins_where_its_line_does():
    labels = inner_labels(columns_of([10.0, 9.0, 8.0, 7.0, 6.0, 5.0], "+54°19′00″"), BOX)
    assert labels["x"] == [5.0]


def test_a_label_that_fits_stays_a_fifth_of_its_line_away_from_the_end():
    labels = inner_labels(columns_of([8.0, 7.0, 6.0, 5.0, 4.0], "+54°"), BOX)
    assert labels["x"] == [7.0]
