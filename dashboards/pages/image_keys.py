"""Keys of the page of an image: the view, its colours, the images before and after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from dashboards.components.browser_state import write_query
from dashboards.components.page_keys import PageKeys
from dashboards.pages.image_colours import COLOUR_PARAMS
from dashboards.pages.image_listing import find_beyond
from dashboards.pages.image_zoom import REDUCTIONS
from dashboards.plots import STRETCHES
from dashboards.plots.image_colour import COLOUR_MAPS, LIMITS
from dashboards.plots.image_view import move_view
from data_access.errors import ArchiveError

if TYPE_CHECKING:
    from dashboards.pages.image import ImagePage
    from data_access.records.images import ImageNeighbour

_STEP = 0.25
_ZOOM = 0.5
KEYS = (
    ("+ -", "zoom in, zoom out"),
    ("0", "the whole image"),
    ("Shift+ArrowLeft Shift+ArrowRight Shift+ArrowUp Shift+ArrowDown", "move the view", "Shift and arrows"),
    ("s", "next stretch"),
    ("l", "next way to find the limits of the colours"),
    ("c", "next colour map"),
    ("i", "invert the colours"),
    ("m", "mean or highest pixel, where many share one"),
    (", .", "plane before, plane after (cubes)"),
    ("p", "value of the pixel in the middle of the view"),
    ("Enter", "cutout at the middle of the view"),
)
# What goes with the reader to the next image: what it looks like, not where it is looked at.
KEPT_PARAMS = (
    *(name for name in COLOUR_PARAMS if name not in ("low", "high")),
    "reduction",
    "overlays",
    "contours",
    "levels",
    "regions",
)


class ImageKeys:
    """Does what the keys say.

    Attributes
    ----------
    listener : PageKeys
    """

    def __init__(self, page: ImagePage) -> None:
        self.page = page
        keys = (*KEYS, *(entry for part in page.parts for entry in part.keys))
        compare = page.session.links.compare([page.image.id])
        self.listener = PageKeys(
            on_key=self.press, on_beyond=self.go_beyond, keys=[list(entry) for entry in keys], compare=compare
        )
        page.param.watch(self._keep, list(KEPT_PARAMS))
        self._keep()

    def set_neighbours(self, before: ImageNeighbour | None, after: ImageNeighbour | None) -> None:
        """Say which images are in the rows before and after that of this one."""
        links = self.page.session.links
        found = {"before": before, "after": after}
        self.listener.links = {name: links.image(one.id) for name, one in found.items() if one is not None}

    def go_beyond(self, step: int, query: Mapping[str, str]) -> None:
        """Tell the browser which images follow this one in the list with this query, or precede it."""
        page = self.page

        async def find() -> dict[str, Any]:
            try:
                found = await find_beyond(page.session.archive, page.image, query, backwards=step < 0)
            except ArchiveError as err:
                return {"hrefs": [], "after": "", "words": f"{err.message}. "}
            hrefs = [page.session.links.image(image.id) for image in found.images]
            words = "No match among many thousand rows that follow. " if found.is_cut and not hrefs else ""
            return {"hrefs": hrefs, "after": found.after, "words": words}

        def tell(answer: dict[str, Any]) -> None:
            serial = self.listener.beyond["serial"] + 1
            self.listener.beyond = {**answer, "step": step, "serial": serial}

        page.run(find, tell)

    def press(self, key: str) -> None:
        """Do what a key of `KEYS` means."""
        does = self._deeds().get(key)
        if does is not None:
            does()
        for part in self.page.parts:
            if any(key in names.split(" ") for names, _ in part.keys):
                part.press(key)

    def _deeds(self) -> dict[str, Callable[[], object]]:
        page = self.page
        moves: dict[str, Callable[[], object]] = {
            "p": lambda: self._at_middle(page.viewer.pixel.ask),
            "Enter": lambda: self._at_middle(page.cut_at),
            "s": lambda: self._next("stretch", STRETCHES),
            "l": lambda: self._next("limits", tuple(how for how in LIMITS if how != "hand")),
            "c": lambda: self._next("colours", COLOUR_MAPS),
            "m": lambda: self._next("reduction", REDUCTIONS),
            ",": lambda: self._step_plane(-1),
            ".": lambda: self._step_plane(1),
            "i": lambda: page.param.update(invert=not page.invert),
        }
        figure = page.figure
        if figure is not None:
            moves |= {
                "+": lambda: move_view(figure, "by", size=_ZOOM),
                "-": lambda: move_view(figure, "by", size=1 / _ZOOM),
                "0": lambda: move_view(figure, "whole"),
                "Shift+ArrowLeft": lambda: move_view(figure, "pan", x=-_STEP),
                "Shift+ArrowRight": lambda: move_view(figure, "pan", x=_STEP),
                "Shift+ArrowUp": lambda: move_view(figure, "pan", y=_STEP),
                "Shift+ArrowDown": lambda: move_view(figure, "pan", y=-_STEP),
            }
        return moves

    def _next(self, name: str, values: tuple[str, ...]) -> None:
        now = getattr(self.page, name)
        here = values.index(now) if now in values else -1
        self.page.param.update(**{name: values[(here + 1) % len(values)]})

    def _step_plane(self, step: int) -> None:
        preview = self.page.preview
        if preview is not None:
            self.page.plane = min(max(self.page.plane + step, 0), preview.header.n_planes - 1)

    def _at_middle(self, do: Callable[[float, float], object]) -> None:
        """Do something at the pixel in the middle of what is visible, or of an image that was not looked at yet."""
        visible, preview = self.page.viewer.zoom.visible, self.page.preview
        if visible is not None:
            do(*visible.middle[:2])
        elif preview is not None:
            n_y, n_x = preview.header.shape[-2:]
            do((n_x - 1) // 2, (n_y - 1) // 2)

    def _keep(self, *_events: object) -> None:
        given = {name: value for name, value in self.page.session.query.items() if name == "theme"}
        kept = write_query(self.page, KEPT_PARAMS)
        self.listener.keep = "&".join(part for part in (urlencode(given), kept) if part)
