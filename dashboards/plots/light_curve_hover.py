"""What the hover box of a light curve says of a measurement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboards.plots.bokeh_models import Figure, models
from dashboards.plots.measurement_kinds import FluxKind, FluxUnit
from dashboards.plots.sent_columns import sent_column
from dashboards.plots.style import add_hover, hover_table
from dashboards.plots.theme import Theme

_WORDS = ("kind", "rms_from", "origin", "quality", "image")
_WORD = "return words.get_column(format)?.[value] ?? '…'"
_FORMATS = {
    "@utc_ms": "datetime",
    "@mjd": "printf",
    "@flux": "printf",
    "@error": "printf",
    "@rms": "printf",
}


def add_measurement_hover(
    figure: Figure, theme: Theme, columns: Mapping[str, Any], points: Any, flux: FluxKind, unit: FluxUnit
) -> None:
    """Add the box over the points; its words stand in the source ``"words"``, which nothing draws."""
    words = models.ColumnDataSource(_words(columns), name="words")
    formats = {**_FORMATS, "$index": models.CustomJSHover(args={"words": words}, code=_WORD)}
    add_hover(figure, theme, _rows(unit_text(flux, unit)), renderers=[points], formatters=formats)


def show_unit(figure: Figure, theme: Theme, flux: FluxKind, unit: FluxUnit) -> None:
    """Let the numbers of the box be in another unit."""
    _hover(figure).tooltips = hover_table(theme, _rows(unit_text(flux, unit)))


def tell_words(figure: Figure, columns: Mapping[str, Any] | None) -> None:
    """Let the words of the box be those of `columns`; None: not known yet, an ellipsis stands for them."""
    words = _hover(figure).formatters["$index"].args["words"]
    words.data = {name: [] for name in _WORDS} if columns is None else _words(columns)


def unit_text(flux: FluxKind, unit: FluxUnit) -> str:
    """Return the unit of a flux density: peaks are per beam."""
    return f"{unit}/beam" if flux == "peak" else unit


def _words(columns: Mapping[str, Any]) -> dict[str, Any]:
    kinds = [_kind_words(kind, int(n)) for kind, n in zip(columns["kind"], columns["n"], strict=True)]
    told = {**columns, "kind": kinds, "image": [_file_name(path) for path in columns["image"]]}
    return {name: sent_column(told[name]) for name in _WORDS}


def _kind_words(kind: str, n: int) -> str:
    return kind if n == 1 else f"{kind} of {n:,} measurements"


def _file_name(path: str | None) -> str:
    return "not recorded" if path is None else (path.rstrip("/").rsplit("/", 1)[-1] or path)


def _hover(figure: Figure) -> Any:
    return next(tool for tool in figure.tools if isinstance(tool, models.HoverTool))


def _rows(unit: str) -> list[tuple[str, str]]:
    return [
        ("UTC", "@utc_ms{%F %T}"),
        ("MJD", "@mjd{%.5f}"),
        ("flux", f"@flux{{%.4g}} ± @error{{%.2g}} {unit}"),
        ("rms", f"@rms{{%.3g}} {unit.removesuffix('/beam')}/beam, $index{{rms_from}}"),
        ("kind", "$index{kind}"),
        ("flags", "@flags $index{quality}"),
        ("epoch from", "$index{origin}"),
        ("image", "$index{image}"),
    ]
