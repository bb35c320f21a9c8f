"""The least that Bokeh can serve: ``python -m benchmarks.hello PORT`` has one figure at ``/``.

At ``/change`` a figure of a thousand points with error bars gets other points, kept in memory, whenever the browser
writes a number into the source ``ask``; the number comes back with the points.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from bokeh.document import Document
from bokeh.models import ColumnDataSource, Whisker
from bokeh.plotting import figure
from bokeh.server.server import Server

N_POINTS = 1000


def make_document(document: Document) -> None:
    """Put one figure with a line into the document."""
    plot = figure(height=400, width=700)
    plot.line([1, 2, 3, 4, 5], [3, 1, 4, 1, 5])
    document.add_root(plot)


def make_changing(document: Document) -> None:
    """Put the figure with points and error bars into the document."""
    rng = np.random.default_rng(1)
    flux = rng.normal(10.0, 1.0, (20, N_POINTS))
    curves = [{"x": np.arange(N_POINTS), "y": y, "low": y - 1.0, "high": y + 1.0} for y in flux]
    points = ColumnDataSource({**curves[0], "number": np.zeros(N_POINTS)}, name="points")
    ask = ColumnDataSource({"number": [0]}, name="ask")
    plot = figure(height=400, sizing_mode="stretch_width", title="bare", name="light_curve")
    plot.scatter("x", "y", source=points, size=6, line_color=None)
    plot.add_layout(Whisker(base="x", lower="low", upper="high", source=points, upper_head=None, lower_head=None))

    def answer(_attr: str, _old: Any, new: Any) -> None:
        number = int(new["number"][0])
        points.data = {**curves[number % len(curves)], "number": np.full(N_POINTS, number)}

    ask.on_change("data", answer)
    document.add_root(plot)
    document.add_root(ask)


def main(port: int) -> None:
    """Serve until the process is ended."""
    server = Server({"/": make_document, "/change": make_changing}, port=port, address="127.0.0.1")
    server.start()
    print("serving", flush=True)
    server.io_loop.start()


if __name__ == "__main__":
    main(int(sys.argv[1]))
