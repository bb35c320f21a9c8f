"""Light curves: photometry rows of one source, with the epoch of the observation instead of the processing time."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from data_access.analysis.times import EARLIEST_MJD, LATEST_MJD, mjd_in_name, unix_to_mjd
from data_access.analysis.variability.moments import FluxKind
from data_access.errors import RecordNotFound
from data_access.layout import Layout, Table
from data_access.read_only_connection import Statement
from data_access.records import Epoch, LightCurve, MeasuredSources
from data_access.records.base import EpochOrigin
from data_access.records.measurement_quality import quality_of
from data_access.repositories.flux_columns import peak_sql
from data_access.repositories.measured_images import find_measured_path, find_observation_epochs
from data_access.repositories.measurement_quality import has_quality, is_unflagged_sql
from data_access.repositories.photometry_versions import CurveVersion, find_versions

_COLUMNS = (
    "id", "image_path", "mosaic_path", "mjd", "measured_at", "peak_jyb", "peak_err_jyb", "flux_jy", "flux_err_jy",
    "snr", "flags",
)  # fmt: skip
_EXTRA = ("quality_flag", "local_rms", "rms_jy", "peak_flux_jy")
_PLACE = ("ra_deg", "dec_deg", "nvss_flux_mjy")
_ROWS_FOR_PLACE = 9
_MANY = 200
_SAME_MOMENT_DAYS = 60.0 / 86400.0


class PhotometryRepository:
    """Rows of ``photometry``."""

    def __init__(self, layout: Layout, *, row_cap: int) -> None:
        self._layout = layout
        self._row_cap = row_cap

    async def get_light_curve(self, source_id: str) -> LightCurve:
        """Return the photometry of a source in order of observation; empty when it has none."""
        table = await self._layout.find("photometry")
        recorded = tuple(name for name in (*_COLUMNS[1:], *_EXTRA) if table.column(name) != "NULL")
        names = ("id", *recorded)
        select = ", ".join((table.key("id"), *table.select(recorded)))
        sql = (
            f'SELECT {select} FROM "{table.name}" WHERE {table.column("source_id")} = ? '
            f"ORDER BY 1 DESC LIMIT {self._row_cap + 1}"
        )
        asked = [(sql, (source_id,)), self._place(table, source_id)]
        found, positions = await table.database.fetch_together(asked)
        columns: dict[str, Sequence[Any]] = dict.fromkeys((*_COLUMNS, *_EXTRA), (None,) * len(found.rows))
        if found.rows:
            columns.update(zip(names, zip(*found.rows, strict=True), strict=True))
        columns.update(zip(_PLACE, zip(*positions.rows, strict=True) if positions.rows else ((),) * 3, strict=True))
        stamps = _stamps(columns)
        places = zip(columns["image_path"], columns["mosaic_path"], strict=True)
        nameless = nameless_paths(places) if None in stamps else []
        epochs = _epochs(columns, stamps, await find_observation_epochs(self._layout, nameless))
        return _to_light_curve(source_id, columns, epochs, truncated=found.truncated, has_quality=has_quality(table))

    @staticmethod
    def _place(table: Table, source_id: str) -> Statement:
        """Ask for position and catalogue flux in the newest rows: reading them of every row costs a third more."""
        sql = (
            f'SELECT {", ".join(table.select(_PLACE))} FROM "{table.name}" WHERE {table.column("source_id")} = ? '
            f"ORDER BY {table.key('id')} DESC LIMIT {_ROWS_FOR_PLACE}"
        )
        return sql, (source_id,)

    async def get_image_path(self, photometry_id: int, source_id: str) -> str | None:
        """Return the image that a measurement of this source was made on; raise `RecordNotFound`."""
        table = await self._layout.find("photometry")
        sql = (
            f'SELECT {table.column("image_path")} FROM "{table.name}" '
            f"WHERE {table.key('id')} = ? AND {table.column('source_id')} = ? LIMIT 1"
        )
        found = await table.fetch(sql, (photometry_id, source_id))
        if not found.rows:
            message = f"Source '{source_id}' has no measurement {photometry_id}"
            raise RecordNotFound(message, table="photometry", key=photometry_id)
        path = found.rows[0][0]
        return str(path) if path else None

    async def find_fluxes(
        self, names: Sequence[str], flux: FluxKind
    ) -> tuple[tuple[tuple[str, str, float, float], ...], bool]:
        """Return (source, image path, flux, error) of the unflagged measurements of several sources, newest first.

        Fluxes in Jy/beam or Jy. The second value is True when there are more rows than were read.
        """
        wanted = tuple(dict.fromkeys(names))[:_MANY]
        table = await self._layout.find_or_none("photometry")
        if table is None or not wanted:
            return (), False
        value, error = (
            (peak_sql(table), table.first_of("peak_err_jyb", "flux_err_jy"))
            if flux == "peak"
            else (table.column("flux_jy"), table.column("flux_err_jy"))
        )
        sql = (
            f'SELECT source_id, {table.column("image_path")} AS path, {value}, {error} FROM "{table.name}" '
            f"WHERE source_id IN ({','.join('?' * len(wanted))}) AND path IS NOT NULL AND {is_unflagged_sql(table)} "
            f"ORDER BY {table.key('id')} DESC LIMIT {self._row_cap + 1}"
        )
        found = await table.fetch(sql, wanted)
        rows = tuple((str(name), str(path), _one_float(f), _one_float(e)) for name, path, f, e in found.rows)
        return rows, found.truncated

    async def find_versions(self, names: Sequence[str]) -> dict[str, CurveVersion]:
        """Return what changes with the measurements of each source, in place too; of at most 200 sources."""
        table = await self._layout.find_or_none("photometry")
        return {} if table is None else await find_versions(table, tuple(dict.fromkeys(names))[:_MANY])

    async def find_sources_in(self, image_path: str, *, limit: int = 500) -> MeasuredSources:
        """Return the measurements of sources made on an image, or on another product of its observation."""
        table = await self._layout.find_or_none("photometry")
        if table is None:
            return MeasuredSources(image_path)
        image_path = await find_measured_path(table, image_path)
        sql = (
            f"SELECT source_id, {table.column('ra_deg')}, {table.column('dec_deg')}, {peak_sql(table)} AS peak "
            f'FROM "{table.name}" WHERE {table.column("image_path")} = ? AND source_id IS NOT NULL '
            f"ORDER BY peak DESC LIMIT {limit + 1}"
        )
        found = (await table.fetch(sql, (image_path,))).rows
        rows = tuple(
            (str(name), float(ra), float(dec), float(peak) if isinstance(peak, int | float) else float("nan"))
            for name, ra, dec, peak in found[:limit]
            if isinstance(ra, int | float) and isinstance(dec, int | float)
        )
        return MeasuredSources(image_path, rows, truncated=len(found) > limit)


def _floats(values: Sequence[Any]) -> npt.NDArray[np.float64]:
    """Return numbers as float64; anything else becomes NaN."""
    if values.count(None) == len(values):
        return np.full(len(values), np.nan)
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        return np.array([_one_float(v) for v in values], dtype=np.float64)


def _one_float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _whole(values: Sequence[Any]) -> npt.NDArray[np.int64]:
    """Return whole numbers; anything else becomes 0."""
    return np.array([value if isinstance(value, int) else 0 for value in values], dtype=np.int64)


def _or(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(np.isfinite(first), first, second)


def epoch_of_measurement(
    image: Any,
    mosaic: Any,
    mjd: float,
    measured_mjd: float,
    observed: Mapping[str, Epoch] = MappingProxyType({}),
) -> tuple[float, EpochOrigin]:
    """Return when a measurement was observed (MJD, UTC) and where that is recorded: the name of its image first.

    Parameters
    ----------
    observed : mapping of path to Epoch
        Of images and mosaics without a time in their names (see `find_observation_epochs`).
    """
    for path in (image, mosaic):
        stamped = mjd_in_name(path) if isinstance(path, str) else None
        if stamped is not None:
            return stamped, "image name"
    for path in (image, mosaic):
        if path in observed and (known := observed[path]).mjd is not None:
            return known.mjd, known.origin
    if EARLIEST_MJD < mjd < LATEST_MJD:
        processing = abs(mjd - measured_mjd) < _SAME_MOMENT_DAYS
        return mjd, "processing time" if processing else "mjd column"
    if EARLIEST_MJD < measured_mjd < LATEST_MJD:
        return measured_mjd, "processing time"
    return float("nan"), "unknown"


def _stamps(columns: Mapping[str, Sequence[Any]]) -> list[float | None]:
    """Return the time in the name of every row's image."""
    return [mjd_in_name(path) if type(path) is str else None for path in columns["image_path"]]


def nameless_paths(places: Iterable[tuple[Any, Any]]) -> list[str]:
    """Return the paths of those (image, mosaic) in whose names no time stands, each once."""
    found: dict[str, None] = {}
    for place in dict.fromkeys(places):
        paths = [path for path in place if isinstance(path, str) and path]
        if all(mjd_in_name(path) is None for path in paths):
            found.update(dict.fromkeys(paths))
    return list(found)


def _epochs(
    columns: dict[str, Sequence[Any]], stamps: Sequence[float | None], observed: Mapping[str, Epoch]
) -> tuple[npt.NDArray[np.float64], Sequence[EpochOrigin]]:
    """Return `epoch_of_measurement` of every row; almost always all of them are in the names of images."""
    if None not in stamps:
        origins: list[EpochOrigin] = ["image name"] * len(stamps)
        return np.array(stamps, dtype=np.float64), origins
    measured = unix_to_mjd_array(_floats(columns["measured_at"])).tolist()
    mjds = _floats(columns["mjd"]).tolist()
    rows = zip(columns["image_path"], columns["mosaic_path"], mjds, measured, strict=True)
    found = [epoch_of_measurement(*row, observed) for row in rows]
    return np.array([mjd for mjd, _ in found], dtype=np.float64), [origin for _, origin in found]


def _to_light_curve(
    source_id: str,
    columns: dict[str, Sequence[Any]],
    epochs: tuple[npt.NDArray[np.float64], Sequence[EpochOrigin]],
    *,
    truncated: bool,
    has_quality: bool,
) -> LightCurve:
    mjd, origin = epochs
    order = np.lexsort((np.array(columns["id"], dtype=np.int64), mjd))
    flags = _whole(columns["flags"])
    words, forced = _quality(columns["quality_flag"])
    if not has_quality:
        forced = (flags & 1).astype(np.bool_)
    peak = _or(_floats(columns["peak_jyb"]), _floats(columns["peak_flux_jy"]))
    integrated = _floats(columns["flux_jy"])
    peak_err, integrated_err = _floats(columns["peak_err_jyb"]), _floats(columns["flux_err_jy"])
    rms = _or(_floats(columns["local_rms"]), _floats(columns["rms_jy"]))
    stand_in = _stand_in(peak, peak_err, rms, integrated_err)
    in_order = order.tolist()
    paths = map(columns["image_path"].__getitem__, in_order)
    images = tuple([path if type(path) is str and path else str(path) if path else None for path in paths])
    ra, dec, nvss = (_floats(columns[n]) for n in _PLACE)
    origin = tuple(map(origin.__getitem__, in_order))
    curve = LightCurve(
        source_id=source_id,
        mjd=mjd[order],
        origin=origin,
        peak_jyb=_or(peak, integrated)[order] if not np.isfinite(peak).any() else peak[order],
        peak_err_jyb=(peak_err if stand_in is None else stand_in)[order],
        flux_jy=integrated[order],
        flux_err_jy=integrated_err[order],
        snr=_floats(columns["snr"])[order],
        rms_jy=rms[order],
        flags=flags[order],
        is_forced=forced[order],
        photometry_id=np.array(columns["id"], dtype=np.int64)[order],
        image_path=images,
        ra_deg=_median_ra(ra),
        dec_deg=_median(dec),
        nvss_flux_mjy=_median(nvss),
        truncated=truncated,
        problems=(*_problems(origin, peak, truncated=truncated), *_error_problems(stand_in, rms)),
        peak_err_is_recorded=stand_in is None,
        quality=tuple(map(words.__getitem__, in_order)) if words else (),
    )
    return _with_repeats_told(curve)


def _with_repeats_told(curve: LightCurve) -> LightCurve:
    n = curve.n_repeated(np.ones(curve.n_epoch, dtype=np.bool_))
    if not n:
        return curve
    told = f"{n} of {curve.n_epoch} measurements repeat an observation: measured again, or on another of its images"
    return replace(curve, problems=(*curve.problems, told))


def _stand_in(
    peak: npt.NDArray[np.float64],
    peak_err: npt.NDArray[np.float64],
    rms: npt.NDArray[np.float64],
    integrated_err: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64] | None:
    """Return what is shown as the error of the peak; None where errors of peaks are recorded, or nothing else is.

    The rms at the place, else the error of the integrated flux: the only one where that flux stands in for the peak.
    """
    if np.isfinite(peak_err).any():
        return None
    errors = _or(rms, integrated_err) if np.isfinite(peak).any() else integrated_err
    return errors if np.isfinite(errors).any() else None


def _error_problems(stand_in: npt.NDArray[np.float64] | None, rms: npt.NDArray[np.float64]) -> tuple[str, ...]:
    if stand_in is None:
        return ()
    others = np.isfinite(stand_in) & (stand_in != rms)
    shown = {"the local rms": not others.all(), "that of the integrated flux": others.any()}
    words = " or ".join(word for word, is_shown in shown.items() if is_shown)
    return (f"no error of the peak flux density is recorded; {words} is shown in its place",)


def _quality(values: Sequence[Any]) -> tuple[list[str], npt.NDArray[np.bool_]]:
    """Return the words, none at all when no row has one, and which of them say "forced"."""
    if values.count(None) == len(values):
        return [], np.zeros(len(values), dtype=np.bool_)
    words = ["" if value is None else str(value) for value in values]
    forced = {word for word in set(words) if quality_of(word) == "forced"}
    return words, np.array([word in forced for word in words], dtype=np.bool_)


def unix_to_mjd_array(unix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return MJD (UTC) of an array of unix seconds."""
    return np.asarray(unix / 86400.0 + unix_to_mjd(0.0))


def _median(values: npt.NDArray[np.float64]) -> float | None:
    finite = [value for value in values.tolist() if math.isfinite(value)]
    return statistics.median(finite) if finite else None


def _median_ra(values: npt.NDArray[np.float64]) -> float | None:
    """Return the median of angles near each other, in [0, 360): 359.9 and 0.1 are neighbours."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return None
    offset = _median((finite - finite[0] + 180.0) % 360.0 - 180.0)
    return float((finite[0] + (offset or 0.0)) % 360.0)


def _problems(origin: tuple[EpochOrigin, ...], peak: npt.NDArray[np.float64], *, truncated: bool) -> tuple[str, ...]:
    problems = []
    n_processing = origin.count("processing time")
    if n_processing:
        problems.append(
            f"{n_processing} of {len(origin)} epochs are processing times: the observation time is not recorded"
        )
    if n_columns := origin.count("mjd column"):
        problems.append(f"{n_columns} of {len(origin)} epochs are those of the mjd column: no image tells the time")
    if origin.count("unknown"):
        problems.append(f"{origin.count('unknown')} of {len(origin)} points have no time at all")
    if len(origin) and not np.isfinite(peak).any():
        problems.append("no peak flux density is recorded; the integrated one is shown in its place")
    if truncated:
        problems.append(f"only the newest {len(origin)} measurements are shown")
    return tuple(problems)
