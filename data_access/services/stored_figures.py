"""What the database says of an image, beside what its pixels and its header say now, and why the two differ."""

from __future__ import annotations

import math
from dataclasses import dataclass

from data_access.analysis.flux_units import jy_per_beam
from data_access.analysis.image_sky import ImageSky
from data_access.records import Image, ImageHeader, ImageQA
from data_access.records.image_quality import MeasuredQuality

# Noise, peak and beam: the pipeline's own rms is not the robust one that is measured here.
_SAME = 0.1
# Degrees: fits of a beam agree to less, and whole degrees are often written.
_SAME_PA_DEG = 1.0
# Pixels: the middle of an even number of pixels lies between two of them, and programs take either.
_SAME_PIXELS = 1.0
# Sizes of a pixel: written with few digits, and away from the reference pixel a projection changes them a little.
_SAME_CELL = 0.01
# Frequencies: a thousandth of 1.4 GHz is what four digits tell, and less than a channel group of the array.
_SAME_FREQ = 1e-3
# Rounder beams have no position angle to speak of.
_ROUND = 1.01
_OTHER_FILE = "the file was made again since, or the row belongs to another one"


@dataclass(frozen=True, slots=True)
class StoredFigure:
    """A figure that the pipeline recorded, beside the one of the file.

    Attributes
    ----------
    label, unit, where : str
        The unit of both figures; `where` names the table and column.
    why : str
        Empty when they agree within the tolerance; else what can make them differ.
    within : str
        The tolerance in words.
    digits : int
        Significant digits that tell a difference.
    """

    label: str
    unit: str
    where: str
    stored: float
    measured: float | None
    why: str
    within: str = "within a tenth"
    digits: int = 4


def stored_figures(
    image: Image, rows: tuple[ImageQA, ...], measured: MeasuredQuality, header: ImageHeader, sky: ImageSky | None
) -> tuple[StoredFigure, ...]:
    """Return the recorded figures, those of the newest quality row too; the database says brightness in Jy/beam."""
    return (*_of_pixels(image, rows, measured), *_of_angles(image, rows, measured), *_of_header(image, header, sky))


def unit_words(unit: str) -> str:
    """Return the unit of an image as a sentence names it."""
    return f"'{unit[:24]}'" if unit else "not stated"


def _of_pixels(image: Image, rows: tuple[ImageQA, ...], measured: MeasuredQuality) -> list[StoredFigure]:
    beam, factor = measured.beam, jy_per_beam(measured.unit)
    major = None if beam is None else beam.major_arcsec
    minor = None if beam is None or beam.minor_assumed else beam.minor_arcsec
    noise, peak = (None, None) if factor is None else (measured.noise * factor, measured.peak * factor)
    pairs = [
        ("Noise", "Jy/beam", "images.noise_jy", image.noise_jy, noise),
        ("Dynamic range", "", "images.dynamic_range", image.dynamic_range, measured.dynamic_range),
        ("Beam major", "arcsec", "images.beam_major_arcsec", image.beam_major_arcsec, major),
        ("Beam minor", "arcsec", "images.beam_minor_arcsec", image.beam_minor_arcsec, minor),
    ]
    for row in rows[:1]:
        pairs += [
            ("Noise", "Jy/beam", "image_qa.rms_noise", row.rms_noise, noise),
            ("Peak", "Jy/beam", "image_qa.peak_flux", row.peak_flux, peak),
            ("Dynamic range", "", "image_qa.dynamic_range", row.dynamic_range, measured.dynamic_range),
            ("Beam major", "arcsec", "image_qa.beam_major", row.beam_major, major),
            ("Beam minor", "arcsec", "image_qa.beam_minor", row.beam_minor, minor),
        ]
    other = f"the unit of the image is {unit_words(measured.unit)}: not to be compared with Jy/beam"
    return [
        StoredFigure(
            label,
            unit,
            where,
            stored,
            now,
            other if unit == "Jy/beam" and factor is None else _why(label, stored, now),
        )
        for label, unit, where, stored, now in pairs
        if stored is not None
    ]


def _of_angles(image: Image, rows: tuple[ImageQA, ...], measured: MeasuredQuality) -> list[StoredFigure]:
    """Return the position angles of the beam, which repeat after 180 degrees."""
    beam = measured.beam
    now = None if beam is None else beam.pa_deg
    is_round = beam is not None and not beam.minor_assumed and beam.major_arcsec <= _ROUND * beam.minor_arcsec
    pairs = [("images.beam_pa_deg", image.beam_pa_deg), *(("image_qa.beam_pa", row.beam_pa) for row in rows[:1])]
    found = []
    for where, stored in pairs:
        if stored is None:
            continue
        off = math.inf if now is None else abs((stored - now + 90.0) % 180.0 - 90.0)
        why = "the header has another beam: the file may have been made again since, or the angle counts otherwise"
        within = "for a round beam" if is_round else f"within {_SAME_PA_DEG:g}°"
        found.append(_figure("Beam PA", "deg", where, stored, now, is_round or off <= _SAME_PA_DEG, why, within))
    return found


def _of_header(image: Image, header: ImageHeader, sky: ImageSky | None) -> list[StoredFigure]:
    """Return what the row says of the header: centre, size in pixels, size of a pixel, frequency."""
    n_y, n_x = header.shape[-2:]
    middle = ((n_x - 1) / 2, (n_y - 1) / 2)
    ra, dec = (None, None) if sky is None else map(_finite, sky.to_icrs(*middle))
    cell = None if sky is None else _finite(math.sqrt(math.prod(sky.pixel_size_arcsec(*middle))))
    freq = None if header.freq_hz is None else header.freq_hz / 1e9
    band = "a reference frequency need not be the middle of the band; or " + _OTHER_FILE
    pixel = _SAME_PIXELS * (cell or 0.0) / 3600.0
    stored_ra, stored_dec = image.center_ra_deg, image.center_dec_deg
    east = None if stored_ra is None or ra is None or dec is None else _turn(stored_ra - ra) * _cos(dec)
    north = None if stored_dec is None or dec is None else stored_dec - dec
    is_cell = (
        cell is not None and image.cellsize_arcsec is not None and _near(image.cellsize_arcsec, cell, _SAME_CELL)
    )
    is_freq = freq is not None and image.freq_ghz is not None and _near(image.freq_ghz, freq, _SAME_FREQ)
    found = [
        ("Centre RA", "deg", "center_ra_deg", stored_ra, ra, _is_within(east, pixel), _OTHER_FILE, "within a pixel"),
        ("Centre Dec", "deg", "center_dec_deg", stored_dec, dec, _is_within(north, pixel), _OTHER_FILE,
         "within a pixel"),
        ("Width", "pixels", "imsize_x", image.imsize_x, n_x, image.imsize_x == n_x, _OTHER_FILE, ""),
        ("Height", "pixels", "imsize_y", image.imsize_y, n_y, image.imsize_y == n_y, _OTHER_FILE, ""),
        ("Cell", "arcsec", "cellsize_arcsec", image.cellsize_arcsec, cell, is_cell, _OTHER_FILE, "within a percent"),
        ("Frequency", "GHz", "freq_ghz", image.freq_ghz, freq, is_freq, band, "within a thousandth"),
    ]  # fmt: skip
    return [
        _figure(label, unit, f"images.{column}", stored, now, is_same, why, within)
        for label, unit, column, stored, now, is_same, why, within in found
        if stored is not None
    ]


def _figure(
    label: str, unit: str, where: str, stored: float, now: float | None, is_same: bool, why: str, within: str
) -> StoredFigure:
    reason = "the file does not have it" if now is None else "" if is_same else why
    digits = 8 if label.startswith("Centre") else 6
    return StoredFigure(label, unit, where, stored, now, reason, within, digits)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _turn(degrees: float) -> float:
    """Return an angle from -180 to 180 degrees."""
    return (degrees + 180.0) % 360.0 - 180.0


def _cos(degrees: float) -> float:
    return math.cos(math.radians(degrees))


def _is_within(difference: float | None, most: float) -> bool:
    return difference is not None and abs(difference) <= most


def _near(one: float, other: float, share: float) -> bool:
    return abs(one - other) <= share * max(abs(one), abs(other))


def _why(label: str, stored: float, measured: float | None) -> str:
    """Return what can make a stored figure differ from the measured one; empty when they agree."""
    if measured is None or not math.isfinite(measured):
        return "the file does not have it"
    if _near(stored, measured, _SAME):
        return ""
    ratio = stored / measured if measured else math.inf
    if label == "Beam major" or label == "Beam minor":
        return "the header has another beam: the file may have been made again since, or the unit is another one"
    if 900 < abs(ratio) < 1100 or 0.0009 < abs(ratio) < 0.0011:
        return "a factor of 1000: one of the two is in mJy"
    if label == "Noise" and ratio > 1:
        return "stored is higher: a plain standard deviation also counts sources, the measured one does not"
    if label == "Noise":
        return "stored is lower: measured on a quieter part or by another formula, or the file was made again since"
    if label == "Dynamic range":
        return "follows the noise and the peak: see there, or the file was made again since"
    return "the file was made again since, or another plane or region was measured"
