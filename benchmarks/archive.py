"""A large archive with the pipeline's own tables, made once into a cache folder, the same for the same seed.

An image shows one block of neighbouring sources; the blocks follow each other, so that the measurements of one source
lie far apart in the file, as they do when a pipeline writes them night after night.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from data_access.demo.schema import PRODUCTS, create_database, database_files

SEED = 110
FORMAT = 2
_START = datetime(2025, 1, 1, tzinfo=UTC)
_TILE_S = 300.0
_MJD_OF_UNIX_EPOCH = 40587.0
_PROCESSING_LAG_S = 1800.0
_MARKER = "bench.json"


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes of one archive: every source is measured once an epoch, on the image of its block.

    Attributes
    ----------
    n_blocks : int
        Images an epoch.
    n_sources : int
        A multiple of `n_blocks`.
    n_epochs : int
        Measurements of every source.
    free_bytes : int
        What must be free on the disk before it is made.
    """

    name: str
    n_blocks: int
    n_sources: int
    n_epochs: int
    free_bytes: int

    @property
    def n_images(self) -> int:
        """Number of images, one for each of the newer half of the Measurement Sets."""
        return self.n_blocks * self.n_epochs

    @property
    def n_runs(self) -> int:
        """Number of Measurement Sets, and of jobs."""
        return 2 * self.n_images

    @property
    def n_photometry(self) -> int:
        """Number of measurements."""
        return self.n_sources * self.n_epochs


SCALES = {
    scale.name: scale
    for scale in (
        Scale("large", n_blocks=250, n_sources=50_000, n_epochs=200, free_bytes=6_000_000_000),
        Scale("small", n_blocks=5, n_sources=50, n_epochs=200, free_bytes=50_000_000),
        Scale("tiny", n_blocks=2, n_sources=20, n_epochs=20, free_bytes=10_000_000),
    )
}


@dataclass(frozen=True, slots=True)
class BenchArchive:
    """One archive that is there: its folder, its main database and how to name what is in it."""

    root: Path
    scale: Scale

    @property
    def products(self) -> Path:
        """The database with images, photometry, Measurement Sets and jobs."""
        return self.root / PRODUCTS

    def run_id(self, index: int) -> str:
        """Return the name of the run of Measurement Set `index`, counted from the oldest."""
        return f"job-{_moment(index):%Y-%m-%d-%H%M%S}"

    def ms_path(self, index: int) -> str:
        """Return the path of Measurement Set `index`, counted from the oldest."""
        return _ms_path(index)

    def source_name(self, index: int) -> str:
        """Return the name of source `index`, in order of right ascension."""
        return _source_name(index, self.scale.n_sources)


def bench_folder() -> Path:
    """Return the cache folder: ``DSA110_BENCH_DIR``, else one in the system's temporary folder."""
    return Path(os.environ.get("DSA110_BENCH_DIR") or Path(tempfile.gettempdir()) / "dsa110-bench")


def make_archive(scale: Scale, *, folder: Path | None = None, seed: int = SEED) -> BenchArchive:
    """Return the archive of this size; it is written first if it is not there, and freed of a killed writer's rows.

    Raises
    ------
    OSError
        The disk has no room for it.
    """
    cache = folder or bench_folder()
    root = cache / f"{scale.name}-{seed}"
    archive = BenchArchive(root, scale)
    wanted = {"format": FORMAT, "seed": seed, **asdict(scale)}
    if not _is_complete(root, wanted):
        _write(root, scale, seed, wanted)
    remove_added_rows(archive)
    return archive


def remove_added_rows(archive: BenchArchive) -> None:
    """Delete what a writer added to images and photometry since the archive was made."""
    with closing(sqlite3.connect(archive.products, timeout=30)) as connection, connection:
        connection.execute("DELETE FROM images WHERE id > ?", (archive.scale.n_images,))
        connection.execute("DELETE FROM photometry WHERE id > ?", (archive.scale.n_photometry,))


def _is_complete(root: Path, wanted: dict[str, Any]) -> bool:
    try:
        return bool(json.loads((root / _MARKER).read_text(encoding="utf-8")) == wanted)
    except (FileNotFoundError, ValueError):
        return False


def _write(root: Path, scale: Scale, seed: int, wanted: dict[str, Any]) -> None:
    root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(root).free
    if free < scale.free_bytes:
        raise OSError(f"{root} has {free / 1e9:.1f} GB free; this archive needs {scale.free_bytes / 1e9:.1f} GB")
    shutil.rmtree(root)
    print(f"writing {scale.n_photometry:,} measurements to {root} ...", file=sys.stderr, flush=True)
    began = time.perf_counter()
    for file, sql_name in database_files("split").items():
        create_database(root / file, sql_name)
    with closing(sqlite3.connect(root / PRODUCTS, isolation_level=None)) as connection:
        _fill(connection, scale, random.Random(seed))
    (root / _MARKER).write_text(json.dumps(wanted), encoding="utf-8")
    print(f"... done in {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)


def _fill(connection: sqlite3.Connection, scale: Scale, random_numbers: random.Random) -> None:
    # Nothing of it is worth keeping when the machine stops: no journal, no waiting for the disk.
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-262144", "threads=2"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("BEGIN")
    _fill_runs(connection, scale, random_numbers)
    _fill_sources(connection, scale, random_numbers)
    _fill_photometry(connection, scale)
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode=WAL")


def _fill_runs(connection: sqlite3.Connection, scale: Scale, random_numbers: random.Random) -> None:
    connection.executemany(
        "INSERT INTO ms_index (path, start_mjd, end_mjd, mid_mjd, processed_at, status, stage, stage_updated_at, "
        "cal_applied, imagename, field_name, pointing_ra_deg, pointing_dec_deg) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
        _ms_rows(scale),
    )
    connection.executemany(
        "INSERT INTO jobs (type, status, ms_path, params, created_at, started_at, finished_at) "
        "VALUES (?,?,?,?,?,?,?)",
        _job_rows(scale),
    )
    connection.executemany(
        "INSERT INTO images (path, ms_path, created_at, type, beam_major_arcsec, beam_minor_arcsec, beam_pa_deg, "
        "noise_jy, pbcor, format, dynamic_range, field_name, center_ra_deg, center_dec_deg) "
        "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        _image_rows(scale, random_numbers),
    )


def _ms_rows(scale: Scale) -> Iterator[tuple[Any, ...]]:
    for index in range(scale.n_runs):
        unix = _moment(index).timestamp()
        start = unix / 86400.0 + _MJD_OF_UNIX_EPOCH
        imaged = index >= scale.n_runs - scale.n_images
        written = unix + _PROCESSING_LAG_S
        yield (
            _ms_path(index), start, start + _TILE_S / 86400.0, start + _TILE_S / 172800.0, written,
            "done" if imaged else "converted", "imaged" if imaged else "calibrated", written, 1,
            _image_path(index).removesuffix(".fits") if imaged else None, None, _ra_deg(index), 54.6,
        )  # fmt: skip


def _job_rows(scale: Scale) -> Iterator[tuple[Any, ...]]:
    for index in range(scale.n_runs):
        unix = _moment(index).timestamp() + _PROCESSING_LAG_S
        failed = index % 97 == 0
        yield (
            "image", "failed" if failed else "completed", _ms_path(index), '{"gridder": "wproject"}', unix - 200,
            unix - 190, unix,
        )  # fmt: skip


def _image_rows(scale: Scale, random_numbers: random.Random) -> Iterator[tuple[Any, ...]]:
    for index in range(scale.n_runs - scale.n_images, scale.n_runs):
        noise = random_numbers.lognormvariate(-7.0, 0.3)
        yield (
            _image_path(index), _ms_path(index), _moment(index).timestamp() + _PROCESSING_LAG_S, "5min", 13.2, 8.1,
            random_numbers.uniform(-90, 90), noise, 1, "fits", 0.4 / noise, None, _ra_deg(index), 54.6,
        )  # fmt: skip


def _fill_sources(connection: sqlite3.Connection, scale: Scale, random_numbers: random.Random) -> None:
    connection.execute(
        "CREATE TEMP TABLE sky (n INTEGER PRIMARY KEY, block INTEGER, name TEXT, ra REAL, dec REAL, flux REAL)"
    )
    per_block = scale.n_sources // scale.n_blocks
    connection.executemany(
        "INSERT INTO sky VALUES (?,?,?,?,?,?)",
        (
            (
                n, n // per_block, _source_name(n, scale.n_sources), 360.0 * n / scale.n_sources,
                random_numbers.uniform(53, 56), random_numbers.paretovariate(1.2) * 0.005,
            )
            for n in range(scale.n_sources)
        ),
    )  # fmt: skip
    connection.execute("CREATE INDEX temp.sky_block ON sky (block)")
    connection.executemany(
        "INSERT INTO variability_stats (source_id, ra_deg, dec_deg, nvss_flux_mjy, n_obs, mean_flux_mjy, "
        "std_flux_mjy, chi2_nu, sigma_deviation, eta_metric, updated_at) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
        [
            (
                name, ra, dec, 1e3 * flux, scale.n_epochs, 1e3 * flux, 50.0 * flux,
                random_numbers.gammavariate(4, 0.3), random_numbers.uniform(1.5, 4.0),
                random_numbers.gammavariate(4, 0.3),
                _moment(scale.n_runs).timestamp(),
            )
            for name, ra, dec, flux in connection.execute("SELECT name, ra, dec, flux FROM sky ORDER BY n").fetchall()
        ],
    )  # fmt: skip
    connection.execute(
        "INSERT INTO monitoring_sources (source_id, name, ra_deg, dec_deg, n_detections, eta, is_variable, catalog) "
        "SELECT name, name, ra, dec, ?, 0.5, 0, 'NVSS' FROM sky WHERE n % 50 = 0 ORDER BY n",
        (scale.n_epochs,),
    )
    connection.execute(
        "INSERT INTO ese_candidates (source_id, flagged_at, significance, flag_type) "
        "SELECT name, ?, 6.0, 'auto' FROM sky WHERE n % 500 = 0 ORDER BY n",
        (_moment(scale.n_runs).timestamp(),),
    )


def _fill_photometry(connection: sqlite3.Connection, scale: Scale) -> None:
    """Write every measurement by one statement; the indices are made afterwards, which is several times faster."""
    indices = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'photometry' AND sql IS NOT NULL"
    ).fetchall()
    for name, _ in indices:
        connection.execute(f'DROP INDEX "{name}"')
    # As upstream's writer does: no snr, and the mjd is the time of processing.
    connection.execute(
        "INSERT INTO photometry (source_id, image_path, ra_deg, dec_deg, nvss_flux_mjy, peak_jyb, peak_err_jyb, "
        "measured_at, mjd) "
        "SELECT s.name, i.path, s.ra, s.dec, 1e3 * s.flux, "
        "s.flux * (0.95 + ((i.id * 2654435761 + s.n * 40503) % 65521) / 655210.0), i.noise_jy, i.created_at + 60, "
        "(i.created_at + 60) / 86400.0 + 40587.0 "
        "FROM images i CROSS JOIN sky s ON s.block = (i.id - 1) % ? ORDER BY i.id, s.n",
        (scale.n_blocks,),
    )
    for _, sql in indices:
        connection.execute(sql)


def _moment(index: int) -> datetime:
    return _START + timedelta(seconds=_TILE_S * index)


def _ra_deg(index: int) -> float:
    return (index * _TILE_S / 86164.0905 * 360.0) % 360.0


def _ms_path(index: int) -> str:
    return f"/stage/ms/{_moment(index):%Y-%m-%dT%H:%M:%S}.ms"


def _image_path(index: int) -> str:
    return f"/stage/images/{_moment(index):%Y-%m-%dT%H:%M:%S}.img.fits"


def _source_name(index: int, n_sources: int) -> str:
    seconds = 86400.0 * index / n_sources
    return f"NVSS J{int(seconds // 3600):02d}{int(seconds // 60 % 60):02d}{seconds % 60:05.2f}+543000"
