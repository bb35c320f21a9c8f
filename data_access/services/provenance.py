"""How things hang together: image <-> Measurement Set <-> calibration tables <-> run <-> sources, both ways."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from data_access.analysis.times import stamp_in_name
from data_access.errors import ArchiveError, RecordNotFound, ValidationError
from data_access.records import AppliedCaltable, Caltable, CaltableSet, Image, MeasuredSources, MeasurementSet
from data_access.repositories.calibration import CalibrationRepository
from data_access.repositories.images import ImageRepository
from data_access.repositories.jobs import JobRepository
from data_access.repositories.measurement_sets import MeasurementSetRepository
from data_access.repositories.photometry import PhotometryRepository
from data_access.repositories.run_rows import run_id_of

_ALL_DAY = 0.5


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a thing was made from and what was made from it.

    Attributes
    ----------
    run_id : str or None
        The pipeline's name for the run of the Measurement Set; None without one.
    run_ms_path : str or None
        The Measurement Set of the run with this name: `ms_path`, or another one of the name where that is not in the
        index. None when there is no such run.
    applied : tuple of AppliedCaltable
        The tables that are recorded as applied to the Measurement Set, in that order; empty without a record.
    applicable : CaltableSet or None
        The tables that the validity-window rule selects for the observation; None without an observation time.
    solved : tuple of Caltable
        Tables solved from this Measurement Set.
    measured : MeasuredSources
        What was measured on the image, or on another product of the same observation.
    newer : Image or None
        The newest row for the same file, which was registered after this image.
    observed_mjd : float or None
        The time of the observation (MJD, UTC) for which the rule was asked.
    trouble : ArchiveError or None
        Why the calibration tables are not known: their database is another one than that of the rest.
    """

    ms_path: str | None
    measurement_set: MeasurementSet | None
    run_id: str | None
    run_ms_path: str | None
    images: tuple[Image, ...]
    applied: tuple[AppliedCaltable, ...] = ()
    applicable: CaltableSet | None = None
    solved: tuple[Caltable, ...] = ()
    measured: MeasuredSources = field(default_factory=MeasuredSources)
    newer: Image | None = None
    observed_mjd: float | None = None
    trouble: ArchiveError | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether what is not known may be known soon."""
        return self.trouble is not None and self.trouble.status == 503


@dataclass(frozen=True, slots=True)
class CaltableUse:
    """A Measurement Set that was observed while a table was valid.

    Attributes
    ----------
    set_name : str or None
        The set that the rule chooses for it.
    applied : tuple of AppliedCaltable
        The tables that are recorded as applied to it, in that order; empty where nothing is recorded.
    """

    measurement_set: MeasurementSet
    set_name: str | None
    applied: tuple[AppliedCaltable, ...] = ()


class ProvenanceService:
    """Follows the links that the pipeline records, and the ones that only names carry."""

    def __init__(
        self,
        images: ImageRepository,
        measurement_sets: MeasurementSetRepository,
        calibration: CalibrationRepository,
        photometry: PhotometryRepository,
        jobs: JobRepository,
    ) -> None:
        self._images, self._measurement_sets, self._jobs = images, measurement_sets, jobs
        self._calibration, self._photometry = calibration, photometry

    async def of_image(self, image: Image) -> Provenance:
        """Return what an image was made from, and the sources measured on it."""
        mjd = image.epoch.mjd
        made = await self._of_ms_path(image.ms_path, mjd)
        measured = await self._photometry.find_sources_in(image.path)
        others = tuple(other for other in made.images if other.id != image.id)
        newer = await self._images.find_newest_of_path(image)
        return replace(made, images=others, measured=measured, newer=newer)

    async def of_measurement_set(self, ms: MeasurementSet) -> Provenance:
        """Return what was made from a Measurement Set and with which tables."""
        return await self._of_ms_path(ms.path, ms.epoch.mjd, ms)

    async def of_caltable(self, table: Caltable) -> tuple[Provenance, tuple[CaltableUse, ...]]:
        """Return where a table comes from, and the Measurement Sets of the first day of its validity."""
        origin = await self._of_ms_path(table.source_ms_path, None)
        uses: tuple[CaltableUse, ...] = ()
        if table.valid_start_mjd is not None:
            end = min(table.valid_end_mjd or float("inf"), table.valid_start_mjd + 2 * _ALL_DAY)
            sets = await self._measurement_sets.find_between(table.valid_start_mjd, end, limit=100)
            known = [ms for ms in sets if ms.epoch.mjd is not None]
            names = await self._calibration.find_applicable_names([ms.epoch.mjd or 0.0 for ms in known])
            applied = await self._calibration.find_applied([ms.path for ms in known])
            uses = tuple(
                CaltableUse(ms, name, applied.get(ms.path, ())) for ms, name in zip(known, names, strict=True)
            )
        return origin, uses

    async def images_of_path(self, image_path: str) -> Image | None:
        """Return the registered image for a path as photometry records it: that path, else that observation."""
        exact = await self._images.find_by_paths((image_path,))
        if image_path in exact:
            return exact[image_path]
        stamp = stamp_in_name(image_path)
        if stamp is None:
            return None
        return next(iter(await self._images.find_of_stamp(stamp)), None)

    async def _of_ms_path(
        self, ms_path: str | None, mjd: float | None, known: MeasurementSet | None = None
    ) -> Provenance:
        ms = known
        if ms is None and ms_path:
            try:
                ms = await self._measurement_sets.get(ms_path)
            except RecordNotFound:
                ms = None
        when = ms.mid_mjd if ms is not None and ms.mid_mjd is not None else mjd
        run_id = run_id_of(ms_path) if ms_path else None
        run_ms_path = await self._run_ms_path(run_id, ms_path)
        images = await self._images.find_of_ms(ms_path) if ms_path else ()
        made = Provenance(ms_path, ms, run_id, run_ms_path, images, observed_mjd=when)
        return await self._with_calibration(made, when)

    async def _run_ms_path(self, run_id: str | None, ms_path: str | None) -> str | None:
        """Return the Measurement Set of the run with a name: this one, else that of the run processed last."""
        if not run_id:
            return None
        try:
            paths = [run.ms_path for run in await self._jobs.find_runs_named(run_id)]
        except ValidationError:  # a name that no run can have
            return None
        return ms_path if ms_path in paths else next(iter(paths), None)

    async def _with_calibration(self, made: Provenance, mjd: float | None) -> Provenance:
        """Add the calibration tables of an observation at a moment (MJD), or why they are not known."""
        try:
            recorded = await self._calibration.find_applied((made.ms_path,)) if made.ms_path else {}
            applicable = await self._calibration.find_applicable(mjd) if mjd is not None else None
            solved = await self._calibration.find_of_ms(made.ms_path) if made.ms_path else ()
        except ArchiveError as err:
            return replace(made, trouble=err)
        applied = recorded.get(made.ms_path or "", ())
        return replace(made, applied=applied, applicable=applicable, solved=solved)
