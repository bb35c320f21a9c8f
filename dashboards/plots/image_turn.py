"""North is up and east left: how the pixels of a file lie in a figure.

Axes that run backwards (`dashboards.plots.sky.orientation`) and rows in the place of columns show all eight ways to
store an image (turned by 0, 90, 180, 270 degrees, mirrored or not) without resampling a pixel. An image stored at
another angle is turned about its middle by that angle: what is drawn is then a grid of its own, of which every sample
is the pixel of the file below it (the nearest one, never a mixture), and blank outside of the image.

Everything outside of the figure counts in pixels of the file: values, regions and positions are read from it, and not
from what is drawn. What goes into a figure or comes out of it passes through its `Turn`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from astropy.wcs import WCS

from dashboards.plots.bokeh_models import Figure
from dashboards.plots.image_turn_cards import turned_cards
from dashboards.plots.sky import ALIGNED_DEG, Box, FloatArray, LocalSky, celestial_wcs, sky_to_pixel
from data_access.records import ImageHeader

_TAG = "turn"
_PAIRS = (("x", "y"), ("xs", "ys"), ("label_x", "label_y"))
# Below 1/sqrt(2) of a pixel every pixel of the file is met by a sample, at any angle.
_STEP = 0.7
# Single pixels that fill the screen keep straight edges, and a small image does not become a large array.
_FINEST_STEP = 1 / 16
_SAMPLES = 800
# Rows that are sampled at a time: what is computed for them stays in the cache.
_ROWS = 32
# With a pole in the pixel of the middle there is no direction that could be called up.
_POLE_PIXELS = 1.0

Number = TypeVar("Number", float, FloatArray)


@dataclass(frozen=True, slots=True)
class Turn:
    """As they are stored, or with x and y in each other's place, or turned by an angle.

    Attributes
    ----------
    swaps : bool
    angle_deg : float
        By which a direction in the file turns counter-clockwise in the figure; 0 where nothing is resampled.
    n_x, n_y : int
        Size of an image that is turned by an angle: the middle stays in the middle.
    """

    swaps: bool = False
    angle_deg: float = 0.0
    n_x: int = 0
    n_y: int = 0

    @staticmethod
    def of(figure: Figure | None) -> Turn:
        """Return that of a figure of `plot_image`."""
        tags = () if figure is None else figure.tags
        return next((Turn(*tag[1:]) for tag in tags if isinstance(tag, list | tuple) and tag[0] == _TAG), Turn())

    @staticmethod
    def for_image(header: ImageHeader, wcs: WCS | None, sky: LocalSky | None) -> Turn:
        """Return the one that brings north up, by an angle where a quarter does not do it to `ALIGNED_DEG`."""
        if wcs is None or sky is None:
            return Turn()
        across, along = sky.north
        quarter = Turn(swaps=abs(across) > abs(along))
        off = math.degrees(math.atan2(min(abs(across), abs(along)), max(abs(across), abs(along))))
        n_y, n_x = header.shape[-2:]
        if off <= ALIGNED_DEG or _is_polar(wcs, sky):
            return quarter
        return Turn(False, math.degrees(math.atan2(across, along)), n_x, n_y)

    def mark(self, figure: Figure) -> None:
        """Make a figure remember its turn."""
        if self != Turn():
            figure.tags = [*figure.tags, [_TAG, self.swaps, self.angle_deg, self.n_x, self.n_y]]

    @property
    def matrix(self) -> FloatArray:
        """Steps (x, y) in the figure per steps in the file, shape (2, 2)."""
        if self.swaps:
            return np.array([[0.0, 1.0], [1.0, 0.0]])
        angle = math.radians(self.angle_deg)
        return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, in pixels, of the box around an image that is turned by an angle."""
        wide, high = np.abs(self.matrix) @ (self.n_x, self.n_y)
        return math.ceil(wide - 1e-6), math.ceil(high - 1e-6)

    @property
    def to_file(self) -> FloatArray:
        """What gives x and y in the file of a place in the figure, shape (2, 3): both are a u + b v + c."""
        back, (n_u, n_v) = self.matrix.T, self.size
        shift = np.array([self.n_x - 1, self.n_y - 1]) / 2 - back @ np.array([n_u - 1, n_v - 1]) / 2
        return np.column_stack([back, shift if self.angle_deg else (0.0, 0.0)])

    def place(self, x: Number, y: Number) -> tuple[Number, Number]:
        """Return where a place of the file is in the figure."""
        if not self.angle_deg:
            return (y, x) if self.swaps else (x, y)
        (a, b, c), (d, e, f) = self.to_file.tolist()
        x, y = x - c, y - f
        return a * x + d * y, b * x + e * y

    def point(self, x: Number, y: Number) -> tuple[Number, Number]:
        """Return which place of the file a place in the figure is."""
        if not self.angle_deg:
            return (y, x) if self.swaps else (x, y)
        (a, b, c), (d, e, f) = self.to_file.tolist()
        return a * x + b * y + c, d * x + e * y + f

    def box(self, box: Box) -> Box:
        """Return the edges in the figure of what edges in the file hold."""
        return _around(*self.place(*_corners(box)))

    def file_box(self, box: Box) -> Box:
        """Return the edges in the file of what edges in the figure hold."""
        return _around(*self.point(*_corners(box)))

    def outline(self, box: Box) -> tuple[FloatArray, FloatArray]:
        """Return the corners in the figure of a box of the file, x and y."""
        return self.place(*_corners(box))

    @property
    def up_deg(self) -> float:
        """The angle of what is up in the figure, counter-clockwise from the y axis of the file; 0 for quarters."""
        return -self.angle_deg

    def columns(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """Return columns of a source with the places that the figure has for them."""
        found = dict(columns)
        for one, other in _PAIRS:
            if self != Turn() and one in found and other in found:
                places = [self.place(x, y) for x, y in zip(columns[one], columns[other], strict=True)]
                found[one], found[other] = [x for x, _ in places], [y for _, y in places]
        return found

    def header(self, header: ImageHeader) -> ImageHeader:
        """Return the header of the image as it is drawn."""
        if self == Turn():
            return header
        wcs = celestial_wcs(header)
        n_u, n_v = self.size if self.angle_deg else header.shape[-2:]
        shift = -self.matrix @ self.to_file[:, 2]
        cards = {} if wcs is None else turned_cards(header.wcs_header, wcs, self.matrix, shift, (n_u, n_v))
        axes = header.sky_axes[::-1] if self.swaps else header.sky_axes
        return replace(header, shape=(*header.shape[:-2], n_v, n_u), wcs_header=cards, sky_axes=axes)

    def step(self, window: Box, factor: int) -> float:
        """Return the distance of samples, in pixels, of a part of a figure that is turned by an angle."""
        longest = max(window[2] - window[0], window[3] - window[1])
        return min(_STEP * factor, max(longest / _SAMPLES, _FINEST_STEP))

    def sampled(
        self, data: npt.NDArray[np.float32], box: Box, factor: int, window: Box | None = None
    ) -> tuple[npt.NDArray[np.float32], Box]:
        """Return what lies in a part of a figure that is turned by an angle, and the edges of it.

        Parameters
        ----------
        data : float32, shape (n_y, n_x)
            What the file has between the edges `box`, in blocks of `factor` pixels a side.
        window : Box, optional
            Edges of the part in the figure; all that `box` fills of it when None.

        Returns
        -------
        float32, shape (n_v, n_u)
            Every sample is the pixel, or block, of the file that it lies in; NaN outside of them.
        """
        window = window or self.box(box)
        step = self.step(window, factor)
        n_u = max(1, math.ceil((window[2] - window[0]) / step))
        n_v = max(1, math.ceil((window[3] - window[1]) / step))
        u = window[0] + step * (np.arange(n_u) + 0.5)
        v = window[1] + step * (np.arange(n_v) + 0.5)
        (a, b, c), (d, e, f) = self.to_file / factor
        along, across = np.array([a * u, d * u]), np.array([b * v + c - box[0] / factor, e * v + f - box[1] / factor])
        found = np.empty((n_v, n_u), np.float32)
        # one more row and column, which are blank: that is where a place outside of the data leads
        n_y, n_x = data.shape
        framed = np.full((n_y + 1, n_x + 1), np.nan, np.float32)
        framed[:-1, :-1] = data
        for n in range(0, n_v, _ROWS):
            x, y = (along[i] + across[i, n : n + _ROWS, None] for i in range(2))
            column, row = _indices(x, n_x), _indices(y, n_y)
            np.take(framed, row * (n_x + 1) + column, out=found[n : n + _ROWS], mode="clip")
        return found, (window[0], window[1], window[0] + n_u * step, window[1] + n_v * step)


def _is_polar(wcs: WCS, sky: LocalSky) -> bool:
    """Say whether a pole lies at the middle, where north is no direction."""
    x, y = sky_to_pixel(wcs, np.zeros(2), np.array([-90.0, 90.0]))
    distance = np.hypot(x - sky.x, y - sky.y)
    return bool(np.any(distance < _POLE_PIXELS))


def _indices(place: FloatArray, n: int) -> npt.NDArray[np.int64]:
    """Return the number of the pixel that every place lies in; `n` outside of them."""
    index = np.floor(place, out=place).astype(np.int64)
    index.view(np.uint64)[...] = np.minimum(index.view(np.uint64), n)  # negative numbers are the largest
    return index


def _corners(box: Box) -> tuple[FloatArray, FloatArray]:
    return np.array([box[0], box[2], box[2], box[0]]), np.array([box[1], box[1], box[3], box[3]])


def _around(x: FloatArray, y: FloatArray) -> Box:
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())
