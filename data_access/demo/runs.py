"""One observation on its way through the pipeline: its paths, its moments and the rows that describe it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from data_access.demo.images import (
    BANDWIDTH_HZ,
    BEAM_MAJOR_ARCSEC,
    BEAM_MINOR_ARCSEC,
    BEAM_PA_DEG,
    FREQ_HZ,
    field_name,
)
from data_access.demo.plan import TILE_S, Tile, iso, mjd
from data_access.demo.sky import CELL_ARCSEC, IMAGE_SIZE_PX

N_SUBBANDS = 16
SUBBAND_BYTES = 141_000_000

Outcome = Literal[
    "done",
    "collecting",
    "pending",
    "in_progress",
    "stuck",
    "incomplete",
    "failed_convert",
    "failed_image",
    "skipped_no_caltables",
]

CONVERTED_S = 150.0
CALIBRATED_S = 195.0
IMAGED_S = 260.0
MEASURED_S = 275.0
"""Seconds after the arrival of the raw files at which each stage is over."""

ERRORS: dict[Outcome, str] = {
    "incomplete": "only 14 of 16 subbands arrived within 600 s",
    "failed_convert": "OSError: Unable to open file (truncated file: eof = 97255424, sblock->base_addr = 0)",
    "failed_image": "RuntimeError: wsclean exited with status 134: std::bad_alloc while gridding",
    "skipped_no_caltables": "no active calibration table covers this observation",
}


@dataclass(frozen=True, slots=True)
class Run:
    """One observation and its way through the pipeline.

    Attributes
    ----------
    root : Path
        Folder of the archive.
    tile : Tile
    outcome : str
    has_calibrator : bool
    """

    root: Path
    tile: Tile
    outcome: Outcome = "done"
    has_calibrator: bool = False

    @property
    def group_id(self) -> str:
        """Name of the observation, ``YYYY-MM-DDTHH:MM:SS``."""
        return self.tile.group_id

    @property
    def received_at(self) -> float:
        """Arrival of the raw files: some seconds after the end of the observation."""
        return self.tile.start_unix + TILE_S + 12.0

    def stage_ends_at(self, seconds: float) -> float:
        """Return when a stage that usually ends `seconds` after the arrival is over for this run."""
        rng = np.random.default_rng([self.tile.draw, 11])
        return self.received_at + seconds * float(rng.uniform(0.85, 1.25))

    @property
    def kind(self) -> str:
        """Folder of the Measurement Set: science, calibrators or failed."""
        if self.has_calibrator:
            return "calibrators"
        return "failed" if self.outcome == "failed_image" else "science"

    @property
    def ms_folder(self) -> Path:
        """Folder that holds the Measurement Set and its calibration tables."""
        return self.root / "stage" / "ms" / self.kind / self.tile.date

    @property
    def ms_path(self) -> str:
        """Absolute path of the Measurement Set."""
        return str(self.ms_folder / f"{self.group_id}.ms")

    @property
    def image_root(self) -> str:
        """What ``ms_index.imagename`` holds: the start of the names of all image products."""
        return str(self.root / "stage" / "images" / f"{self.group_id}.img")

    @property
    def fits_path(self) -> str:
        """Absolute path of the FITS image."""
        return f"{self.image_root}.pbcor.fits"

    def raw_path(self, subband: int) -> str:
        """Absolute path of one raw file; in one group of five half of the names are a second late."""
        late = self.tile.draw % 5 == 0 and subband >= N_SUBBANDS // 2
        stem = iso(self.tile.start_unix + 1) if late else self.group_id
        return str(self.root / "incoming" / f"{stem}_sb{subband:02d}.hdf5")


def raw_rows(run: Run, subbands: Iterable[int], *, indexed_at: float, is_stored: bool) -> list[dict[str, Any]]:
    """Return rows of ``hdf5_file_index`` for some subbands."""
    rows = []
    for subband in subbands:
        path = run.raw_path(subband)
        filename = Path(path).name
        stamp = filename[:19]
        rows.append(
            {
                "path": path,
                "filename": filename,
                "group_id": run.group_id,
                "subband_code": f"sb{subband:02d}",
                "subband_num": subband,
                "timestamp_iso": stamp,
                "timestamp_mjd": mjd(run.tile.start_unix),
                "file_size_bytes": SUBBAND_BYTES + 4096 * ((run.tile.draw + 7 * subband) % 50),
                "modified_time": run.received_at - 8.0,
                "indexed_at": indexed_at,
                "stored": int(is_stored),
                "ra_deg": run.tile.ra_deg,
                "dec_deg": run.tile.dec_deg,
                "obs_date": stamp[:10],
                "obs_time": stamp[11:],
            }
        )
    return rows


def subband_rows(run: Run, subbands: Iterable[int]) -> list[dict[str, Any]]:
    """Return rows of ``subband_files``."""
    return [{"group_id": run.group_id, "subband_idx": index, "path": run.raw_path(index)} for index in subbands]


def queue_row(
    run: Run, state: str, stage: str, *, at: float, error: str | None = None, retries: int = 0
) -> dict[str, Any]:
    """Return the row of ``ingest_queue``; `at` is the last update, unix seconds."""
    return {
        "group_id": run.group_id,
        "state": state,
        "received_at": run.received_at,
        "last_update": at,
        "expected_subbands": N_SUBBANDS,
        "retry_count": retries,
        "error": error,
        "error_message": error,
        "checkpoint_path": None,
        "processing_stage": stage,
        "chunk_minutes": TILE_S / 60.0,
        "has_calibrator": int(run.has_calibrator),
        "calibrators": json.dumps(["bandpass"]) if run.has_calibrator else None,
    }


def ms_row(run: Run, stage: str, status: str, *, at: float) -> dict[str, Any]:
    """Return the row of ``ms_index`` at a stage that was reached `at` unix seconds."""
    start_mjd = mjd(run.tile.start_unix)
    is_calibrated = stage in ("calibrated", "imaged", "mosaicked", "cataloged")
    is_imaged = stage in ("imaged", "mosaicked", "cataloged")
    return {
        "path": run.ms_path,
        "start_mjd": start_mjd,
        "end_mjd": start_mjd + TILE_S / 86400.0,
        "mid_mjd": run.tile.mid_mjd,
        "processed_at": None if stage == "discovered" else at,
        "status": status,
        "stage": stage,
        "stage_updated_at": at,
        "cal_applied": int(is_calibrated),
        "imagename": run.image_root if is_imaged else None,
        "field_name": field_name(run.tile),
        "pointing_ra_deg": run.tile.ra_deg,
        "pointing_dec_deg": run.tile.dec_deg,
        "ra_deg": run.tile.ra_deg,
        "dec_deg": run.tile.dec_deg,
        "group_id": run.group_id,
        "created_at": run.received_at,
    }


def image_row(run: Run, path: str, *, at: float, peak_jyb: float | None, is_complete: bool) -> dict[str, Any]:
    """Return the row of ``images``; an incomplete one has only what the pipeline itself always fills in."""
    row: dict[str, Any] = {
        "path": path,
        "ms_path": run.ms_path,
        "created_at": at,
        "type": "5min",
        "beam_major_arcsec": BEAM_MAJOR_ARCSEC,
        "noise_jy": run.tile.noise_jy,
        "pbcor": int(".pbcor" in path),
        "beam_minor_arcsec": None,
        "beam_pa_deg": None,
        "format": None,
        "dynamic_range": None,
        "field_name": None,
        "center_ra_deg": None,
        "center_dec_deg": None,
        "imsize_x": None,
        "imsize_y": None,
        "cellsize_arcsec": None,
        "freq_ghz": None,
        "bandwidth_mhz": None,
        "integration_sec": None,
    }
    if is_complete:
        row |= {
            "beam_minor_arcsec": BEAM_MINOR_ARCSEC,
            "beam_pa_deg": BEAM_PA_DEG,
            "format": "fits",
            "dynamic_range": None if peak_jyb is None else peak_jyb / run.tile.noise_jy,
            "field_name": field_name(run.tile),
            "center_ra_deg": run.tile.ra_deg,
            "center_dec_deg": run.tile.dec_deg,
            "imsize_x": IMAGE_SIZE_PX,
            "imsize_y": IMAGE_SIZE_PX,
            "cellsize_arcsec": CELL_ARCSEC,
            "freq_ghz": FREQ_HZ / 1e9,
            "bandwidth_mhz": BANDWIDTH_HZ / 1e6,
            "integration_sec": TILE_S,
        }
    return row


def image_qa_row(run: Run, path: str, *, at: float, peak_jyb: float, n_sources: int, job_id: int) -> dict[str, Any]:
    """Return the row of ``image_qa``; the words follow the pipeline's cuts of the dynamic range."""
    dynamic_range = peak_jyb / run.tile.noise_jy
    words = ((1000.0, "excellent"), (100.0, "good"), (10.0, "marginal"))
    quality = next((word for cut, word in words if dynamic_range > cut), "poor")
    return {
        "ms_path": run.ms_path,
        "job_id": job_id,
        "image_path": path,
        "rms_noise": run.tile.noise_jy,
        "peak_flux": peak_jyb,
        "dynamic_range": dynamic_range,
        "beam_major": BEAM_MAJOR_ARCSEC,
        "beam_minor": BEAM_MINOR_ARCSEC,
        "beam_pa": BEAM_PA_DEG,
        "num_sources": n_sources,
        "thumbnail_path": None,
        "overall_quality": quality,
        "timestamp": at,
    }


def job_row(
    run: Run, kind: str, status: str, *, started_at: float, finished_at: float | None, logs: str = ""
) -> dict[str, Any]:
    """Return the row of ``jobs`` of one task."""
    products = {"convert": [run.ms_path], "image": [run.fits_path]}.get(kind, [])
    return {
        "type": kind,
        "status": status,
        "ms_path": run.ms_path,
        "params": json.dumps({"group_id": run.group_id, "field": field_name(run.tile), "refant": "103"}),
        "logs": logs or None,
        "artifacts": json.dumps(products if status in ("completed", "done") else []),
        "created_at": started_at - 1.5,
        "started_at": started_at,
        "finished_at": finished_at,
    }


def performance_row(run: Run, *, at: float) -> dict[str, Any]:
    """Return the row of ``performance_metrics``: seconds that the conversion took."""
    rng = np.random.default_rng([run.tile.draw, 12])
    load, phase, write = (float(x) for x in rng.normal([58.0, 27.0, 41.0], [5.0, 3.0, 4.0]))
    return {
        "group_id": run.group_id,
        "load_time": load,
        "phase_time": phase,
        "write_time": write,
        "total_time": load + phase + write,
        "writer_type": "parallel-subband",
        "recorded_at": at,
    }


def pointing_row(tile: Tile) -> dict[str, Any]:
    """Return the row of ``pointing_history``: the column called timestamp holds MJD, as the pipeline writes it."""
    return {
        "timestamp": mjd(tile.start_unix),
        "timestamp_mjd": mjd(tile.start_unix),
        "ra_deg": tile.ra_deg,
        "dec_deg": tile.dec_deg,
        "source": "ms",
        "recorded_at": tile.start_unix + TILE_S,
    }
