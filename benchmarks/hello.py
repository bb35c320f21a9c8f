"""The least that Bokeh can serve, one figure: ``python -m benchmarks.hello PORT``."""

from __future__ import annotations

import sys

from bokeh.document import Document
from bokeh.plotting import figure
from bokeh.server.server import Server


def make_document(document: Document) -> None:
    """Put one figure with a line into the document."""
    plot = figure(height=400, width=700)
    plot.line([1, 2, 3, 4, 5], [3, 1, 4, 1, 5])
    document.add_root(plot)


def main(port: int) -> None:
    """Serve until the process is ended."""
    server = Server({"/": make_document}, port=port, address="127.0.0.1")
    server.start()
    print("serving", flush=True)
    server.io_loop.start()


if __name__ == "__main__":
    main(int(sys.argv[1]))
