"""Several images on the pixels of the first one, and their difference."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from data_access.analysis.flux_units import unit_ratio
from data_access.analysis.image_sky import frame_problem
from data_access.analysis.plane_names import plane_name
from data_access.analysis.resample import between_pixels, other_pixels, places
from data_access.errors import ValidationError
from data_access.offload import Offload
from data_access.readers.plane import Box
from data_access.records import Image, ImageHeader, ImageView
from data_access.services.files import FileService
from data_access.services.overviews import OverviewService

FloatArray = npt.NDArray[np.float64]
_SAME_BEAM = 0.05
_LARGEST_VIEW = 2048


@dataclass(frozen=True, slots=True)
class ComparedView:
    """A part of an image on the pixels of the first one.

    Attributes
    ----------
    view : ImageView
        `origin_x`, `origin_y`, `factor` count pixels of the first image.
    how : str
        What was done to the pixels, in words.
    """

    view: ImageView
    how: str


class CompareService:
    """Resamples images onto the grid of another one, at the resolution of a screen."""

    def __init__(self, files: FileService, overviews: OverviewService, offload: Offload) -> None:
        self._files, self._overviews, self._offload = files, overviews, offload

    async def first(self, image: Image, box: Box | None, *, max_size: int, plane: int = 0) -> ComparedView:
        """Return a part of the first image: its own pixels, or means of blocks of them.

        An image without the plane that is asked for is shown with its last one, and `how` says so.
        """
        header = await self._files.image_header(image.path)
        view = await self._overviews.view(image, box, max_size=max_size, plane=_nearest_plane(header, plane))
        words = "its own pixels" if view.factor == 1 else f"means of {view.factor} × {view.factor} of its own pixels"
        return ComparedView(view, words + _plane_words(header, plane))

    async def on_grid(self, first: Image, other: Image, grid: ImageView, *, plane: int = 0) -> ComparedView:
        """Return another image at the places of a view of the first one; blank where it has none.

        An image without the plane that is asked for is shown with its last one, and `how` says so.

        Raises
        ------
        ValidationError
            They have no sky in common, or one has no sky coordinates and the sizes differ.
        FileError
        """
        headers = await self._files.image_header(first.path), await self._files.image_header(other.path)
        x, y = places((grid.origin_x, grid.origin_y), grid.factor, (grid.data.shape[0], grid.data.shape[1]))
        through_sky = await self._offload.in_thread(other_pixels, *headers, x, y)
        how = "resampled onto the pixels of the first one (bilinear)"
        if through_sky is None:
            if headers[0].shape[-2:] != headers[1].shape[-2:]:
                raise ValidationError(
                    f"{other.name} cannot be compared: {_no_sky(headers)}, and their sizes differ",
                    remedy="Choose images of the same sky.",
                )
            how = f"compared pixel by pixel: {_no_sky(headers)}"
        found = np.meshgrid(x, y) if through_sky is None else through_sky
        box, own_plane = _box_around(*found, headers[1]), _nearest_plane(headers[1], plane)
        if box is None:
            blank = np.full(grid.data.shape, np.nan, np.float32)
            return ComparedView(_view(grid, blank, own_plane), "no part of it is here")
        view = await self._overviews.view(other, box, max_size=_size_of(box, *found), plane=own_plane)
        data = await self._offload.in_thread(
            between_pixels, view.data, (view.origin_x, view.origin_y), view.factor, *found
        )
        if view.factor > 1:
            how += f", from means of {view.factor} × {view.factor}"
        return ComparedView(_view(grid, data, own_plane), how + _plane_words(headers[1], plane))


def _view(grid: ImageView, data: npt.NDArray[np.float32], plane: int) -> ImageView:
    return replace(grid, data=data, plane=plane)


def _nearest_plane(header: ImageHeader, plane: int) -> int:
    return min(max(plane, 0), header.n_planes - 1)


def _plane_words(header: ImageHeader, plane: int) -> str:
    """Return which plane is shown of an image that has several, or not the one that is asked for."""
    shown = _nearest_plane(header, plane)
    if header.n_planes == 1 and shown == plane:
        return ""
    name = plane_name(header, shown)
    words = f"; plane {shown} of {header.n_planes}" if header.n_planes > 1 else "; its only plane"
    missing = "" if shown == plane else f", for want of a plane {plane}"
    return f"{words}{f' ({name})' if name else ''}{missing}"


def _no_sky(headers: tuple[ImageHeader, ImageHeader]) -> str:
    """Return why there is no way from one image to another through the sky."""
    problems = [frame_problem(header.frame, header.wcs_header) for header in headers]
    return next((problem for problem in problems if problem), "one of the two has no sky coordinates")


def _box_around(x: FloatArray, y: FloatArray, header: ImageHeader) -> Box | None:
    """Return the part of an image in which places lie, with a margin; None when none is inside."""
    n_y, n_x = header.shape[-2:]
    with np.errstate(invalid="ignore"):
        inside = (x > -1) & (x < n_x) & (y > -1) & (y < n_y)
    if not inside.any():
        return None
    x, y = x[inside], y[inside]
    return (
        max(0, math.floor(x.min()) - 2), max(0, math.floor(y.min()) - 2),
        min(n_x, math.ceil(x.max()) + 3), min(n_y, math.ceil(y.max()) + 3),
    )  # fmt: skip


def _size_of(box: Box, x: FloatArray, y: FloatArray) -> int:
    """Return how many blocks a side are wanted: blocks no larger than the distance of two places."""
    step = 1.0
    if x.shape[0] > 1 and x.shape[1] > 1:
        with np.errstate(invalid="ignore"):
            steps = np.hypot(np.diff(x, axis=1)[:-1], np.diff(y, axis=1)[:-1])
        step = float(np.nanmedian(steps)) if np.isfinite(steps).any() else 1.0
    return min(_LARGEST_VIEW, max(256, math.ceil(max(box[2] - box[0], box[3] - box[1]) / max(step, 1.0)) + 1))


def difference_objection(one: ImageHeader, other: ImageHeader) -> str:
    """Return why two images must not be subtracted; empty when they may."""
    units = [_plain_unit(header.bunit) for header in (one, other)]
    is_same = units[0] == units[1] or unit_ratio(one.bunit, other.bunit) == 1.0
    if all(units) and not is_same:
        return f"The units differ: {one.bunit} and {other.bunit}"
    return ""


def difference_remarks(one: ImageHeader, other: ImageHeader) -> tuple[str, ...]:
    """Return what a reader must know of a difference: beams, units and frequencies that are not the same."""
    found = []
    if not (one.bunit and other.bunit):
        found.append("the unit of one of the two is not stated")
    beams = one.beam, other.beam
    if beams[0] is None or beams[1] is None:
        found.append("the beam of one of the two is not recorded")
    elif any(
        abs(a - b) > _SAME_BEAM * max(a, b)
        for a, b in (
            (beams[0].major_arcsec, beams[1].major_arcsec),
            (beams[0].minor_arcsec, beams[1].minor_arcsec),
        )
    ):
        texts = " and ".join(f"{b.major_arcsec:.3g}″ × {b.minor_arcsec:.3g}″" for b in beams if b is not None)
        found.append(f"the beams differ ({texts}): sources leave rings")
    if one.freq_hz and other.freq_hz and abs(one.freq_hz - other.freq_hz) > 0.01 * one.freq_hz:
        found.append(f"the frequencies differ ({one.freq_hz / 1e9:.4g} and {other.freq_hz / 1e9:.4g} GHz)")
    return tuple(found)


def _plain_unit(unit: str) -> str:
    return "".join(unit.upper().split()).replace("BEAM-1JY", "JY/BEAM").replace("JYBEAM-1", "JY/BEAM")
