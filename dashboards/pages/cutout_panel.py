"""The cutout on the page of an image: where, how large, what it looks like, and where to fetch it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import panel as pn

from dashboards.components.cells import cell
from dashboards.components.facts import Facts, fact, group
from dashboards.components.filters import Field, FilterBar
from dashboards.components.notice import Notice
from dashboards.components.plot_pane import as_view
from dashboards.components.slot import Slot
from dashboards.links import Links
from dashboards.pages.list_page import FieldError, number_of
from dashboards.pages.patching import patch_source
from dashboards.pages.wording import position_cells
from dashboards.plots import SkyMarker, plot_image
from dashboards.plots.bokeh_models import Figure, models
from dashboards.plots.image import set_colours
from dashboards.plots.image_colour import ColourScale
from dashboards.plots.image_turn import Turn
from dashboards.plots.picture_look import picture_query
from dashboards.plots.theme import get_theme
from data_access.records import Cutout, Image
from data_access.records.names import NamedPlace
from data_access.services.cutouts import Place, preview_of

UNITS = ("arcsec", "arcmin", "deg", "pixel")
DEFAULT_SIZE = 60.0
HEIGHT = 420
_LARGEST_DRAWN = 800
_HELP = "a position in any format, the name of a source or calibrator, or for example: pixel 120 88"


@dataclass(frozen=True, slots=True)
class NamedCutout:
    """A cutout, and the name by which it was asked for; None for a position or a pixel."""

    cutout: Cutout
    name: NamedPlace | None


class CutoutPanel:
    """Form, picture and links of one cutout; the page keeps the position, because it is part of the URL.

    Parameters
    ----------
    slot : Slot
        Where the cutout appears; empty until there is a position.
    on_ask : callable
        Called with position (or name, not looked up yet), size and unit when the form has a new question.
    """

    def __init__(self, slot: Slot, on_ask: Callable[[str, float, str], object]) -> None:
        self.slot = slot
        self.figure: Figure | None = None
        self.facts = Facts(min_width=240)
        self._on_ask = on_ask
        self._shown: tuple[Any, ...] = ()
        self._named: NamedCutout | None = None
        self._pixels: npt.NDArray[np.float32] = np.empty((0, 0), np.float32)
        self.form = FilterBar(label="Cutout", fields=_fields(), on_submit=self._submit)

    @property
    def view(self) -> pn.Column:
        """The form above the cutout."""
        return pn.Column(self.form, self.slot, sizing_mode="stretch_width", margin=0)

    def show_question(self, position: str, size: float, unit: str) -> None:
        """Write what the URL asks for into the form."""
        self.form.param.update(values={"cut": position, "size": f"{size:g}", "unit": unit}, errors={})

    def _submit(self, values: Mapping[str, Any]) -> None:
        position = str(values.get("cut") or "").strip()
        unit = str(values.get("unit") or UNITS[0])
        try:
            size = number_of("size", str(values.get("size") or ""))
            if size is not None and not 0 < size < math.inf:
                raise FieldError("size", "A size is above 0")
        except FieldError as err:
            self.form.errors = {err.field: err.message}
            return
        self.form.errors = {}
        self._on_ask(position, size or DEFAULT_SIZE, unit if unit in UNITS else UNITS[0])

    def refuse(self, problem: str) -> None:
        """Say what is wrong with the position, at its field."""
        self.form.errors = {"cut": problem} if problem else {}

    def show(self, named: NamedCutout | None, image: Image, links: Links, theme: str, scale: ColourScale) -> Any:
        """Return what the slot should hold: the cutout, nothing without one, None when it is shown already.

        `scale` is that of the page; limits that are not given by hand are found in the cutout.
        """
        self._named = named
        if named is None:
            self.figure, self._shown = None, ()
            return Notice()
        cutout = named.cutout
        version = (cutout.key, cutout.box, cutout.plane, cutout.unit)
        if version == self._shown:
            self.recolour(image, links, theme, scale)
            return None
        self._shown = version
        markers = []
        if cutout.ra_deg is not None and cutout.dec_deg is not None:
            label = named.name.name if named.name is not None else "position of the cutout"
            markers = [SkyMarker(cutout.ra_deg, cutout.dec_deg, label)]
        preview = preview_of(cutout, max_size=_LARGEST_DRAWN)
        self._pixels = preview.data
        self.figure = plot_image(
            preview, theme=theme, title=f"Cutout of {image.name}", markers=markers, height=HEIGHT
        )
        self.recolour(image, links, theme, scale)
        problems = Notice(kind="warn", text="; ".join(cutout.problems))
        right = pn.Column(self.facts, width=330, margin=(0, 0, 0, 10))
        row = pn.Row(as_view(self.figure), right, sizing_mode="stretch_width", margin=0)
        return pn.Column(problems, row, sizing_mode="stretch_width", margin=0)

    def recolour(self, image: Image, links: Links, theme: str, scale: ColourScale) -> None:
        """Give the cutout, if there is one, other colours: no pixel is sent, and its pictures have them too."""
        if self._named is None or self.figure is None:
            return
        set_colours(self.figure, scale, self._pixels)
        look = picture_query(scale, theme)
        self.facts.groups = [cutout_group(self._named.cutout, image, links, look, self._named.name)]


def place_text(place: Place) -> str:
    """Return a place as it stands in the URL and in the form: degrees to 4 mas, or a pixel."""
    if place.ra_deg is not None and place.dec_deg is not None:
        return f"{place.ra_deg:.6f} {place.dec_deg:+.6f}"
    x, y = place.pixel or (0.0, 0.0)
    return f"pixel {x:.2f} {y:.2f}"


def cutout_group(
    cutout: Cutout, image: Image, links: Links, look: Mapping[str, str], name: NamedPlace | None = None
) -> dict[str, Any]:
    """Return the facts of a cutout and the links to its files; `look` are the colours in the URL of a picture."""
    n_y, n_x = cutout.data.shape
    ra, dec = position_cells(cutout.ra_deg, cutout.dec_deg)
    at = {"x": f"{cutout.x:.4f}", "y": f"{cutout.y:.4f}"}
    if name is not None:
        at = {"pos": name.name}  # so that its files have the name too
    elif cutout.ra_deg is not None and cutout.dec_deg is not None:
        at = {"ra": f"{cutout.ra_deg:.7f}", "dec": f"{cutout.dec_deg:.7f}"}
    query = {**at, "width": f"{cutout.width:g}", "height": f"{cutout.height:g}", "unit": cutout.unit}
    if cutout.plane:
        query["plane"] = str(cutout.plane)

    def url(kind: str, **more: str) -> str:
        return links.image_cutout(image.id, **query, format=kind, **more)

    items = [
        *([] if name is None else [fact("Name", cell(name.name, note=name.origin))]),
        fact("RA", ra),
        fact("Dec", dec),
        fact("Pixel of the image", cell(f"{cutout.x:.2f}, {cutout.y:.2f}", title="counted from 0")),
        fact("Size", cell(f"{n_x} × {n_y}", unit="pixels")),
        fact("Download", cell("FITS", href=url("fits"), title="coordinates, beam and origin in the header")),
        fact(
            "For print",
            cell("PNG picture", href=url("png", **look), title="in these colours, with axes, epoch, beam"),
        ),
        fact("For scripts", cell("Python", href=url("py"), title="a program that makes this cutout again")),
    ]
    return group("This cutout", items)


def draw_outline(figure: Figure | None, cutout: Cutout | None, theme: str) -> None:
    """Show on the picture of the whole image which part of it the cutout is."""
    columns = _outline(cutout, Turn.of(figure))
    if figure is None or patch_source(figure, "cutout_outline", columns):
        return
    colours, source = get_theme(theme), models.ColumnDataSource(columns, name="cutout_outline")
    # a wide line in the ground's colour below the real one: legible on any pixels
    for colour, width in ((colours.background, 5), (colours.overlay, 2)):
        figure.multi_line(
            "xs",
            "ys",
            source=source,
            line_color=colour,
            line_width=width,
            name="cutout_outline",
        )


def _outline(cutout: Cutout | None, turn: Turn) -> dict[str, list[Any]]:
    if cutout is None:
        return {"xs": [], "ys": []}
    x0, y0, x1, y1 = cutout.box
    x, y = turn.outline((x0 - 0.5, y0 - 0.5, x1 - 0.5, y1 - 0.5))
    return {"xs": [np.append(x, x[0])], "ys": [np.append(y, y[0])]}


def _fields() -> list[Field]:
    return [
        {"name": "cut", "label": "Cutout (click the image, or type)", "kind": "text", "help": _HELP, "width": "17rem",
         "placeholder": "09:58:47 +65:33:54"},
        {"name": "size", "label": "Size", "kind": "number", "width": "6rem"},
        {"name": "unit", "label": "Unit", "kind": "select", "options": list(UNITS)},
    ]  # fmt: skip
