"""A piece of an image at full resolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from data_access.records.files import ImageHeader

CutoutUnit = Literal["arcsec", "arcmin", "deg", "pixel"]


@dataclass(frozen=True, slots=True)
class Cutout:
    """A rectangle of one plane, along the pixel axes of the image.

    Attributes
    ----------
    path : str
        The image as the database records it.
    header : ImageHeader
        Of the whole image, without its `cards`, with beam and frequency of the plane.
    wcs_header : dict
        Celestial cards of the cutout: those of the image with CRPIX shifted; empty without sky coordinates.
    data : float32, shape (ny, nx)
        Full resolution; NaN where the image is blank and where there is no image.
    origin_x, origin_y : int
        Pixel of the image (0-based) at ``data[0, 0]``; negative when the cutout begins outside.
    x, y : float
        The position asked for, 0-based pixels of the image.
    ra_deg, dec_deg : float or None
        The same, ICRS; None without sky coordinates.
    width, height, unit
        As asked for.
    pixel_arcsec : tuple of float or None
        How much sky a pixel covers along x and y at the position; None without sky coordinates.
    outside_fraction : float
        Share of the cutout that lies outside the image.
    key : tuple of int
        Changes when the file is written or replaced.
    modified_at : float
        When the file was written, unix seconds.
    name : str
        What the archive's tables call the position, where it was asked for by name; else empty.
    """

    path: str
    header: ImageHeader
    wcs_header: dict[str, Any]
    data: npt.NDArray[np.float32]
    origin_x: int
    origin_y: int
    plane: int
    x: float
    y: float
    ra_deg: float | None
    dec_deg: float | None
    width: float
    height: float
    unit: CutoutUnit
    pixel_arcsec: tuple[float, float] | None
    outside_fraction: float
    key: tuple[int, ...]
    modified_at: float
    name: str = ""

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x0, y0, x1, y1 in 0-based pixels of the image, half open; may reach beyond it."""
        n_y, n_x = self.data.shape
        return self.origin_x, self.origin_y, self.origin_x + n_x, self.origin_y + n_y

    @property
    def problems(self) -> tuple[str, ...]:
        """What a reader must know before trusting it, in words."""
        found = list(self.header.problems)
        if self.outside_fraction > 0:
            found.append(f"{_percent(self.outside_fraction)} of the cutout lies outside the image and is blank")
        if not self.wcs_header:
            found.append("the image has no sky coordinates: positions are pixels")
        return tuple(found)


def _percent(share: float) -> str:
    return f"{max(100 * share, 0.1):.1f} %" if share < 0.1 else f"{100 * share:.0f} %"
