"""The figure that says why there is no figure."""

from __future__ import annotations

from dashboards.plots.bokeh_models import Figure, models
from dashboards.plots.style import new_figure, plain_text
from dashboards.plots.theme import FONT, Theme, get_theme


def empty_figure(message: str, theme: str = "dark", *, title: str = "", height: int = 240) -> Figure:
    """Return a figure without axes whose only content is `message`, in plain text."""
    colours = get_theme(theme)
    figure = new_figure(
        colours,
        title=title,
        x_label="",
        y_label="",
        height=height,
        tools="",
        name="empty",
        x_range=models.Range1d(0, 1),
        y_range=models.Range1d(0, 1),
    )
    figure.axis.visible = False
    figure.grid.visible = False
    figure.update(toolbar_location=None, min_border_right=None)
    figure.html_attributes = {"role": "img", "aria-label": plain_text(f"{title} {message}".strip())}
    add_message(figure, colours, message)
    return figure


def add_message(figure: Figure, theme: Theme, message: str) -> models.Label:
    """Write `message` in the middle of the figure's frame; return the label named ``"message"``."""
    label = models.Label(
        x=0.5,
        y=0.5,
        x_units="data",
        y_units="data",
        text=plain_text(message),
        name="message",
        text_align="center",
        text_baseline="middle",
        text_color=theme.muted,
        text_font=FONT,
        text_font_size="14px",
    )
    figure.add_layout(label)
    return label
