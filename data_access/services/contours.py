"""Contours of an image, at full resolution where that is possible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from data_access.analysis.contours import contour_lines
from data_access.errors import ValidationError
from data_access.offload import Offload
from data_access.records import Image
from data_access.records.contours import Contours
from data_access.services.cutouts import CutoutService, Place
from data_access.services.previews import PreviewService

# Above, contours go through block means: lines of single pixels would be finer than any screen.
FULL_PIXELS = 4_200_000


class ContourService:
    """Lines of equal brightness through a plane of an image."""

    def __init__(self, previews: PreviewService, cutouts: CutoutService, offload: Offload) -> None:
        self._previews, self._cutouts, self._offload = previews, cutouts, offload

    async def contours(
        self, image: Image, levels: Sequence[float], *, of: Literal["sigma", "value"], plane: int = 0
    ) -> Contours:
        """Return the contours of a plane.

        Parameters
        ----------
        levels : sequence of float
            Multiples of the noise of the plane, or in the unit of the file.

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
        data, factor = preview.data, preview.factor
        n_y, n_x = preview.header.shape[-2:]
        if factor > 1 and n_x * n_y <= FULL_PIXELS:
            middle = Place(pixel=((n_x - 1) / 2, (n_y - 1) / 2))
            whole = await self._cutouts.cutout(image, middle, width=n_x, height=n_y, unit="pixel", plane=plane)
            data, factor = whole.data, 1
        wanted = [level * (sigma or 1.0) for level in levels]
        lines, left_out = await self._offload.in_thread(contour_lines, data, wanted, factor=factor)
        return Contours(lines, sigma, factor, left_out)
