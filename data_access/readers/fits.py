"""FITS images: header facts and block-averaged previews, in bounded memory.

Both functions block and hold no state: they run in a thread. Pixels are those of the file, except that
a file whose longitude runs along a later axis than its latitude is transposed: x is always the longitude.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from astropy.io import fits

from data_access.analysis.image_sky import frame_problem
from data_access.readers import beams, celestial
from data_access.readers.fits_file import is_packed, opened_fits, whole_header
from data_access.readers.plain_header import PlainHeader, PlainImage, read_plain_image
from data_access.readers.plane import Box, PlaneRows, clip_box, plane_index, reduce_plane
from data_access.readers.plane_axes import fits_plane_axis
from data_access.readers.raw_pixels import RawPixels
from data_access.records.files import MOST_HISTORY, BeamShape, ImageHeader, ImagePreview

_HERTZ = {"HZ": 1.0, "KHZ": 1e3, "MHZ": 1e6, "GHZ": 1e9}
_CTYPES = tuple(f"CTYPE{i}" for i in range(1, 10))
_PACKED_PIXELS = 16_000_000
_MAX_CARDS = 5000
_LINES = ("HISTORY", "COMMENT", "")
AnyHeader: TypeAlias = fits.Header | PlainHeader


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which numpy axes of the file are the sky.

    Attributes
    ----------
    y, x : int
        numpy axes of the latitude and the longitude.
    sky : SkyAxes or None
        None without celestial axes; `y` and `x` are then the last two.
    """

    shape: tuple[int, ...]
    y: int
    x: int
    sky: celestial.SkyAxes | None

    @property
    def others(self) -> tuple[int, ...]:
        """Numbers of the numpy axes that are not the sky, in their order."""
        return tuple(i for i in range(len(self.shape)) if i not in (self.y, self.x))

    @property
    def order(self) -> tuple[int, ...]:
        """All numpy axes, the sky last."""
        return (*self.others, self.y, self.x)


def read_fits_header(path: str) -> ImageHeader:
    """Return the facts of the first image in a FITS file.

    Parameters
    ----------
    path : str
        Plain, ``.gz`` or tile-compressed (``.fz``) file.

    Returns
    -------
    ImageHeader
        `shape` and `axes` in numpy order with the two sky axes moved last. Without celestial axes
        `wcs_header` is empty, `frame` is ``"unknown"`` and the last two numpy axes are (y, x).

    Raises
    ------
    FileMissing, FileUnreadable
        When there is no such file, or no permission.
    FITSError
        When it is no FITS file, holds no image, or is shorter than its header says.
    """
    with opened_fits(path) as (hdus, image):
        return _describe(path, hdus, image, _layout(image.header, image.shape))


def read_fits_storage(path: str) -> tuple[ImageHeader, RawPixels | None]:
    """Return the facts of an image and where its pixels lie in the file; errors as `read_fits_header`.

    The facts come without `cards` where astropy was not needed to read them. The second is None where the bytes are
    not the pixels row by row: compressed files, and images whose longitude is not the axis that runs fastest.
    """
    if (plain := read_plain_image(path)) is not None:
        layout = _layout(plain.header, plain.shape)
        return _describe(path, (), plain, layout), _raw_pixels(plain, layout)
    with opened_fits(path) as (hdus, image):
        layout = _layout(image.header, image.shape)
        return _describe(path, hdus, image, layout), _raw_pixels(image, layout)


def read_fits_preview(path: str, *, plane: int = 0, max_size: int = 1024, box: Box | None = None) -> ImagePreview:
    """Return one plane, or a box of it, block-averaged to at most `max_size` pixels a side.

    Parameters
    ----------
    path : str
        As in `read_fits_header`.
    plane : int
        Number of the plane along the axes that are not the sky, in C order.
    max_size : int
        Largest side of the preview, pixels.
    box : tuple of int, optional
        x0, y0, x1, y1: 0-based file pixels, half open, clipped to the image.

    Returns
    -------
    ImagePreview
        The statistics cover the plane, or the box, at full resolution; `peak_x`, `peak_y` are file pixels.

    Raises
    ------
    ValidationError
        When the plane does not exist or the box misses the image.
    FileMissing, FileUnreadable, FITSError
        As `read_fits_header`.

    Notes
    -----
    Memory is one block of rows, the preview, and up to 4 million pixels for the noise. Only these need more:
    a ``.gz`` file (16 million pixels), an image stored as one single compressed tile, and scaled integers
    with the sky not on the last axes (the whole image).
    """
    with opened_fits(path) as (hdus, image):
        layout = _layout(image.header, image.shape)
        index = plane_index(tuple(image.shape[i] for i in layout.others), plane)
        clipped = clip_box(box, image.shape[layout.x], image.shape[layout.y])
        header = _describe(path, hdus, image, layout).of_plane(plane)

        def read_rows(y0: int, y1: int) -> npt.NDArray[Any]:
            return _rows(image, layout, index, y0, y1)[:, clipped[0] : clipped[2]]

        reduced = reduce_plane(read_rows, clipped, max_size=max_size, row_step=_rows_at_once(image, layout))
    return ImagePreview(
        header=header,
        data=reduced.data,
        factor=reduced.factor,
        origin_x=clipped[0],
        origin_y=clipped[1],
        plane=plane,
        statistics=reduced.statistics,
    )


@contextmanager
def opened_fits_rows(path: str, plane: int) -> Iterator[PlaneRows]:
    """Yield a plane to be read in rows; errors as `read_fits_preview`, also of what is read inside."""
    with opened_fits(path) as (_, image):
        layout = _layout(image.header, image.shape)
        index = plane_index(tuple(image.shape[i] for i in layout.others), plane)

        def read(y0: int, y1: int) -> npt.NDArray[Any]:
            return _rows(image, layout, index, y0, y1)

        n_x, n_y = int(image.shape[layout.x]), int(image.shape[layout.y])
        yield PlaneRows(n_x, n_y, _rows_at_once(image, layout), read)


def _layout(header: AnyHeader, shape: tuple[int, ...]) -> _Layout:
    n = len(shape)
    ctypes = {i: str(header.get(f"CTYPE{i}", "")) for i in range(1, n + 1)}
    sky = celestial.find_sky_axes(ctypes)
    if sky is None:
        return _Layout(shape, n - 2, n - 1, None)
    return _Layout(shape, n - sky.latitude, n - sky.longitude, sky)


def _rows(image: Any, layout: _Layout, index: tuple[int, ...], y0: int, y1: int) -> npt.NDArray[Any]:
    """Return rows y0 to y1 of a plane, all columns, as (y, x)."""
    where: list[int | slice] = [slice(None)] * len(layout.shape)
    for axis, position in zip(layout.others, index, strict=True):
        where[axis] = position
    where[layout.y] = slice(y0, y1)
    # `section` scales only what it reads, but walks over the leading axes in Python: good for rows of
    # the last axes, not for others.
    last_axes = layout.order == tuple(range(len(layout.shape)))
    rows = np.asarray((image.section if last_axes else image.data)[tuple(where)])
    rows = _without_blanks(rows, image.header)
    return rows if layout.y < layout.x else rows.T


def _without_blanks(rows: npt.NDArray[Any], header: fits.Header) -> npt.NDArray[Any]:
    """Return pixels with NaN for BLANK also where astropy (8) forgets it: in unsigned integers."""
    blank = celestial.number(_text(header, "BLANK"))
    if rows.dtype.kind == "f" or blank is None:
        return rows
    return np.where(rows == int(blank) + int(header.get("BZERO", 0)), np.nan, rows)


def _raw_pixels(image: Any, layout: _Layout) -> RawPixels | None:
    info, header = image.fileinfo(), image.header
    if isinstance(image, fits.CompImageHDU) or not info or is_packed(image) or layout.x != len(layout.shape) - 1:
        return None
    bitpix = int(header["BITPIX"])
    dtype = f">{'f' if bitpix < 0 else 'i'}{abs(bitpix) // 8}"
    strides = [math.prod(layout.shape[axis + 1 :]) * abs(bitpix) // 8 for axis in range(len(layout.shape))]
    values = {key: celestial.number(_text(header, key)) for key in ("BSCALE", "BZERO", "BLANK")}
    blank = values["BLANK"] if bitpix > 0 else None
    return RawPixels(
        offset=int(info["datLoc"]),
        dtype=">u1" if bitpix == 8 else dtype,
        n_x=int(layout.shape[layout.x]),
        n_y=int(layout.shape[layout.y]),
        row_bytes=strides[layout.y],
        plane_shape=tuple(int(layout.shape[i]) for i in layout.others),
        plane_bytes=tuple(strides[i] for i in layout.others),
        scale=1.0 if values["BSCALE"] is None else values["BSCALE"],
        zero=values["BZERO"] or 0.0,
        blank=None if blank is None else int(blank),
    )


def _rows_at_once(image: Any, layout: _Layout) -> int:
    """Return the least number of rows worth reading together.

    A tile of a compressed image is unpacked whole, and a ``.gz`` file is unpacked from its beginning for
    every read (astropy 8 seeks back each time: 8 s in small blocks against 0.6 s in one for 48 MB).
    """
    if isinstance(image, fits.CompImageHDU):
        return int(image.tile_shape[layout.y])
    if is_packed(image):
        return -(-_PACKED_PIXELS // int(image.shape[layout.x]))
    return 1


def _describe(path: str, hdus: Any, image: Any, layout: _Layout) -> ImageHeader:
    header: AnyHeader = image.header if isinstance(image, PlainImage) else whole_header(hdus, image)
    values = _values(header)
    n = len(layout.shape)
    problems: list[str] = []
    wcs_header: dict[str, Any] = {}
    if layout.sky is not None:
        wcs_header = celestial.sky_cards(values, layout.sky, (layout.shape[layout.y], layout.shape[layout.x]))
        if complaint := celestial.complaint_about(wcs_header):
            problems.append(f"the sky coordinates cannot be used: {complaint}")
            wcs_header = {}
    shape = tuple(int(layout.shape[i]) for i in layout.order)
    axes = tuple(_text(header, f"CTYPE{n - i}") for i in layout.order)
    frame = celestial.frame_of(wcs_header)
    if problem := frame_problem(frame, wcs_header):
        problems.append(problem)
    beam, plane_beams, remark = _beam(hdus, values, header, axes[:-2], shape[:-2])
    if remark:
        problems.append(remark)
    return ImageHeader(
        path=path,
        shape=shape,
        axes=axes,
        wcs_header=wcs_header,
        frame=frame,
        bunit=_text(header, "BUNIT"),
        object_name=_text(header, "OBJECT"),
        telescope=_text(header, "TELESCOP"),
        date_obs=_text(header, "DATE-OBS"),
        freq_hz=_frequency(header),
        beam=beam,
        cards=_cards(header) if isinstance(header, fits.Header) else (),
        problems=tuple(problems),
        plane_beams=plane_beams,
        sky_axes=(n - layout.x, n - layout.y),
        plane_axes=tuple(fits_plane_axis(values, n - i, int(layout.shape[i])) for i in layout.others),
        origin=_text(header, "ORIGIN"),
        history=tuple(str(line) for line in header.get("HISTORY", ()))[-MOST_HISTORY:],
    )


def _value(card: fits.Card) -> Any:
    """Return the value of a card, None where it breaks the standard so far that astropy cannot parse it."""
    try:
        return None if isinstance(card.value, fits.card.Undefined) else card.value
    except (fits.VerifyError, ValueError):
        return None


def _values(header: AnyHeader) -> dict[str, Any]:
    if isinstance(header, PlainHeader):
        return header.values
    return {card.keyword: _value(card) for card in header.cards if card.keyword not in _LINES}


def _text(header: AnyHeader, keyword: str) -> str:
    if isinstance(header, PlainHeader):
        value = header.values.get(keyword)
    else:
        value = _value(header.cards[keyword]) if keyword in header else None
    return "" if value is None else str(value).strip()


def _cards(header: fits.Header) -> tuple[tuple[str, str, str], ...]:
    found = []
    for card in header.cards[:_MAX_CARDS]:
        value = _value(card)
        found.append((card.keyword, "" if value is None else str(value), "" if value is None else card.comment))
    return tuple(found)


def _frequency(header: AnyHeader) -> float | None:
    """Return the reference value of a FREQ axis in Hz, else the rest frequency.

    Axes beyond NAXIS count: cutout programs drop an axis of one channel and leave its cards.
    """
    for i, keyword in enumerate(_CTYPES, start=1):
        if keyword in header and _text(header, keyword).upper().startswith("FREQ"):
            value = celestial.number(_text(header, f"CRVAL{i}"))
            scale = _HERTZ.get(_text(header, f"CUNIT{i}").upper() or "HZ")
            if value and scale:
                return value * scale
    for keyword in ("RESTFRQ", "RESTFREQ", "OBSFREQ"):
        if value := celestial.number(_text(header, keyword)):
            return value
    return None


def _beam(
    hdus: Any, values: dict[str, Any], header: AnyHeader, axes: tuple[str, ...], shape: tuple[int, ...]
) -> tuple[BeamShape | None, tuple[BeamShape | None, ...], str]:
    """Return the beam, that of every plane, and a remark; `axes` and `shape` are those before the sky."""
    if beam := beams.header_beam(values):
        return beam, (), beams.remark_on(beam)
    if "BEAMS" in hdus and isinstance(hdus["BEAMS"], fits.BinTableHDU):
        first, planes, remark = beams.many_beams(beams.table_beams(hdus["BEAMS"]), axes, shape)
        if first is not None:
            return first, planes, remark
    return beams.history_beam(str(line) for line in header.get("HISTORY", [])), (), ""
