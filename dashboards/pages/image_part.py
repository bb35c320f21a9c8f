"""What a part of the page of an image is told: which picture it stands beside."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from dashboards.pages.part import PagePart
from dashboards.plots.bokeh_models import Figure
from dashboards.plots.image_view import Visible
from data_access.records import ImagePreview

if TYPE_CHECKING:
    from dashboards.pages.image import ImagePage


class ImagePart(PagePart["ImagePage"]):
    """A part of the page of an image; named in ``PARTS`` of `dashboards.pages.image`.

    The picture on the screen is ``self.page.figure``, what it was made of ``self.page.preview``; both are None while
    there is none. Axes are 0-based pixels of the file, whatever the resolution of the preview.

    Attributes
    ----------
    place : str
        ``"picture"``: right below the picture, in its column. ``"page"``: in full width, below the facts.
    keys : tuple of (key, words)
        Keys of this part for the help, as browsers name them; see `press`.
    """

    page: ImagePage
    place: ClassVar[Literal["picture", "page"]] = "page"
    keys: ClassVar[tuple[tuple[str, str], ...]] = ()

    def figure_made(self, figure: Figure, preview: ImagePreview) -> None:
        """Add renderers, tools and events to a new figure; the first one is on the screen already.

        Called again with another figure when the file was replaced by one of another shape: what was drawn on the old
        one is drawn on this one. Another plane is patched into the same figure.
        """

    def without_file(self) -> None:
        """Show what there is to show of an image whose file cannot be read: `view` and `load` are not asked for."""

    def tapped(self, x: float, y: float) -> bool:  # noqa: ARG002
        """Take a click on the picture (pixels of the file); True when it is not to make a cutout as well."""
        return False

    def looked(self, visible: Visible) -> None:
        """Take note of what of the image is visible now (pixels of the file)."""

    def press(self, key: str) -> None:
        """Do what one of `keys` means."""
