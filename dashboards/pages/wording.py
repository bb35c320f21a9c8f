"""Values that several pages word in the same way: epochs, positions, files, states."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dashboards.components.cells import Cell, State, cell
from dashboards.plots.style import how_many
from data_access.analysis.coordinates import format_dec, format_ra
from data_access.analysis.times import format_mjd_utc, format_utc, latest_observed_mjd, unix_to_mjd
from data_access.errors import ArchiveError
from data_access.records import Epoch, FileState, Image, SpectralWindow
from data_access.records.sources import FloatArray

BY_FOLDER = "sorted by folder, then by name"
"""Title of a column that shows the last part of a path: the index of the database is on whole paths."""
_RUN_STATES: dict[str, State] = {
    "completed": "ok", "done": "ok", "ok": "ok", "active": "ok", "finished": "ok", "imaged": "ok", "validated": "ok",
    "running": "info", "in_progress": "info", "collecting": "info", "converted": "info", "calibrated": "info",
    "pending": "off", "queued": "off", "discovered": "off", "retired": "off", "cancelled": "off", "dismissed": "off",
    "failed": "bad", "error": "bad", "critical": "bad",
    "skipped_no_caltables": "warn", "warning": "warn", "investigated": "info",
}  # fmt: skip


def epoch_cell(epoch: Epoch, *, seconds: bool = True) -> Cell:
    """Return the time of an observation (UTC), marked when it is only the time of the processing."""
    text = format_mjd_utc(epoch.mjd, seconds=seconds)
    if not text or epoch.mjd is None:
        return cell(None)
    title = f"MJD {epoch.mjd:.5f} (UTC), from the {epoch.origin}"
    note = None if epoch.is_observation else "time of the processing, not of the observation"
    return _doubted_if_to_come(cell(text, title=title, note=note), epoch.mjd)


def _doubted_if_to_come(made: Cell, mjd: float) -> Cell:
    """Return the cell of the time of an observation, marked when nobody can have observed then."""
    if mjd <= latest_observed_mjd():
        return made
    return {**made, "s": "warn", "title": f"{made['title']}: it is still to come, so it cannot be right"}


def mjd_cell(mjd: float | None, *, is_foreseen: bool = False) -> Cell:
    """Return an MJD as UTC, with the MJD in the tooltip; marked when it is to come, unless that was foreseen."""
    text = format_mjd_utc(mjd)
    if not text or mjd is None:
        return cell(None)
    made = cell(text, title=f"MJD {mjd:.5f} (UTC)")
    return made if is_foreseen else _doubted_if_to_come(made, mjd)


def with_utc(time_cell: Cell) -> Cell:
    """Return a cell of a time with its zone, for where no column head says it; a cell that holds no time as it is."""
    return {**time_cell, "u": "UTC"} if str(time_cell["t"])[:1].isdigit() else time_cell


def full_epoch_cell(epoch: Epoch) -> Cell:
    """Return the time of an observation as UTC with the MJD beside it, for where a page is about that time."""
    return _with_mjd(epoch_cell(epoch), epoch.mjd)


def full_mjd_cell(mjd: float | None) -> Cell:
    """Return an MJD as UTC with the MJD beside it."""
    return _with_mjd(mjd_cell(mjd), mjd)


def full_moment_cell(unix: float | None) -> Cell:
    """Return unix seconds as UTC with the MJD beside it, and the age."""
    text = format_utc(unix)
    if unix is None or not text:
        return cell(None, unix=unix)
    return _with_mjd(cell(text, unix=unix), unix_to_mjd(unix))


def _with_mjd(time_cell: Cell, mjd: float | None) -> Cell:
    made = with_utc(time_cell)
    return {**made, "u": f"UTC · MJD\u00a0{mjd:.5f}"} if mjd is not None and "u" in made else made


def position_cells(ra_deg: float | None, dec_deg: float | None, *, digits: int = 1) -> tuple[Cell, Cell]:
    """Return right ascension and declination in sexagesimal, degrees in the tooltip.

    `digits` are the decimals of the seconds of arc; those of time have one more, with 0 neither has any.
    """
    if ra_deg is None or abs(ra_deg) > 360:
        ra = cell(ra_deg)
    else:
        ra = cell(format_ra(ra_deg, digits=digits and digits + 1), title=f"{ra_deg:.6f}°", mono=True)
    if dec_deg is None or abs(dec_deg) > 90:
        return ra, cell(dec_deg)
    return ra, cell(format_dec(dec_deg, digits=digits), title=f"{dec_deg:+.6f}°", mono=True)


def noise_words(noise_jy: float, *, digits: int = 3) -> tuple[str, str]:
    """Return a noise as number and unit: mJy/beam with `digits`, or another unit where those would say nothing."""
    size_jy = abs(noise_jy)
    if size_jy == 0:
        return "0", "mJy/beam"
    if size_jy < 10.0 ** -(digits + 2):  # fewer than two digits would be left of it in mJy
        return f"{noise_jy * 1e6:.3g}", "µJy/beam"
    if size_jy >= 1e6:
        return f"{noise_jy:.3g}", "Jy/beam"
    if size_jy >= 10:
        return f"{noise_jy:,.{0 if size_jy >= 1000 else 1}f}", "Jy/beam"
    return f"{noise_jy * 1e3:,.{digits}f}", "mJy/beam"


def noise_cell(noise_jy: float | None, *, with_unit: bool = False, digits: int = 3, title: str = "") -> Cell:
    """Return a noise in mJy/beam, whose unit is in the head of its column unless `with_unit`; others say theirs."""
    if noise_jy is None or not np.isfinite(noise_jy):
        return cell(noise_jy, title=title or None)
    number, unit = noise_words(noise_jy, digits=digits)
    return cell(
        number, unit=unit if with_unit or unit != "mJy/beam" else "", title=title or f"{noise_jy:.6g} Jy/beam"
    )


def image_noise_cell(image: Image, *, with_unit: bool = False, digits: int = 3, title: str = "") -> Cell:
    """Return the recorded noise of an image; of one that is not of the sky as it is recorded, without a unit."""
    if image.noise_jy is None or image.is_of_sky:
        return noise_cell(image.noise_jy, with_unit=with_unit, digits=digits, title=title)
    return cell(image.noise_jy, unit="as recorded", title=f"no noise of the sky: an image of type '{image.type}'")


def file_cell(state: FileState | None) -> Cell:
    """Return whether a recorded file is on disk, in a word."""
    if state is None:
        return cell(None)
    if state.problem:
        return cell("gone" if not state.exists else "unreadable", state="off" if not state.exists else "bad",
                    title=state.problem)  # fmt: skip
    return cell("on disk", state="ok", title=state.path)


def unknown_cell(err: ArchiveError) -> Cell:
    """Return the cell for something that an error keeps from being known, while the rest of the page is."""
    return cell("not known", state="bad", note=err.message)


def state_cell(word: str | None, *, title: str | None = None) -> Cell:
    """Return a pipeline status as glyph, word and colour; unknown words stay words."""
    if not word:
        return cell(None)
    return cell(word, state=_RUN_STATES.get(word.lower(), "info"), title=title)


def size_text(size_bytes: int | None) -> str | None:
    """Return a size in readable units (powers of 1000)."""
    if size_bytes is None:
        return None
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}" if unit != "B" else f"{size_bytes} B"
        size /= 1000
    return f"{size:.3g} TB"


def window_words(windows: Sequence[SpectralWindow]) -> str | None:
    """Return how many spectral windows and channels there are, and the band they cover."""
    known = [w.chan_freq_hz[np.isfinite(w.chan_freq_hz)] / 1e6 for w in windows]
    freq_mhz = np.concatenate(known) if known else np.empty(0)
    if not freq_mhz.size:
        return str(len(windows)) if windows else None
    n_chan = sum(w.n_chan for w in windows)
    low, high = f"{freq_mhz.min():.1f}", f"{freq_mhz.max():.1f}"
    band = f"{low} MHz" if low == high else f"{low} to {high} MHz"
    return f"{len(windows)} with {how_many(n_chan, 'channel')}, {band}"


def noise_against_time(images: Sequence[Image]) -> tuple[FloatArray, FloatArray, list[str]]:
    """Return MJD, noise (Jy/beam) and names of the images of the sky that have both."""
    known = [
        image for image in images if image.is_of_sky and image.noise_jy is not None and image.epoch.mjd is not None
    ]
    mjd = np.array([image.epoch.mjd for image in known], dtype=np.float64)
    return mjd, np.array([image.noise_jy for image in known], dtype=np.float64), [image.name for image in known]
