"""Plots: records or arrays in, Bokeh figures out; nothing is read and nothing is kept.

In a notebook: ``show(plot_light_curve(light_curve, theme="light"))``. The themes are ``"dark"``, ``"light"`` and
``"red"`` (night vision).
The ``*_columns`` functions give the same columns as the figure's source, to patch a figure that is on a screen.

Images
    `plot_image`, `image_source`, `image_box`, `marker_columns`, `set_stretch`, `SkyMarker`, `STRETCHES`
Light curves
    `plot_light_curve`, `light_curve_columns`, `update_light_curve`
Antennas and flags
    `plot_antenna_layout`, `plot_flag_bars`, `plot_flag_fraction_by_time`, `plot_flag_fraction_by_channel`
Calibration
    `plot_caltable`
Nights
    `plot_noise_trend`, `plot_timeline`, `TimelineEvent`, `Night`, `plot_transits`, `plot_pointing`,
    `plot_sky_coverage`
Notebooks
    `dashboards.plots.elements`: HoloViews elements that compose (imported only there: HoloViews costs a second)
Look
    `THEMES`, `Theme`, `get_theme`, `bokeh_theme`, `css_variables`, `SYMBOLS`, `empty_figure`
"""

from dashboards.plots.antennas import (
    antenna_columns,
    flag_bar_columns,
    flags_by_channel_columns,
    flags_by_time_columns,
    plot_antenna_layout,
    plot_flag_bars,
    plot_flag_fraction_by_channel,
    plot_flag_fraction_by_time,
)
from dashboards.plots.caltable import plot_caltable
from dashboards.plots.empty import empty_figure
from dashboards.plots.image import (
    SkyMarker,
    image_box,
    image_source,
    marker_columns,
    plot_image,
    set_stretch,
)
from dashboards.plots.image_colour import STRETCHES, Stretch
from dashboards.plots.light_curve import plot_light_curve, update_light_curve
from dashboards.plots.light_curve_data import light_curve_columns
from dashboards.plots.theme import SYMBOLS, THEMES, Theme, bokeh_theme, css_variables, get_theme
from dashboards.plots.trends import (
    Night,
    TimelineEvent,
    noise_trend_columns,
    plot_noise_trend,
    plot_pointing,
    plot_sky_coverage,
    plot_timeline,
    plot_transits,
    pointing_columns,
    sky_coverage_columns,
    timeline_columns,
    transit_columns,
)

__all__ = [
    "STRETCHES",
    "SYMBOLS",
    "THEMES",
    "Night",
    "SkyMarker",
    "Stretch",
    "Theme",
    "TimelineEvent",
    "antenna_columns",
    "bokeh_theme",
    "css_variables",
    "empty_figure",
    "flag_bar_columns",
    "flags_by_channel_columns",
    "flags_by_time_columns",
    "get_theme",
    "image_box",
    "image_source",
    "light_curve_columns",
    "marker_columns",
    "noise_trend_columns",
    "plot_antenna_layout",
    "plot_caltable",
    "plot_flag_bars",
    "plot_flag_fraction_by_channel",
    "plot_flag_fraction_by_time",
    "plot_image",
    "plot_light_curve",
    "plot_noise_trend",
    "plot_pointing",
    "plot_sky_coverage",
    "plot_timeline",
    "plot_transits",
    "pointing_columns",
    "set_stretch",
    "sky_coverage_columns",
    "timeline_columns",
    "transit_columns",
    "update_light_curve",
]
