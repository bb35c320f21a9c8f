"""The quality of an image: measured on its pixels, graded with reasons, beside what the pipeline stored."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from data_access.analysis.flux_units import jy_per_beam
from data_access.analysis.image_sky import ImageSky
from data_access.analysis.qa import (
    Grade,
    grade,
    grade_dynamic_range,
    grade_for_telescope,
    grade_image_noise,
    instrument,
    thresholds,
    worst,
)
from data_access.errors import FileError
from data_access.offload import Offload
from data_access.readers.image_quality import measure_quality
from data_access.records import Image, ImageHeader, ImageQA
from data_access.records.image_quality import Catalog, CatalogOffsets, MeasuredQuality
from data_access.repositories.catalogs import CatalogRepository
from data_access.repositories.images import ImageRepository
from data_access.services.cache import FileKey, SingleFlightCache, file_key
from data_access.services.files import FileService
from data_access.services.roots import Roots

_LEAST_MATCHES = 5
_MOST_RADIUS_DEG = 5.0
_KEPT = 200
_NOT_SKY = ("rms", "background", "mask", "model", "psf", "pb", "weight", "residual")
# Two figures are the same when they differ by less: the pipeline's own rms is not the robust one of this module.
_SAME = 0.1
# Names of a residual image beside an image, by how the image's own name ends.
_RESIDUALS = (
    (
        re.compile(r"(?:\.pbcor|\.image|\.image\.pbcor)?\.fits(?:\.[gf]z)?$"),
        (".residual.fits", ".residual", "-residual.fits"),
    ),
    (re.compile(r"-image(?:-pb)?\.fits(?:\.[gf]z)?$"), ("-residual.fits",)),
    (re.compile(r"\.(?:image|pbcor|image\.pbcor)$"), (".residual", ".residual.fits")),
)


@dataclass(frozen=True, slots=True)
class StoredFigure:
    """A figure that the pipeline recorded, beside the one measured now.

    Attributes
    ----------
    label, unit, where : str
        The unit of both figures; `where` names the table and column.
    why : str
        Empty when they agree within a tenth; else what can make them differ.
    """

    label: str
    unit: str
    where: str
    stored: float
    measured: float | None
    why: str


@dataclass(frozen=True, slots=True)
class QualityReport:
    """Everything that is known of an image's quality."""

    measured: MeasuredQuality
    grades: tuple[Grade, ...]
    verdict: Grade
    stored: tuple[StoredFigure, ...]
    stored_words: tuple[str, ...]
    worst_region: tuple[float, float] | None


class ImageQualityService:
    """Measures images once, in a worker process, for as long as their files stay the same."""

    def __init__(
        self,
        images: ImageRepository,
        catalogs: CatalogRepository,
        files: FileService,
        roots: Roots,
        offload: Offload,
    ) -> None:
        self._images, self._catalogs, self._files = images, catalogs, files
        self._roots, self._offload = roots, offload
        self._measured = SingleFlightCache(max_entries=_KEPT)

    async def report(self, image: Image, *, plane: int = 0) -> QualityReport:
        """Return the figures of one plane with their grades.

        Raises
        ------
        FileError, ValidationError
            When the image cannot be read, or has no such plane.
        """
        header = await self._files.image_header(image.path)
        sky = ImageSky.of(header)
        measured = await self._measure(image, header, sky, plane)
        rows = await self._images.find_qa(image)
        grades = quality_grades(measured)
        verdict = _verdict(image, measured, grades)
        worst_region = None
        if sky is not None and (found := measured.noise_map.worst) is not None:
            x0, y0, x1, y1 = found[1]
            place = sky.to_icrs((x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2)
            worst_region = place if math.isfinite(sum(place)) else None
        return QualityReport(
            measured=measured, grades=grades, verdict=verdict, stored=_stored_figures(image, rows, measured),
            stored_words=tuple(row.overall_quality for row in rows if row.overall_quality), worst_region=worst_region,
        )  # fmt: skip

    async def _measure(self, image: Image, header: ImageHeader, sky: ImageSky | None, plane: int) -> MeasuredQuality:
        real, key, residual = await self._offload.in_thread(self._locate, image.path)
        catalog = None if sky is None else await self._catalog_of(header, sky)
        version = None if catalog is None else (catalog.file, len(catalog.sources))

        async def measure() -> MeasuredQuality:
            return await self._offload.in_process(
                measure_quality, real, plane=plane, residual_path=residual[0], catalog=catalog
            )

        return cast(MeasuredQuality, await self._measured.get((real, key, plane, *residual, version), measure))

    def _locate(self, path: str) -> tuple[str, FileKey, tuple[str, FileKey]]:
        """Return the real path with its identity, and those of the residual image (empty without one)."""
        real = self._roots.inside(path)
        key = file_key(real)
        for name in residual_names(Path(real).name):
            beside = Path(real).with_name(name)
            try:
                inside = self._roots.inside(str(beside))
                return real, key, (inside, file_key(inside))
            except FileError:
                continue
        return real, key, ("", ())

    async def _catalog_of(self, header: ImageHeader, sky: ImageSky) -> Catalog | None:
        """Return the catalogue sources around an image."""
        n_y, n_x = header.shape[-2:]
        centre = sky.to_icrs((n_x - 1) / 2, (n_y - 1) / 2)
        size = sky.pixel_size_arcsec((n_x - 1) / 2, (n_y - 1) / 2)
        radius = math.hypot(n_x * size[0], n_y * size[1]) / 2 / 3600
        if not math.isfinite(sum(centre) + radius):
            return None
        return await self._catalogs.find_near(*centre, min(radius, _MOST_RADIUS_DEG))


def residual_names(name: str) -> list[str]:
    """Return how the residual image of an image may be called, likeliest first; none for a residual image."""
    if "residual" in name:
        return []
    found = [name[: ending.search(name).start()] + residual  # type: ignore[union-attr]
             for ending, residuals in _RESIDUALS if ending.search(name) for residual in residuals]  # fmt: skip
    return [one for one in dict.fromkeys(found) if one != name]


def quality_grades(measured: MeasuredQuality) -> tuple[Grade, ...]:
    """Return the grade of every figure, those without a figure too: each says why it has none.

    The thresholds are for radio images in Jy/beam, whatever the prefix: of any other image only the beam, the blank
    pixels and the catalogue offsets are judged. Those that are for this telescope are not applied to images of
    another one.
    """
    return (
        *_noise_grades(measured),
        *_beam_grades(measured),
        grade("nan_fraction", measured.nan_fraction),
        *_residual_grades(measured),
        *_offset_grades(measured.offsets),
    )


def _verdict(image: Image, measured: MeasuredQuality, grades: tuple[Grade, ...]) -> Grade:
    """Return the worst grade; an image whose noise nobody can judge is not good for having few blank pixels."""
    if (image.type or "").lower() in _NOT_SKY:
        text = f"An image of type '{image.type}' is not judged: the thresholds are for images of the sky"
        return Grade("not applicable", text)
    found = worst(grades)
    if found.word == "good" and jy_per_beam(measured.unit) is None:
        text = f"The unit of the image is {_unit_words(measured.unit)}: the thresholds are for images in Jy/beam"
        return Grade("not applicable", text)
    noise = next(one for one in grades if one.metric == "image_noise")
    return noise if found.word == "good" and noise.word == "not applicable" else found


def _noise_grades(measured: MeasuredQuality) -> tuple[Grade, ...]:
    factor = jy_per_beam(measured.unit)
    if factor is None:
        return _not_judged(measured, "image_noise", "local_noise", "dynamic_range")
    noise_map = measured.noise_map
    highest = noise_map.worst
    uneven = None if highest is None or not noise_map.median > 0 else highest[0] / noise_map.median
    return (
        grade_for_telescope(grade_image_noise(measured.noise * factor), measured.telescope),
        grade("local_noise", uneven, absent="No region of the image has enough pixels with a value"),
        grade_for_telescope(grade_dynamic_range(measured.dynamic_range), measured.telescope),
    )


def _residual_grades(measured: MeasuredQuality) -> tuple[Grade, ...]:
    if jy_per_beam(measured.unit) is None:
        return _not_judged(measured, "residual_skewness", "residual_kurtosis", "negative_bowl")
    residual = measured.residual
    few = f"Fewer than 100 pixels in the {residual.origin}"
    return (
        grade("residual_skewness", None if math.isnan(residual.skewness) else abs(residual.skewness), absent=few),
        grade("residual_kurtosis", None if math.isnan(residual.kurtosis) else residual.kurtosis, absent=few),
        grade("negative_bowl", None if math.isnan(residual.bowl) else residual.bowl, absent="The noise is not known"),
    )


def _not_judged(measured: MeasuredQuality, *metrics: str) -> tuple[Grade, ...]:
    unit = _unit_words(measured.unit)
    return tuple(
        grade(metric, None, absent=f"{thresholds()[metric].label}: the unit of the image is {unit}, not Jy/beam")
        for metric in metrics
    )


def _unit_words(unit: str) -> str:
    return f"'{unit[:24]}'" if unit else "not stated"


def _beam_grades(measured: MeasuredQuality) -> tuple[Grade, Grade]:
    beam, telescope = measured.beam, instrument()
    if beam is None:
        absent = "The image has no restoring beam"
        return grade("beam_size", None, absent=absent), grade("beam_elongation", None, absent=absent)
    ratio = None if beam.minor_assumed else beam.major_arcsec / beam.minor_arcsec
    elongation = grade("beam_elongation", ratio, absent="The minor axis of the beam is not recorded")
    if not telescope.is_meant_by(measured.telescope):
        name = measured.telescope or "not stated"
        return grade("beam_size", None, absent=f"Expected for DSA-110 only; the telescope is {name}"), elongation
    if not measured.freq_hz:
        return grade("beam_size", None, absent="The image has no frequency, so no beam can be expected"), elongation
    return grade("beam_size", beam.major_arcsec / telescope.finest_beam_arcsec(measured.freq_hz)), elongation


def _offset_grades(offsets: CatalogOffsets | None) -> tuple[Grade, Grade]:
    if offsets is None:
        absent = "No catalogue covers the image, or it has no sky coordinates in a known frame"
        return grade("position_offset", None, absent=absent), grade("flux_scale", None, absent=absent)
    if offsets.n_matched < _LEAST_MATCHES:
        absent = (
            f"{offsets.n_matched} of {offsets.n_expected} bright {offsets.catalog} sources found, "
            f"{_LEAST_MATCHES} are needed"
        )
        return grade("position_offset", None, absent=absent), grade("flux_scale", None, absent=absent)
    shift, error = math.hypot(offsets.east_arcsec, offsets.north_arcsec), offsets.position_error_arcsec
    if error > thresholds()["position_offset"].suspect:
        absent = f"Position offset: {shift:.3g} ± {error:.2g} arcsec is too uncertain to be judged"
        position = grade("position_offset", None, absent=absent)
    else:
        position = grade("position_offset", shift)
    ratio = None if math.isnan(offsets.flux_ratio) else abs(offsets.flux_ratio - 1)
    return position, grade("flux_scale", ratio, absent="The image is not in Jy/beam")


def _stored_figures(image: Image, rows: tuple[ImageQA, ...], measured: MeasuredQuality) -> tuple[StoredFigure, ...]:
    """Return what the database says of figures that were measured now; it says brightness in Jy/beam."""
    beam, factor = measured.beam, jy_per_beam(measured.unit)
    major, minor = (
        (None, None)
        if beam is None
        else (
            beam.major_arcsec,
            None if beam.minor_assumed else beam.minor_arcsec,
        )
    )
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
    other = f"the unit of the image is {_unit_words(measured.unit)}: not to be compared with Jy/beam"
    return tuple(
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
    )


def _why(label: str, stored: float, measured: float | None) -> str:
    """Return what can make a stored figure differ from the measured one; empty when they agree."""
    if measured is None or not math.isfinite(measured):
        return "the file does not have it"
    if abs(stored - measured) <= _SAME * max(abs(stored), abs(measured)):
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
