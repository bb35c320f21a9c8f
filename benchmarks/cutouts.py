"""Cutouts from one large image, a strip of many epochs, pictures, and how long the event loop waits meanwhile."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import io
import itertools
import os
import random
import sys
import time
import warnings
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import Cutout2D
from astropy.wcs import WCS

from benchmarks.archive import Scale, bench_folder
from benchmarks.cutout_memory import memory_of_many_images
from benchmarks.report import Row, make_row
from benchmarks.timing import both_ways
from dashboards.plots.picture import picture_png
from data_access.errors import ArchiveError
from data_access.offload import Offload
from data_access.records import Cutout
from data_access.services.cutout_plan import make_ask
from data_access.services.cutouts import CutoutService, Place, picture_of
from data_access.services.roots import Roots

N_PIXELS = {"large": 12_000, "small": 2_000, "tiny": 600}
N_EPOCHS = {"large": 100, "small": 20, "tiny": 4}
SIDE, STRIP_SIDE, EPOCH_PIXELS = 256, 64, 512
PIXEL_DEG = 3 / 3600
LOOP_LIMIT_MS = 50.0
_REPEAT, _COLD_REPEAT = 40, 6
_BLOCK = 2880
_RA, _DEC = 150.0, 35.0

Question = Callable[[Place], object]


async def measure(scale: Scale, *, n_runs: int, seconds: float) -> list[Row]:
    """Return the rows of the issue on images and cutouts: ratios to a memmap, a pread, astropy and matplotlib."""
    folder = bench_folder() / "cutouts"
    n_pixels, n_epochs = N_PIXELS[scale.name], N_EPOCHS[scale.name]
    path = make_image(folder, f"image-{n_pixels}.fits", n_pixels)
    # A drift scan points elsewhere in every image: no two headers are alike.
    epochs = [
        make_image(folder, f"epoch-at-{i:03d}.fits", EPOCH_PIXELS, ra_deg=_RA + 1e-4 * i) for i in range(n_epochs)
    ]
    offload = Offload(threads=4, processes=1, deadline_s=60.0)
    service = CutoutService(Roots([folder], setting="roots"), offload)
    try:
        await _both_strips(service, epochs)
        rows = _warm(service, path, n_pixels, n_runs)
        rows += [_cold(folder, path, n_pixels, n_runs)]
        rows += [_pictures(service, path, n_pixels, n_runs)]
        rows += await _strips(service, offload, folder, epochs, n_runs)
        rows += [await _loop_wait(service, offload, (path, *epochs), n_pixels, n_runs=n_runs, seconds=seconds)]
        rows += [await asyncio.to_thread(memory_of_many_images, folder, path)]
    finally:
        await offload.close()
    return rows


def make_image(folder: Path, name: str, n_pixels: int, *, ra_deg: float = _RA) -> str:
    """Return a float32 image of noise; it is written first if it is not there."""
    path = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        strip = np.random.default_rng(110).normal(scale=1e-3, size=(64, n_pixels)).astype(">f4")
        header = fits.PrimaryHDU(strip).header
        header.update({"NAXIS2": n_pixels, "BUNIT": "Jy/beam", "BMAJ": 0.004, "BMIN": 0.003, "BPA": 20.0})
        header.update(_cards(n_pixels) | {"CRVAL1": ra_deg})
        with (folder / f"{name}.part").open("wb") as out:
            out.write(header.tostring().encode("ascii"))
            for start in range(0, n_pixels, 64):
                out.write(strip[: min(64, n_pixels - start)].tobytes())
            out.write(bytes(-out.tell() % _BLOCK))
            out.flush()
            os.fsync(out.fileno())  # pages that are not on the disk yet cannot be made cold
        (folder / f"{name}.part").replace(path)
    return str(path)


def _cards(n_pixels: int) -> dict[str, object]:
    middle = (n_pixels + 1) / 2
    return {
        "CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CRVAL1": _RA, "CRVAL2": _DEC, "CUNIT1": "deg", "CUNIT2": "deg",
        "CDELT1": -PIXEL_DEG, "CDELT2": PIXEL_DEG, "CRPIX1": middle, "CRPIX2": middle, "RADESYS": "ICRS",
    }  # fmt: skip


def _places(n_pixels: int, count: int, seed: int) -> list[Place]:
    """Return positions all over the image, far enough from its edges."""
    reach = PIXEL_DEG * (n_pixels / 2 - 0.6 * min(SIDE, n_pixels)) * 0.95
    numbers = random.Random(seed)
    shifts = [(numbers.uniform(-reach, reach), numbers.uniform(-reach, reach)) for _ in range(count)]
    return [Place(_RA + east / np.cos(np.radians(_DEC + north)), _DEC + north) for east, north in shifts]


def _median_ms(question: Question, places: Sequence[Place]) -> float:
    times = []
    for place in places:
        began = time.perf_counter()
        question(place)
        times.append(1e3 * (time.perf_counter() - began))
    return sorted(times)[len(times) // 2]


def _interleaved(ours: Question, peer: Question, n_pixels: int, n_runs: int, repeat: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"ours": [], "peer": []}
    for run, order in enumerate(both_ways(n_runs)):
        for side in order:
            question = ours if side == "ours" else peer
            gc.collect()  # nobody pays for what the other one left behind
            found[side].append(_median_ms(question, _places(n_pixels, repeat, seed=2 * run + (side == "peer"))))
    return found


def _our_cutout(service: CutoutService, path: str) -> Callable[[Place], Cutout]:
    def cut(place: Place) -> Cutout:
        answer = service.cut_here(make_ask(path, place, SIDE, SIDE, "pixel", 0))
        assert isinstance(answer, Cutout)
        return answer

    return cut


def _warm(service: CutoutService, path: str, n_pixels: int, n_runs: int) -> list[Row]:
    """Compare with a slice of an open memmap (no coordinates), and with astropy's way for one file."""
    ours = _our_cutout(service, path)
    mapped = np.memmap(path, ">f4", "r", _offset(path), (n_pixels, n_pixels))
    sky = WCS(_cards(n_pixels))

    def pixel(place: Place) -> tuple[int, int]:
        x, y = sky.wcs_world2pix([(place.ra_deg, place.dec_deg)], 0)[0]
        return int(x) - SIDE // 2, int(y) - SIDE // 2

    corners = {place: pixel(place) for run in range(n_runs) for place in _places(n_pixels, _REPEAT, 2 * run + 1)}

    def slice_of_memmap(place: Place) -> npt.NDArray[np.float32]:
        x, y = corners[place]
        return mapped[y : y + SIDE, x : x + SIDE].astype(np.float32)

    def astropy_cutout(place: Place) -> object:
        with fits.open(path, memmap=True) as hdus:
            wcs = WCS(hdus[0].header)
            position = SkyCoord(place.ra_deg, place.dec_deg, unit="deg")
            return Cutout2D(hdus[0].data, position, SIDE, wcs=wcs, copy=True)

    ours(Place(_RA, _DEC))
    slices = _interleaved(ours, slice_of_memmap, n_pixels, n_runs, _REPEAT)
    peers = _interleaved(ours, astropy_cutout, n_pixels, n_runs, _REPEAT // 2)
    name = f"cutouts: {SIDE}x{SIDE} of {n_pixels}x{n_pixels} with WCS, warm"
    return [
        make_row(name, "ms", slices["ours"], slices["peer"], peer_name="slice of an open memmap, without WCS",
                 limit_to_peer=3.0, limit_name="at most 3 times the slice"),
        make_row(name, "ms", peers["ours"], peers["peer"], peer_name="fits.open, WCS and Cutout2D of astropy",
                 limit_to_peer=1 / 15, limit_name="15 times faster than astropy"),
    ]  # fmt: skip


def _offset(path: str) -> int:
    with fits.open(path) as hdus:
        return int(hdus[0].fileinfo()["datLoc"])


def _cold(folder: Path, path: str, n_pixels: int, n_runs: int) -> Row:
    """Compare with reading the rows by pread, the file's pages thrown out before each; nothing of it is known."""
    offload = Offload(threads=1, processes=1, deadline_s=60.0)
    offset = _offset(path)

    def ours(place: Place) -> object:
        return _our_cutout(CutoutService(Roots([folder], setting="roots"), offload), path)(place)

    def pread(place: Place) -> object:
        x, y = n_pixels // 2, int((place.dec_deg or _DEC) % 1 * 1000) % (n_pixels - SIDE)
        number = os.open(path, os.O_RDONLY)
        rows = [os.pread(number, 4 * SIDE, offset + 4 * ((y + i) * n_pixels + x)) for i in range(SIDE)]
        os.close(number)
        return np.frombuffer(b"".join(rows), ">f4").reshape(SIDE, SIDE).astype(np.float32)

    found: dict[str, list[float]] = {"ours": [], "peer": []}
    for run, order in enumerate(both_ways(n_runs)):
        for side in order:
            times = []
            for place in _places(n_pixels, _COLD_REPEAT, seed=run):
                evict(path)
                times.append(_median_ms(ours if side == "ours" else pread, [place]))
            found[side].append(sorted(times)[len(times) // 2])
    return make_row(
        f"cutouts: {SIDE}x{SIDE} of {n_pixels}x{n_pixels} with WCS, cold", "ms", found["ours"], found["peer"],
        peer_name="pread of the rows", limit_to_peer=2.0, limit_name="at most twice a plain pread",
    )  # fmt: skip


def evict(path: str) -> None:
    """Throw the pages of a file out of memory."""
    number = os.open(path, os.O_RDONLY)
    os.posix_fadvise(number, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(number)


def _pictures(service: CutoutService, path: str, n_pixels: int, n_runs: int) -> Row:
    """From the file to PNG bytes; beside matplotlib where it is installed (it is no dependency)."""
    cut = _our_cutout(service, path)

    def ours(place: Place) -> bytes:
        return picture_png(picture_of(cut(place)), title="cutout", words=["epoch", "beam"])

    name = f"cutouts: PNG of {SIDE}x{SIDE}, file to bytes"
    ours(Place(_RA, _DEC))
    if importlib.util.find_spec("matplotlib") is None:
        print("matplotlib is not installed: the picture is measured without its peer", file=sys.stderr)
        places = _places(n_pixels, 8, seed=1)
        return make_row(name, "ms", [_median_ms(ours, places) for _ in range(n_runs)])
    found = _interleaved(ours, _matplotlib_picture(path), n_pixels, n_runs, 4)
    return make_row(
        name, "ms", found["ours"], found["peer"], peer_name="astropy Cutout2D and matplotlib WCSAxes",
        limit_to_peer=1 / 20, limit_name="20 times faster than matplotlib",
    )  # fmt: skip


def _matplotlib_picture(path: str) -> Question:
    from matplotlib.figure import Figure

    def draw(place: Place) -> bytes:
        with fits.open(path, memmap=True) as hdus:
            position = SkyCoord(place.ra_deg, place.dec_deg, unit="deg")
            cutout = Cutout2D(hdus[0].data, position, SIDE, wcs=WCS(hdus[0].header), copy=True)
        figure = Figure(figsize=(9, 9))
        axes = figure.add_subplot(projection=cutout.wcs)
        figure.colorbar(axes.imshow(cutout.data, origin="lower", cmap="Greys"))
        axes.grid(True)
        axes.set_title("cutout")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=120)
        return buffer.getvalue()

    return draw


async def _both_strips(service: CutoutService, epochs: Sequence[str]) -> None:
    """Make sure that both ways give the same pixels."""
    place = Place(_RA, _DEC)
    ours = await service.strip(epochs, place, width=STRIP_SIDE, unit="pixel")
    for one, other in zip(ours, _astropy_strip(epochs, place), strict=True):
        assert isinstance(one, Cutout), one
        np.testing.assert_array_equal(one.data, other)


def _astropy_strip(epochs: Sequence[str], place: Place) -> list[npt.NDArray[np.float32]]:
    pieces = []
    for path in epochs:
        with fits.open(path, memmap=True) as hdus, warnings.catch_warnings():
            position = SkyCoord(place.ra_deg, place.dec_deg, unit="deg")
            pieces.append(Cutout2D(hdus[0].data, position, STRIP_SIDE, wcs=WCS(hdus[0].header), copy=True).data)
    return pieces


async def _strips(
    service: CutoutService, offload: Offload, folder: Path, epochs: Sequence[str], n_runs: int
) -> list[Row]:
    """One place at many epochs: images seen before, and images seen for the first time."""

    async def timed(strip: Awaitable[object]) -> float:
        began = time.perf_counter()
        await strip
        return 1e3 * (time.perf_counter() - began)

    ours, first, peer = [], [], []
    for run in range(n_runs):
        place = Place(_RA + 0.001 * run, _DEC)
        ours.append(await timed(service.strip(epochs, place, width=STRIP_SIDE, unit="pixel")))
        fresh = CutoutService(Roots([folder], setting="roots"), offload)
        first.append(await timed(fresh.strip(epochs, place, width=STRIP_SIDE, unit="pixel")))
        peer.append(await timed(asyncio.to_thread(_astropy_strip, epochs, place)))
    name, other = f"cutouts: strip of {len(epochs)} epochs, {STRIP_SIDE}x{STRIP_SIDE}", "fits.open, WCS and Cutout2D"
    return [
        make_row(name, "ms", ours, peer, peer_name=other, limit_to_peer=0.1, limit_name="10 times faster"),
        make_row(
            f"{name}, never seen before",
            "ms",
            first,
            peer,
            peer_name=other,
            limit_to_peer=0.1,
            limit_name="10 times faster",
        ),
    ]


async def _loop_wait(
    service: CutoutService, offload: Offload, paths: Sequence[str], n_pixels: int, *, n_runs: int, seconds: float
) -> Row:
    """The longest wait of the event loop while eight readers fetch cutouts and pictures, and two more strips."""
    image, *epochs = paths

    async def read(seed: int) -> None:
        for place in itertools.cycle(_places(n_pixels, 200, seed)):
            with suppress(ArchiveError):
                cutout = await service.cutout(image, place, width=SIDE, unit="pixel")
                await offload.in_thread(lambda c=cutout: picture_png(picture_of(c), title="cutout"))

    async def read_strips(seed: int) -> None:
        for place in itertools.cycle(_places(EPOCH_PIXELS, 200, seed)):
            fresh = CutoutService(Roots([Path(image).parent], setting="roots"), offload)
            await fresh.strip(epochs, place, width=STRIP_SIDE, unit="pixel")
            fresh.close()

    worst = []
    for _ in range(n_runs):
        readers = [asyncio.create_task(read(seed)) for seed in range(8)]
        readers += [asyncio.create_task(read_strips(seed)) for seed in range(2)]
        longest, end = 0.0, time.perf_counter() + seconds
        while (now := time.perf_counter()) < end:
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - now - 0.001)
        for task in readers:
            task.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        worst.append(1e3 * longest)
    return make_row(
        "cutouts: longest wait of the event loop, 8 readers and 2 of strips", "ms", worst,
        limit=LOOP_LIMIT_MS, limit_name="the event loop never waits more than 50 ms",
    )  # fmt: skip
