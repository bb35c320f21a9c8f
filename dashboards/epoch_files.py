"""The epochs of a source for pages, scripts and talks, each at a URL of its own.

``/sources/{id}/epochs/{row}.png``
    What one measurement (its row number in ``photometry``) was made on, as a small square: ``ra``, ``dec`` (degrees;
    those of the source), ``size`` (arcsec), ``low``, ``high`` (in the unit of the file; robust limits), ``theme``,
    ``side`` (pixels of the picture, 60 to 600), ``mark`` (edge: ticks at the edges, cross: around the source).
``/sources/{id}/epochs.gif``, ``.mp4``, ``.png``
    All epochs as an animation (those with an image) or on one sheet: ``size``, ``theme``, ``flux`` (peak,
    integrated), ``unit`` (mJy, Jy), ``scale`` (common, own), ``rate`` (frames per second), ``start``, ``end`` (MJD).
    Of more epochs than `MOST_EPOCHS` the newest are taken; the picture and the header ``X-Truncated`` say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from dashboards.file_answers import FileAnswer
from dashboards.plots.epoch_movies import gif_of, mp4_of
from dashboards.plots.epoch_pictures import EpochPictures, animation_frames, sheet_png
from dashboards.plots.epoch_tiles import MARKS, TILE_PIXELS, TileMark, tile_png
from dashboards.plots.epoch_words import epoch_words, order_words
from dashboards.plots.theme import THEMES
from data_access.analysis.coordinates import format_dec, format_ra
from data_access.errors import FileMissing, ValidationError
from data_access.records import LightCurve
from data_access.records.epochs import EpochFrame
from data_access.services.cutout_files import safe_name
from data_access.services.cutouts import Place, preview_of

DEFAULT_SIZE_ARCSEC = 180.0
LARGEST_SIZE_ARCSEC = 3600.0
SIDES = (60, 600)
MOST_EPOCHS = 200
FASTEST = 30


def epoch_file_rules(archive: Any) -> list[tuple[Any, ...]]:
    """Return the Tornado rules of this module."""
    arguments = {"archive": archive}
    return [
        (r"/sources/([^/]+)/epochs/([0-9]{1,18})\.png", TileHandler, arguments),
        (r"/sources/([^/]+)/epochs\.(gif|mp4|png)", EpochsHandler, arguments),
    ]


def size_arcsec(answer: FileAnswer) -> float:
    """Return the width of the cutouts that is asked for."""
    size = answer.number("size", DEFAULT_SIZE_ARCSEC) or 0.0
    if not 0 < size <= LARGEST_SIZE_ARCSEC:
        raise ValidationError(
            f"size: {size:g} arcsec is not possible", remedy=f"Give a size above 0, up to {LARGEST_SIZE_ARCSEC:g}."
        )
    return size


class TileHandler(FileAnswer):
    """The picture of one epoch."""

    names = ("ra", "dec", "size", "low", "high", "theme", "side", "mark")
    ignored = ("file",)  # the version of the image, so that a browser asks anew for another one

    async def find(self, *parts: str) -> tuple[str, str, str]:
        """Return the name of the source, the row, and the path of the image."""
        source_id, row = parts
        return source_id, row, await self._archive.photometry.get_image_path(int(row), source_id)

    async def answer(self, found: tuple[str, str, str | None]) -> None:
        """Cut and draw."""
        source_id, row, path = found
        size, low, high = size_arcsec(self), self.number("low", None), self.number("high", None)
        theme, mark = self.word("theme", "dark", tuple(THEMES)), cast(TileMark, self.word("mark", "edge", MARKS))
        side = self._side()
        if low is not None and high is not None and high <= low:
            raise ValidationError(f"high: {high:g} is not above low, {low:g}")
        cutout = await self._archive.epochs.cutout(path, await self._place(source_id), size_arcsec=size)
        look = (theme, side, mark)
        if self.unchanged(cutout.key, cutout.box, low, high, look, modified_at=cutout.modified_at):
            return
        limits = None if low is None or high is None else (low, high)
        body = await self._archive.offload.in_thread(
            lambda: tile_png(preview_of(cutout, max_size=side), limits, theme=theme, side=side, mark=mark)
        )
        self.send(body, kind="png", name=f"{safe_name(source_id)}_{row}.png")

    def _side(self) -> int:
        side = self.number("side", TILE_PIXELS) or 0.0
        if not SIDES[0] <= side <= SIDES[1] or side != int(side):
            raise ValidationError(
                f"side: {side:g} pixels are not possible", remedy=f"Give a whole number, {SIDES[0]} to {SIDES[1]}."
            )
        return int(side)

    async def _place(self, source_id: str) -> Place:
        ra_deg, dec_deg = self.number("ra", None), self.number("dec", None)
        if ra_deg is None or dec_deg is None:
            curve: LightCurve = await self._archive.sources.get_light_curve(source_id)
            ra_deg, dec_deg = curve.ra_deg, curve.dec_deg
        return Place(ra_deg, dec_deg)


class EpochsHandler(FileAnswer):
    """All epochs of a source in one file."""

    names = ("size", "theme", "flux", "unit", "scale", "rate", "start", "end")

    async def find(self, *parts: str) -> tuple[LightCurve, str]:
        """Return the light curve of the source, and the kind of file."""
        source_id, kind = parts
        detail = await self._archive.sources.get(source_id)
        return detail.light_curve, kind

    async def answer(self, found: tuple[LightCurve, str]) -> None:
        """Cut all epochs, draw, and write the file."""
        curve, kind = found
        theme = self.word("theme", "dark", tuple(THEMES))
        # Not `word`: units keep their capitals.
        flux, unit = self._one_of("flux", ("peak", "integrated")), self._one_of("unit", ("mJy", "Jy"))
        own = self.word("scale", "common", ("common", "own")) == "own"
        size, rate = size_arcsec(self), self._rate()
        chosen, n = await self._chosen(curve, with_image=kind != "png")
        archive = self._archive
        frames: tuple[EpochFrame, ...] = await archive.epochs.frames(curve, chosen, size_arcsec=size)
        if kind != "png":
            frames = tuple(frame for frame in frames if frame.preview is not None)
        _refuse_nothing(curve, frames)
        scale = (
            None if own else await archive.epochs.scale(curve, await archive.epochs.files_of(curve), size_arcsec=size)
        )
        words = tuple(epoch_words(curve, frame.source.index, flux, unit) for frame in frames)
        n_cut = n - len(chosen)
        pictures = EpochPictures(
            curve.source_id, _lines(curve, frames, size=size, n_cut=n_cut), frames, words, scale, theme
        )
        if n_cut:
            self.set_header("X-Truncated", f"the newest {len(chosen)} of {n} epochs")
        keys = [(f.source.index, f.key, f.limits, f.problem) for f in frames]
        if self.unchanged(
            kind, rate, theme, pictures.lines, words, scale, keys, size,
            modified_at=max(frame.modified_at for frame in frames),
        ):  # fmt: skip
            return
        body = await archive.offload.in_thread(_file, pictures, kind, rate)
        self.send(body, kind=kind, name=f"{safe_name(curve.source_id)}_epochs.{kind}")

    async def _chosen(self, curve: LightCurve, *, with_image: bool) -> tuple[list[int], int]:
        """Return the epochs to show, at most `MOST_EPOCHS` and the newest, and how many there would be."""
        start, end = self.number("start", None), self.number("end", None)
        wanted = (await self._archive.epochs.files_of(curve)).indices if with_image else range(curve.n_epoch)
        inside = [
            i for i in wanted
            if (start is None or curve.mjd[i] >= start) and (end is None or curve.mjd[i] <= end)
        ]  # fmt: skip
        if not inside and (start is not None or end is not None):
            raise ValidationError("No epoch with an image lies between start and end", remedy="Give MJD in days.")
        return inside[-MOST_EPOCHS:], len(inside)

    def _one_of(self, name: str, choices: tuple[str, ...]) -> Any:
        value = self.get_query_argument(name, choices[0]) or choices[0]
        if value not in choices:
            raise ValidationError(
                f"{name}: '{value[:40]}' is not known", remedy=f"Choose one of: {', '.join(choices)}."
            )
        return value

    def _rate(self) -> int:
        rate = self.number("rate", 2.0) or 0.0
        if not 1 <= rate <= FASTEST or rate != int(rate):
            raise ValidationError(
                f"rate: {rate:g} frames per second is not possible",
                remedy=f"Give a whole number from 1 to {FASTEST}.",
            )
        return int(rate)


def _refuse_nothing(curve: LightCurve, frames: Sequence[EpochFrame]) -> None:
    """Raise `FileMissing` when no epoch has a picture, with the reason of the newest."""
    if any(frame.preview is not None for frame in frames):
        return
    if not curve.n_epoch:
        raise FileMissing(f"Source '{curve.source_id}' has no photometry, so there are no epochs to show")
    why = f": {frames[-1].problem}" if frames else ""
    raise FileMissing(
        f"No image of source '{curve.source_id}' can be shown for any of its {curve.n_epoch:,} epochs{why}",
        remedy="The pipeline may have cleaned the images up. The light curve is on the page of the source.",
    )


def _lines(curve: LightCurve, frames: Sequence[EpochFrame], *, size: float, n_cut: int) -> tuple[str, ...]:
    place = (
        f"{format_ra(curve.ra_deg or 0.0)} {format_dec(curve.dec_deg or 0.0)} (ICRS), {size:g} arcsec wide, north up"
    )
    n_shown = sum(frame.preview is not None for frame in frames)
    order = order_words(curve, [frame.source.index for frame in frames])
    counted = f"{n_shown:,} of {curve.n_epoch:,} epochs with an image, {order}"
    if n_cut:
        counted += f"; {n_cut:,} older ones are left out"
    return place, counted


def _file(pictures: EpochPictures, kind: str, rate: int) -> bytes:
    """Draw and encode, in a thread."""
    if kind == "png":
        return sheet_png(pictures)
    frames = animation_frames(pictures)
    return gif_of(frames, rate=rate, theme=pictures.theme) if kind == "gif" else mp4_of(frames, rate=rate)
