"""What is measured in regions of an image: only the pixels that are needed are read, off the event loop."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from data_access.analysis.region_geometry import (
    FloatArray,
    ImageGrid,
    bounding_box,
    drawn_shape,
    line_length,
    outline,
    pixels_inside,
    polygon_area,
)
from data_access.analysis.region_statistics import RegionFigures, line_samples, offsets_along, values_along
from data_access.errors import ArchiveError, FITSError, ValidationError
from data_access.offload import Offload
from data_access.readers.plane import Box
from data_access.readers.region_files import (
    FileFrame,
    RegionFile,
    RegionFormat,
    is_only_typed,
    read_region_text,
    write_region_text,
)
from data_access.records import Cutout, Image, ImageHeader
from data_access.records.regions import Profile, RegionMeasurement, RegionStatistics, Shape
from data_access.services.cutouts import CutoutService, Place
from data_access.services.files import FileService

# One reading: 32 MB of float32. Counted in blocks of which masks and indices take some 10 MB.
_READ_PIXELS = 1 << 23
_BLOCK_PIXELS = 1 << 19
# A region larger than this would keep a reader busy for many seconds.
MAX_PIXELS = 200_000_000
MAX_SAMPLES = 20_000
_PIECE_PIXELS = 1 << 20


@dataclass(frozen=True, slots=True)
class _Located:
    """A region on the pixels of an image: its outline, and the part of its box that the image has."""

    grid: ImageGrid
    outline: tuple[FloatArray, FloatArray]
    box: Box
    reaches_outside: bool

    @property
    def centre(self) -> tuple[float, float]:
        x, y = self.outline
        return (float(x.min()) + float(x.max())) / 2, (float(y.min()) + float(y.max())) / 2


class RegionService:
    """Statistics, histograms, profiles and distances on any image of the archive."""

    def __init__(self, files: FileService, cutouts: CutoutService, offload: Offload) -> None:
        self._files, self._cutouts, self._offload = files, cutouts, offload

    async def measure(self, image: Image | str, shape: Shape, *, plane: int = 0) -> RegionMeasurement:
        """Return statistics of a region with an area, or profile and length of a line.

        Raises
        ------
        ValidationError
            When the region is not on the image, has no pixel in it, or is larger than `MAX_PIXELS`.
        FileError
            When the file is missing or damaged.
        """
        path = image if isinstance(image, str) else image.path
        header = (await self._files.image_header(path)).of_plane(plane)
        located = await self._offload.in_thread(_locate, header, shape)
        if shape.kind == "line":
            profile = await self._profile(path, located, plane)
            length = await self._offload.in_thread(line_length, shape, located.grid)
            return RegionMeasurement(shape, located.outline, profile=profile, separation=length)
        return RegionMeasurement(shape, located.outline, statistics=await self._statistics(path, located, plane))

    async def try_measure(self, image: Image | str, shape: Shape, *, plane: int = 0) -> RegionMeasurement:
        """Return the same; what cannot be measured says why in `problem`."""
        try:
            return await self.measure(image, shape, plane=plane)
        except ArchiveError as err:
            nowhere = np.empty(0), np.empty(0)
            return RegionMeasurement(shape, nowhere, problem=f"{err.message}. {err.remedy}".rstrip(". ") + ".")

    async def read_text(self, text: str, *, most: int) -> RegionFile:
        """Return the regions of a DS9 or CRTF file, or of typed lines; see `read_region_text`."""
        # Importing the package holds the interpreter lock for long; a process is also stopped at a deadline.
        run = self._offload.in_thread if is_only_typed(text) else self._offload.in_process
        return await run(read_region_text, text, most=most)

    async def write_text(
        self, image: Image | str, shapes: Sequence[Shape], *, file_format: RegionFormat, frame: FileFrame
    ) -> str:
        """Return regions on an image as a DS9 or CRTF file; see `write_region_text`."""
        header = await self._files.image_header(image if isinstance(image, str) else image.path)
        return await self._offload.in_thread(write_region_text, shapes, header, file_format=file_format, frame=frame)

    async def place(self, image: Image | str, shape: Shape) -> Shape:
        """Return a region that was drawn on the pixels of an image as one on the sky, where there is sky."""
        header = await self._files.image_header(image if isinstance(image, str) else image.path)
        return await self._offload.in_thread(lambda: drawn_shape(shape, ImageGrid.of(header)))

    async def _statistics(self, path: str, located: _Located, plane: int) -> RegionStatistics:
        x0, y0, x1, y1 = located.box
        n_all = (x1 - x0) * (y1 - y0)
        if n_all > MAX_PIXELS:
            raise ValidationError(
                f"The region spans {x1 - x0:,} × {y1 - y0:,} pixels, more than {MAX_PIXELS:,}",
                remedy="Draw a smaller one; figures of the whole plane are in the facts of the image.",
            )
        figures = RegionFigures(n_all)
        key: tuple[int, ...] | None = None
        for box in _strips(located.box, _READ_PIXELS):
            cutout = await self._read(path, box, plane)
            if key not in (None, cutout.key):
                raise FITSError(f"{path} is being written just now", remedy="Ask again in a moment.", path=path)
            key = cutout.key
            await self._offload.in_thread(_count, figures, cutout, located.outline)
        if not figures.n_pixels:
            raise ValidationError(
                "No pixel of the image has its centre inside the region", remedy="Draw a larger one."
            )
        n_outside = round(polygon_area(*located.outline)) - figures.n_pixels if located.reaches_outside else 0
        return await self._offload.in_thread(figures.result, located.grid, located.centre, max(0, n_outside))

    async def _profile(self, path: str, located: _Located, plane: int) -> Profile:
        grid = located.grid
        x, y = line_samples(*located.outline, most=MAX_SAMPLES)
        inside = (x >= -0.5) & (x <= grid.n_x - 0.5) & (y >= -0.5) & (y <= grid.n_y - 0.5)
        if not inside.any():
            raise _outside(grid)
        first, last = np.flatnonzero(inside)[[0, -1]]
        value = np.full(x.shape, np.nan)
        for piece in np.array_split(np.arange(first, last + 1), _n_pieces(x[inside], y[inside])):
            if piece.size:
                box = _around(x[piece], y[piece], grid)
                cutout = await self._read(path, box, plane)
                value[piece] = await self._offload.in_thread(values_along, cutout.data, box[:2], x[piece], y[piece])
        offset, unit = await self._offload.in_thread(offsets_along, grid, x, y)
        return Profile(offset, value, x, y, unit, grid.header.bunit)

    async def _read(self, path: str, box: Box, plane: int) -> Cutout:
        x0, y0, x1, y1 = box
        place = Place(pixel=((x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2))
        return await self._cutouts.cutout(path, place, width=x1 - x0, height=y1 - y0, unit="pixel", plane=plane)


def _locate(header: ImageHeader, shape: Shape) -> _Located:
    grid = ImageGrid.of(header)
    x, y = outline(shape, grid)
    if shape.kind == "point":
        # all that is inside is the pixel on which the point lies
        x, y = np.rint(x) + np.array([-0.5, 0.5, 0.5, -0.5]), np.rint(y) + np.array([-0.5, -0.5, 0.5, 0.5])
    if shape.kind == "line":
        return _Located(grid, (x, y), (0, 0, grid.n_x, grid.n_y), reaches_outside=False)
    whole = bounding_box(x, y)
    box = max(whole[0], 0), max(whole[1], 0), min(whole[2], grid.n_x), min(whole[3], grid.n_y)
    if whole[0] >= whole[2] or whole[1] >= whole[3]:
        raise ValidationError("No pixel of the image has its centre inside the region", remedy="Draw a larger one.")
    if box[0] >= box[2] or box[1] >= box[3]:
        raise _outside(grid)
    return _Located(grid, (x, y), box, reaches_outside=box != whole)


def _outside(grid: ImageGrid) -> ValidationError:
    return ValidationError(
        f"The region is wholly outside the image of {grid.n_x} × {grid.n_y} pixels", remedy="Choose one inside it."
    )


def _strips(box: Box, n_pixels: int) -> Iterator[Box]:
    x0, y0, x1, y1 = box
    rows = max(1, n_pixels // (x1 - x0))
    for start in range(y0, y1, rows):
        yield x0, start, x1, min(start + rows, y1)


def _count(figures: RegionFigures, cutout: Cutout, outline: tuple[FloatArray, FloatArray]) -> None:
    left, bottom = cutout.origin_x, cutout.origin_y
    for x0, y0, x1, y1 in _strips(cutout.box, _BLOCK_PIXELS):
        block = cutout.data[y0 - bottom : y1 - bottom, x0 - left : x1 - left]
        figures.add(block, pixels_inside(*outline, (x0, y0, x1, y1)), x0, y0)


def _n_pieces(x: FloatArray, y: FloatArray) -> int:
    """Return in how many pieces a line is read, so that the boxes around them are small."""
    return max(1, math.ceil(math.sqrt(float(np.ptp(x)) * float(np.ptp(y)) / _PIECE_PIXELS)))


def _around(x: FloatArray, y: FloatArray, grid: ImageGrid) -> Box:
    """Return the box of the pixels on all four sides of some samples."""
    return (
        max(math.floor(float(x.min())), 0), max(math.floor(float(y.min())), 0),
        min(math.floor(float(x.max())) + 2, grid.n_x), min(math.floor(float(y.max())) + 2, grid.n_y),
    )  # fmt: skip
