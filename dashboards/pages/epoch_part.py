"""The epochs of a source as pictures, below its light curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from zlib import crc32

import numpy as np
import panel as pn
import param

from dashboards.components.epoch_strip import RATES, EpochStrip, epoch_tile
from dashboards.components.switches import Switches, option, switch
from dashboards.pages.source_part import Place, SourcePart
from dashboards.plots.epoch_words import epoch_words, limits_for, missing_words, order_words, reaches_above
from dashboards.plots.image_colour import display_unit
from data_access.records import LightCurve
from data_access.records.epochs import EpochFiles, EpochFrame, EpochScale

TILES = 60
SIZES = (60, 120, 180, 300, 600)
DEFAULT_SIZE = 180.0
_DOWNLOADS = (
    ("gif", "GIF", "animation of the epochs with an image, on the common scale"),
    ("mp4", "MP4", "the same as a video"),
    ("png", "PNG sheet", "all epochs on one sheet with times, fluxes and colour bar"),
)


class EpochParams(param.Parameterized):  # type: ignore[misc, unused-ignore]
    """What the epochs keep in the URL."""

    strip_size = param.Number(default=DEFAULT_SIZE, bounds=(1.0, 3600.0), doc="width of the cutouts, arcsec")
    strip_scale: Any = param.Selector(default="common", objects=["common", "own"], doc="colours of the epochs")
    strip_show: Any = param.Selector(
        default="all", objects=["all", "images"], doc="all epochs, or with an image only"
    )
    strip_page = param.Integer(default=1, bounds=(1, None), doc="page of the epochs, the newest first")
    strip_rate: Any = param.Selector(default=2, objects=list(RATES), doc="frames per second")
    frame = param.Integer(default=0, bounds=(0, None), doc="the epoch shown large: its row number in photometry")


EPOCH_URL_PARAMS = ("strip_size", "strip_scale", "strip_show", "strip_page", "strip_rate", "frame")


@dataclass(frozen=True, slots=True)
class _Epochs:
    """What was read for one page of tiles, and of which light curve; `n` epochs match."""

    curve: LightCurve
    frames: tuple[EpochFrame, ...]
    files: EpochFiles
    scale: EpochScale | None
    n: int
    first: int


class EpochPart(SourcePart):
    """Strip, player and downloads."""

    place: ClassVar[Place] = "curve"
    section: ClassVar[str] = "epochs"

    def __init__(self, page: Any) -> None:
        super().__init__(page)
        self._known: tuple[Any, EpochFiles, EpochScale | None] | None = None
        self._shown: _Epochs | None = None
        self._words: tuple[Any, ...] = ()
        self.switches = Switches(on_choose=self._choose)
        self.strip = EpochStrip(on_frame=self._rest, on_rate=self._rate, on_turn=self._turn)
        self.slot = page.new_slot("epoch images", height=0)
        page.param.watch(self._ask, ["strip_size", "strip_scale", "strip_show", "strip_page"])
        page.param.watch(self._show_frame, ["frame", "strip_rate"])
        page.param.watch(self._follow_point, ["point"])

    @property
    def view(self) -> Any:
        """The slot, empty until the light curve and everything derived from it are there."""
        return self.slot

    async def load(self) -> None:
        """Read the newest epochs."""
        await self.page.fill(self.slot, self._read, self._show)

    def curve_changed(self, detail: Any) -> None:
        """Follow new epochs, another flux or another unit; the brush, for example, changes no picture."""
        if self._shown is not None and self._words != self._version(detail.light_curve):
            self._ask()

    def _version(self, curve: LightCurve) -> tuple[Any, ...]:
        """Return what the tiles depend on beside their own switches."""
        return curve.version, self.page.flux, self.page.unit

    def _ask(self, *_events: Any) -> None:
        self._show_switches()
        self.page.run(self._read, self._show, slot=self.slot)

    async def _read(self) -> _Epochs:
        curve, archive = self.page.detail.light_curve, self.page.session.archive
        size = float(self.page.strip_size)
        version = (curve.version, size)
        if self._known is None or self._known[0] != version:
            files = await archive.epochs.files_of(curve)
            self._known = (version, files, await archive.epochs.scale(curve, files, size_arcsec=size))
        _, files, scale = self._known
        chosen = files.indices if self.page.strip_show == "images" else range(curve.n_epoch)
        page = min(int(self.page.strip_page), max(1, -(-len(chosen) // TILES)))
        stop = len(chosen) - (page - 1) * TILES
        first = max(0, stop - TILES)
        frames = await archive.epochs.frames(curve, list(chosen[first:stop]), size_arcsec=size)
        return _Epochs(curve, frames, files, scale, len(chosen), first)

    def _show(self, epochs: _Epochs) -> Any:
        self._shown, self._words = epochs, self._version(epochs.curve)
        self._show_switches()
        scale = epochs.scale if self.page.strip_scale == "common" else None
        self._mark(epochs)
        last = epochs.first + len(epochs.frames)
        order = order_words(epochs.curve, [frame.source.index for frame in epochs.frames])
        total = f"{epochs.first + 1:,}-{last:,} of {epochs.n:,} {order}" if epochs.frames else "none"
        self.strip.param.update(
            tiles=[self._tile(epochs.curve, frame, scale) for frame in epochs.frames],
            frame=self.page.frame,
            rate=self.page.strip_rate,
            total=total,
            note=self._note(epochs, scale),
            downloads=self._downloads(epochs),
            has_older=epochs.first > 0,
            has_newer=last < epochs.n,
        )
        return pn.Column(self.switches, self.strip, sizing_mode="stretch_width", margin=0) if self._is_new() else None

    def _is_new(self) -> bool:
        return self.slot.content is None

    def _tile(self, curve: LightCurve, frame: EpochFrame, scale: EpochScale | None) -> dict[str, Any]:
        page, index, links = self.page, frame.source.index, self.page.session.links
        words = epoch_words(curve, index, page.flux, page.unit)
        photometry_id, image = int(curve.photometry_id[index]), frame.source.image
        href, src = None, None
        if image is not None:
            at = {"cut": f"{curve.ra_deg:.6f} {curve.dec_deg:+.6f}", "cut_size": f"{page.strip_size:g}"}
            href = links.image(image.id, **(at if frame.preview is not None else {}))
        if frame.preview is not None:
            limits = limits_for(frame, scale)
            colours = {} if limits is None else {"low": f"{limits[0]:.6g}", "high": f"{limits[1]:.6g}"}
            place = {"ra": f"{curve.ra_deg:.7f}", "dec": f"{curve.dec_deg:.7f}", "size": f"{page.strip_size:g}"}
            look = {"theme": page.session.theme, "file": f"{crc32(repr(frame.key).encode()):08x}"}
            src = links.source_epoch(curve.source_id, photometry_id, **place, **colours, **look)
        path = frame.source.path or ""
        title = "; ".join(
            part for part in (path, words.remark, "" if image else "not registered as an image") if part
        )
        return epoch_tile(
            photometry_id, time=words.time, utc_ms=words.utc_ms, flux=words.flux, snr=words.snr, kind=words.kind,
            src=src, href=href, problem=missing_words(frame), title=title, above=reaches_above(frame, scale),
        )  # fmt: skip

    def _note(self, epochs: _Epochs, scale: EpochScale | None) -> str:
        files, curve = epochs.files, epochs.curve
        if not curve.n_epoch:
            return "no photometry, so no epochs"
        parts = []
        if scale is not None:
            unit, factor = display_unit(scale.unit, scale.high)
            parts.append(
                f"common scale {scale.low * factor:.3g} to {scale.high * factor:.3g} {unit}, linear, "
                f"robust limits of {scale.n_used:,} epoch{'s' if scale.n_used != 1 else ''}"
            )
        elif self.page.strip_scale == "own":
            parts.append("each epoch on its own scale: brightness cannot be compared")
        looked = "" if files.n_looked == files.n_epoch else f" of the newest {files.n_looked:,}"
        gone = files.n_looked - len(files.indices)
        parts.append(f"{len(files.indices):,}{looked or f' of {files.n_epoch:,}'} epochs have an image on disk")
        other = {f.unit for f in epochs.frames if f.preview} - ({scale.unit} if scale else set())
        if scale is not None and other:
            parts.append(
                f"units differ ({', '.join(sorted(u or 'not stated' for u in other))}): those have their own"
            )
        if gone and not len(files.indices):
            parts.append("the pipeline may have cleaned them up")
        return " · ".join(parts)

    def _downloads(self, epochs: _Epochs) -> list[dict[str, str]]:
        if not epochs.files.indices:
            return []
        query = {"size": f"{self.page.strip_size:g}", "flux": self.page.flux, "unit": self.page.unit}
        query["theme"] = self.page.session.theme
        if self.page.strip_scale == "own":
            query["scale"] = "own"
        links, name = self.page.session.links, epochs.curve.source_id
        return [
            {
                "href": links.source_epochs(name, kind, **query, rate=str(self.page.strip_rate)),
                "text": t,
                "title": title,
            }
            for kind, t, title in _DOWNLOADS
        ]

    def _show_switches(self) -> None:
        page, size = self.page, float(self.page.strip_size)
        sizes = sorted({float(n) for n in SIZES} | {size})
        colours = [option("common", "common scale"), option("own", "each its own")]
        shown = [option("all", "all"), option("images", "with an image")]
        self.switches.switches = [
            switch("strip_size", "Size (arcsec)", f"{size:g}", [option(f"{n:g}", f"{n:g}") for n in sizes]),
            switch("strip_scale", "Colours", page.strip_scale, colours),
            switch("strip_show", "Epochs", page.strip_show, shown),
        ]

    def _choose(self, name: str, value: str) -> None:
        changed: dict[str, Any] = {name: float(value) if name == "strip_size" else value}
        self.page.param.update(**changed, **({"strip_page": 1} if name == "strip_show" else {}))

    def _turn(self, step: int) -> None:
        self.page.strip_page = max(1, int(self.page.strip_page) + step)

    def _rest(self, photometry_id: int) -> None:
        self.page.frame = photometry_id

    def _rate(self, rate: int) -> None:
        self.page.strip_rate = rate

    def _show_frame(self, *_events: Any) -> None:
        self.strip.param.update(frame=self.page.frame, rate=self.page.strip_rate)

    def _follow_point(self, *_events: Any) -> None:
        """Show the epoch of the measurement that was chosen in the light curve."""
        epochs = self._shown
        if epochs is None or not self.page.point:
            return
        at = np.flatnonzero(epochs.curve.photometry_id == self.page.point)
        chosen = epochs.files.indices if self.page.strip_show == "images" else range(epochs.curve.n_epoch)
        if at.size and int(at[0]) in chosen:
            page = (len(chosen) - 1 - chosen.index(int(at[0]))) // TILES + 1
            self.page.param.update(frame=int(self.page.point), strip_page=page)

    def _mark(self, epochs: _Epochs) -> None:
        """Prepare the mark in the light curve; the strip moves it."""
        at = np.flatnonzero(epochs.curve.photometry_id == self.page.frame)
        utc_ms = epoch_words(epochs.curve, int(at[0]), "peak", "mJy").utc_ms if at.size else None
        self.page.curve.mark(utc_ms, theme=self.page.session.theme)
