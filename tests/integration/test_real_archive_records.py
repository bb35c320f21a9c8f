"""The records of a whole archive of real files, in both layouts, against the values measured from those files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_access.archive import Archive, open_archive
from data_access.errors import FileMissing
from data_access.records import PageRequest, RecordPage, Run
from data_access.repositories.calibration import CaltableFilter
from data_access.repositories.images import ImageFilter
from data_access.repositories.jobs import RunFilter
from data_access.repositories.measurement_sets import MeasurementSetFilter
from data_access.repositories.sources import SourceFilter

pytestmark = pytest.mark.real

ONE_SECOND_DAYS = 1.0 / 86400.0


@pytest.fixture(params=["split", "unified"])
def root(request: pytest.FixtureRequest) -> Path:
    """The archive in one of the layouts."""
    found: Path = request.getfixturevalue(f"real_archive_{request.param}")
    return found


@pytest.fixture
def truth(root: Path) -> dict[str, Any]:
    """What the files and databases hold, measured when the archive was built."""
    found: dict[str, Any] = json.loads((root / "truth.json").read_text())
    return found


@pytest.fixture
async def archive(root: Path) -> AsyncIterator[Archive]:
    async with open_archive(root) as found:
        yield found


async def _all(find: Callable[[PageRequest], Awaitable[RecordPage[Any]]]) -> list[Any]:
    rows: list[Any] = []
    page = await find(PageRequest(50))
    while True:
        rows += page.rows
        if not page.next_cursor:
            return rows
        page = await find(PageRequest(50, page.next_cursor))


async def _runs(archive: Archive) -> list[Run]:
    return await _all(lambda page: archive.jobs.find_runs(RunFilter(), page))


async def test_the_layout_is_recognised_and_complete(archive: Archive, truth: dict[str, Any]) -> None:
    report = await archive.health.report()
    assert (report.layout, report.ok, report.missing) == (truth["layout"], True, ())
    assert all(state.ok for state in report.databases)


async def test_every_image_is_listed_by_type(archive: Archive, root: Path, truth: dict[str, Any]) -> None:
    images = await _all(lambda page: archive.images.find(ImageFilter(), page))
    assert Counter(image.type for image in images) == truth["counts"]["images_by_type"]
    assert {image.path for image in images} >= {str(root / path) for path in truth["images"]}
    assert str(await archive.images.count(ImageFilter())) == str(len(images))


async def test_every_measurement_set_is_listed_by_stage_and_status(archive: Archive, truth: dict[str, Any]) -> None:
    sets = await _all(lambda page: archive.measurement_sets.find(MeasurementSetFilter(), page))
    assert Counter(ms.stage for ms in sets) == truth["counts"]["ms_by_stage"]
    assert Counter(ms.status for ms in sets) == truth["counts"]["ms_by_status"]
    assert await archive.measurement_sets.count_stages(0.0, 1e5) == Counter(
        ms.stage for ms in sets if ms.mid_mjd is not None or ms.start_mjd is not None
    )


async def test_every_source_and_every_measurement_is_counted(archive: Archive, truth: dict[str, Any]) -> None:
    sources = await _all(lambda page: archive.sources.find(SourceFilter(), page))
    names = {source.source_id for source in sources}
    assert names == {*truth["sources"], truth["trap_mock_source"]["source_id"]}
    assert sum(source.n_epochs or 0 for source in sources) == truth["counts"]["photometry_points"]
    assert {source.source_id: source.n_epochs for source in sources if source.n_epochs} == {
        name: values["n_points"] for name, values in truth["sources"].items()
    }


async def test_the_other_lists_have_their_counts(archive: Archive, truth: dict[str, Any]) -> None:
    counts = truth["counts"]
    tables = await _all(lambda page: archive.calibration.find(CaltableFilter(), page))
    tasks = await _all(archive.jobs.find_tasks)
    batches = await _all(archive.jobs.find_batches)
    assert Counter(table.status for table in tables) == counts["caltables_by_status"]
    assert Counter(task.status for task in tasks) == counts["jobs_by_status"]
    assert Counter(batch.status for batch in batches) == counts["batches_by_status"]


async def test_the_queue_has_its_states_where_the_layout_has_a_queue(archive: Archive, truth: dict[str, Any]) -> None:
    expected = truth["counts"]["queue_by_state"] if truth["layout"] == "split" else {}
    assert (await archive.queue.count_by_state()).counts == expected
    assert Counter(item.state for item in (await archive.queue.find(PageRequest(limit=200))).rows) == expected


async def test_every_light_curve_has_its_points_over_its_time(archive: Archive, truth: dict[str, Any]) -> None:
    wrong = {}
    for name, expected in truth["sources"].items():
        curve = await archive.sources.get_light_curve(name)
        first, last = float(curve.mjd[0]), float(curve.mjd[-1])
        near = max(abs(first - expected["start_mjd"]), abs(last - expected["end_mjd"])) < 1.2 * ONE_SECOND_DAYS
        if curve.n_epoch != expected["n_points"] or not near or not np.all(np.diff(curve.mjd) >= 0):
            wrong[name] = (curve.n_epoch, first, last)
    assert wrong == {}


async def test_every_light_curve_has_the_mean_of_its_measurements(archive: Archive, truth: dict[str, Any]) -> None:
    wrong = {}
    for name, expected in truth["sources"].items():
        curve = await archive.sources.get_light_curve(name)
        mean = float(np.nanmean(curve.peak_jyb))
        if expected.get("mean_peak_jy") is not None and not np.isclose(mean, expected["mean_peak_jy"], rtol=1e-6):
            wrong[name] = (mean, expected["mean_peak_jy"])
    assert wrong == {}


async def test_epochs_in_images_names_are_observations(archive: Archive, truth: dict[str, Any]) -> None:
    named = [name for name, values in truth["sources"].items() if values["mjd_column_holds"] == "processing time"]
    assert named
    for name in named:
        curve = await archive.sources.get_light_curve(name)
        assert set(curve.origin) == {"image name"}, name


async def test_the_tables_that_apply_are_those_of_the_validity_window(
    archive: Archive, root: Path, truth: dict[str, Any]
) -> None:
    wrong = {}
    for path, expected in truth["applied_by_validity_window"].items():
        ms = await archive.measurement_sets.get(str(root / path))
        provenance = await archive.provenance.of_measurement_set(ms)
        applied = provenance.applicable
        found = None if applied is None else (applied.set_name, [table.name for table in applied.tables])
        if found != (expected["set_name"], expected["tables"]):
            wrong[path] = found
    assert wrong == {}


async def test_every_run_has_a_name_of_its_own_and_is_found_by_it(archive: Archive) -> None:
    runs = await _runs(archive)
    assert len({run.run_id for run in runs}) == len(runs)
    found = [(await archive.jobs.get_run(run.run_id)).ms_path for run in runs]
    assert found == [run.ms_path for run in runs]


async def test_a_run_has_the_log_that_is_named_after_it(archive: Archive, truth: dict[str, Any]) -> None:
    assert truth["job_logs"]
    for run_id, name in truth["job_logs"].items():
        logs = await archive.logs.find_of_run(await archive.jobs.get_run(run_id))
        assert [Path(log.path).name for log in logs.files if log.why == "named after the run"] == [name]


async def test_files_that_are_missing_are_said_to_be_missing(
    archive: Archive, root: Path, truth: dict[str, Any]
) -> None:
    sets = await _all(lambda page: archive.measurement_sets.find(MeasurementSetFilter(), page))
    states = await archive.files.states([ms.path for ms in sets])
    missing = {str(Path(path).relative_to(root)) for path, state in states.items() if not state.exists}
    assert missing == set(truth["ms_without_file"])
    assert all("is not on disk" in states[str(root / path)].problem for path in missing)


async def test_a_missing_image_keeps_its_row_and_is_an_error_of_the_file(
    archive: Archive, root: Path, truth: dict[str, Any]
) -> None:
    path = str(root / truth["traps_images"]["missing_file"])
    assert (await archive.images.get(path)).path == path
    with pytest.raises(FileMissing):
        await archive.files.image_header(path)


async def test_every_image_file_is_on_disk_but_the_trap(archive: Archive, root: Path, truth: dict[str, Any]) -> None:
    images = await _all(lambda page: archive.images.find(ImageFilter(), page))
    states = await archive.files.states([image.path for image in images])
    missing = {path for path, state in states.items() if not state.exists}
    assert missing == {str(root / truth["traps_images"]["missing_file"])}


async def test_text_in_created_at_is_a_problem_of_its_row_only(
    archive: Archive, root: Path, truth: dict[str, Any]
) -> None:
    odd = str(root / truth["traps_images"]["text_created_at"])
    images = await _all(lambda page: archive.images.find(ImageFilter(), page))
    told = [image.path for image in images if any("created_at holds the text" in p for p in image.problems)]
    assert told == [odd]
    assert (await archive.images.get(odd)).created_at is None


async def test_a_path_entered_twice_is_two_rows_and_found_as_the_newest(
    archive: Archive, root: Path, truth: dict[str, Any]
) -> None:
    images = await _all(lambda page: archive.images.find(ImageFilter(), page))
    twice = {path for path, n in Counter(image.path for image in images).items() if n > 1}
    trap = truth["traps_images"].get("path_entered_twice")  # the unified layout keeps paths unique
    assert twice == ({str(root / trap)} if trap else set())
    for path in twice:
        assert (await archive.images.get(path)).id == max(image.id for image in images if image.path == path)


async def test_rows_with_few_columns_have_none_in_the_rest(
    archive: Archive, root: Path, truth: dict[str, Any]
) -> None:
    for path in truth["traps_images"]["rows_with_few_columns"]:
        image = await archive.images.get(str(root / path))
        assert (image.center_ra_deg, image.dynamic_range, image.imsize_x) == (None, None, None), path


async def test_the_mock_source_is_shown_with_a_warning(archive: Archive, truth: dict[str, Any]) -> None:
    detail = await archive.sources.get(truth["trap_mock_source"]["source_id"])
    assert detail.light_curve.n_epoch == 0
    assert detail.source.stored is not None
    assert "impossible with 20 epochs" in detail.source.stored.suspect
    assert detail.source.problems == (detail.source.stored.suspect,)


async def test_the_rules_largest_value_stands_beside_every_candidate(archive: Archive, truth: dict[str, Any]) -> None:
    candidates = await archive.sources.find_ese_candidates()
    database = "products" if truth["layout"] == "split" else "pipeline"
    assert len(candidates) == sum(truth["rows"][database]["ese_candidates"].values())
    for candidate in candidates:
        n = truth["sources"].get(candidate.source_id, {}).get("n_points", 0)
        assert candidate.n_is_stored == (n == 0)
        n = n or (await archive.sources.get(candidate.source_id)).source.stored.n_obs
        assert (candidate.n_epoch, candidate.largest_possible) == (n, (n - 1) ** 0.5)


async def test_batch_parameters_are_read_in_both_notations(archive: Archive) -> None:
    batches = await _all(archive.jobs.find_batches)
    assert batches
    assert all(isinstance(batch.params, dict) for batch in batches)


async def test_pointings_are_times_of_the_observations(archive: Archive) -> None:
    pointings = await archive.operations.find_pointing()
    mjds = [pointing.mjd for pointing in pointings]
    assert len(mjds) == 30
    assert mjds == sorted(mjds)
    assert all(15_000 < mjd < 62_000 for mjd in mjds)


async def test_the_image_of_a_measurement_leads_to_its_set_and_its_sources(
    archive: Archive, truth: dict[str, Any]
) -> None:
    images = await _all(lambda page: archive.images.find(ImageFilter(), page))
    stamped = [image for image in images if image.epoch.origin == "image name" and image.ms_path]
    for image in stamped[:10]:
        provenance = await archive.provenance.of_image(image)
        assert provenance.ms_path == image.ms_path
        assert image.id not in {other.id for other in provenance.images}
