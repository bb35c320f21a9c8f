"""What is read from image files: headers, previews, statistics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from data_access.records.plane_axes import PlaneAxis

Reduction = Literal["mean", "max"]
SkyFrame = Literal["icrs", "fk5", "fk4", "fk4-no-e", "galactic", "supergalactic", "ecliptic", "unknown"]
# Lines of HISTORY that are kept: CASA writes hundreds, and the last say what was done with the image itself.
MOST_HISTORY = 50


@dataclass(frozen=True, slots=True)
class FileState:
    """What a stat of a recorded path says; `problem` is empty when it can be read."""

    path: str
    exists: bool
    is_directory: bool
    size_bytes: int | None
    modified_at: float | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class BeamShape:
    """Restoring beam: FWHM in arcsec, position angle in degrees east of north.

    Attributes
    ----------
    pa_deg : float or None
        None where it is not recorded.
    origin : str
        Where it was found: ``"header"``, ``"BEAMS table"``, ``"HISTORY"``, ``"image info"``.
    minor_assumed : bool
        The minor axis is not recorded: `minor_arcsec` repeats the major one, as for a round beam.
    """

    major_arcsec: float
    minor_arcsec: float
    pa_deg: float | None
    origin: str
    minor_assumed: bool = False

    @property
    def has_outline(self) -> bool:
        """True when its ellipse is known: both axes, and the angle unless they are equal."""
        is_round = abs(self.major_arcsec - self.minor_arcsec) <= 1e-6 * self.major_arcsec
        return self.major_arcsec > 0 and not self.minor_assumed and (self.pa_deg is not None or is_round)


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Facts of an image file, FITS or CASA.

    Attributes
    ----------
    shape : tuple of int
        numpy order; the last two are (y, x).
    axes : tuple of str
        CTYPE of each axis in numpy order.
    wcs_header : dict
        Header cards of the two celestial axes, enough for ``astropy.wcs.WCS(naxis=2)``; empty without a WCS.
    frame : str
        Native celestial frame: never relabelled; ``"unknown"`` coordinates never become RA and Dec.
    bunit : str
        Empty when absent.
    freq_hz : float or None
        The reference frequency; `of_plane` has that of a plane of a cube.
    beam : BeamShape or None
        Of many the first one that can be used: `of_plane` has that of a plane.
    plane_beams : tuple of (BeamShape or None)
        One for each plane, in C order, where the file has one for each; empty where `beam` is that of all.
    plane_axes : tuple of PlaneAxis
        The axes before the sky, in the order of `shape`; empty where nothing is known of them.
    sky_axes : tuple of int
        FITS numbers (from 1) of x and y in the file, usually longitude and latitude.
    origin : str
        ORIGIN of a FITS file: who wrote it.
    history : tuple of str
        The last `MOST_HISTORY` lines of HISTORY of a FITS file, in its order.
    """

    path: str
    shape: tuple[int, ...]
    axes: tuple[str, ...]
    wcs_header: dict[str, Any]
    frame: SkyFrame
    bunit: str
    object_name: str
    telescope: str
    date_obs: str
    freq_hz: float | None
    beam: BeamShape | None
    cards: tuple[tuple[str, str, str], ...]
    problems: tuple[str, ...] = ()
    plane_beams: tuple[BeamShape | None, ...] = ()
    sky_axes: tuple[int, int] = (1, 2)
    plane_axes: tuple[PlaneAxis, ...] = ()
    origin: str = ""
    history: tuple[str, ...] = ()

    def of_plane(self, plane: int) -> ImageHeader:
        """Return the header with the beam of one plane, and with its frequency where an axis tells that."""
        beam = self.plane_beams[plane] if 0 <= plane < len(self.plane_beams) else self.beam
        freq_hz = self.plane_freq_hz(plane) or self.freq_hz
        if (beam, freq_hz) == (self.beam, self.freq_hz):
            return self
        return replace(self, beam=beam, freq_hz=freq_hz)

    def plane_freq_hz(self, plane: int) -> float | None:
        """Return the frequency that the axes give a plane, Hz; None where none of them is one of frequency."""
        sizes = self.shape[:-2]
        if not 0 <= plane < self.n_planes or len(self.plane_axes) != len(sizes) or not sizes:
            return None
        index = np.unravel_index(plane, sizes)
        found = (axis.freq_hz(int(i)) for axis, i in zip(self.plane_axes, index, strict=True))
        return next((freq_hz for freq_hz in found if freq_hz is not None), None)

    @property
    def n_planes(self) -> int:
        """Number of planes beside the two sky axes."""
        return int(np.prod(self.shape[:-2], dtype=np.int64)) if len(self.shape) > 2 else 1


@dataclass(frozen=True, slots=True)
class ImageStatistics:
    """Statistics of one plane, in the image's unit; NaN where nothing is finite.

    `noise` is 1.4826 x the median absolute deviation; `peak_x`, `peak_y` are 0-based pixels.
    """

    peak: float
    peak_x: int
    peak_y: int
    minimum: float
    median: float
    noise: float
    nan_fraction: float
    n_pixels: int

    @property
    def dynamic_range(self) -> float:
        """Peak over noise; NaN when the noise is zero or unknown."""
        return self.peak / self.noise if self.noise > 0 else float("nan")


@dataclass(frozen=True, slots=True)
class ImagePreview:
    """One plane, block-averaged to fit a screen, with what is needed to draw it.

    Attributes
    ----------
    data : float32, shape (ny, nx)
        Row 0 is the first FITS row (the south for a normal image).
    factor : int
        Pixels of the file per preview pixel, along each axis.
    origin_x, origin_y : int
        File pixel (0-based) of the lower left corner: non-zero for a cutout.
    """

    header: ImageHeader
    data: npt.NDArray[np.float32]
    factor: int
    origin_x: int
    origin_y: int
    plane: int
    statistics: ImageStatistics


@dataclass(frozen=True, slots=True)
class ImageView:
    """The part of a plane that somebody looks at, at the resolution of a screen.

    Attributes
    ----------
    data : float32, shape (ny, nx)
        Mean or maximum of the finite pixels of each block; NaN where a block has none. With a factor of 1 the very
        pixels of the file.
    factor : int
        Pixels of the file per pixel of `data`, along each axis: 1, 2, 4, 8 ...
    origin_x, origin_y : int
        File pixel (0-based) of the lower left corner, a multiple of the factor.
    n_x, n_y : int
        Size of the whole plane, pixels of the file.
    """

    data: npt.NDArray[np.float32]
    factor: int
    origin_x: int
    origin_y: int
    plane: int
    reduction: Reduction
    n_x: int
    n_y: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x0, y0, x1, y1: file pixels, half open, inside the plane."""
        ny, nx = self.data.shape
        right, upper = self.origin_x + nx * self.factor, self.origin_y + ny * self.factor
        return self.origin_x, self.origin_y, min(right, self.n_x), min(upper, self.n_y)
