"""CASA image directories, read through their table without locks: the same facts as of a FITS image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.time import Time

from data_access.errors import CasaImageError
from data_access.readers import beams, celestial
from data_access.readers.casa_coordinates import CasaAxes, read_coordinates
from data_access.readers.casa_epochs import to_utc
from data_access.readers.casa_tables import opened_subtable, opened_table
from data_access.readers.plane import Box, PlaneRows, clip_box, plane_index, reduce_plane
from data_access.readers.plane_axes import casa_plane_axes
from data_access.records.files import BeamShape, ImageHeader, ImagePreview
from data_access.records.plane_axes import PlaneAxis

_MAX_CARDS = 1000
# CASA writes an epoch of 0 to 2 days for "unknown"; radio astronomy began after 1886 = MJD 10000.
_LEAST_MJD = 10000.0


@dataclass(frozen=True, slots=True)
class _Image:
    """An open image: numpy shape of the file, and which numpy axes are the sky."""

    path: str
    tab: Any
    keywords: Mapping[str, Any]
    axes: CasaAxes
    shape: tuple[int, ...]
    y: int
    x: int

    @property
    def others(self) -> tuple[int, ...]:
        """Numbers of the numpy axes that are not the sky, in their order."""
        return tuple(i for i in range(len(self.shape)) if i not in (self.y, self.x))

    @property
    def order(self) -> tuple[int, ...]:
        """All numpy axes, the sky last."""
        return (*self.others, self.y, self.x)


def read_casa_header(path: str) -> ImageHeader:
    """Return the facts of a CASA image directory.

    Returns
    -------
    ImageHeader
        `shape` in numpy order with the sky last; `cards` are the keywords of the image.

    Raises
    ------
    FileMissing, FileUnreadable
        When the directory is missing or not permitted.
    CasaImageError
        When it is no image, or damaged.
    """
    with _opened(path) as image:
        return _describe(image)


def read_casa_preview(path: str, *, plane: int = 0, max_size: int = 1024, box: Box | None = None) -> ImagePreview:
    """Return one plane of a CASA image, or a box of it, block-averaged to at most `max_size` pixels a side.

    Parameters and errors are those of `read_fits_preview` and `read_casa_header`. Pixels under the default
    mask are NaN; complex pixels are shown by their amplitude.
    """
    with _opened(path) as image:
        index = plane_index(tuple(image.shape[i] for i in image.others), plane)
        clipped = clip_box(box, image.shape[image.x], image.shape[image.y])
        with _opened_mask(image) as mask:

            def read_rows(y0: int, y1: int) -> npt.NDArray[Any]:
                return _rows(image, mask, index, (clipped[0], y0, clipped[2], y1))

            reduced = reduce_plane(read_rows, clipped, max_size=max_size, row_step=_tile_rows(image))
        header = _describe(image).of_plane(plane)
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
def opened_casa_rows(path: str, plane: int) -> Iterator[PlaneRows]:
    """Yield a plane to be read in rows; errors as `read_casa_preview`, also of what is read inside."""
    with _opened(path) as image, _opened_mask(image) as mask:
        index = plane_index(tuple(image.shape[i] for i in image.others), plane)
        n_x, n_y = image.shape[image.x], image.shape[image.y]

        def read(y0: int, y1: int) -> npt.NDArray[Any]:
            return _rows(image, mask, index, (0, y0, n_x, y1))

        yield PlaneRows(n_x, n_y, _tile_rows(image), read)


@contextmanager
def _opened(path: str) -> Iterator[_Image]:
    with opened_table(path, CasaImageError, "CASA image") as tab:
        if "map" not in tab.colnames() or tab.nrows() != 1:
            raise CasaImageError(f"{path} is a casacore table, but not an image", path=path)
        keywords = tab.getkeywords()
        # casacore reverses the axes for Python: the same order as FITS in numpy.
        shape = tuple(int(n) for n in re.findall(r"\d+", tab.getcolshapestring("map", 0, 1)[0]))
        if len(shape) < 2 or 0 in shape:
            raise CasaImageError(f"{path} is an image without pixels or with fewer than two axes", path=path)
        try:
            axes = read_coordinates(keywords.get("coords", {}), len(shape))
        except (KeyError, IndexError, TypeError, ValueError) as err:
            raise CasaImageError(f"{path} has damaged coordinates: {err!r}", path=path) from err
        y, x = len(shape) - 2, len(shape) - 1
        if axes.longitude is not None and axes.latitude is not None:
            y, x = len(shape) - 1 - axes.latitude, len(shape) - 1 - axes.longitude
        yield _Image(path, tab, keywords, axes, shape, y, x)


def _slice(image: _Image, tab: Any, column: str, index: tuple[int, ...], box: Box) -> npt.NDArray[Any]:
    """Return a box of a plane of an array column as (y, x); CASA corners are inclusive."""
    low, high = [0] * len(image.shape), [0] * len(image.shape)
    for axis, position in zip(image.others, index, strict=True):
        low[axis] = high[axis] = position
    low[image.x], low[image.y], high[image.x], high[image.y] = box[0], box[1], box[2] - 1, box[3] - 1
    values = np.asarray(tab.getcellslice(column, 0, low, high))
    values = values.reshape([n for i, n in enumerate(values.shape) if i in (image.y, image.x)])
    return values if image.y < image.x else values.T


def _rows(image: _Image, mask: Any, index: tuple[int, ...], box: Box) -> npt.NDArray[Any]:
    values = _slice(image, image.tab, "map", index, box)
    if np.iscomplexobj(values):
        values = np.abs(values)
    if mask is None:
        return values
    good = _slice(image, mask, "PagedArray", index, box)
    return np.where(good, values, np.nan)


def _mask_name(image: _Image) -> str:
    """Return the subtable of the default mask; empty without one."""
    name = str(image.keywords.get("Image_defaultmask", ""))
    known = image.keywords.get("masks", {})
    # The name becomes part of a path.
    return name if name in known and Path(name).name == name else ""


@contextmanager
def _opened_mask(image: _Image) -> Iterator[Any]:
    """Yield the table of the default mask (True is good), None without one or of another shape."""
    name = _mask_name(image)
    with opened_subtable(image.path, name) if name else nullcontext() as mask:
        same = mask is not None and mask.getcolshapestring("PagedArray", 0, 1) == image.tab.getcolshapestring(
            "map", 0, 1
        )
        yield mask if same else None


def _tile_rows(image: _Image) -> int:
    """Return the height of a tile: tiles are read whole."""
    for manager in image.tab.getdminfo().values():
        tile = manager.get("SPEC", {}).get("DEFAULTTILESHAPE", ())
        if "map" in manager.get("COLUMNS", ()) and len(tile) == len(image.shape):
            return int(tile[len(image.shape) - 1 - image.y])
    return 1


def _describe(image: _Image) -> ImageHeader:
    n = len(image.shape)
    problems = [image.axes.problem] if image.axes.problem else []
    wcs_header: dict[str, Any] = {}
    if image.axes.cards:
        size = {"NAXIS": 2, "NAXIS1": image.shape[image.x], "NAXIS2": image.shape[image.y]}
        wcs_header = image.axes.cards | size
        if complaint := celestial.complaint_about(wcs_header):
            problems.append(f"the sky coordinates cannot be used: {complaint}")
            wcs_header = {}
    shape = tuple(image.shape[i] for i in image.order)
    axes = tuple(image.axes.ctypes[n - 1 - i] for i in image.order)
    beam, plane_beams, remark = _beam(image.keywords.get("imageinfo", {}), axes[:-2], shape[:-2])
    if remark:
        problems.append(remark)
    if "complex" in str(image.tab.getcoldesc("map").get("valueType", "")):
        problems.append("the pixels are complex: their amplitude is shown")
    coords, info = image.keywords.get("coords", {}), image.keywords.get("imageinfo", {})
    date_obs, remark = _date(coords)
    if remark:
        problems.append(remark)
    return ImageHeader(
        path=image.path,
        shape=shape,
        axes=axes,
        wcs_header=wcs_header,
        frame=celestial.frame_of(wcs_header),
        bunit=str(image.keywords.get("units", "")).strip(),
        object_name=str(info.get("objectname", "")).strip(),
        telescope=str(coords.get("telescope", "")).strip(),
        date_obs=date_obs,
        freq_hz=image.axes.freq_hz,
        beam=beam,
        cards=_cards(image.keywords),
        problems=tuple(problems),
        plane_beams=plane_beams,
        sky_axes=(n - image.x, n - image.y),
        plane_axes=_plane_axes(image, coords),
    )


def _plane_axes(image: _Image, coords: Mapping[str, Any]) -> tuple[PlaneAxis, ...]:
    """Return the axes before the sky, in numpy order."""
    n = len(image.shape)
    known = casa_plane_axes(coords, image.shape[::-1])
    return tuple(
        known.get(n - 1 - i) or PlaneAxis(image.axes.ctypes[n - 1 - i], int(image.shape[i])) for i in image.order[:-2]
    )


def _date(coords: Mapping[str, Any]) -> tuple[str, str]:
    """Return the UTC of the observation, empty when it is not known, and what a reader must know of it."""
    date = coords.get("obsdate", {})
    epoch = date.get("m0", {})
    mjd = celestial.number(epoch.get("value"))
    if mjd is None or mjd < _LEAST_MJD or epoch.get("unit") != "d":
        return "", ""
    utc, remark = to_utc(np.array(mjd), str(date.get("refer", "")))
    return str(Time(float(utc), format="mjd", scale="utc").isot), remark


def _beam(
    info: Mapping[str, Any], axes: tuple[str, ...], shape: tuple[int, ...]
) -> tuple[BeamShape | None, tuple[BeamShape | None, ...], str]:
    """Return the beam, that of every plane, and a remark; `axes` and `shape` are those before the sky."""
    if beam := _beam_of(info.get("restoringbeam", {})):
        return beam, (), beams.remark_on(beam)
    many = info.get("perplanebeams", {})
    n_channels = max(1, int(celestial.number(many.get("nChannels")) or 1))
    found = [
        # casacore numbers them with the channel running fastest
        beams.PlaneBeam(int(key[1:]) % n_channels, int(key[1:]) // n_channels, _beam_of(record))
        for key, record in many.items()
        if key.startswith("*") and key[1:].isdigit()
    ]
    return beams.many_beams(sorted(found, key=lambda one: (one.polarisation, one.channel)), axes, shape)


def _beam_of(record: Mapping[str, Any]) -> BeamShape | None:
    major, minor, angle = (_quantity(record.get(key)) for key in ("major", "minor", "positionangle"))
    return beams.make_beam(major, minor, None if angle is None else angle / 3600.0, "image info")


def _quantity(record: Any) -> float | None:
    """Return an angle in arcsec; None when it is absent or in an unknown unit."""
    if not isinstance(record, Mapping):
        return None
    value, scale = celestial.number(record.get("value")), beams.ARCSEC.get(str(record.get("unit", "")))
    return None if value is None or scale is None else value * scale


def _cards(keywords: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """Return the keywords as flat lines ``coords.direction0.crval``; pixels of tables and masks left out."""
    found: list[tuple[str, str, str]] = []

    def add(prefix: str, record: Mapping[str, Any]) -> None:
        for key, value in record.items():
            if isinstance(value, Mapping):
                add(f"{prefix}{key}.", value)
            else:
                text = np.array2string(value, threshold=20) if isinstance(value, np.ndarray) else str(value)
                # Text from C++ is padded with NUL.
                found.append((f"{prefix}{key}", " ".join(text.replace("\0", "").split()), ""))

    # The log table and the masks are given by absolute paths: of no use to a reader.
    add("", {key: value for key, value in keywords.items() if key not in ("logtable", "masks")})
    return tuple(found[:_MAX_CARDS])
