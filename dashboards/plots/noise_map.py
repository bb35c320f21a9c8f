"""Noise over the field of an image: a grid of cells, the worst one outlined and named."""

from __future__ import annotations

import numpy as np

from dashboards.plots.bokeh_models import Figure, models
from dashboards.plots.image_colour import display_unit
from dashboards.plots.style import add_hover, add_subtitle, new_figure, paint
from dashboards.plots.theme import get_theme
from data_access.records.image_quality import NoiseMap


def plot_noise_map(noise_map: NoiseMap, *, unit: str, theme: str = "dark", height: int = 300) -> Figure:
    """Return the noise by cell; axes are 0-based file pixels, first row at the bottom as on the image.

    Parameters
    ----------
    noise_map : NoiseMap
        Cells without a value are left open.
    unit : str
        Of the image; Jy becomes mJy or µJy when the noise is low.
    """
    colours = get_theme(theme)
    shown, scale = display_unit(unit, noise_map.median)
    figure = new_figure(
        colours,
        title="Noise over the field",
        x_label="x (pixel)",
        y_label="y (pixel)",
        height=height,
        name="noise_map",
        match_aspect=True,
        tools="",
    )
    values = noise_map.noise * scale
    rows, columns = np.nonzero(np.isfinite(values))
    source = models.ColumnDataSource(
        {
            "left": [noise_map.x_edges[c] - 0.5 for c in columns],
            "right": [noise_map.x_edges[c + 1] - 0.5 for c in columns],
            "bottom": [noise_map.y_edges[r] - 0.5 for r in rows],
            "top": [noise_map.y_edges[r + 1] - 0.5 for r in rows],
            "noise": values[rows, columns].tolist(),
        },
        name="noise_map",
    )
    low, high = _limits(values)
    mapper = models.LinearColorMapper(palette=list(colours.image_palette), low=low, high=high)
    fill = {"field": "noise", "transform": mapper}
    cells = figure.quad("left", "right", "bottom", "top", source=source, line_color=None, fill_color=fill)
    figure.add_layout(models.ColorBar(color_mapper=mapper, title=shown, width=14, padding=8), "right")
    text = "no region has enough pixels"
    if (worst := noise_map.worst) is not None:
        x0, y0, x1, y1 = (edge - 0.5 for edge in worst[1])
        for colour, width in ((colours.background, 5), (colours.overlay, 2)):
            figure.quad(x0, x1, y0, y1, fill_color=None, line_color=colour, line_width=width)
        text = f"middle {noise_map.median * scale:.3g} {shown}; worst {worst[0] * scale:.3g} {shown}, outlined"
    add_subtitle(figure, colours, text)
    figure.grid.visible = False
    rows_of_hover = [
        ("noise", f"@noise{{0.000}} {shown}"),
        ("x", "@left{0} to @right{0}"),
        ("y", "@bottom{0} to @top{0}"),
    ]
    add_hover(figure, colours, rows_of_hover, renderers=[cells])
    return paint(figure, colours)


def _limits(values: np.ndarray) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    return (low, high) if high > low else (low, low + (abs(low) or 1.0))
