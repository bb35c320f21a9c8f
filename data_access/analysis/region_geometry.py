"""Where a region lies on the pixels of an image: its outline, the pixels inside, and back to the sky.

What is drawn is what is measured: one outline in pixels serves both. A circle on the sky is taken as the points at
that distance on the sphere, so that it is right in any projection and for pixels of any shape.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from astropy.coordinates import ICRS, SkyCoord
from astropy.wcs import WCS

from data_access.analysis.coordinates import separation_arcsec
from data_access.analysis.image_sky import celestial_wcs, frame_problem, icrs_to_pixel, native_frame, pixel_to_sky
from data_access.errors import ValidationError
from data_access.records.files import ImageHeader
from data_access.records.regions import Separation, Shape

FloatArray = npt.NDArray[np.float64]
# A polygon of so many corners inside a circle has 0.02 % less area.
_CURVE_POINTS = 180
_SAME_PIXELS = 0.1
# Rows times edges that are looked at together: a few MB.
_CROSSINGS = 1 << 20


@dataclass(frozen=True, slots=True)
class ImageGrid:
    """Pixels of an image and the sky behind them; not to be shared between threads (wcslib works in place)."""

    n_x: int
    n_y: int
    header: ImageHeader
    wcs: WCS | None

    @classmethod
    def of(cls, header: ImageHeader) -> ImageGrid:
        """Return the grid of an image; `wcs` is None without sky coordinates."""
        n_y, n_x = header.shape[-2:]
        return cls(int(n_x), int(n_y), header, celestial_wcs(header))

    @property
    def problem(self) -> str:
        """Why there is no way to ICRS; empty where there is one, and without sky coordinates."""
        return frame_problem(self.header.frame, self.header.wcs_header)

    def to_pixels(self, ra_deg: npt.ArrayLike, dec_deg: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return 0-based x, y of ICRS positions; NaN where the projection does not reach."""
        if self.wcs is None:
            raise ValidationError(
                "The image has no sky coordinates: a region on the sky has no place on it",
                remedy="Give the region in pixels.",
            )
        if problem := self.problem:
            raise ValidationError(
                f"A region on the sky has no place on this image: {problem}", remedy="Give the region in pixels."
            )
        ra, dec = np.asarray(ra_deg, dtype=np.float64), np.asarray(dec_deg, dtype=np.float64)
        return icrs_to_pixel(self.header, self.wcs, ra, dec)

    def to_icrs(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return ICRS degrees of 0-based pixels; NaN off the sky and without a way to ICRS."""
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        if self.wcs is None:
            return np.full(x.shape, np.nan), np.full(x.shape, np.nan)
        lon, lat = pixel_to_sky(self.wcs, x, y)
        frame = native_frame(self.header)
        if isinstance(frame, ICRS):
            return lon, lat
        seen = np.isfinite(lon) & np.isfinite(lat) & (frame is not None)
        ra, dec = np.full(x.shape, np.nan), np.full(x.shape, np.nan)
        if seen.any():
            sky = SkyCoord(lon[seen], lat[seen], unit="deg", frame=frame).icrs
            ra[seen], dec[seen] = sky.ra.deg, sky.dec.deg
        return ra, dec

    def pixel_area_arcsec2(self, x: float, y: float) -> float | None:
        """Return how much sky a pixel covers at a place; None off the sky.

        From the two diagonals, so that turned and skewed pixels are right too.
        """
        if self.wcs is None:
            return None
        # in whatever frame: an area is the same in all
        ra, dec = pixel_to_sky(self.wcs, np.array([x - 0.5, x + 0.5, x - 0.5]), np.array([y - 0.5, y - 0.5, y + 0.5]))
        if not np.isfinite(ra + dec).all():
            return None
        d_lon = (ra[1:] - ra[0] + 180.0) % 360.0 - 180.0
        east, north = d_lon * np.cos(np.radians(dec[0])) * 3600, (dec[1:] - dec[0]) * 3600
        area = abs(float(east[0] * north[1] - east[1] * north[0]))
        return area if area > 0 else None


def outline(shape: Shape, grid: ImageGrid) -> tuple[FloatArray, FloatArray]:
    """Return the corners of a region in 0-based pixels, not closed; one point for a point, two for a line.

    Raises
    ------
    ValidationError
        For a region on the sky when the image has none, or when it is not wholly on the projection.
    """
    first, second = _corners(shape)
    x, y = grid.to_pixels(first, second) if shape.frame == "icrs" else (first, second)
    if not np.isfinite(x + y).all():
        raise ValidationError(
            "The region does not lie wholly on the projection of this image",
            remedy="Draw or type one that is inside.",
        )
    return x, y


def _corners(shape: Shape) -> tuple[FloatArray, FloatArray]:
    points = np.array(shape.points, dtype=np.float64).reshape(-1, 2)
    if shape.kind in ("polygon", "line", "point"):
        return points[:, 0].copy(), points[:, 1].copy()
    along_width, along_height = _own_axes(shape)
    angle = math.radians(shape.angle_deg)
    sin, cos = math.sin(angle), math.cos(angle)
    (first, second) = points[0]
    if shape.frame == "pixel":
        return first + along_width * cos - along_height * sin, second + along_width * sin + along_height * cos
    north = along_width * sin + along_height * cos
    east = along_height * sin - along_width * cos
    return offset_positions(first, second, np.arctan2(east, north), np.hypot(east, north))


def _own_axes(shape: Shape) -> tuple[FloatArray, FloatArray]:
    """Return the outline of a circle, ellipse or box along its own width and height."""
    if shape.kind == "box":
        return np.array([-1, 1, 1, -1]) * shape.width / 2, np.array([-1, -1, 1, 1]) * shape.height / 2
    turn = np.linspace(0.0, 2 * np.pi, _CURVE_POINTS, endpoint=False)
    return np.cos(turn) * shape.width / 2, np.sin(turn) * shape.height / 2


def offset_positions(
    ra_deg: float, dec_deg: float, pa_rad: FloatArray, distance_arcsec: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return ICRS positions at an angle (north through east) and a distance from one, on the sphere."""
    distance, dec = np.radians(distance_arcsec / 3600), math.radians(dec_deg)
    sin_dec = math.sin(dec) * np.cos(distance) + math.cos(dec) * np.sin(distance) * np.cos(pa_rad)
    d_ra = np.arctan2(np.sin(pa_rad) * np.sin(distance) * math.cos(dec), np.cos(distance) - math.sin(dec) * sin_dec)
    return (ra_deg + np.degrees(d_ra)) % 360.0, np.degrees(np.arcsin(np.clip(sin_dec, -1.0, 1.0)))


def pixels_inside(x: FloatArray, y: FloatArray, box: tuple[int, int, int, int]) -> npt.NDArray[np.bool_]:
    """Return which pixels of a box have their centre inside a polygon (even-odd rule).

    Parameters
    ----------
    x, y : float64, shape (n,)
        Corners in pixels.
    box : x0, y0, x1, y1
        Half open.

    Returns
    -------
    bool, shape (y1 - y0, x1 - x0)
    """
    x0, y0, x1, y1 = box
    turns = np.zeros((y1 - y0, x1 - x0 + 1), dtype=np.uint8)
    next_x, next_y = np.roll(x, -1), np.roll(y, -1)
    step = max(1, _CROSSINGS // max(1, x.size))
    for start in range(y0, y1, step):
        rows = np.arange(start, min(start + step, y1))[:, None]
        row, edge = np.nonzero((y[None, :] <= rows) != (next_y[None, :] <= rows))
        share = (rows[row, 0] - y[edge]) / (next_y[edge] - y[edge])
        crossing = x[edge] + share * (next_x[edge] - x[edge])
        column = np.clip(np.ceil(crossing), x0, x1).astype(np.int64) - x0
        np.bitwise_xor.at(turns, (row + start - y0, column), np.uint8(1))
    return np.bitwise_xor.accumulate(turns, axis=1)[:, :-1].astype(np.bool_)


def polygon_area(x: FloatArray, y: FloatArray) -> float:
    """Return the area of a polygon in pixels (shoelace formula)."""
    return abs(float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))) / 2


def bounding_box(x: FloatArray, y: FloatArray) -> tuple[int, int, int, int]:
    """Return the smallest box of whole pixels with all centres that are inside: x0, y0, x1, y1, half open."""
    return (
        math.ceil(float(x.min())), math.ceil(float(y.min())),
        math.floor(float(x.max())) + 1, math.floor(float(y.max())) + 1,
    )  # fmt: skip


def drawn_shape(shape: Shape, grid: ImageGrid) -> Shape:
    """Return a region that was drawn on the pixels of an image as one on the sky, where the image has sky.

    A box or ellipse stays one when it is the same on the sky to a tenth of a pixel; in projections that bend it,
    it becomes the polygon that was drawn. Without sky coordinates the pixels stay.
    """
    if shape.frame == "icrs" or grid.wcs is None:
        return shape
    ra, dec = grid.to_icrs(*np.array(shape.points, dtype=np.float64).T)
    if not np.isfinite(ra + dec).all():
        return shape
    places = tuple(zip(ra.tolist(), dec.tolist(), strict=True))
    if shape.kind in ("polygon", "line", "point"):
        return replace(shape, frame="icrs", points=places)
    x, y = outline(shape, grid)
    made = _on_sky(shape, places[0], grid)
    if made is not None:
        try:
            again_x, again_y = outline(made, grid)
        except ValidationError:
            again_x, again_y = np.full(x.shape, np.inf), y
        if _furthest(_ends(again_x), _ends(again_y), _ends(x), _ends(y)) <= _SAME_PIXELS:
            return replace(made, angle_deg=0.0) if made.kind == "circle" else made
    ra, dec = grid.to_icrs(x, y)
    if not np.isfinite(ra + dec).all():
        return shape
    return replace(
        shape, kind="polygon", frame="icrs", points=tuple(zip(ra.tolist(), dec.tolist(), strict=True)),
        width=0.0, height=0.0, angle_deg=0.0,
    )  # fmt: skip


def pixel_shape(shape: Shape, grid: ImageGrid) -> Shape:
    """Return a region on the pixels of an image; sizes and angle are those at its middle.

    Raises
    ------
    ValidationError
        When it is not on the projection of the image.
    """
    if shape.frame == "pixel":
        return shape
    x, y = outline(shape, grid)
    if shape.kind in ("polygon", "line", "point"):
        return replace(shape, frame="pixel", points=tuple(zip(x.tolist(), y.tolist(), strict=True)))
    (middle,) = zip(*grid.to_pixels(*np.array(shape.points, dtype=np.float64).T), strict=True)
    curve = outline(replace(shape, kind="ellipse"), grid)
    # where an ellipse of this size meets its axes: first the width's, a quarter later the height's
    quarter = _CURVE_POINTS // 4
    across, along = ((curve[0][n] - middle[0], curve[1][n] - middle[1]) for n in (0, quarter))
    width, height = 2 * math.hypot(*across), 2 * math.hypot(*along)
    if shape.kind == "circle":
        width = height = math.sqrt(width * height)
    angle = math.degrees(math.atan2(-along[0], along[1])) % 360.0
    return replace(
        shape, frame="pixel", points=((float(middle[0]), float(middle[1])),), width=width, height=height,
        angle_deg=0.0 if shape.kind == "circle" else angle,
    )  # fmt: skip


def _ends(values: FloatArray) -> FloatArray:
    """Return the corners of a box, or where a curve meets its two axes."""
    return values[:: max(1, values.size // 4)]


def _furthest(x: FloatArray, y: FloatArray, other_x: FloatArray, other_y: FloatArray) -> float:
    """Return how far the points of one outline are from the nearest of another, at most.

    An outline on a mirrored image runs the other way round: points are compared with all others.
    """
    distance = np.hypot(x[:, None] - other_x[None, :], y[:, None] - other_y[None, :])
    return float(distance.min(axis=1).max())


def _on_sky(shape: Shape, centre: tuple[float, float], grid: ImageGrid) -> Shape | None:
    (x, y), angle = shape.points[0], math.radians(shape.angle_deg)
    ends_x = x + 0.5 * np.array([shape.width * math.cos(angle), -shape.height * math.sin(angle)])
    ends_y = y + 0.5 * np.array([shape.width * math.sin(angle), shape.height * math.cos(angle)])
    ra, dec = grid.to_icrs(ends_x, ends_y)
    half = separation_arcsec(centre[0], centre[1], ra, dec)
    if not np.isfinite(half).all():
        return None
    pa = position_angle_deg(centre[0], centre[1], float(ra[1]), float(dec[1]))
    width, height = (2 * half).tolist()
    if shape.kind == "circle":
        width = height = math.sqrt(width * height)
    return replace(shape, frame="icrs", points=(centre,), width=width, height=height, angle_deg=pa)


def position_angle_deg(ra1_deg: float, dec1_deg: float, ra2_deg: float, dec2_deg: float) -> float:
    """Return the direction from the first to the second position, degrees from north through east, in [0, 360)."""
    d_ra, dec1, dec2 = (math.radians(a) for a in (ra2_deg - ra1_deg, dec1_deg, dec2_deg))
    east = math.cos(dec2) * math.sin(d_ra)
    north = math.cos(dec1) * math.sin(dec2) - math.sin(dec1) * math.cos(dec2) * math.cos(d_ra)
    return math.degrees(math.atan2(east, north)) % 360.0


def line_length(shape: Shape, grid: ImageGrid) -> Separation:
    """Return how far the two ends of a line are from each other, on the sky and in pixels."""
    (first, second), on_sky = shape.points, shape.frame == "icrs"
    ra_dec: tuple[tuple[float, float], ...] = (first, second)
    pixels = None
    if not on_sky or grid.wcs is not None:
        ends = np.array(shape.points, dtype=np.float64).T
        x, y = grid.to_pixels(*ends) if on_sky else ends
        pixels = float(np.hypot(x[1] - x[0], y[1] - y[0]))
        if not on_sky:
            ra, dec = grid.to_icrs(x, y)
            ra_dec = tuple(zip(ra.tolist(), dec.tolist(), strict=True))
    known = on_sky or all(math.isfinite(sum(place)) for place in ra_dec)
    return Separation(
        arcsec=float(separation_arcsec(*ra_dec[0], *ra_dec[1])) if known else None,
        pa_deg=position_angle_deg(*ra_dec[0], *ra_dec[1]) if known else None,
        pixels=pixels if pixels is not None and math.isfinite(pixels) else None,
    )
