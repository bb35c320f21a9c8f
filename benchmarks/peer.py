"""The obvious implementation, written well: pydantic models and one shared aiosqlite connection, as behind FastAPI.

It issues the same questions with the same indices: what it does not do is what the data layer adds. It knows one
layout, takes the photometry's own mjd for the epoch, and pages by OFFSET.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import aiosqlite
from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NAME = "pydantic models over one shared aiosqlite connection, OFFSET paging"
_RUN_ID = re.compile(r"job-(\d{4}-\d{2}-\d{2})-(\d{2})(\d{2})(\d{2})")
_IMAGE = "SELECT i.*, m.mid_mjd FROM images i LEFT JOIN ms_index m ON m.path = i.ms_path"
_SOURCE = (
    "SELECT v.*, m.name, m.catalog, m.priority, m.n_detections, m.eta, m.v_index, m.is_variable, m.ese_candidate, "
    "(SELECT count(*) FROM photometry p WHERE p.source_id = v.source_id) AS n_epochs, "
    "(SELECT e.status FROM ese_candidates e WHERE e.source_id = v.source_id LIMIT 1) AS ese_status "
    "FROM variability_stats v LEFT JOIN monitoring_sources m ON m.source_id = v.source_id"
)


class ImageOut(BaseModel):
    """One image."""

    id: int
    path: str
    ms_path: str
    created_at: float
    type: str
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
    mid_mjd: float | None


class SourceOut(BaseModel):
    """One line of the source list."""

    source_id: str
    ra_deg: float
    dec_deg: float
    nvss_flux_mjy: float | None
    n_obs: int | None
    mean_flux_mjy: float | None
    std_flux_mjy: float | None
    min_flux_mjy: float | None
    max_flux_mjy: float | None
    chi2_nu: float | None
    sigma_deviation: float | None
    eta_metric: float | None
    last_mjd: float | None
    updated_at: float
    name: str | None
    catalog: str | None
    priority: str | None
    n_detections: int | None
    eta: float | None
    v_index: float | None
    is_variable: bool | None
    ese_candidate: bool | None
    n_epochs: int
    ese_status: str | None


class PointOut(BaseModel):
    """One measurement."""

    id: int
    image_path: str
    mosaic_path: str | None
    mjd: float | None
    measured_at: float
    peak_jyb: float
    peak_err_jyb: float | None
    flux_jy: float | None
    flux_err_jy: float | None
    snr: float | None
    flags: int | None
    ra_deg: float
    dec_deg: float
    nvss_flux_mjy: float | None


class LightCurveOut(BaseModel):
    """All measurements of one source, in order of time."""

    source_id: str
    points: list[PointOut]


class RunOut(BaseModel):
    """One processed Measurement Set."""

    run_id: str
    path: str
    status: str | None
    stage: str | None
    processed_at: float | None
    stage_updated_at: float | None
    mid_mjd: float | None
    start_mjd: float | None
    imagename: str | None


class TaskOut(BaseModel):
    """One row of jobs."""

    id: int
    type: str
    status: str
    ms_path: str
    params: Any
    logs: str | None
    artifacts: Any
    created_at: float
    started_at: float | None
    finished_at: float | None


class PeerRepository:
    """All questions of the benchmarks."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Self]:
        """Open the one connection that everybody shares."""
        async with aiosqlite.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30) as connection:
            connection.row_factory = aiosqlite.Row
            yield cls(connection)

    async def _rows(self, sql: str, values: Sequence[Any] = ()) -> Sequence[Any]:
        return list(await self._connection.execute_fetchall(sql, values))

    async def get_image(self, image_id: int) -> ImageOut:
        """Return one image."""
        rows = await self._rows(f"{_IMAGE} WHERE i.id = ?", (image_id,))
        return ImageOut.model_validate(dict(rows[0]))

    async def find_images(self, *, limit: int, offset: int = 0) -> list[ImageOut]:
        """Return one page of images, newest first."""
        rows = await self._rows(f"{_IMAGE} ORDER BY i.id DESC LIMIT ? OFFSET ?", (limit, offset))
        return [ImageOut.model_validate(dict(row)) for row in rows]

    async def find_sources(self, *, limit: int, offset: int = 0, sort: str = "eta_metric") -> list[SourceOut]:
        """Return one page of sources, by name or in falling order of a stored statistic."""
        order = "v.source_id" if sort == "source_id" else f"v.{sort} DESC, v.source_id DESC"
        rows = await self._rows(f"{_SOURCE} ORDER BY {order} LIMIT ? OFFSET ?", (limit, offset))
        return [SourceOut.model_validate(dict(row)) for row in rows]

    async def get_light_curve(self, source_id: str) -> LightCurveOut:
        """Return the light curve of one source."""
        columns = ", ".join(PointOut.model_fields)
        rows = await self._rows(f"SELECT {columns} FROM photometry WHERE source_id = ? ORDER BY mjd", (source_id,))
        return LightCurveOut(source_id=source_id, points=[PointOut.model_validate(dict(row)) for row in rows])

    async def get_run(self, run_id: str) -> RunOut:
        """Return one run by its name: the index of times narrows it down to some days, the path decides."""
        match = _RUN_ID.fullmatch(run_id)
        if match is None:
            raise ValueError(run_id)
        stamp = f"{match[1]}T{match[2]}:{match[3]}:{match[4]}"
        mjd = datetime.fromisoformat(stamp).replace(tzinfo=UTC).timestamp() / 86400.0 + 40587.0
        rows = await self._rows(
            "SELECT * FROM ms_index WHERE mid_mjd BETWEEN ? AND ? AND instr(path, ?) > 0 LIMIT 1",
            (mjd - 1, mjd + 1, stamp),
        )
        return RunOut.model_validate({"run_id": run_id, **dict(rows[0])})

    async def find_runs(self, *, limit: int, offset: int = 0) -> list[RunOut]:
        """Return one page of runs, newest first."""
        rows = await self._rows(
            "SELECT * FROM ms_index ORDER BY mid_mjd DESC, path DESC LIMIT ? OFFSET ?", (limit, offset)
        )
        return [RunOut.model_validate({"run_id": row["path"], **dict(row)}) for row in rows]

    async def find_tasks(self, *, limit: int, offset: int = 0) -> list[TaskOut]:
        """Return one page of jobs, newest first."""
        rows = await self._rows("SELECT * FROM jobs ORDER BY id DESC LIMIT ? OFFSET ?", (limit, offset))
        return [TaskOut.model_validate({**dict(row), "params": json.loads(row["params"] or "null")}) for row in rows]

    async def count(self, table: str) -> int:
        """Return how many rows a table has; sources are counted by name."""
        if table == "sources":
            rows = await self._rows("SELECT count(DISTINCT source_id) FROM photometry")
        else:
            rows = await self._rows(f'SELECT count(*) FROM "{table}"')
        return int(rows[0][0])

    async def scan(self, sql: str) -> Sequence[Any]:
        """Run one slow query."""
        return await self._rows(sql)
