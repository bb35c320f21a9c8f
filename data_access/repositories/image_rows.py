"""Rows of images, their quality, their regions, and mosaics to records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from data_access.analysis.times import epoch_of_image
from data_access.layout import TABLES
from data_access.records import Image, ImageQA, Mosaic, Region
from data_access.repositories.base import UNIX_BOUNDS, RowReader

IMAGE_COLUMNS = TABLES["images"].columns
MOSAIC_COLUMNS = (*TABLES["mosaics"].columns, "status")
QA_COLUMNS = TABLES["image_qa"].columns
REGION_COLUMNS = TABLES["regions"].columns
_ANY = (-math.inf, math.inf)
_NOT_NEGATIVE = (0.0, math.inf)
_IMAGE_REALS = {
    "created_at": UNIX_BOUNDS,
    "beam_major_arcsec": _NOT_NEGATIVE,
    "beam_minor_arcsec": _NOT_NEGATIVE,
    "beam_pa_deg": (-360.0, 360.0),
    "noise_jy": _NOT_NEGATIVE,
    "dynamic_range": _ANY,
    "center_ra_deg": (-360.0, 360.0),
    "center_dec_deg": (-90.0, 90.0),
    "cellsize_arcsec": _NOT_NEGATIVE,
    "freq_ghz": _NOT_NEGATIVE,
    "bandwidth_mhz": _ANY,
    "integration_sec": _NOT_NEGATIVE,
    "ms_ra_deg": _ANY,
    "ms_dec_deg": _ANY,
}
_WITH_MS_COLUMNS = (*IMAGE_COLUMNS, "mid_mjd", "ms_ra_deg", "ms_dec_deg")


def to_image(values: Sequence[Any]) -> Image:
    """Return the record of one row: `IMAGE_COLUMNS`, then middle and position of the Measurement Set."""
    row = RowReader(_WITH_MS_COLUMNS, values)
    path = row.text("path") or ""
    reals = row.reals(_IMAGE_REALS)
    if not path:
        row.problems.append("the row has no path")
    return Image(
        id=row.integer("id") or 0,
        path=path,
        ms_path=row.text("ms_path"),
        type=row.text("type"),
        pbcor=row.flag("pbcor"),
        format=row.text("format"),
        field_name=row.text("field_name"),
        imsize_x=row.integer("imsize_x"),
        imsize_y=row.integer("imsize_y"),
        epoch=epoch_of_image(path, row.real("mid_mjd")),
        problems=tuple(row.problems),
        **reals,
    )


def to_listed_image(values: Sequence[Any]) -> Image:
    """Return `to_image`: a list is read again after every commit, and most of its rows are as they were."""
    return _known_image(*values)


@lru_cache(maxsize=4096, typed=True)
def _known_image(*values: Any) -> Image:
    return to_image(values)


def to_image_qa(values: Sequence[Any]) -> ImageQA:
    """Return the record of one row of `QA_COLUMNS`."""
    row = RowReader(QA_COLUMNS, values)
    return ImageQA(
        id=row.integer("id") or 0,
        image_path=row.text("image_path"),
        ms_path=row.text("ms_path"),
        rms_noise=row.real("rms_noise"),
        peak_flux=row.real("peak_flux"),
        dynamic_range=row.real("dynamic_range"),
        beam_major=row.real("beam_major"),
        beam_minor=row.real("beam_minor"),
        beam_pa=row.real("beam_pa"),
        num_sources=row.integer("num_sources"),
        overall_quality=row.text("overall_quality"),
        timestamp=row.unix("timestamp"),
    )


def to_region(values: Sequence[Any]) -> Region:
    """Return the record of one row of `REGION_COLUMNS`."""
    row = RowReader(REGION_COLUMNS, values)
    return Region(
        id=row.integer("id") or 0,
        name=row.text("name"),
        type=row.text("type"),
        coordinates=row.decoded("coordinates"),
        image_path=row.text("image_path"),
        created_at=row.unix("created_at"),
        created_by=row.text("created_by"),
    )


def to_mosaic(values: Sequence[Any]) -> Mosaic:
    """Return the record of one row of `MOSAIC_COLUMNS`."""
    row = RowReader(MOSAIC_COLUMNS, values)
    return Mosaic(
        id=row.integer("id") or 0,
        path=row.text("path"),
        name=row.text("name"),
        created_at=row.unix("created_at"),
        start_mjd=row.real("start_mjd"),
        end_mjd=row.real("end_mjd"),
        n_images=row.integer("n_images"),
        center_ra_deg=row.real("center_ra_deg"),
        center_dec_deg=row.real("center_dec_deg", -90, 90),
        dec_min_deg=row.real("dec_min_deg", -90, 90),
        dec_max_deg=row.real("dec_max_deg", -90, 90),
        noise_jy=row.real("noise_jy", 0),
        beam_major_arcsec=row.real("beam_major_arcsec", 0),
        n_sources=row.integer("n_sources"),
        status=row.text("status"),
        problems=tuple(row.problems),
    )
