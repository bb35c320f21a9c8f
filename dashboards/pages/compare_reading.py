"""What the page of compared images reads: records, headers and pixels, an error for each image on its own."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data_access import Archive
from data_access.analysis.flux_units import unit_ratio
from data_access.errors import ArchiveError
from data_access.readers.plane import Box
from data_access.records import Image, ImageHeader, ImagePreview, ImageStatistics, ImageView

MOST_IMAGES = 4
_DIGITS = 12
_NOTHING = ImageStatistics(math.nan, -1, -1, math.nan, math.nan, math.nan, math.nan, 0)


@dataclass(frozen=True, slots=True)
class Compared:
    """One of the images; `problem` says why it cannot be shown.

    Attributes
    ----------
    number : int
        From 1, in the order of the URL.
    asked : str
        As the URL has it.
    """

    number: int
    asked: str
    image: Image | None = None
    header: ImageHeader | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Pixels of one image on the pixels of the first one that can be shown.

    Attributes
    ----------
    unit : str
        Of the pixels in `view`: that of the first image where the two differ by a prefix only.
    """

    compared: Compared
    view: ImageView
    how: str
    unit: str = ""

    @property
    def header(self) -> ImageHeader | None:
        """What the file says, with the unit of the pixels in `view`."""
        header = self.compared.header
        return None if header is None else replace(header, bunit=self.unit)

    def preview(self, grid: ImageHeader) -> ImagePreview:
        """Return the pixels as the plots take them: on the sky of `grid`, with unit and beam of their own."""
        own = self.header
        header = grid if own is None else _on_grid(own.of_plane(self.view.plane), grid)
        view = self.view
        return ImagePreview(header, view.data, view.factor, view.origin_x, view.origin_y, view.plane, _NOTHING)


def _on_grid(own: ImageHeader, grid: ImageHeader) -> ImageHeader:
    """Return the header of an image whose pixels lie on those of another: its own planes, the other's sky."""
    return replace(
        own, wcs_header=grid.wcs_header, frame=grid.frame, shape=(*own.shape[:-2], *grid.shape[-2:]),
        sky_axes=grid.sky_axes,
    )  # fmt: skip


def parse_ids(text: str) -> tuple[tuple[str, ...], str]:
    """Return the image numbers of a URL or a form, at most four, each once; and what is wrong with it."""
    words = [word for word in text.replace(",", " ").split() if word]
    unique = list(dict.fromkeys(words))
    numbers = [word for word in unique if word.isascii() and word.isdigit() and len(word) <= _DIGITS]
    if len(numbers) < len(unique):
        bad = next(word for word in unique if word not in numbers)
        return tuple(numbers[:MOST_IMAGES]), f"'{bad[:40]}' is not the number of an image"
    if len(numbers) > MOST_IMAGES:
        return tuple(numbers[:MOST_IMAGES]), f"At most {MOST_IMAGES} images: the first {MOST_IMAGES} are shown"
    return tuple(numbers), ""


async def read_compared(archive: Archive, ids: Sequence[str]) -> tuple[Compared, ...]:
    """Return the records and headers; never raises for one of them."""

    async def read(number: int, asked: str) -> Compared:
        image = None
        try:
            image = await archive.images.get(asked)
            return Compared(number, asked, image, await archive.files.image_header(image.path))
        except ArchiveError as err:
            return Compared(number, asked, image, None, err.message)

    return tuple(await asyncio.gather(*(read(number, one) for number, one in enumerate(ids, start=1))))


async def read_drawn(
    archive: Archive, compared: Sequence[Compared], box: Box | None, max_size: int, *, plane: int = 0
) -> tuple[tuple[Drawn, ...], tuple[Compared, ...]]:
    """Return the pixels of a part of the first image that can be shown, and of all others at the same places.

    `plane` counts in each image by itself; one that has fewer shows its last.

    Returns
    -------
    tuple of Drawn
        In order; the first one gives the pixels.
    tuple of Compared
        All, with the problem of those that turned out not to be readable.
    """
    found = list(compared)
    drawn: list[Drawn] = []
    for place, one in enumerate(found):
        if one.image is None or one.header is None:
            continue
        try:
            if not drawn:
                made = await archive.compare.first(one.image, box, max_size=max_size, plane=plane)
            else:
                base = drawn[0].compared.image or one.image
                made = await archive.compare.on_grid(base, one.image, drawn[0].view, plane=plane)
        except ArchiveError as err:
            found[place] = replace(one, header=None, problem=err.message)
            continue
        drawn.append(_in_unit_of(drawn[0] if drawn else None, Drawn(one, made.view, made.how, one.header.bunit)))
    return tuple(drawn), tuple(found)


def _in_unit_of(first: Drawn | None, other: Drawn) -> Drawn:
    """Return pixels in the unit of the first image, where the two differ by a prefix: mJy/beam and Jy/beam."""
    ratio = unit_ratio(other.unit, first.unit) if first is not None else None
    if first is None or ratio is None:
        return other
    if math.isclose(ratio, 1.0):
        return replace(other, unit=first.unit)
    view = replace(other.view, data=np.asarray(other.view.data * np.float32(ratio), dtype=np.float32))
    words = f"{other.how}; its {other.unit} brought to {first.unit} of the first one"
    return replace(other, view=view, unit=first.unit, how=words)


def subtracted(one: Drawn, other: Drawn) -> ImageView:
    """Return the first minus the second; blank where either is."""
    return replace(one.view, data=np.asarray(one.view.data - other.view.data, dtype=np.float32))
