"""Which images a list shows: its filters as typed, the place that a name stands for, and the test of the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboards.pages.image_filters import FIELDS, TypedFilter, filter_of
from data_access import Archive
from data_access.records import Image, NamedPlace, PageRequest, RecordPage
from data_access.repositories.image_filter import ImageFilter

# Where files decide, a page may come back empty and still not be the last one.
_MOST_PAGES = 5


@dataclass(frozen=True, slots=True)
class ImageListing:
    """The images of an archive that pass the filters.

    Attributes
    ----------
    centre : NamedPlace or None
        Middle of the circle, once its name is looked up.
    """

    archive: Archive
    asked: TypedFilter
    centre: NamedPlace | None = None

    @property
    def wanted(self) -> ImageFilter:
        """What SQL and the rows are tested for."""
        return self.asked.wanted if self.centre is None else self.asked.around(self.centre)

    async def find(self, request: PageRequest) -> RecordPage[Image]:
        """Return one page of the list."""
        keep = None if self.asked.on_disk is None else self._has_file
        page: RecordPage[Image] = await self.archive.images.find(self.wanted, request, keep=keep)
        return page

    async def _has_file(self, images: Sequence[Image]) -> list[bool]:
        states = await self.archive.files.states([image.path for image in images])
        return [states[image.path].exists == self.asked.on_disk for image in images]


@dataclass(frozen=True, slots=True)
class Beyond:
    """The images that follow one in a list, nearest first, and the position in the list at which they begin.

    `is_cut`: there may be more, but so many rows were looked at that the search ended.
    """

    images: tuple[Image, ...]
    after: str
    is_cut: bool = False


async def find_beyond(archive: Archive, image: Image, query: Mapping[str, str], *, backwards: bool) -> Beyond:
    """Return the page of images after (or before) one of them in the list that the query of its URL names.

    Raises
    ------
    ValidationError
        The query means nothing, or the name in it is not known.
    RecordNotFound
        The image is gone.
    """
    asked = filter_of({field["name"]: query.get(field["name"], "") for field in FIELDS})
    centre = await archive.names.resolve(asked.near) if asked.near else None
    listing, sort = ImageListing(archive, asked, centre), query.get("sort", "")
    after = cursor = await archive.images.position_of(image, sort=sort, backwards=backwards)
    for _ in range(_MOST_PAGES):
        page = await listing.find(PageRequest(cursor=cursor, sort=sort, descending=query.get("order") != "asc"))
        cursor = page.previous_cursor if backwards else page.next_cursor
        if page.rows or not cursor:
            break
    return Beyond(page.rows[::-1] if backwards else page.rows, after, is_cut=bool(cursor))
