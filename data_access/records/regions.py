"""Regions that a reader draws, types or imports, and what is measured in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

ShapeKind = Literal["circle", "ellipse", "box", "polygon", "line", "point"]
ShapeFrame = Literal["icrs", "pixel"]
SHAPE_KINDS: tuple[ShapeKind, ...] = ("circle", "ellipse", "box", "polygon", "line", "point")


@dataclass(frozen=True, slots=True)
class Shape:
    """One region, on the sky or on the pixels of an image.

    Attributes
    ----------
    kind : str
    frame : {"icrs", "pixel"}
        Positions are ICRS degrees and sizes arcsec, or both are 0-based pixels.
    points : tuple of (float, float)
        The middle of a circle, ellipse, box or point; the two ends of a line; the corners of a polygon.
    width, height : float
        Full size of a circle (both the same), an ellipse or a box; 0 for the others.
    angle_deg : float
        On the sky the position angle of the height axis, north through east; on pixels its angle from the y axis,
        counter-clockwise. DS9 and `regions` write the same number.
    name : str
        As imported; empty for most.
    """

    kind: ShapeKind
    frame: ShapeFrame
    points: tuple[tuple[float, float], ...]
    width: float = 0.0
    height: float = 0.0
    angle_deg: float = 0.0
    name: str = ""

    @property
    def has_area(self) -> bool:
        """True when pixels can be inside of it."""
        return self.kind not in ("line", "point")


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many pixels have which value: `edges` (n + 1) in the unit of the image, `counts` (n)."""

    edges: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RegionStatistics:
    """Statistics of the pixels whose centre is inside a region, at full resolution.

    Attributes
    ----------
    n_pixels : int
        Inside the region and inside the image.
    n_blank : int
        Of these, without a finite value; the figures are those of the others, and NaN when there are none.
    n_outside : int
        About how many pixels of the region lie outside of the image.
    total, mean, median, minimum, maximum, rms, std, robust_rms : float
        In the unit of the image. `rms` is the root of the mean square, `std` is about the mean (n - 1),
        `robust_rms` is 1.4826 times the median absolute deviation.
    minimum_xy, maximum_xy : tuple of int
        0-based pixels; (-1, -1) when there is no finite value.
    maximum_sky : tuple of float or None
        ICRS degrees of the largest pixel.
    unit : str
        Of the image; empty when the file has none.
    flux_jy : float or None
        Integrated flux density: sum over the pixels per beam, Jy.
    flux_reason : str
        How `flux_jy` was made, or why there is none.
    beam_pixels : float or None
        Area of the beam at the region, pixels.
    sampled : bool
        True when the region is so large that median, robust rms and histogram come from a random sample of its
        pixels; all other figures are always exact.
    area_arcsec2 : float or None
        Of the pixels inside; None without sky coordinates.
    """

    n_pixels: int
    n_blank: int
    n_outside: int
    total: float
    mean: float
    median: float
    minimum: float
    maximum: float
    minimum_xy: tuple[int, int]
    maximum_xy: tuple[int, int]
    maximum_sky: tuple[float, float] | None
    rms: float
    std: float
    robust_rms: float
    unit: str
    flux_jy: float | None
    flux_reason: str
    beam_pixels: float | None
    sampled: bool
    area_arcsec2: float | None
    histogram: Histogram | None


@dataclass(frozen=True, slots=True)
class Profile:
    """Values along a line, at full resolution.

    Attributes
    ----------
    offset : float64, shape (n,)
        Distance from the first end of the line, in `offset_unit`.
    value : float64, shape (n,)
        Between the four nearest pixels (bilinear); NaN where one of them is blank or missing.
    x, y : float64, shape (n,)
        0-based pixels of the samples.
    offset_unit : {"arcsec", "pixel"}
        Pixels when the image has no sky coordinates.
    unit : str
        Of the values.
    """

    offset: npt.NDArray[np.float64]
    value: npt.NDArray[np.float64]
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    offset_unit: Literal["arcsec", "pixel"]
    unit: str


@dataclass(frozen=True, slots=True)
class Separation:
    """From one end of a line to the other: arcsec and position angle (north through east), and pixels.

    The angles are None without sky coordinates, `pixels` where an end has no pixel.
    """

    arcsec: float | None
    pa_deg: float | None
    pixels: float | None


@dataclass(frozen=True, slots=True)
class RegionMeasurement:
    """What is known of one region on one image: `problem` says why the rest is missing.

    Attributes
    ----------
    outline : tuple of two float64 arrays
        x, y of the region as it is drawn and measured, 0-based pixels.
    """

    shape: Shape
    outline: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
    statistics: RegionStatistics | None = None
    profile: Profile | None = None
    separation: Separation | None = None
    problem: str = ""
