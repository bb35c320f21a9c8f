"""Images, mosaics, their quality rows and regions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from data_access.records.base import Epoch


@dataclass(frozen=True, slots=True)
class Image:
    """One row of ``images``: a FITS file or a CASA image directory that the pipeline registered.

    Units are in the names; positions are ICRS degrees as the pipeline wrote them; `created_at` is unix seconds (UTC)
    of the processing. Most columns are None in many rows: the file's own header knows more.
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

    @property
    def name(self) -> str:
        """Last part of the path."""
        return PurePosixPath(self.path).name or self.path


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
