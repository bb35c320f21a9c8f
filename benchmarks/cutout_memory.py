"""How much memory 50 people need who look at 50 different images, in a process of its own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

from benchmarks.report import Row, make_row
from dashboards.plots import plot_image
from dashboards.plots.picture import picture_png
from data_access.offload import Offload
from data_access.services.cutouts import CutoutService, Place, preview_of
from data_access.services.files import FileService
from data_access.services.roots import Roots

N_PEOPLE = 50
_SIDE, _SCREEN_PIXELS = 256, 800
# 48 kept previews of 800 x 800 and as many figures with a copy of theirs: 250 MB; four threads that each reduce a
# plane: 250 MB.
LIMIT_MB = 500.0


def memory_of_many_images(folder: Path, path: str) -> Row:
    """Return the row: what a fresh process adds to its own memory, at its highest."""
    command = [sys.executable, "-m", "benchmarks.cutout_memory", str(folder), path]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    return make_row(
        f"cutouts: memory of {N_PEOPLE} people on {N_PEOPLE} images", "MB", [float(answer.stdout)],
        limit=LIMIT_MB, limit_name="bounded: 500 MB above the empty process",
    )  # fmt: skip


async def _look(archive: tuple[FileService, CutoutService, Offload], path: str, place: Place) -> object:
    """Do what opening an image, a cutout of it and its picture do; return what a session keeps of it."""
    files, cutouts, offload = archive
    preview = await files.image_preview(path, max_size=_SCREEN_PIXELS)
    figure = plot_image(preview, theme="dark")
    cutout = await cutouts.cutout(path, place, width=_SIDE, unit="pixel")
    await offload.in_thread(lambda: picture_png(preview_of(cutout), title="cutout"))
    return figure, cutout


async def _measure(folder: Path, path: str) -> float:
    """Return the growth in MB while many look, each at a name of its own (a hard link: another file to caches)."""
    names = [folder / f"person-{i:02d}.fits" for i in range(N_PEOPLE + 1)]
    for name in names:
        name.unlink(missing_ok=True)
        name.hardlink_to(path)
    offload = Offload(threads=4, processes=1, deadline_s=600.0)
    roots = Roots([folder], setting="roots")
    archive = FileService(roots, offload), CutoutService(roots, offload), offload
    place = Place(pixel=(200.0, 200.0))
    try:
        await _look(archive, str(names[0]), place)
        meter = Meter()
        kept = await asyncio.gather(*(_look(archive, str(name), place) for name in names[1:]))
        assert len(kept) == N_PEOPLE
        return meter.stop()
    finally:
        await offload.close()
        for name in names:
            name.unlink(missing_ok=True)


class Meter:
    """The highest anonymous memory of this process: mapped files are the page cache's, not ours."""

    def __init__(self) -> None:
        self._begin = self._highest = _own_mb()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stopped.wait(0.003):
            self._highest = max(self._highest, _own_mb())

    def stop(self) -> float:
        """Return the growth, MB."""
        self._stopped.set()
        self._thread.join()
        return max(self._highest, _own_mb()) - self._begin


def _own_mb() -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


if __name__ == "__main__":
    print(asyncio.run(_measure(Path(sys.argv[1]), sys.argv[2])))
