"""The one object that everything else asks."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from data_access.changes import ChangeWatcher
from data_access.database import Database
from data_access.layout import Layout
from data_access.offload import Offload
from data_access.repositories.calibration import CalibrationRepository
from data_access.repositories.images import ImageRepository
from data_access.repositories.jobs import JobRepository
from data_access.repositories.measurement_sets import MeasurementSetRepository
from data_access.repositories.operations import OperationsRepository
from data_access.repositories.photometry import PhotometryRepository
from data_access.repositories.photometry_blocks import PhotometryBlocks
from data_access.repositories.sources import SourceRepository
from data_access.services.cutouts import CutoutService
from data_access.services.files import FileService
from data_access.services.health import HealthService
from data_access.services.logs import LogService
from data_access.services.night import NightService
from data_access.services.provenance import ProvenanceService
from data_access.services.roots import Roots
from data_access.services.variability import VariabilityService
from data_access.settings import Settings, load_settings
from data_access.sidecar import Sidecar


class Archive:
    """Read-only access to everything the pipeline has written.

    Attributes
    ----------
    images, sources, photometry, measurement_sets, calibration, jobs, operations
        Repositories: SQL to records.
    files, cutouts, logs, provenance, night, health, variability
        Services: where files, caches and several repositories meet.
    changes : ChangeWatcher
        Tells listeners about new commits while its `run` is running.

    Notes
    -----
    Connections are opened by the first question asked, so that making an archive never fails: a missing or damaged
    database is an error of the question, and all others are still answered.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.databases = {
            role: Database(
                role,
                path,
                lanes=settings.lanes,
                deadline_s=settings.query_deadline_s,
                busy_timeout_s=settings.busy_timeout_s,
                row_cap=settings.row_cap,
            )
            for role, path in settings.databases.items()
        }
        self.layout = Layout(self.databases)
        self.offload = Offload(
            threads=settings.reader_threads, processes=settings.reader_processes, deadline_s=settings.read_deadline_s
        )
        self._make_repositories()
        self._make_services()
        self.changes = ChangeWatcher(self.databases, interval_s=settings.poll_interval_s)

    def _make_repositories(self) -> None:
        counting = self.settings.count_deadline_s
        self.images = ImageRepository(self.layout, count_deadline_s=counting)
        self.photometry = PhotometryRepository(self.layout, row_cap=self.settings.row_cap)
        self.sources = SourceRepository(self.layout, self.photometry, count_deadline_s=counting)
        self.measurement_sets = MeasurementSetRepository(self.layout, count_deadline_s=counting)
        self.calibration = CalibrationRepository(self.layout, count_deadline_s=counting)
        self.jobs = JobRepository(self.layout, count_deadline_s=counting)
        self.operations = OperationsRepository(self.layout)

    def _make_services(self) -> None:
        settings = self.settings
        roots = Roots(settings.roots, setting="roots")
        self.files = FileService(roots, self.offload)
        self.cutouts = CutoutService(roots, self.offload)
        self.logs = LogService(Roots(settings.log_roots, setting="log_roots"), self.offload)
        self.provenance = ProvenanceService(
            self.images, self.measurement_sets, self.calibration, self.jobs, self.photometry
        )
        self.night = NightService(
            self.images, self.measurement_sets, self.calibration, self.jobs, self.sources, self.operations, self.files
        )
        self.variability = VariabilityService(
            PhotometryBlocks(
                self.layout, busy_timeout_s=settings.busy_timeout_s, deadline_s=settings.read_deadline_s
            ),
            self.offload,
            self._sidecar_of,
            n_workers=settings.reader_processes,
        )
        folders = {"roots": settings.roots, "log_roots": settings.log_roots}
        self.health = HealthService(self.databases, folders, count_deadline_s=settings.count_deadline_s)

    def _sidecar_of(self, database: str) -> Sidecar:
        settings = self.settings
        pipeline = (settings.state_dir, *settings.roots, *settings.log_roots)
        own = tuple(path.parent for path in settings.databases.values())
        return Sidecar(settings.cache_dir, Path(database), forbidden=(*pipeline, *own))

    async def close(self) -> None:
        """Close all connections and stop the workers."""
        await self.variability.close()
        for database in self.databases.values():
            await database.close()
        self.cutouts.close()
        await self.offload.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def open_archive(state_dir: str | Path | None = None, *, config: str | Path | None = None) -> Archive:
    """Return the archive in a state folder (or the folder that holds one), else as the environment names it.

    Examples
    --------
    In a notebook::

        archive = open_archive("path/to/archive")
        light_curve = await archive.sources.get_light_curve("NVSS J095847+653354")

    Raises
    ------
    ValidationError
        For settings that make no sense. Nothing is opened yet.
    """
    return Archive(load_settings(state_dir=state_dir, config=config))
