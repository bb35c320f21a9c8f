"""A pipeline that commits all the time: a process of its own that writes an image and its measurements.

python -m benchmarks.writer DATABASE INTERVAL_S     commits for ever
python -m benchmarks.writer DATABASE --on-demand    commits once for every line it reads, and says when and what
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from benchmarks.archive import BenchArchive, remove_added_rows

ROOT = Path(__file__).resolve().parent.parent
N_SOURCES = 20
_INSERT_IMAGE = (
    "INSERT INTO images (path, ms_path, created_at, type, noise_jy) VALUES (?, '/stage/ms/none.ms', ?, '5min', 1e-3)"
)
_INSERT_PHOTOMETRY = (
    "INSERT INTO photometry (source_id, image_path, ra_deg, dec_deg, peak_jyb, peak_err_jyb, measured_at, mjd) "
    "VALUES (?, ?, 10.0, 54.6, 0.01, 0.001, ?, ?)"
)


def write_for_ever(database: Path, interval_s: float) -> None:
    """Commit one image and its measurements every `interval_s` seconds, until this process is ended."""
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        connection.execute("PRAGMA synchronous=NORMAL")
        count = 0
        while True:
            write_image(connection, count)
            if not count:
                print("writing", flush=True)
            count += 1
            time.sleep(interval_s)


def write_on_demand(database: Path) -> None:
    """Commit one image for every line of the standard input; print the time of the commit and the image's path."""
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        for count, _ in enumerate(sys.stdin):
            path = write_image(connection, count)
            print(time.time(), path, flush=True)


def write_image(connection: sqlite3.Connection, count: int) -> str:
    """Commit one image with `N_SOURCES` measurements and return its path."""
    now = time.time()
    path = f"/stage/images/bench-{int(now)}-{count}.img.fits"
    with connection:
        connection.execute(_INSERT_IMAGE, (path, now))
        connection.executemany(
            _INSERT_PHOTOMETRY,
            [(f"BENCH {number:03d}", path, now, now / 86400.0 + 40587.0) for number in range(N_SOURCES)],
        )
    return path


@contextmanager
def writing(archive: BenchArchive, *, interval_s: float = 0.05) -> Iterator[None]:
    """Let a writer work beside; its rows are removed afterwards."""
    command = [sys.executable, "-m", "benchmarks.writer", str(archive.products), str(interval_s)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout is None or not process.stdout.readline():
            raise RuntimeError(f"the writer ended with status {process.wait()}")
        yield
        if process.poll() is not None:
            raise RuntimeError(f"the writer ended early with status {process.returncode}")
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        remove_added_rows(archive)


if __name__ == "__main__":
    if sys.argv[2] == "--on-demand":
        write_on_demand(Path(sys.argv[1]))
    else:
        write_for_ever(Path(sys.argv[1]), float(sys.argv[2]))
