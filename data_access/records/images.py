"""Images, mosaics, their quality rows and regions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from data_access.records.base import Epoch

NOT_OF_SKY = ("rms", "background", "mask", "model", "psf", "pb", "weight", "residual")
"""Types of images whose figures are none of the sky: a noise of theirs is no noise of an image."""


@dataclass(frozen=True, slots=True)
class ImageNeighbour:
    """Row number and path of an image that another one leads to."""

    id: int
    path: str

    @property
    def name(self) -> str:
        """Last part of the path, or the row number where no path is recorded."""
        return PurePosixPath(self.path).name or f"#{self.id}"


@dataclass(frozen=True, slots=True)
class ImagePlace:
    """Where an image lies: ICRS degrees, right ascension in [0, 360), both None when it is not recorded.

    Attributes
    ----------
    origin : str
        ``"image"``, or ``"MS"``: the pointing of its Measurement Set, because its own row has no centre.
    """

    ra_deg: float | None = None
    dec_deg: float | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """One row of ``images``: a FITS file or a CASA image directory that the pipeline registered.

    Units are in the names; positions are ICRS degrees as the pipeline wrote them; `created_at` is unix seconds (UTC)
    of the processing. Most columns are None in many rows: the file's own header knows more. `ms_ra_deg` and
    `ms_dec_deg` are the pointing of the Measurement Set.
    """

    id: int
    path: str
    ms_path: str | None
    created_at: float | None
    type: str | None
    beam_major_arcsec: float | None
    beam_minor_arcsec: float | None
    beam_pa_deg: float | None
    noise_jy: float | None
    pbcor: bool | None
    format: str | None
    dynamic_range: float | None
    field_name: str | None
    center_ra_deg: float | None
    center_dec_deg: float | None
    imsize_x: int | None
    imsize_y: int | None
    cellsize_arcsec: float | None
    freq_ghz: float | None
    bandwidth_mhz: float | None
    integration_sec: float | None
    epoch: Epoch
    problems: tuple[str, ...] = ()
    ms_ra_deg: float | None = None
    ms_dec_deg: float | None = None

    @property
    def name(self) -> str:
        """Last part of the path."""
        return PurePosixPath(self.path).name or self.path

    @property
    def is_of_sky(self) -> bool:
        """False for models, beams, maps of the noise and the like."""
        return (self.type or "").lower() not in NOT_OF_SKY

    @property
    def position(self) -> ImagePlace:
        """The centre, else the pointing of the Measurement Set; empty when neither is a possible position."""
        return place_of(self.center_ra_deg, self.center_dec_deg, self.ms_ra_deg, self.ms_dec_deg)


def place_of(
    center_ra_deg: float | None, center_dec_deg: float | None, ms_ra_deg: float | None, ms_dec_deg: float | None
) -> ImagePlace:
    """Return the first of centre and pointing that is a possible position."""
    for ra, dec, origin in ((center_ra_deg, center_dec_deg, "image"), (ms_ra_deg, ms_dec_deg, "MS")):
        if ra is not None and dec is not None and abs(ra) <= 360 and abs(dec) <= 90:
            return ImagePlace(ra % 360.0, dec, origin)
    return ImagePlace()


@dataclass(frozen=True, slots=True)
class Mosaic:
    """One row of ``mosaics``; times are unix seconds (`created_at`) and MJD days (UTC)."""

    id: int
    path: str | None
    name: str | None
    created_at: float | None
    start_mjd: float | None
    end_mjd: float | None
    n_images: int | None
    center_ra_deg: float | None
    center_dec_deg: float | None
    dec_min_deg: float | None
    dec_max_deg: float | None
    noise_jy: float | None
    beam_major_arcsec: float | None
    n_sources: int | None
    status: str | None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImageQA:
    """One row of ``image_qa``: Jy/beam, arcsec, degrees, as stored."""

    id: int
    image_path: str | None
    ms_path: str | None
    rms_noise: float | None
    peak_flux: float | None
    dynamic_range: float | None
    beam_major: float | None
    beam_minor: float | None
    beam_pa: float | None
    num_sources: int | None
    overall_quality: str | None
    timestamp: float | None


@dataclass(frozen=True, slots=True)
class Region:
    """One row of ``regions``; `coordinates` as stored (JSON decoded where it is JSON)."""

    id: int
    name: str | None
    type: str | None
    coordinates: Any
    image_path: str | None
    created_at: float | None
    created_by: str | None
