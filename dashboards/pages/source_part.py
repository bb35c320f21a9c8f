"""A part of the page of one source: where it stands, and how it hears of the light curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from dashboards.pages.part import PagePart
from data_access.records import SourceDetail

if TYPE_CHECKING:
    from dashboards.pages.source import SourcePage

SECTIONS = (
    ("light-curve", "Light curve"),
    ("flux-scale", "Flux scale"),
    ("epochs", "Epochs"),
    ("ese", "ESE"),
    ("variability", "Variability"),
    ("measurements", "Measurements"),
    ("marks", "Marks"),
    ("context", "Context"),
)
Place = Literal["top", "curve", "metrics", "end"]


class SourcePart(PagePart[Any]):
    """A part named in `dashboards.pages.source.SourcePage.part_types`; its `load` and `refresh` come last.

    What the source is and what was measured is ``self.page.detail``; it may become another source while the page is
    open, and every `load`, `refresh` and `curve_changed` has to go by what it finds there.

    Attributes
    ----------
    place : str
        ``"top"`` (above the light curve), ``"curve"`` (below it), ``"metrics"`` (below the metrics) or ``"end"``
        (below the measurements).
    section : str
        Name of the section that begins with this part, see `SECTIONS`; empty for none.

    Notes
    -----
    The view of a part is made before the light curve is drawn: return slots (a slot is one model) and fill them in
    `load`. What is put into a slot is complete when it gets there: Bokeh 3.9 misses changes of a layout that the
    browser is just building, so a slot inside of the content of a slot may stay empty.
    """

    page: SourcePage
    place: ClassVar[Place] = "end"
    section: ClassVar[str] = ""

    def curve_changed(self, detail: SourceDetail) -> None:
        """Called under the document's lock after the light curve was read and drawn: change models, await nothing.

        Start reading with ``self.page.run``. It is also called when only flux or unit were switched, but not for the
        first light curve of a page: `load` comes after that.
        """

    def hold(self) -> None:
        """Called under the document's lock before another source is shown; `load` comes soon after.

        Figures on the time axis of the light curve wait unpainted (``hold_render``) until they have its numbers:
        painting on its axis what is of the last one would only delay the curve.
        """
