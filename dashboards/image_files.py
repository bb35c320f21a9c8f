"""Images for scripts and papers, each at a URL of its own: cutouts, pictures, the files themselves.

``/images/{id}/cutout``
    ``pos`` (any position, or ``pixel 120 88``), or ``ra`` and ``dec``, or ``x`` and ``y`` (0-based pixels);
    ``width``, ``height`` (default 60, and as high as wide), ``unit`` (arcsec, arcmin, deg, pixel), ``plane``,
    ``format`` (fits, png, jpg, py); for pictures ``stretch`` or ``scale`` (linear, sqrt, log, asinh, histogram),
    ``colormap`` (grey, inferno, magma, viridis, cividis, blue-red, red), ``invert=1``, ``limits`` (robust, zscale,
    minmax, or the central share of the pixels in percent), ``low``, ``high``; ``quality`` (1 to 100) is that of a
    JPEG: a PNG has no loss and takes no notice of it.
``/images/{id}/png``
    The whole image, with the same words for plane, colours and quality.
``/images/{id}/fits``
    The file as it is on disk; a ``Range`` of bytes is answered with just these (206), also on the condition of
    ``If-Range``.
``/images/{id}/thumbnail.png``
    A small grey picture of the first plane, north up and east left.

A name that is not among these is refused. Errors have the status and the words of the pages; programs get them as
plain text.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from io import FileIO
from pathlib import PurePosixPath
from typing import Any

from dashboards.boundary import Failure
from dashboards.byte_ranges import ByteRange, RangeNotSatisfiable, parse_range, same_version
from dashboards.file_answers import TYPES, FileAnswer
from dashboards.plots.image import SkyMarker
from dashboards.plots.image_colour import STRETCHES
from dashboards.plots.picture import picture_jpeg, picture_png
from dashboards.plots.picture_look import NAMED_LIMITS, PALETTES, PictureLook, is_limits
from dashboards.plots.sky import beam_words
from data_access.analysis.times import format_mjd_utc
from data_access.errors import FileError, ValidationError
from data_access.records import Cutout, Image, ImageHeader
from data_access.services.cutout_files import (
    cutout_fits,
    cutout_name,
    cutout_script,
    plane_words,
    safe_name,
    target_text,
)
from data_access.services.cutouts import Place, parse_place, picture_of

FORMATS = ("fits", "png", "jpg", "py")
DEFAULT_QUALITY = 90
DEFAULT_SIZE = 60.0
PICTURE_NAMES = ("plane", "stretch", "scale", "colormap", "invert", "limits", "low", "high", "quality")
_PICTURE_PIXELS = 1200
_CHUNK_BYTES = 1 << 20


def image_file_rules(archive: Any) -> list[tuple[Any, ...]]:
    """Return the Tornado rules of this module."""
    arguments = {"archive": archive}
    return [
        (r"/images/([^/]+)/cutout", CutoutHandler, arguments),
        (r"/images/([^/]+)/png", PictureHandler, arguments),
        (r"/images/([^/]+)/fits", FileHandler, arguments),
        (r"/images/([^/]+)/thumbnail\.png", ThumbnailHandler, arguments),
    ]


class ImageAnswer(FileAnswer):
    """An answer about an image; the words for planes and colours are those of all pictures."""

    async def find(self, *parts: str) -> Image:
        """Return the image of the path."""
        image: Image = await self._archive.images.get(*parts)
        return image

    def plane(self) -> int:
        """Return the number of the plane, from 0."""
        value = self.number("plane", 0.0) or 0.0
        if value < 0 or value != int(value):
            raise ValidationError(
                f"plane: {value:g} is not the number of a plane", remedy="Planes are counted from 0."
            )
        return int(value)

    def look(self) -> PictureLook:
        """Return how a picture is coloured."""
        stretch = self.word("stretch", self.word("scale", "linear", STRETCHES), STRETCHES)
        palette = self.word("colormap", "grey", tuple(PALETTES))
        low, high = self.number("low", None), self.number("high", None)
        if low is not None and high is not None and high <= low:
            raise ValidationError(f"high: {high:g} is not above low, {low:g}")
        limits = self.get_query_argument("limits", "").lower() or "robust"
        if not is_limits(limits):
            raise ValidationError(
                f"limits: '{limits[:40]}' is not known",
                remedy=f"Choose one of: {', '.join(NAMED_LIMITS)}, or a share of the pixels in percent (99.5).",
            )
        invert = self.word("invert", "0", ("0", "1")) == "1"
        return PictureLook(stretch, palette, low, high, limits, invert)  # type: ignore[arg-type]

    def quality(self) -> int:
        """Return the quality of a JPEG; pictures of other formats have none, but it is checked for them too."""
        value = self.number("quality", float(DEFAULT_QUALITY)) or 0.0
        if not 1 <= value <= 100 or value != int(value):
            raise ValidationError(f"quality: {value:g} is not possible", remedy="Give a whole number from 1 to 100.")
        return int(value)


class CutoutHandler(ImageAnswer):
    """A piece of an image as FITS, picture or program."""

    names = ("pos", "ra", "dec", "x", "y", "width", "height", "unit", "format", *PICTURE_NAMES)

    async def answer(self, image: Image) -> None:
        """Cut, and write it in the format that is asked for."""
        kind, look, place = self.word("format", "fits", FORMATS), self.look(), await self._place()
        quality = self.quality()
        width = self.number("width", DEFAULT_SIZE) or 0.0
        height = self.number("height", width)
        unit: Any = self.word("unit", "arcsec", ("arcsec", "arcmin", "deg", "pixel"))
        cutout: Cutout = await self._archive.cutouts.cutout(
            image, place, width=width, height=height, unit=unit, plane=self.plane()
        )
        url = self._fits_url() if kind == "py" else ""
        facts = (kind, look, quality if kind == "jpg" else 0, url)
        if self.unchanged(*facts, image, cutout.key, cutout.box, place, modified_at=cutout.modified_at):
            return
        in_thread, name = self._archive.offload.in_thread, cutout_name(cutout, kind)
        if kind == "fits":
            self.send(await in_thread(cutout_fits, cutout), kind=kind, name=name)
        elif kind in ("png", "jpg"):
            draw = picture_png if kind == "png" else partial(picture_jpeg, quality=quality)
            self.send(await in_thread(_cutout_picture, draw, image, cutout, look), kind=kind, name=name)
        else:
            self.send(cutout_script(cutout, url).encode(), kind=kind, name=name)

    async def _place(self) -> Place:
        """Return the middle of the cutout from ``pos`` (also a name), ``ra`` and ``dec``, or ``x`` and ``y``."""
        text = self.get_query_argument("pos", "")
        if text:
            found: tuple[Place, Any] = await self._archive.names.find_place(text)
            return found[0]
        ra, dec = self.get_query_argument("ra", ""), self.get_query_argument("dec", "")
        if ra or dec:
            return parse_place(f"{ra}, {dec}")
        x, y = self.number("x", None), self.number("y", None)
        if x is None or y is None:
            raise ValidationError("A cutout needs a position", remedy="Give pos, or ra and dec, or x and y (pixels).")
        return Place(pixel=(x, y))

    def _fits_url(self) -> str:
        """Return this URL with ``format=fits``, for the program."""
        given = self.request.full_url().partition("?")
        kept = [part for part in given[2].split("&") if part and not part.startswith("format=")]
        return f"{given[0]}?{'&'.join([*kept, 'format=fits'])}"


class PictureHandler(ImageAnswer):
    """A whole image as a picture."""

    names = PICTURE_NAMES

    async def answer(self, image: Image) -> None:
        """Draw the plane that is asked for, averaged to the size of a page."""
        look, plane = self.look(), self.plane()
        self.quality()
        state = await self._archive.files.state(image.path)
        if state.modified_at is not None and self.unchanged(
            look, plane, image, state.size_bytes, state.modified_at, modified_at=state.modified_at
        ):
            return
        preview = await self._archive.files.image_preview(image.path, plane=plane, max_size=_PICTURE_PIXELS)
        words = [_epoch_words(image), *_header_words(preview.header, plane)]
        body = await self._archive.offload.in_thread(
            picture_png, preview, title=image.name, words=[w for w in words if w], look=look
        )
        self.send(body, kind="png", name=f"{safe_name(image.name)}.png")


class ThumbnailHandler(ImageAnswer):
    """A small picture for contact sheets."""

    names = ("sheet",)
    ignored = ("v",)  # the version of the file, so that a browser asks anew for another one

    async def answer(self, image: Image) -> None:
        """Send it, made at the first request for this state of the file."""
        key, modified_at = await self._archive.thumbnails.key(image.path)
        if self.unchanged(key, modified_at=modified_at):
            return
        thumbnail = await self._archive.thumbnails.get(image.path)
        # The file may have been replaced since its key was looked at.
        self.unchanged(thumbnail.key, modified_at=thumbnail.modified_at)
        self.set_status(200)
        self.send(thumbnail.body, kind="png", name=f"{safe_name(image.name)}.png")

    def _refuse(self, failure: Failure) -> None:
        """Refuse; a contact sheet (``?sheet=1``) gets the words alone, because broken files are nothing new to it."""
        is_of_the_file = failure.status != HTTPStatus.BAD_REQUEST and self.get_query_argument("sheet", "")
        super()._refuse(replace(failure, status=HTTPStatus.OK) if is_of_the_file else failure)


class FileHandler(ImageAnswer):
    """The FITS file of an image, or a range of its bytes."""

    async def answer(self, image: Image) -> None:
        """Send the file in pieces: memory is one piece, whatever its size."""
        file: FileIO = await self._archive.files.open_fits(image.path)
        try:
            identity = await self._archive.offload.in_thread(_stat, file)
            size, modified_at = identity[1], identity[2]
            if self.unchanged(image.path, *identity, modified_at=modified_at, same_bytes=True):
                return
            name = PurePosixPath(image.path).name
            self.set_header("Accept-Ranges", "bytes")
            wanted = self._range(size)
            if wanted is None:
                return
            self.set_header("Content-Type", "application/gzip" if name.endswith(".gz") else TYPES["fits"])
            self.set_header("Content-Disposition", f'attachment; filename="{safe_name(name)}"')
            self.set_header("Content-Length", wanted.stop - wanted.start)
            if self.request.method != "HEAD":
                await self._send(file, image.path, wanted)
        finally:
            file.close()

    def _range(self, size: int) -> ByteRange | None:
        """Return the bytes to send, with status and header set; None when there are none and all is said."""
        headers = self.request.headers
        whole = ByteRange(0, size)
        is_same = same_version(
            headers.get("If-Range", ""), str(self._headers["Etag"]), str(self._headers["Last-Modified"])
        )
        if self.request.method != "GET" or "Range" not in headers or not is_same:
            return whole
        try:
            wanted = parse_range(headers["Range"], size)
        except RangeNotSatisfiable as err:
            self.set_status(416)
            self.set_header("Content-Range", f"bytes */{size}")
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.finish(f"{err}\n")
            return None
        if wanted is None:
            return whole
        self.set_status(206)
        self.set_header("Content-Range", wanted.content_range(size))
        return wanted

    async def _send(self, file: FileIO, path: str, wanted: ByteRange) -> None:
        left = wanted.stop - wanted.start
        if wanted.start:
            await self._archive.offload.in_thread(file.seek, wanted.start)
        while left:
            piece: bytes = await self._archive.offload.in_thread(file.read, min(left, _CHUNK_BYTES))
            if not piece:
                raise FileError(f"{path} was cut short while it was sent", path=path)
            left -= len(piece)
            self.write(piece)
            await self.flush()  # waits for a slow reader


def _stat(file: FileIO) -> tuple[int, int, float]:
    stat = os.fstat(file.fileno())
    return stat.st_ino, stat.st_size, stat.st_mtime


def _cutout_picture(draw: Callable[..., bytes], image: Image, cutout: Cutout, look: PictureLook) -> bytes:
    words = [_epoch_words(image), target_text(cutout), *_header_words(cutout.header, cutout.plane), *cutout.problems]
    target = None
    if cutout.ra_deg is not None and cutout.dec_deg is not None:
        target = SkyMarker(cutout.ra_deg, cutout.dec_deg)
    preview = picture_of(cutout, max_size=_PICTURE_PIXELS)
    return draw(preview, title=image.name, words=[w for w in words if w], look=look, target=target)


def _epoch_words(image: Image) -> str:
    text = format_mjd_utc(image.epoch.mjd)
    if not text:
        return "epoch not known"
    return f"{text} UTC" + ("" if image.epoch.is_observation else " (time of the processing)")


def _header_words(header: ImageHeader, plane: int) -> list[str]:
    """Return the plane of a cube, then the beam with the frequency where the name of the plane has not told it."""
    plane_line = plane_words(header, plane) if header.n_planes > 1 else ""
    beam = beam_words(header.beam)
    if header.freq_hz is None or " GHz" in plane_line:
        return [plane_line, beam]
    return [plane_line, f"{beam}, {header.freq_hz / 1e9:.5g} GHz"]
