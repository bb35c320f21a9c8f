"""Columns on their way to the browser: the same values, in fewer messages."""

from __future__ import annotations

import numpy as np
import pytest
from bokeh.core.serialization import Deserializer, Serializer
from bokeh.document import Document

from dashboards.plots import plot_light_curve, update_light_curve
from dashboards.plots.sent_columns import sent_column
from tests.dashboards.plot_samples import make_light_curve


@pytest.mark.parametrize(
    "column",
    [
        np.array([1.5, np.nan, -np.inf, 1e-300]),
        np.array([], dtype=float),
        np.array([1, 2, 3]),
        np.array([2**40, 1]),
        np.array([0xFF8800FF], dtype=np.uint32),
        np.arange(20_000.0),
    ],
    ids=["floats", "none", "small integers", "large integers", "colours", "many"],
)
def test_numbers_arrive_as_they_are(column):
    serializer = Serializer()
    form = serializer.encode(sent_column(column))
    assert len(serializer.buffers) == (column.nbytes > 65_536)
    arrived = Deserializer().decode(form, serializer.buffers)
    assert np.array_equal(np.asarray(arrived, dtype=column.dtype), column, equal_nan=column.dtype.kind == "f")


@pytest.mark.parametrize(
    ("column", "dtype"),
    [
        (np.array([10.25, 11.0, np.nan, np.inf]), np.float32),
        (np.linspace(9.9, 10.1, 100), np.float32),
        (np.full(100, 0.9), np.float64),
        (np.array([1e5, 1e5 + 0.01]), np.float64),
        (np.array([1e300, 1.0]), np.float64),
        (np.array([], dtype=float), np.float32),
    ],
    ids=["exact", "seven digits are enough", "all the same", "small steps on much", "too large", "none"],
)
def test_what_is_drawn_is_narrowed_where_nobody_sees_it(column, dtype):
    arrived = Deserializer().decode(Serializer().encode(sent_column(column, drawn=True)))
    assert arrived.dtype == dtype
    known = np.isfinite(column)
    scale = np.ptp(column[known]) if known.any() else 1.0
    np.testing.assert_allclose(arrived[known], column[known], rtol=0, atol=1e-4 * scale)
    assert np.array_equal(arrived[~known], column[~known], equal_nan=True)


def test_what_is_the_same_all_over_takes_no_room():
    even, uneven = (len(str(Serializer().encode(sent_column(c)))) for c in (np.full(1000, 0.9), np.arange(1000.0)))
    assert even < 400 < 10_000 < uneven


def test_words_arrive_as_they_are():
    assert Serializer().encode(sent_column(["a", "<b>", ""])) == ["a", "<b>", ""]


def test_another_light_curve_of_a_thousand_epochs_is_one_message_without_buffers():
    figure = plot_light_curve(make_light_curve(1000))
    document = Document()
    document.add_root(figure)
    events = []
    document.on_change(events.append)
    update_light_curve(figure, make_light_curve(1000, source_id="another"))
    serializer = Serializer(references=document.models.synced_references)
    serializer.encode(events)
    assert any(event.kind == "ColumnDataChanged" for event in events)
    assert serializer.buffers == []
