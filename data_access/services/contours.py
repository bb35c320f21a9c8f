"""Contours of an image, at full resolution where that is possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from data_access.analysis.contours import contour_lines
from data_access.errors import ValidationError
from data_access.offload import Offload
from data_access.readers.plane import Box
from data_access.records import Image, ImagePreview, ImageView
from data_access.records.contours import Contours
from data_access.services.cutouts import CutoutService, Place
from data_access.services.overviews import OverviewService
from data_access.services.previews import PreviewService

# Above, contours of a whole plane go through block means: lines of single pixels would be finer than any screen.
FULL_PIXELS = 4_200_000
# Of a part: it goes through its own pixels up to this size, and through means of 2 x 2 up to twice of it.
PART_PIXELS = 2048


class ContourService:
    """Lines of equal brightness through a plane of an image."""

    def __init__(
        self, previews: PreviewService, cutouts: CutoutService, overviews: OverviewService, offload: Offload
    ) -> None:
        self._previews, self._cutouts, self._overviews, self._offload = previews, cutouts, overviews, offload

    async def contours(
        self,
        image: Image,
        levels: Sequence[float],
        *,
        of: Literal["sigma", "value"],
        plane: int = 0,
        box: Box | None = None,
    ) -> Contours:
        """Return the contours of a plane, or of a part of a large one.

        Parameters
        ----------
        levels : sequence of float
            Multiples of the noise of the plane, or in the unit of the file.
        box : tuple of int, optional
            x0, y0, x1, y1: file pixels, half open. The contours of a plane of up to `FULL_PIXELS` are those of all of
            it, at full resolution.

        Raises
        ------
        ValidationError
            When multiples of the noise are wanted and the plane has none.
        FileError
        """
        preview = await self._previews.whole(image, plane=plane)
        sigma = preview.statistics.noise if of == "sigma" else None
        if sigma is not None and not sigma > 0:
            raise ValidationError(
                "The plane has no noise to measure levels with", remedy="Give levels in the unit of the image."
            )
        wanted = [level * (sigma or 1.0) for level in levels]
        part = await self._pixels(image, preview, box)
        lines, left_out = await self._offload.in_thread(
            contour_lines, part.data, wanted, origin=(part.origin_x, part.origin_y), factor=part.factor
        )
        is_whole = part.box == (0, 0, part.n_x, part.n_y)
        return Contours(lines, sigma, part.factor, left_out, None if is_whole else part.box)

    async def _pixels(self, image: Image, preview: ImagePreview, box: Box | None) -> ImageView:
        """Return what the contours go through."""
        n_y, n_x = preview.header.shape[-2:]
        plane, whole = preview.plane, ImageView(preview.data, preview.factor, 0, 0, preview.plane, "mean", n_x, n_y)
        if preview.factor > 1 and n_x * n_y <= FULL_PIXELS:
            middle = Place(pixel=((n_x - 1) / 2, (n_y - 1) / 2))
            cutout = await self._cutouts.cutout(image, middle, width=n_x, height=n_y, unit="pixel", plane=plane)
            return replace(whole, data=cutout.data, factor=1)
        if preview.factor == 1 or box is None:
            return whole
        return await self._overviews.view(image, box, plane=plane, max_size=PART_PIXELS)
