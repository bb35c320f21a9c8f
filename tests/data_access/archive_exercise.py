"""Asks an archive every question that its repositories and services can answer."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from data_access.analysis.cones import Cone
from data_access.archive import Archive
from data_access.errors import ArchiveError
from data_access.records import Image, PageRequest, StorageLocation
from data_access.repositories.calibration import CaltableFilter
from data_access.repositories.images import ImageFilter
from data_access.repositories.jobs import RunFilter
from data_access.repositories.measurement_sets import MeasurementSetFilter
from data_access.repositories.queue import QueueFilter
from data_access.repositories.raw_files import RawFilter
from data_access.repositories.sources import STORED_SORTS, SourceFilter

PARTS = (
    "images", "sources", "photometry", "measurement_sets", "calibration", "jobs", "queue", "raw_files",
    "operations",
    "cross_matches", "review", "context", "files", "cutouts", "logs", "provenance", "night", "health",
)  # fmt: skip
IMAGE_SORTS = ("", "created_at", "noise_jy", "dynamic_range", "center_dec_deg", "center_ra_deg", "type", "path")
MS_SORTS = ("", "mid_mjd", "processed_at", "stage_updated_at", "stage", "status", "path", "dec_deg")
CALTABLE_SORTS = ("", "created_at", "valid_start_mjd", "set_name", "table_type", "status", "path")
TASK_SORTS = ("", "created_at", "status", "type", "finished_at")
MOMENT_MJD = 60961.5


@dataclass(slots=True)
class Answers:
    """What came back: answers and archive errors by question; any other exception is not caught."""

    values: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, ArchiveError] = field(default_factory=dict)

    def everything(self) -> list[Any]:
        """Return all answers, pages opened into their rows."""
        opened: list[Any] = []
        for value in self.values.values():
            rows = getattr(value, "rows", value)
            opened += list(rows) if isinstance(rows, tuple) else [rows]
        return opened


class _Recorder:
    """Stands before a repository or service and remembers which of its methods were asked."""

    def __init__(self, name: str, part: Any, asked: set[str]) -> None:
        self._name, self._part, self._asked = name, part, asked

    def __getattr__(self, method: str) -> Callable[..., Awaitable[Any]]:
        self._asked.add(f"{self._name}.{method}")
        found: Callable[..., Awaitable[Any]] = getattr(self._part, method)
        return found


def public_questions(archive: Archive) -> set[str]:
    """Return the names of all public coroutine methods of the archive's parts."""
    return {
        f"{part}.{name}"
        for part in PARTS
        for name, method in inspect.getmembers(type(getattr(archive, part)), inspect.iscoroutinefunction)
        if not name.startswith("_")
    }


async def exercise(archive: Archive, *, source_id: str = "J1", path: str = "/data/x.ms") -> tuple[Answers, set[str]]:
    """Return the answers to every question, and which questions were asked."""
    asked: set[str] = set()
    ask = _Asker({name: _Recorder(name, getattr(archive, name), asked) for name in PARTS})
    await _ask_lists(ask)
    await _ask_repositories(ask, source_id, path)
    await _ask_services(ask, path)
    return ask.answers, asked


class _Asker:
    def __init__(self, parts: dict[str, Any]) -> None:
        self.parts = parts
        self.answers = Answers()

    async def __call__(self, question: str, *arguments: Any, **options: Any) -> Any:
        part, method = question.split(".")
        label = f"{question}{arguments}{options or ''}"
        try:
            value = await getattr(self.parts[part], method)(*arguments, **options)
        except ArchiveError as err:
            self.answers.errors[label] = err
            return None
        self.answers.values[label] = value
        return value


async def _ask_pages(ask: _Asker, question: str, *arguments: Any, sorts: tuple[str, ...], **options: Any) -> None:
    for sort in sorts:
        for descending in (True, False):
            page = await ask(question, *arguments, PageRequest(8, "", sort, descending), **options)
            for _ in range(2):
                if page is None or not page.next_cursor:
                    break
                page = await ask(question, *arguments, PageRequest(8, page.next_cursor, sort, descending), **options)


async def _ask_lists(ask: _Asker) -> None:
    some_image = ImageFilter(
        "x", "5min", 60961.0, 60962.0, Cone(10.0, 20.0, 5.0), -90.0, 90.0, 0.0, 1.0, 0.0, 99.0, "good", "good"
    )
    some_ms = MeasurementSetFilter("x", "imaged", "done", 0.0, 1e5, -90.0, 90.0)
    some_source = SourceFilter("J", 0.0, 0.0, 0.0, -90.0, 90.0)
    for image_filter in (ImageFilter(), some_image):
        await _ask_pages(ask, "images.find", image_filter, sorts=IMAGE_SORTS)
        await ask("images.count", image_filter)
    await _ask_pages(ask, "images.find_mosaics", sorts=("",))
    for ms_filter in (MeasurementSetFilter(), some_ms):
        await _ask_pages(ask, "measurement_sets.find", ms_filter, sorts=MS_SORTS)
        await ask("measurement_sets.count", ms_filter)
    for run_filter in (RunFilter(), RunFilter("x", "imaged", "done", 0.0, 1e5)):
        await _ask_pages(ask, "jobs.find_runs", run_filter, sorts=MS_SORTS[:7])
        await ask("jobs.count_runs", run_filter)
    await _ask_pages(ask, "jobs.find_tasks", sorts=TASK_SORTS)
    await _ask_pages(ask, "jobs.find_tasks", sorts=("",), text="x", status="done")
    await _ask_pages(ask, "jobs.find_batches", sorts=("",))
    for table_filter in (CaltableFilter(), CaltableFilter("x", "BP", "active", MOMENT_MJD)):
        await _ask_pages(ask, "calibration.find", table_filter, sorts=CALTABLE_SORTS)
        await ask("calibration.count", table_filter)
    for source_filter in (SourceFilter(), SourceFilter(text="J"), some_source, SourceFilter(ese_status="active")):
        await _ask_pages(ask, "sources.find", source_filter, sorts=("", *STORED_SORTS))
        await ask("sources.count", source_filter)


async def _ask_repositories(ask: _Asker, source_id: str, path: str) -> None:
    for key in (1, "1", "²", "9" * 30, path, "\ud800"):
        await ask("images.get", key)
    await ask("images.types")
    await ask("images.find_of_ms", path)
    await ask("images.find_of_stamp", "2025-10-13T13:28:03")
    for paths in ((), (path, path), ("/data/2025-10-13T13:28:03.img.fits", path)):
        await ask("images.find_by_paths", paths)
        await ask("images.find_behind", paths)
        await ask("measurement_sets.find_by_paths", paths)
    await ask("images.find_by_ids", [1, 2, 10**18])
    for image in (await ask("images.newest", 3)) or ():
        for question in ("find_neighbours", "find_newest_of_path", "find_qa", "find_regions"):
            await ask(f"images.{question}", image)
        for backwards in (False, True):
            await ask("images.position_of", image, backwards=backwards)
    await ask("images.find_without_place", limit=5)
    for name in (source_id, "no such source", "", "\ud800"):
        await ask("sources.get", name)
        await ask("sources.get_light_curve", name)
        await ask("photometry.get_light_curve", name)
    await ask("sources.find_known", (source_id, "nobody", "\ud800"))
    await ask("sources.find_known", ())
    for names in ((), (source_id, "nobody", "\ud800")):
        await ask("sources.describe", names)
    await ask("sources.find_ese_candidates")
    await ask("sources.count_ese_candidates", status="active")
    await ask("sources.find_transients")
    await ask("photometry.find_fluxes", (source_id, "nobody", "\ud800"), "peak")
    await ask("photometry.find_versions", (source_id, "nobody", "\ud800"))
    await ask("photometry.find_sources_in", path)
    await ask("photometry.get_image_path", 1, source_id)
    await ask("measurement_sets.get", path)
    await ask("measurement_sets.find_between", 0.0, 1e5)
    await ask("measurement_sets.count_stages", 0.0, 1e5)
    await ask("measurement_sets.newest")
    for question in ("get", "find_of_ms", "find_set"):
        await ask(f"calibration.{question}", path)
    for ms_paths in ((), (path, path, "\ud800")):
        await ask("calibration.find_applied", ms_paths)
    await ask("calibration.find_applicable", MOMENT_MJD)
    await ask("calibration.newest_active")
    await ask("calibration.find_transits", 0.0, 1e5)
    for run_id in ("job-2025-10-13-132803", "job-x", "", "a/b", "job-0000-99-99-999999"):
        await ask("jobs.get_run", run_id)
        await ask("jobs.get_run", run_id, ms_path=path)
        await ask("jobs.find_runs_named", run_id)
    await ask("jobs.find_tasks_of", path)
    await ask("jobs.count_tasks", text="x", status="done")
    await ask("jobs.count_batches", kind="x")
    await ask("jobs.find_runs_of_groups", ("2025-10-13T13:28:03",))
    await ask("jobs.find_batch_items", 1)
    await ask("jobs.find_batch_items_of", path)
    await ask("queue.find", PageRequest(), QueueFilter(state="completed"))
    await ask("queue.find", PageRequest(sort="last_update"))
    await ask("queue.count", QueueFilter(text="2025"))
    await ask("queue.count_by_state")
    await ask("raw_files.find_groups", PageRequest())
    await ask("raw_files.find_groups", PageRequest(), RawFilter(after_mjd=MOMENT_MJD, complete=False))
    await ask("raw_files.count_groups")
    for question in ("find_pointing", "find_alerts", "count_open_alerts", "find_storage"):
        await ask(f"operations.{question}")


async def _ask_services(ask: _Asker, path: str) -> None:
    images: tuple[Image, ...] = (await ask("images.newest", 2)) or ()
    for image in images:
        await ask("provenance.of_image", image)
        await ask("files.image_header", image.path)
        await ask("files.image_preview", image.path, max_size=32)
        file = await ask("files.open_fits", image.path)
        if file is not None:
            file.close()
        await ask("cutouts.cutout", image, "pixel 5 5", width=4, unit="pixel")
        await ask("cutouts.strip", (image,), "pixel 5 5", width=4, unit="pixel")
        await ask("cutouts.position_of_pixel", image, 5.0, 5.0)
        await ask("cutouts.native_of_pixel", image, 5.0, 5.0)
        await ask("cutouts.pixel_value", image, 5, 5)
    sets = await ask("measurement_sets.find", MeasurementSetFilter(), PageRequest(2))
    for ms in sets.rows if sets else ():
        await ask("provenance.of_measurement_set", ms)
        await ask("files.measurement_set", ms.path)
    await ask("calibration.find_applicable_names", (60000.0, 61000.0))
    tables = await ask("calibration.find", CaltableFilter(), PageRequest(2))
    for table in tables.rows if tables else ():
        await ask("provenance.of_caltable", table)
        await ask("files.caltable", table.path)
    runs = await ask("jobs.find_runs", RunFilter(), PageRequest(1))
    for run in runs.rows if runs else ():
        await ask("logs.find_of_run", run)
    for name in (path, "relative", "/etc/passwd", "/data/2025-10-13T13:28:03.img.fits"):
        await ask("files.state", name)
        await ask("provenance.images_of_path", name)
        await ask("logs.get", name)
    await ask("files.states", (path, path))
    await ask("files.storage", (StorageLocation("x", path, None, None, None, None, None),))
    await ask("logs.find")
    await ask("logs.count", text="job")
    await ask("night.summary", now=1.76e9)
    await ask("health.report")
    await ask("cross_matches.find_near", 150.0, -30.0, 3600.0)
    await ask("cross_matches.close")
    queue = await ask("review.queue")
    for candidate in queue.candidates[:3] if queue else ():
        dossier = await ask("review.dossier", candidate)
        if dossier is not None and dossier.detail is not None:
            await ask("context.of", dossier.detail, radius_arcsec=600.0)
