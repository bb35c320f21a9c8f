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
from data_access.records import Image, ImageHeader
from data_access.records.image_quality import Catalog, CatalogOffsets, MeasuredQuality
from data_access.repositories.catalogs import CatalogRepository
from data_access.repositories.image_filter import image_grade
from data_access.repositories.images import ImageRepository
from data_access.services.cache import FileKey, SingleFlightCache, file_key
from data_access.services.files import FileService
from data_access.services.roots import Roots
from data_access.services.stored_figures import StoredFigure, stored_figures, unit_words

_LEAST_MATCHES = 5
_MOST_RADIUS_DEG = 5.0
_KEPT = 200
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
        header = (await self._files.image_header(image.path)).of_plane(plane)
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
            measured=measured, grades=grades, verdict=verdict,
            stored=stored_figures(image, rows, measured, header, sky),
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
    if not image.is_of_sky:
        return image_grade(image)
    found = worst(grades)
    if found.word == "good" and jy_per_beam(measured.unit) is None:
        text = f"The unit of the image is {unit_words(measured.unit)}: the thresholds are for images in Jy/beam"
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
    unit = unit_words(measured.unit)
    return tuple(
        grade(metric, None, absent=f"{thresholds()[metric].label}: the unit of the image is {unit}, not Jy/beam")
        for metric in metrics
    )


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
