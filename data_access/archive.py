"""The one object that everything else asks."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from data_access.changes import ChangeWatcher
from data_access.database import Database
from data_access.discovery import Databases
from data_access.layout import Layout
from data_access.notes import NotesDatabase
from data_access.offload import Offload
from data_access.own_folder import own_folder
from data_access.repositories.calibration import CalibrationRepository
from data_access.repositories.catalogs import CatalogRepository
from data_access.repositories.cross_matches import CrossMatchRepository
from data_access.repositories.field_objects import FieldObjects
from data_access.repositories.images import ImageRepository
from data_access.repositories.jobs import JobRepository
from data_access.repositories.marks import MarkRepository
from data_access.repositories.measurement_sets import MeasurementSetRepository
from data_access.repositories.names import NameRepository
from data_access.repositories.operations import OperationsRepository
from data_access.repositories.photometry import PhotometryRepository
from data_access.repositories.photometry_blocks import PhotometryBlocks
from data_access.repositories.photometry_epochs import EpochRepository
from data_access.repositories.queue import QueueRepository
from data_access.repositories.raw_files import RawFileRepository
from data_access.repositories.source_columns import SourceColumnRepository
from data_access.repositories.sources import SourceRepository
from data_access.service_ports import parse_service
from data_access.services.compare import CompareService
from data_access.services.context import ContextService
from data_access.services.contours import ContourService
from data_access.services.curve_metrics import CurveMetricService
from data_access.services.cutouts import CutoutService
from data_access.services.epoch_cutouts import EpochCutouts
from data_access.services.ese import EseService
from data_access.services.files import FileService
from data_access.services.health import HealthService
from data_access.services.image_quality import ImageQualityService
from data_access.services.kept_folder import KeptFolder
from data_access.services.list_folder import ListFolder
from data_access.services.logs import LogService
from data_access.services.medians import MedianService
from data_access.services.missing_epochs import MissingEpochService
from data_access.services.names import NameService
from data_access.services.neighbours import NeighbourService
from data_access.services.night import NightService
from data_access.services.overlays import OverlayService
from data_access.services.overviews import OverviewService
from data_access.services.own_parts import OwnParts
from data_access.services.pipeline_services import PipelineServices
from data_access.services.previews import PreviewService
from data_access.services.provenance import ProvenanceService
from data_access.services.regions import RegionService
from data_access.services.review import ReviewService
from data_access.services.roots import Roots
from data_access.services.source_export import SourceExportService
from data_access.services.source_lists import SourceLists
from data_access.services.source_search import SourceSearchService
from data_access.services.thumbnails import PNG_ENDS, ThumbnailService
from data_access.services.variability import VariabilityService
from data_access.settings import Settings, load_settings
from data_access.sidecar import Sidecar


class Archive:
    """Read-only access to everything the pipeline has written.

    Attributes
    ----------
    images, sources, photometry, curves, measurement_sets, calibration, jobs, queue, raw_files, operations
        Repositories: SQL to records.
    cross_matches
        Repository: entries of all catalogue files near a place.
    marks, review, context
        What people say about candidates, in our own database; the queue of candidates; what lies near a source.
    files, cutouts, regions, contours, overlays, epochs, overviews, previews, thumbnails, names, logs, provenance,
    night, health, variability, medians, search, neighbours, missing_epochs, ese, source_lists, source_export
        Services: where files, caches and several repositories meet.
    image_quality, compare
        Services: figures of an image's own pixels, graded; images on the pixels of another one.
    services, parts
        Which programs of the pipeline answer on this machine; what our own parts are doing.
    changes : ChangeWatcher
        Tells listeners about new commits while its `run` is running.

    Notes
    -----
    Connections are opened by the first question asked, so that making an archive never fails: a missing or damaged
    database is an error of the question, and all others are still answered.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.databases = Databases(
            {role: self._open_database(role, path) for role, path in settings.databases.items()},
            expected=settings.expected,
            state_dir=settings.state_dir,
            open_database=self._open_database,
        )
        self.layout = Layout(self.databases)
        self.offload = Offload(
            threads=settings.reader_threads, processes=settings.reader_processes, deadline_s=settings.read_deadline_s
        )
        self._make_repositories()
        self._make_services()
        self.changes = ChangeWatcher(
            self.databases,
            interval_s=settings.poll_interval_s,
            own={"notes": self.notes.file},
            folders={"logs": settings.log_roots},
        )
        self.parts = OwnParts(self.changes, self.offload, self.variability, self._cache_folder)

    def _make_repositories(self) -> None:
        counting = self.settings.count_deadline_s
        self.images = ImageRepository(self.layout, count_deadline_s=counting)
        self.photometry = PhotometryRepository(self.layout, row_cap=self.settings.row_cap)
        self.sources = SourceRepository(self.layout, self.photometry, count_deadline_s=counting)
        self.curves = EpochRepository(self.layout)
        self.measurement_sets = MeasurementSetRepository(self.layout, count_deadline_s=counting)
        self.calibration = CalibrationRepository(self.layout, count_deadline_s=counting)
        self.jobs = JobRepository(self.layout, count_deadline_s=counting)
        self.queue = QueueRepository(self.layout, count_deadline_s=counting)
        self.raw_files = RawFileRepository(self.layout, count_deadline_s=counting)
        self.operations = OperationsRepository(self.layout)
        catalogs, beside = self.settings.catalog_dir, self.settings.state_dir / "db"
        self.catalogs = CatalogRepository(catalogs, self._open_catalog, databases_dir=beside)
        self.notes = NotesDatabase(
            self.settings.data_dir,
            self.offload,
            forbidden=self._folders_of_the_pipeline(),
            busy_timeout_s=self.settings.busy_timeout_s,
        )
        self.marks = MarkRepository(self.notes)
        self.cross_matches = CrossMatchRepository(
            catalogs, self._calibrator_lists, self._open_catalog, databases_dir=beside
        )

    def _make_services(self) -> None:
        settings = self.settings
        roots = Roots(settings.roots, setting="roots")
        self.files = FileService(roots, self.offload)
        self.cutouts = CutoutService(roots, self.offload)
        self.thumbnails = ThumbnailService(
            roots, self.offload, n_at_once=settings.reader_threads // 2, open_folder=self._thumbnail_folder
        )
        self.names = NameService(NameRepository(self.layout))
        self.overviews = OverviewService(self.files, self.cutouts, roots, self.offload, self._cache_folder)
        self.previews = PreviewService(self.files, roots, self.offload, self._cache_folder)
        self.epochs = EpochCutouts(self.images, self.files, self.cutouts, self.offload)
        self.regions = RegionService(self.files, self.cutouts, self.offload)
        self.contours = ContourService(self.previews, self.cutouts, self.overviews, self.offload)
        self.overlays = OverlayService(
            FieldObjects(self.layout), self.catalogs, self.images, self.files, self.offload
        )
        self.logs = LogService(Roots(settings.log_roots, setting="log_roots"), self.offload)
        self.provenance = ProvenanceService(
            self.images, self.measurement_sets, self.calibration, self.photometry, self.jobs
        )
        self.night = NightService(
            self.images,
            self.measurement_sets,
            self.calibration,
            self.queue,
            self.sources,
            self.operations,
            self.files,
        )
        blocks = PhotometryBlocks(
            self.layout, busy_timeout_s=settings.busy_timeout_s, deadline_s=settings.read_deadline_s
        )
        n_workers = settings.reader_processes
        self.variability = VariabilityService(blocks, self.offload, self._sidecar_of, n_workers=n_workers)
        self.medians = MedianService(self.variability, blocks, self.offload, n_workers=n_workers)
        self.curve_metrics = CurveMetricService(self.variability, blocks, self.offload, self._cache_folder)
        self.search = SourceSearchService(
            self.variability, SourceColumnRepository(self.layout), self.curve_metrics, self.offload
        )
        self.neighbours = NeighbourService(self.search, self.photometry, self.offload)
        self.missing_epochs = MissingEpochService(self.images, self.files, self.cutouts)
        self.context = ContextService(self.cross_matches, self.search, self.photometry, self.images, self.offload)
        self.review = ReviewService(
            self.sources, self.images, self.variability, self.files, self.cutouts, self.offload
        )
        self.source_lists = SourceLists(self.offload, self._list_folder)
        self.source_export = SourceExportService(self.search, self.curves, self.offload)
        self.ese = EseService(self.sources, self.photometry, self.neighbours, self.offload)
        folders = {"roots": settings.roots, "log_roots": settings.log_roots}
        self.health = HealthService(self.layout, folders, count_deadline_s=settings.count_deadline_s)
        self.services = PipelineServices([parse_service(text) for text in settings.services])
        self.compare = CompareService(self.files, self.overviews, self.offload)
        self.image_quality = ImageQualityService(self.images, self.catalogs, self.files, roots, self.offload)

    async def _calibrator_lists(self) -> Database | None:
        await self.databases.look_again()
        return next((self.databases[role] for role in ("calibrators", "pipeline") if role in self.databases), None)

    def _open_catalog(self, role: str, path: Path) -> Database:
        return self._open_database(role, path, lanes=1)

    def _open_database(self, role: str, path: Path, *, lanes: int | None = None) -> Database:
        settings = self.settings
        return Database(
            role,
            path,
            lanes=lanes or settings.lanes,
            deadline_s=settings.query_deadline_s,
            busy_timeout_s=settings.busy_timeout_s,
            row_cap=settings.row_cap,
        )

    def _sidecar_of(self, database: str) -> Sidecar:
        return Sidecar(self.settings.cache_dir, Path(database), forbidden=self._folders_of_the_pipeline())

    def _thumbnail_folder(self) -> KeptFolder:
        max_bytes = round(self.settings.thumbnail_cache_mb * 1e6)
        begin, end = PNG_ENDS
        folder = self._cache_folder() / "thumbnails"
        return KeptFolder(folder, max_bytes=max_bytes, suffix=".png", begin=begin, end=end)

    def _list_folder(self) -> ListFolder:
        forbidden, folder = self._folders_of_the_pipeline(), self.settings.data_dir
        return ListFolder(
            own_folder(folder, forbidden, name="folder of our own", setting="data_dir") / "source_lists"
        )

    def _folders_of_the_pipeline(self) -> tuple[Path, ...]:
        settings = self.settings
        files = (*settings.databases.values(), *(path for places in settings.expected.values() for path in places))
        of_databases = dict.fromkeys(path.parent for path in files)
        return (settings.state_dir, *settings.roots, *settings.log_roots, *of_databases)

    def _cache_folder(self) -> Path:
        """Return the folder for what we keep; raise `ValidationError` when it lies inside one of the pipeline's."""
        forbidden = self._folders_of_the_pipeline()
        return own_folder(self.settings.cache_dir, forbidden, name="cache folder", setting="cache_dir")

    def check_own_folders(self) -> None:
        """Raise `ValidationError` when a folder that we would write to lies inside one of the pipeline's."""
        self._cache_folder()
        self._list_folder()

    async def close(self) -> None:
        """Close all connections and stop the workers."""
        await self.search.close()
        await self.curve_metrics.close()
        await self.variability.close()
        await self.catalogs.close()
        await self.cross_matches.close()
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
