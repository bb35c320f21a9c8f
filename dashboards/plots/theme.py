"""Colours and symbols of every plot and of the page around it: dark, light, and red for dark-adapted eyes.

The red theme uses red light only (green and blue stay low in every colour), so that a night assistant keeps
dark adaptation. There, as everywhere, meaning is carried by a symbol or a word as well as by a colour.
Series colours of the other themes follow Okabe & Ito (2008), lightened or darkened for contrast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from bokeh.palettes import Greys256, Inferno256
from bokeh.themes import Theme as BokehTheme

ThemeName = Literal["dark", "light", "red"]
# tokens that colour words as well as marks
STATE_TOKENS = ("accent", "ok", "warn", "bad", "info", "link")
FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"


@dataclass(frozen=True, slots=True)
class Theme:
    """Colour tokens; every one is ``#rrggbb``.

    Attributes
    ----------
    background, panel : str
        Page ground, and the ground of panels and plots.
    text, muted : str
        Both have a contrast of at least 4.5:1 on `background` and on `panel`.
    ok, warn, bad, info, link, accent : str
        States and emphasis, legible as text.
    series : tuple of str
        Line colours in the order of use; at least 3:1 on `panel`.
    image_palette_name, image_palette : str, tuple of 256 str
        From faint to bright.
    overlay : str
        Lines and marks drawn on top of an image.
    """

    name: ThemeName
    background: str
    panel: str
    text: str
    muted: str
    grid: str
    accent: str
    ok: str
    warn: str
    bad: str
    info: str
    link: str
    overlay: str
    series: tuple[str, ...]
    image_palette_name: str
    image_palette: tuple[str, ...]

    def colour(self, token: str) -> str:
        """Return the colour with this token's name, for example ``"warn"``."""
        return str(getattr(self, token))


@dataclass(frozen=True, slots=True)
class Symbol:
    """How a kind of measurement is drawn: Bokeh marker, colour token, and the word for the legend."""

    marker: str
    token: str
    word: str
    angle_rad: float = 0.0


def _red_palette() -> tuple[str, ...]:
    """Return black to bright red: the only ramp that adds no green or blue light."""
    return tuple(f"#{round(255 * (level / 255) ** 0.9):02x}0000" for level in range(256))


_DARK = Theme(
    name="dark",
    background="#0f141a",
    panel="#161d26",
    text="#e6eaf0",
    muted="#9eabba",
    grid="#2c3744",
    accent="#56b4e9",
    ok="#4fc98f",
    warn="#f0b429",
    bad="#ff7b6b",
    info="#7cc4f5",
    link="#7cc4f5",
    overlay="#8fd3ff",
    series=("#56b4e9", "#e69f00", "#2fc79a", "#f0e442", "#e58cbc", "#ff8552", "#b3bdc9"),
    image_palette_name="Inferno256",
    image_palette=tuple(Inferno256),
)

_LIGHT = Theme(
    name="light",
    background="#f4f6f9",
    panel="#ffffff",
    text="#18212d",
    muted="#566373",
    grid="#dfe4ea",
    accent="#0b63a5",
    ok="#1a7445",
    warn="#8a5800",
    bad="#b3261e",
    info="#0b63a5",
    link="#0b57a0",
    overlay="#0b63a5",
    series=("#0072b2", "#c24e00", "#00805f", "#8a6d00", "#a8457f", "#5b4bb5", "#566373"),
    image_palette_name="Greys256, reversed",
    image_palette=tuple(reversed(Greys256)),
)

_RED = Theme(
    name="red",
    background="#000000",
    panel="#080000",
    text="#ff4d4d",
    muted="#f20000",
    grid="#4a0000",
    accent="#ff3333",
    ok="#f20000",
    warn="#ff3d3d",
    bad="#ff5a5a",
    info="#f20000",
    link="#ff3333",
    overlay="#ff5a5a",
    series=("#ff5a5a", "#d40000", "#ff2020", "#b80000", "#ff4040", "#e00000", "#c80000"),
    image_palette_name="black to red",
    image_palette=_red_palette(),
)

THEMES: Mapping[str, Theme] = MappingProxyType({theme.name: theme for theme in (_DARK, _LIGHT, _RED)})

SYMBOLS: Mapping[str, Symbol] = MappingProxyType(
    {
        "detection": Symbol("circle", "accent", "detection"),
        "forced": Symbol("square", "warn", "forced"),
        "limit": Symbol("triangle_pin", "muted", "3 σ limit", 3.141592653589793),
        "flagged": Symbol("x", "bad", "flagged"),
        "left out": Symbol("cross", "muted", "left out by you"),
        "off scale": Symbol("square", "warn", "flux scale off"),
        "above": Symbol("triangle", "bad", "above the axis"),
        "below": Symbol("inverted_triangle", "bad", "below the axis"),
        "mean": Symbol("diamond", "accent", "mean of several"),
    }
)


def get_theme(name: str) -> Theme:
    """Return the theme with this name; the dark one for any other word."""
    return THEMES.get(name, _DARK)


def css_variables(name: str) -> dict[str, str]:
    """Return the page's CSS custom properties, the same colours as in the plots."""
    theme = get_theme(name)
    return {
        "--bg": theme.background,
        "--panel": theme.panel,
        "--image-tint": theme.image_palette[-1] if theme.name == "red" else "#ffffff",
        "--text": theme.text,
        "--muted": theme.muted,
        "--grid": theme.grid,
        "--accent": theme.accent,
        "--ok": theme.ok,
        "--warn": theme.warn,
        "--bad": theme.bad,
        "--info": theme.info,
        "--link": theme.link,
    }


def theme_attributes(theme: Theme) -> dict[str, dict[str, Any]]:
    """Return Bokeh model name -> property -> value: the one description of how a plot looks in this theme."""
    label = {"text_font": FONT, "text_font_style": "normal", "text_color": theme.text}
    axis = {
        "axis_line_color": theme.muted,
        "major_tick_line_color": theme.muted,
        "minor_tick_line_color": theme.grid,
        "major_label_text_color": theme.text,
        "major_label_text_font": FONT,
        "major_label_text_font_size": "12px",
        **{f"axis_label_{key}": value for key, value in label.items()},
        "axis_label_text_font_size": "13px",
    }
    return {
        "Plot": {
            "background_fill_color": theme.panel,
            "border_fill_color": theme.panel,
            "outline_line_color": theme.grid,
            "css_variables": {"--bokeh-icon-color": theme.muted, "--bokeh-icon-color-disabled": theme.grid},
        },
        "Axis": axis,
        "Grid": {"grid_line_color": theme.grid, "grid_line_alpha": 0.7, "minor_grid_line_color": None},
        "Title": {"text_color": theme.text, "text_font": FONT, "text_font_style": "normal"},
        "Legend": {
            "background_fill_color": theme.panel,
            "background_fill_alpha": 0.85,
            "border_line_color": theme.grid,
            "label_text_color": theme.text,
            "label_text_font": FONT,
            "label_text_font_size": "12px",
            "inactive_fill_color": theme.background,
            "inactive_fill_alpha": 0.6,
        },
        "ColorBar": {
            "background_fill_color": theme.panel,
            "bar_line_color": theme.grid,
            "major_tick_line_color": theme.panel,
            "major_label_text_color": theme.text,
            "major_label_text_font": FONT,
            "major_label_text_font_size": "12px",
            "title_text_color": theme.muted,
            "title_text_font": FONT,
            "title_text_font_style": "normal",
            "title_text_font_size": "12px",
        },
    }


def bokeh_theme(name: str) -> BokehTheme:
    """Return the theme for a whole Bokeh document; plots of this package carry their colours already."""
    return BokehTheme(json={"attrs": theme_attributes(get_theme(name))})
