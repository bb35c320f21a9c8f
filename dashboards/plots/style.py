"""One way to make a figure: size, tools, axis titles, colours, hover boxes."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any

from dashboards.plots.bokeh_models import Figure, models
from dashboards.plots.theme import FONT, Theme, theme_attributes

TOOLS = "pan,box_zoom,wheel_zoom,reset,save"
LONGEST_TEXT = 160
# pixels; beside a figure that is not higher Bokeh hides tools behind dots
HIGHEST_WITH_TOOLS_ABOVE = 400
# U+2007 is as wide as a digit, U+2008 as a point
_STEADY_TICKS = """
const text = plain.doFormat(ticks, {loc: 0})[index]
return text.includes('.') ? text.padStart(5, '\u2007') : '\u2008' + text.padStart(4, '\u2007')
"""


def plain_text(text: str) -> str:
    r"""Return text that Bokeh draws as it is.

    Bokeh takes ``$$...$$``, ``\(...\)`` and ``\[...\]`` in titles for TeX and would load a typesetter;
    names from databases and file headers must not start one. Very long text is cut.
    """
    for mark in ("$$", r"\(", r"\[", r"\)", r"\]"):
        text = text.replace(mark, " ")
    text = "".join(char if char.isprintable() else " " for char in text)
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def how_many(n: int, noun: str) -> str:
    """Return a number with its noun, as in ``1 image`` and ``1,200 images``."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def new_figure(
    theme: Theme,
    *,
    title: str,
    x_label: str,
    y_label: str,
    height: int = 320,
    x_axis_type: str = "linear",
    tools: str = TOOLS,
    name: str | None = None,
    **options: Any,
) -> Figure:
    """Return an empty figure in the given theme; axis labels read "Quantity (unit)".

    Further keywords go to ``bokeh.plotting.figure``. Call `paint` after adding legends, colour bars or axes.
    """
    # the wheel scrolls the page until the reader picks the tool: a plot must not trap the page
    options.setdefault("active_scroll", None)
    figure = Figure(
        title=plain_text(title),
        x_axis_label=x_label,
        y_axis_label=y_label,
        x_axis_type=x_axis_type,
        height=height,
        min_width=240,
        sizing_mode="stretch_width",
        tools=tools,
        name=name,
        output_backend="canvas",
        **options,
    )
    if height <= HIGHEST_WITH_TOOLS_ABOVE:
        # in the line of the subtitle: no height is lost; half of a tick's label reaches out on the right
        figure.update(toolbar_location="above", min_border_right=26)
    figure.toolbar.logo = None
    figure.toolbar.autohide = False
    figure.html_attributes = {"role": "img", "aria-label": plain_text(f"{title}: {y_label} against {x_label}")}
    figure.title.text_font_size = "14px"
    paint(figure, theme)
    return figure


def plain_formatter() -> Any:
    """Return tick labels with all their digits: a frequency of 111,458 MHz is not 1.11458e+5."""
    return models.BasicTickFormatter(use_scientific=False)


def steady_formatter() -> Any:
    """Return tick labels that are as wide with one digit as with four.

    Else a plot would jump aside, and the page be laid out anew, from one source to the next; and plots of one time
    below each other would not begin at one place.
    """
    return models.CustomJSTickFormatter(args={"plain": models.BasicTickFormatter()}, code=_STEADY_TICKS)


def add_subtitle(figure: Figure, theme: Theme, text: str, *, name: str = "subtitle") -> models.Title:
    """Add a muted line under the title and return it, so that its text can be patched."""
    subtitle = models.Title(
        text=plain_text(text),
        name=name,
        text_color=theme.muted,
        text_font=FONT,
        text_font_size="12px",
        text_font_style="normal",
    )
    # later additions above the frame lie nearer to it only if the title is added last
    title = figure.title
    figure.add_layout(subtitle, "above")
    figure.title = title
    return subtitle


def paint(figure: Figure, theme: Theme) -> Figure:
    """Give every part of the figure the colours of the theme and return the figure.

    The values are set on the models, so that the figure looks the same in a notebook, in an exported file and
    in a document with a theme of its own.
    """
    attributes = theme_attributes(theme)
    for model in _parts(figure):
        if model.name == "subtitle":
            continue
        for cls in reversed(type(model).mro()):
            if cls.__name__ in attributes:
                model.update(**attributes[cls.__name__])
    figure.stylesheets = [_tooltip_sheet(theme)]
    figure.toolbar.stylesheets = [_toolbar_sheet(theme)]
    return figure


def add_hover(
    figure: Figure,
    theme: Theme,
    rows: Sequence[tuple[str, str]],
    *,
    renderers: Iterable[Any],
    formatters: dict[str, Any] | None = None,
    mode: str = "mouse",
) -> models.HoverTool:
    """Add a hover box with one line per (label, field) and return the tool.

    Fields are Bokeh's ``@column`` forms, whose values Bokeh escapes. Labels are escaped here.
    A template of our own is used because Bokeh's row labels have one fixed light blue in every theme.
    """
    hover = models.HoverTool(
        tooltips=hover_table(theme, rows),
        renderers=list(renderers),
        formatters=formatters or {},
        mode=mode,
        point_policy="follow_mouse",
        # beside a title there is room for the tools that are picked, not for the switch of the box
        visible=figure.height is None or figure.height > HIGHEST_WITH_TOOLS_ABOVE,
    )
    figure.add_tools(hover)
    return hover


def hover_table(theme: Theme, rows: Sequence[tuple[str, str]]) -> str:
    """Return the template of a hover box, as `add_hover` makes it: to patch the box of a figure that is shown."""
    cell = "padding:1px 8px 1px 0"
    lines = "".join(
        f'<tr><td style="{cell};color:{theme.muted}">{html.escape(label)}</td><td>{field}</td></tr>'
        for label, field in rows
    )
    style = f"color:{theme.text};font:12px {FONT};border-spacing:0".replace("'", "")
    return f'<table style="{style}">{lines}</table>'


def _parts(figure: Figure) -> list[Any]:
    parts: list[Any] = [figure, figure.title]
    for place in ("above", "below", "left", "right", "center"):
        parts.extend(getattr(figure, place))
    return parts


def _toolbar_sheet(theme: Theme) -> models.InlineStyleSheet:
    """Return the rule for tool buttons, which have a fixed blue otherwise: no light for adapted eyes."""
    return models.InlineStyleSheet(
        css=f":host, * {{--active-border:{theme.accent};--active-fg:{theme.accent};--active-bg:{theme.grid};"
        f"--highlight-color:{theme.accent};--hover-color:{theme.grid};--background-color:{theme.panel};"
        f"--color:{theme.text};--divider-color:{theme.grid};--surface-background-color:{theme.panel}}}"
        # grey and near white of Bokeh's own
        f":host .bk-divider{{background-color:{theme.grid}}}:host .bk-tool-overflow{{color:{theme.muted}}}"
    )


def _tooltip_sheet(theme: Theme) -> models.GlobalInlineStyleSheet:
    """Return the rule for hover boxes: Bokeh 3.9 hangs them on the page's body, outside of the figure."""
    return models.GlobalInlineStyleSheet(
        css=f".bk-Tooltip{{--background-color:{theme.background};--tooltip-color:{theme.background};"
        f"--tooltip-text:{theme.text};--tooltip-border:{theme.muted};--tooltip-arrow-color:{theme.muted};"
        f"--icon-color:{theme.muted}}}"
    )
