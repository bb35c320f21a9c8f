"""The frame of a printed image: north up and east left, and where file pixels fall in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from dashboards.plots.sky import ALIGNED_DEG, Box, FloatArray, LocalSky

_ALIGNED = np.sin(np.radians(ALIGNED_DEG))


@dataclass(frozen=True, slots=True)
class PictureFrame:
    """A plane with u to the right and v up, in image pixels, both 0 at the middle of the image.

    Attributes
    ----------
    matrix : float, shape (2, 2)
        (x, y) of the file per (u, v).
    inverse : float, shape (2, 2)
        Its inverse.
    middle : tuple of float
        (x, y) at (0, 0).
    half_u, half_v : float
        Half the sides of the frame.
    zoom : float
        Screen pixels per image pixel.
    """

    matrix: FloatArray
    inverse: FloatArray
    middle: tuple[float, float]
    half_u: float
    half_v: float
    zoom: float

    @property
    def size(self) -> tuple[int, int]:
        """Width and height on the screen."""
        return max(1, round(2 * self.half_u * self.zoom)), max(1, round(2 * self.half_v * self.zoom))

    @property
    def box(self) -> Box:
        """The frame in (u, v)."""
        return -self.half_u, -self.half_v, self.half_u, self.half_v

    @property
    def aligned(self) -> bool:
        """Say whether the pixel axes are those of the frame, so that nothing needs resampling."""
        return bool(np.all((self.matrix == 0) | (np.abs(self.matrix) == 1)))

    def to_frame(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return (u, v) of file pixels."""
        return self.turn(x - self.middle[0], y - self.middle[1])

    def turn(self, dx: FloatArray, dy: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return (du, dv) of steps in file pixels."""
        (xu, yu), (xv, yv) = self.inverse
        return xu * dx + yu * dy, xv * dx + yv * dy

    def to_screen(self, u: FloatArray, v: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return screen pixels from the upper left corner of the frame."""
        return (u + self.half_u) * self.zoom, (self.half_v - v) * self.zoom

    def file_box(self) -> Box:
        """Return the file pixels (edges) that the frame spans at most."""
        corners = self.matrix @ np.array([[-1, 1, 1, -1], [-1, -1, 1, 1]] * np.array([[self.half_u], [self.half_v]]))
        low, high = corners.min(axis=1), corners.max(axis=1)
        x, y = self.middle
        return x + float(low[0]), y + float(low[1]), x + float(high[0]), y + float(high[1])


def picture_frame(box: Box, sky: LocalSky | None, factor: int, *, longest: int) -> PictureFrame:
    """Return the frame for an image that covers `box` (file pixels).

    Parameters
    ----------
    sky : LocalSky or None
        None: the frame is that of the pixels.
    factor : int
        File pixels per pixel of the array that will be drawn.
    longest : int
        Screen pixels of the longer side, about: pixels are enlarged by whole numbers.
    """
    matrix = np.eye(2) if sky is None else _upright(sky)
    half = np.array([(box[2] - box[0]) / 2, (box[3] - box[1]) / 2])
    inverse = np.linalg.inv(matrix).astype(np.float64)
    half_u, half_v = (float(n) for n in np.abs(inverse) @ half)
    zoom = max(1, int(longest / (2 * max(half_u, half_v) / factor))) / factor
    return PictureFrame(matrix, inverse, ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), half_u, half_v, zoom)


def _upright(sky: LocalSky) -> FloatArray:
    west, north = -np.array(sky.east), np.array(sky.north)
    matrix = np.column_stack([west / np.hypot(*west), north / np.hypot(*north)])
    snapped = np.rint(matrix)
    is_turn = np.all(np.abs(snapped).sum(axis=0) == 1) and np.all(np.abs(snapped).sum(axis=1) == 1)
    return snapped if is_turn and np.all(np.abs(matrix - snapped) < _ALIGNED) else matrix


def enlarged(
    pixels: npt.NDArray[np.uint8], frame: PictureFrame, factor: int, ground: int | tuple[int, int, int]
) -> Image.Image:
    """Return pixels, RGB or indices (row 0 at the bottom, in file order), as they look in the frame."""
    if frame.aligned:
        turned = np.flip(_turned(pixels, frame.matrix), axis=0)
        return Image.fromarray(np.ascontiguousarray(turned)).resize(frame.size, Image.Resampling.NEAREST)
    width, height = frame.size
    # (column, row) of the array for a screen pixel: screen -> (u, v) -> file -> array
    steps = frame.matrix / frame.zoom / factor @ np.diag([1.0, -1.0])
    n_y, n_x = pixels.shape[:2]
    start = np.array([n_x / 2, n_y / 2]) - steps @ np.array([width / 2, height / 2])
    data = (steps[0, 0], steps[0, 1], start[0], steps[1, 0], steps[1, 1], start[1])
    return Image.fromarray(pixels).transform(
        frame.size, Image.Transform.AFFINE, data, Image.Resampling.NEAREST, fillcolor=ground
    )


def _turned(pixels: npt.NDArray[np.uint8], matrix: FloatArray) -> npt.NDArray[np.uint8]:
    """Return the array with u along the columns and v along the rows, both ascending."""
    if matrix[0, 0] == 0:
        pixels = np.swapaxes(pixels, 0, 1)  # x runs along v
        return pixels[:: int(matrix[0, 1]), :: int(matrix[1, 0])]
    return pixels[:: int(matrix[1, 1]), :: int(matrix[0, 0])]
