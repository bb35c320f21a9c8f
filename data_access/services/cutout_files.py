"""A cutout as a FITS file and as a program that makes it again."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import PurePosixPath
from pprint import pformat
from typing import Any

import numpy as np
from astropy.io import fits

from data_access.analysis.coordinates import format_dec, format_ra
from data_access.analysis.plane_names import plane_name
from data_access.records import Cutout, ImageHeader

_PACKAGE = "dsa110-dashboard"
_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]+")
_SCRIPT = '''"""Make a cutout of the DSA-110 continuum archive again.

Needs astropy and numpy. Run it as it is, or with the path of the image file to cut from a copy of your own:
the pixels are the same, and so are coordinates, unit and beam.
"""

import io
import sys
import urllib.request

import numpy as np
from astropy.io import fits

URL = {url!r}
IMAGE = {path!r}
BOX = {box!r}  # x0, y0, x1, y1: 0-based pixels of the image, half open; beyond the image is NaN
PLANE = {plane!r}  # number of the plane along the axes that are not the sky
PLANE_NAME = {plane_name!r}
SKY_AXES = {sky_axes!r}  # numbers of x and y among the axes of the image, as FITS counts them
TARGET = {target!r}
CARDS = {cards}


def fetch():
    """Return the cutout as the dashboard serves it."""
    with urllib.request.urlopen(URL) as answer:
        return fits.open(io.BytesIO(answer.read()))[0]


def cut(path):
    """Return the cutout from a plain or compressed FITS file."""
    with fits.open(path, uint=False) as hdus:  # as unsigned integers blank pixels would be numbers
        hdu = next(h for h in hdus if h.is_image and len(h.shape) >= 2 and 0 not in h.shape)
        x_axis, y_axis = (len(hdu.shape) - number for number in SKY_AXES)
        planes = np.moveaxis(hdu.data, (y_axis, x_axis), (-2, -1))
        data = planes[np.unravel_index(PLANE, planes.shape[:-2])] if planes.ndim > 2 else planes
        x0, y0, x1, y1 = BOX
        n_y, n_x = data.shape
        piece = np.full((y1 - y0, x1 - x0), np.nan, dtype=np.float32)
        low_x, low_y, high_x, high_y = max(x0, 0), max(y0, 0), min(x1, n_x), min(y1, n_y)
        piece[low_y - y0 : high_y - y0, low_x - x0 : high_x - x0] = data[low_y:high_y, low_x:high_x]
        return fits.PrimaryHDU(piece, fits.Header(CARDS))


hdu = cut(sys.argv[1]) if len(sys.argv) > 1 else fetch()
print("image:", IMAGE)
print("target:", TARGET)
print("plane:", PLANE, PLANE_NAME)
print("shape:", hdu.data.shape, "unit:", hdu.header.get("BUNIT", "not stated"))
print("peak:", np.nanmax(hdu.data) if np.isfinite(hdu.data).any() else "no finite pixel")
hdu.writeto({name!r}, overwrite=True)
print("written:", {name!r})
'''


def cutout_name(cutout: Cutout, suffix: str) -> str:
    """Return a file name that says image, position and size, with characters that every system takes."""
    size = f"{cutout.width:g}x{cutout.height:g}{cutout.unit}"
    plane = f"_plane{cutout.plane}" if cutout.plane else ""
    return f"{safe_name(_stem(cutout.path))}_{safe_name(_place_name(cutout))}_{size}{plane}.{suffix}"


def safe_name(text: str) -> str:
    """Return text with everything but letters, digits and ``._+-`` replaced; never empty, never hidden."""
    return _UNSAFE.sub("-", text).strip("-.")[:150] or "image"


def target_text(cutout: Cutout) -> str:
    """Return the position of a cutout in words, after its name where it was asked for by name."""
    if cutout.ra_deg is None or cutout.dec_deg is None:
        return f"pixel {cutout.x:.2f} {cutout.y:.2f} (0-based)"
    position = f"{format_ra(cutout.ra_deg)} {format_dec(cutout.dec_deg)} (ICRS)"
    return f"{cutout.name}, {position}" if cutout.name else position


def plane_words(header: ImageHeader, plane: int) -> str:
    """Return which plane of a cube it is, with its name where that is known: ``plane 7, 90.736135 GHz, Stokes I``."""
    return ", ".join(words for words in (f"plane {plane}", plane_name(header, plane)) if words)


def cutout_fits(cutout: Cutout) -> bytes:
    """Return the cutout as a FITS file in memory.

    The primary HDU is the plane as float32, with celestial cards for its own pixels in the frame of the image, BUNIT,
    the beam (degrees), and HISTORY: that of the image (its end), then from which pixels of which file it was cut,
    when, and by what.
    """
    hdu = fits.PrimaryHDU(np.asarray(cutout.data, dtype=np.float32))
    header = hdu.header
    for key, value, comment in _cards(cutout):
        header[key] = (value, comment)
    for line in (*cutout.header.history, *_history(cutout)):
        header.add_history(_ascii(line))
    buffer = io.BytesIO()
    hdu.writeto(buffer, output_verify="silentfix")
    return buffer.getvalue()


def cutout_script(cutout: Cutout, url: str) -> str:
    """Return a Python program that fetches the cutout from `url`, or cuts it from a copy of the image."""
    return _SCRIPT.format(
        url=url,
        path=cutout.path,
        box=cutout.box,
        plane=cutout.plane,
        plane_name=plane_name(cutout.header, cutout.plane),
        target=target_text(cutout),
        name=cutout_name(cutout, "fits"),
        sky_axes=cutout.header.sky_axes,
        cards=pformat({key: value for key, value, _ in _cards(cutout)}, sort_dicts=False),
    )


def _cards(cutout: Cutout) -> list[tuple[str, str | int | float, str]]:
    """Return keyword, value and comment of the sky of a cutout, its unit and its beam."""
    sky = [
        (key, value, "")
        for key, value in cutout.wcs_header.items()
        if key not in ("NAXIS", "NAXIS1", "NAXIS2") and value is not None
    ]
    found = [card for card in (*sky, *_facts(cutout)) if card[1] not in (None, "")]
    return [(key, _plain(value), comment) for key, value, comment in found]


def _plain(value: Any) -> str | int | float:
    """Return a value that Python writes as FITS reads it: no numpy scalars."""
    if isinstance(value, str):
        return _ascii(value)
    return value if isinstance(value, int) else float(value)


def _facts(cutout: Cutout) -> list[tuple[str, object, str]]:
    source, beam = cutout.header, cutout.header.beam
    is_of_plane = source.plane_freq_hz(cutout.plane) is not None
    facts: list[tuple[str, object, str]] = [
        ("BUNIT", source.bunit, "unit of the pixels"),
        ("OBJECT", source.object_name, ""),
        ("TELESCOP", source.telescope, ""),
        ("DATE-OBS", source.date_obs, ""),
        ("ORIGIN", source.origin, "of the image"),
        ("OBSFREQ", source.freq_hz, f"[Hz] {'of the plane' if is_of_plane else 'reference frequency of the image'}"),
    ]
    if beam is not None:
        # what the image does not record is not written either
        minor = None if beam.minor_assumed else beam.minor_arcsec / 3600
        facts += [
            ("BMAJ", beam.major_arcsec / 3600, "[deg] beam FWHM, major axis"),
            ("BMIN", minor, "[deg] beam FWHM, minor axis"),
            ("BPA", beam.pa_deg, "[deg] east of north"),
        ]
    return facts


def _history(cutout: Cutout) -> list[str]:
    x0, y0, x1, y1 = cutout.box
    lines = [
        f"Cutout of {cutout.path}",
        f"pixels {x0 + 1}:{x1},{y0 + 1}:{y1} of the image (FITS, from 1)",
        f"{plane_words(cutout.header, cutout.plane)} (planes are counted from 0)",
        f"around {target_text(cutout)}, {cutout.width:g} x {cutout.height:g} {cutout.unit}",
        f"image written {datetime.fromtimestamp(cutout.modified_at, UTC):%Y-%m-%dT%H:%M:%S} UTC",
        f"made {datetime.now(UTC):%Y-%m-%dT%H:%M:%S} UTC by {_PACKAGE} {_version()}",
    ]
    if cutout.header.beam is not None:
        lines.append(f"beam from the {cutout.header.beam.origin} of the image")
    return lines + [f"note: {problem}" for problem in cutout.problems]


def _version() -> str:
    try:
        return version(_PACKAGE)
    except PackageNotFoundError:
        return "(version not known)"


def _stem(path: str) -> str:
    name = PurePosixPath(path).name
    for suffix in (".gz", ".fz", ".fits", ".fit"):
        name = name.removesuffix(suffix)
    return name


def _place_name(cutout: Cutout) -> str:
    if cutout.ra_deg is None or cutout.dec_deg is None:
        return f"x{cutout.x:.0f}y{cutout.y:.0f}"
    ra = format_ra(cutout.ra_deg, digits=1, rounding="down", separator="")
    dec = format_dec(cutout.dec_deg, digits=0, rounding="down", separator="")
    return f"J{ra}{dec}"


def _ascii(text: str) -> str:
    """Return text as FITS allows it: printable ASCII, the rest escaped."""
    return "".join(c if " " <= c <= "~" else c.encode("unicode_escape").decode("ascii") for c in text)
