"""An image of the sky with coordinates, beam, scale and colours that can be read off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.wcs import WCS

from dashboards.plots.bokeh_models import Figure, models, value
from dashboards.plots.graticule import edge_families, edge_ticks, graticule_columns, inner_labels
from dashboards.plots.image_colour import (
    ColourScale,
    Stretch,
    colour_limits,
    display_unit,
    ranks,
    stretched_palette,
)
from dashboards.plots.image_overlay import (
    add_corners,
    label_edges,
    pixel_formatter,
    position_formatter,
    value_formatter,
)
from dashboards.plots.image_turn import Turn
from dashboards.plots.sky import (
    Box,
    FloatArray,
    axis_names,
    beam_words,
    celestial_wcs,
    icrs_to_pixel,
    is_equatorial,
    local_sky,
    orientation,
    sky_grid,
)
from dashboards.plots.style import add_hover, add_subtitle, new_figure, paint
from dashboards.plots.theme import FONT, Theme, get_theme
from data_access.analysis.plane_names import plane_name
from data_access.records import ImageHeader, ImagePreview, ImageView

__all__ = ["SkyMarker", "image_box", "image_source", "marker_columns", "plot_image", "set_colours", "set_stretch"]


@dataclass(frozen=True, slots=True)
class SkyMarker:
    """A place to mark on an image: ICRS degrees, and the words for the hover box."""

    ra_deg: float
    dec_deg: float
    label: str = ""


def plot_image(
    preview: ImagePreview,
    *,
    theme: str = "dark",
    stretch: Stretch = "asinh",
    low: float | None = None,
    high: float | None = None,
    title: str = "",
    markers: Sequence[SkyMarker] = (),
    height: int = 560,
    ranges: tuple[Any, Any] | None = None,
) -> Figure:
    """Return the image with north up and east left, and axes in file pixels.

    The axes run backwards, or are exchanged, or the pixels are turned, whatever brings north up at the middle of the
    image: see `dashboards.plots.image_turn`.

    Parameters
    ----------
    preview : ImagePreview
        Pixels and header; blank pixels stay transparent over the hatched ground.
    stretch, low, high
        Colour scale; limits in the unit of the file, robust percentiles when None.
    markers
        Positions to circle; those outside of the image are left out.
    ranges
        The x and y range of another figure with the same pixels: the two are then zoomed and panned together.

    Returns
    -------
    figure
        The source named ``"image"`` takes the result of `image_source` for another preview of the same part
        of the sky; ``"graticule"``, ``"beam"``, ``"scale_bar"`` and ``"markers"`` are sources too. The colour
        mapper is named ``"colours"`` (see `set_stretch`). Without a WCS the axes are pixels, and the title
        says so.
    """
    colours = get_theme(theme)
    header, box = preview.header, image_box(preview)
    wcs = celestial_wcs(header)
    sky = None if wcs is None else local_sky(wcs, box)
    turn = Turn.for_image(header, wcs, sky)
    if turn != Turn():
        header, box = turn.header(header), turn.box(box)
        wcs = celestial_wcs(header)
        sky = None if wcs is None else local_sky(wcs, box)
    turned = orientation(sky)
    name = title or preview.header.object_name or preview.header.path.rsplit("/", 1)[-1]
    x_label, y_label = ("x (pixel)", "y (pixel)") if wcs is None else axis_names(header)
    figure = new_figure(
        colours,
        title=name if wcs is not None else f"{name}: no sky coordinates",
        x_label=x_label,
        y_label=y_label,
        height=height,
        name="image",
        match_aspect=True,
        x_range=ranges[0] if ranges else models.DataRange1d(range_padding=0, flipped=turned.turn_x),
        y_range=ranges[1] if ranges else models.DataRange1d(range_padding=0, flipped=turned.turn_y),
        active_scroll="wheel_zoom",
        lod_threshold=None,
    )
    turn.mark(figure)
    source = models.ColumnDataSource(image_source(preview, turn), name="image")
    mapper = _add_colour_bar(figure, preview, colours, stretch, colour_limits(preview.data, low, high))
    unit, scale = shown_unit(preview)
    ground = _draw_ground(figure, colours, turn.outline(image_box(preview)))
    renderer = figure.image("image", "x", "y", "dw", "dh", source=source, color_mapper=mapper, name="image")
    # the ground is the whole image, also while the pixels are those of a part of it
    if ranges is None:
        figure.x_range.renderers = [ground]
        figure.y_range.renderers = [ground]
    figure.grid.visible = False
    rows = [("value", "@image{custom}"), ("pixel", "$y{0} , $x{0}" if turn.swaps else "$x{0} , $y{0}")]
    formatters: dict[str, Any] = {"@image": value_formatter(unit, scale, source)}
    if turn.angle_deg:
        rows[1], formatters["$x"] = ("pixel", "$x{custom}"), pixel_formatter(turn.to_file.tolist())
    if wcs is not None:
        position = _draw_sky(figure, header, box, wcs, colours)
        if position is not None:
            rows.insert(0, ("position", "$sx{custom}"))
            formatters["$sx"] = position
        _draw_markers(figure, colours, turn.columns(marker_columns(preview, markers)))
    add_hover(figure, colours, rows, renderers=[renderer], formatters=formatters)
    add_subtitle(figure, colours, describe_image(preview, turn=turn))
    return paint(figure, colours)


def image_source(
    preview: ImagePreview | ImageView, turn: Turn | None = None, window: Box | None = None
) -> dict[str, list[Any]]:
    """Return the columns of the image's source; `turn` is that of the figure they are for.

    ``image`` (float32), where it lies in file pixels, and of how many file pixels a side (``factor``) each of its
    pixels is what (``reduction``: mean or max). `window` is the part of the figure that is wanted, where the figure
    is turned by an angle and thus sampled: some milliseconds for each million of samples.
    """
    turn, data, box = turn or Turn(), preview.data, image_box(preview)
    if turn.angle_deg:
        data, box = turn.sampled(data, box, preview.factor, window)
    elif turn.swaps:
        data, box = data.T, turn.box(box)
    x0, y0, x1, y1 = box
    reduction = preview.reduction if isinstance(preview, ImageView) else "mean"
    return {
        "image": [np.ascontiguousarray(data, dtype=np.float32)], "x": [x0], "y": [y0], "dw": [x1 - x0],
        "dh": [y1 - y0], "factor": [preview.factor], "reduction": [reduction],
    }  # fmt: skip


def image_box(preview: ImagePreview | ImageView) -> Box:
    """Return the edges x0, y0, x1, y1 in 0-based file pixels, where a pixel's centre is a whole number."""
    ny, nx = preview.data.shape
    x0, y0 = preview.origin_x - 0.5, preview.origin_y - 0.5
    return x0, y0, x0 + nx * preview.factor, y0 + ny * preview.factor


def marker_columns(preview: ImagePreview, markers: Sequence[SkyMarker]) -> dict[str, list[Any]]:
    """Return ``x, y, label`` of the markers inside the image, in 0-based file pixels."""
    wcs = celestial_wcs(preview.header)
    columns: dict[str, list[Any]] = {"x": [], "y": [], "label": []}
    if wcs is None or not markers:
        return columns
    ra = np.array([marker.ra_deg for marker in markers], dtype=float)
    dec = np.array([marker.dec_deg for marker in markers], dtype=float)
    x0, y0, x1, y1 = image_box(preview)
    for marker, x, y in zip(markers, *icrs_to_pixel(preview.header, wcs, ra, dec), strict=True):
        if x0 <= x <= x1 and y0 <= y <= y1:
            for key, value in zip(columns, (float(x), float(y), marker.label), strict=True):
                columns[key].append(value)
    return columns


def set_stretch(figure: Figure, stretch: Stretch, *, low: float | None = None, high: float | None = None) -> None:
    """Change colours of a figure of `plot_image` in place: no pixel is sent again.

    Limits are in the unit of the file; those that are None stay as they are.
    """
    mapper = figure.select_one({"name": "colours"})
    theme, unit, words = mapper.tags
    if low is not None or high is not None:
        words = "given limits" if None not in (low, high) else "one limit given"
    low, high = (mapper.low if low is None else low), (mapper.high if high is None else high)
    ranked = ranks(_drawn(figure), low, high) if stretch == "histogram" else None
    mapper.update(
        palette=stretched_palette(get_theme(theme).image_palette, stretch, ranked),
        low=low,
        high=high,
        tags=[theme, unit, words],
    )
    figure.select_one({"name": "colour_bar"}).title = _bar_title(unit, stretch, words)


def set_colours(figure: Figure, scale: ColourScale, data: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Change everything about the colours of a figure in place, and return the limits, in the unit of the file.

    `data` are the pixels that limits and ranks are found in: those of the whole image, so that colours stay while the
    reader zooms. No pixel is sent.
    """
    bar = next(one for one in figure.right if one.name == "colour_bar")  # no search through the whole figure: 15 ms
    mapper = bar.color_mapper
    theme, unit, _ = mapper.tags
    low, high, words = scale.find_limits(data)
    ranked = ranks(data, low, high) if scale.stretch == "histogram" else None
    palette = stretched_palette(scale.palette(get_theme(theme)), scale.stretch, ranked)
    mapper.update(palette=palette, low=low, high=high, tags=[theme, unit, words])
    bar.title = _bar_title(unit, scale.stretch, words)
    return low, high


def _drawn(figure: Figure) -> npt.NDArray[np.float32]:
    pixels = figure.select_one({"name": "image", "type": models.ColumnDataSource}).data["image"][0]
    return np.asarray(pixels, dtype=np.float32)


def shown_unit(preview: ImagePreview) -> tuple[str, float]:
    """Return (unit, factor) of everything that is said about the values of an image."""
    # from the robust limit, never from one that the reader sets: hover box and colour bar keep their unit
    return display_unit(preview.header.bunit, colour_limits(preview.data)[1])


def _bar_title(unit: str, stretch: Stretch, words: str) -> str:
    return f"{unit} · {stretch} · {words}"


def _add_colour_bar(
    figure: Figure, preview: ImagePreview, theme: Theme, stretch: Stretch, limits: tuple[float, float, str]
) -> models.LinearColorMapper:
    unit, scale = shown_unit(preview)
    ranked = ranks(preview.data, limits[0], limits[1]) if stretch == "histogram" else None
    mapper = models.LinearColorMapper(
        palette=stretched_palette(theme.image_palette, stretch, ranked),
        low=limits[0],
        high=limits[1],
        nan_color="rgba(0, 0, 0, 0)",
        name="colours",
        tags=[theme.name, unit, limits[2]],
    )
    bar = models.ColorBar(
        color_mapper=mapper,
        title=_bar_title(unit, stretch, limits[2]),
        name="colour_bar",
        width=14,
        padding=8,
        ticker=models.BasicTicker(desired_num_ticks=6),
        formatter=models.CustomJSTickFormatter(
            args={"scale": scale}, code="return String(Number((tick * scale).toPrecision(4)))"
        ),
    )
    figure.add_layout(bar, "right")
    return mapper


def _draw_ground(figure: Figure, theme: Theme, outline: tuple[FloatArray, FloatArray]) -> Any:
    """Hatch the image's area under the pixels, so that blank never looks like faint.

    A glyph, because the hatch of a plot's own background fails in Bokeh 3.9.2 (no layer to draw it on yet).
    """
    return figure.patch(
        *outline,
        fill_color=None,
        line_color=theme.grid,
        hatch_pattern="right_diagonal_line",
        hatch_color=theme.grid,
        hatch_scale=10,
        hatch_weight=0.7,
        name="ground",
    )


def _draw_sky(figure: Figure, header: ImageHeader, box: Box, wcs: WCS, theme: Theme) -> models.CustomJSHover | None:
    """Draw graticule, beam and scale bar; return what writes the position in the hover box."""
    columns = graticule_columns(header, wcs, box)
    families = edge_families(columns, box)
    if families[0] == "lat":
        figure.xaxis.axis_label, figure.yaxis.axis_label = reversed(axis_names(header))
    graticule = models.ColumnDataSource(columns, name="graticule", tags=list(families))
    figure.multi_line(
        "xs",
        "ys",
        source=graticule,
        line_color=theme.overlay,
        line_alpha=0.35,
        line_width=1,
        name="graticule",
    )
    figure.text(
        "x",
        "y",
        "text",
        source=models.ColumnDataSource(inner_labels(columns, box), name="graticule_labels"),
        x_offset=3,
        background_fill_color=theme.background,
        background_fill_alpha=0.5,
        text_color=theme.overlay,
        text_font=value(FONT),
        text_font_size="11px",
    )
    ticks = (
        edge_ticks(columns, box, side="below", family=families[0]),
        edge_ticks(columns, box, side="left", family=families[1]),
    )
    label_edges(figure, graticule, box, ticks=ticks)
    sky = local_sky(wcs, box)
    if sky is None:
        return None
    add_corners(figure, theme, sky, box, header.beam)
    grid = models.ColumnDataSource(sky_grid(wcs, box), name="sky_grid")
    return position_formatter(grid, box, pixel_arcsec=sky.pixel_arcsec, equatorial=is_equatorial(header))


def _draw_markers(figure: Figure, theme: Theme, columns: dict[str, list[Any]]) -> None:
    source = models.ColumnDataSource(columns, name="markers")
    renderer = figure.scatter(
        "x",
        "y",
        source=source,
        size=16,
        marker="circle",
        fill_color=None,
        line_color=theme.overlay,
        line_width=2,
        name="markers",
    )
    add_hover(figure, theme, [("marked", "@label")], renderers=[renderer])


def describe_image(preview: ImagePreview, view: ImageView | None = None, *, turn: Turn | None = None) -> str:
    """Return the line below the title: size, plane, blanks and beam of the image, and what stands for its pixels.

    `view` is what is drawn of it, the preview when None; `turn` that of the figure.
    """
    ny, nx = preview.data.shape
    factor, reduction = (preview.factor, "mean") if view is None else (view.factor, view.reduction)
    parts = [f"{nx * preview.factor} × {ny * preview.factor} pixels"]
    if factor > 1:
        words = {"mean": "means", "max": "maxima"}[reduction]
        parts.append(f"drawn as {words} of {factor} × {factor}")
    if turn is not None and turn.angle_deg:
        parts.append(f"turned by {turn.angle_deg:+.1f}°: north is up at the middle".replace("-", "−"))
    if preview.header.n_planes > 1:
        place = plane_name(preview.header, preview.plane)
        parts.append(f"plane {preview.plane} of {preview.header.n_planes}{f' ({place})' if place else ''}")
    if blank := _blank_words(preview):
        parts.append(blank)
    parts.append(beam_words(preview.header.beam))
    return " · ".join(parts)


def _blank_words(preview: ImagePreview) -> str:
    """Return how much of the plane is blank, empty where nothing is.

    Counted in the file: a picture of means has a value wherever one pixel of a block has. Pixels on the grid of
    another image come without statistics, and are counted as they are.
    """
    blank = preview.statistics.nan_fraction
    if not np.isfinite(blank):
        blank = float(np.mean(~np.isfinite(preview.data))) if preview.data.size else 1.0
    if blank <= 0:
        return ""
    if blank >= 1:
        return "all pixels blank"
    # neither a few blank pixels nor a few good ones are rounded away
    return f"{min(max(100 * blank, 0.1), 99.9):.1f} % blank"
