"""The simulated pipeline: order of its commits, what survives a kill, the disk it uses."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from astropy.io import fits

from data_access.demo import grow, grow_once, live, write_demo
from data_access.demo.databases import DemoDatabases
from data_access.demo.live import GROWN_IMAGES_KEPT, LivePipeline
from data_access.demo.logs import rotate
from data_access.errors import FileMissing

NOW = 1_770_000_000.0
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("demo_live") / "archive", nights=1, now=NOW)


@pytest.fixture
def archive(pristine: Path, tmp_path: Path) -> Path:
    """A copy of the databases and logs, without the large files."""
    copy = tmp_path / "archive"
    shutil.copytree(pristine, copy, ignore=shutil.ignore_patterns("stage"))
    return copy


def run_steps(root: Path, count: int, *, first: int = 0) -> list[str]:
    return [grow_once(root, step, NOW + 4.0 * step) for step in range(first, first + count)]


def open_products(root: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{root}/state/db/products.sqlite3?mode=ro", uri=True)


def count(root: Path, table: str) -> int:
    with DemoDatabases(root, "split") as db:
        return db.count(table)


def drain(root: Path) -> int:
    """Finish what the archive was written with; return the number of the next step."""
    step = 0
    while not grow_once(root, step, NOW + 4.0 * step).endswith("collecting"):
        step += 1
    return step + 1


def test_one_observation_passes_through_all_stages_in_order(archive: Path) -> None:
    step = drain(archive)
    done = run_steps(archive, 7, first=step)
    stages = ["pending", "discovered", "converted", "calibrated", "imaged", "measured", "completed"]
    assert [line.split(" ")[1] for line in done] == stages
    assert len({line.split(" ")[0] for line in done}) == 1


def test_rows_of_a_finished_observation_are_in_every_table(archive: Path) -> None:
    step = drain(archive)
    before = {table: count(archive, table) for table in ("images", "photometry", "jobs", "image_qa", "ms_index")}
    run_steps(archive, 7, first=step)
    after = {table: count(archive, table) for table in before}
    assert {table: after[table] - before[table] for table in ("images", "jobs", "image_qa", "ms_index")} == {
        "images": 1,
        "jobs": 3,
        "image_qa": 1,
        "ms_index": 1,
    }
    assert after["photometry"] > before["photometry"]


def test_image_file_is_complete_before_its_row_is_committed(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    insert_once = DemoDatabases.insert_once
    seen = []

    def check(db: DemoDatabases, table: str, row: dict[str, object], *key: str) -> None:
        if table == "images":
            seen.append(fits.getdata(str(row["path"])).shape)
        insert_once(db, table, row, *key)

    monkeypatch.setattr(DemoDatabases, "insert_once", check)
    run_steps(archive, 1)
    assert seen == [(1, 1, 512, 512)]


def test_statistics_include_the_new_measurement(archive: Path) -> None:
    _, measured, completed = run_steps(archive, 3)
    assert completed.endswith("completed")
    group_id = measured.split(" ")[0]
    query = """SELECT s.n_obs, (SELECT count(*) FROM photometry q WHERE q.source_id = s.source_id)
               FROM variability_stats s JOIN photometry p ON p.source_id = s.source_id WHERE p.image_path LIKE ?"""
    rows = open_products(archive).execute(query, (f"%{group_id}%",)).fetchall()
    assert rows
    assert all(stored == actual for stored, actual in rows)


def test_failed_observation_leaves_a_failed_job_an_alert_and_a_traceback(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = drain(archive)
    run_of = LivePipeline._run_of
    monkeypatch.setattr(
        LivePipeline,
        "_run_of",
        lambda self, start: type(run := run_of(self, start))(run.root, run.tile, "failed_image"),
    )
    done = run_steps(archive, 5, first=step)
    assert done[-1].endswith("failed")
    connection = open_products(archive)
    newest = connection.execute("SELECT type, status FROM jobs ORDER BY id DESC LIMIT 1").fetchone()
    assert newest == ("image", "failed")
    alert = connection.execute("SELECT alert_type, message FROM alert_history ORDER BY id DESC LIMIT 1").fetchone()
    assert alert[0] == "system_error"
    assert done[-1].split(" ")[0] in alert[1]
    assert "Traceback" in (archive / "state/logs/error.log").read_text()


def test_same_steps_give_the_same_rows(pristine: Path, tmp_path: Path) -> None:
    answers = []
    for name in ("one", "two"):
        root = tmp_path / name
        shutil.copytree(pristine, root, ignore=shutil.ignore_patterns("stage"))
        run_steps(root, 12)
        rows = open_products(root).execute("SELECT * FROM photometry ORDER BY id DESC LIMIT 20").fetchall()
        answers.append([[str(value).replace(str(root), "") for value in row] for row in rows])
    assert answers[0] == answers[1]


def test_step_interrupted_before_the_queue_moves_on_is_not_done_twice(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = drain(archive)
    run_steps(archive, 5, first=step)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(LivePipeline, "_queue", die)
        with pytest.raises(KeyboardInterrupt):
            grow_once(archive, 90, NOW + 360.0)
    before = count(archive, "photometry")
    assert grow_once(archive, 91, NOW + 364.0).endswith("measured")
    assert count(archive, "photometry") == before


def test_killed_pipeline_leaves_intact_databases_and_the_next_one_continues(archive: Path) -> None:
    script = (
        "import sys, itertools\n"
        "from pathlib import Path\n"
        "from data_access.demo.live import LivePipeline\n"
        "with LivePipeline(Path(sys.argv[1])) as pipeline:\n"
        "    for step in itertools.count():\n"
        f"        print(pipeline.advance(step, {NOW} + 4.0 * step), flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(archive)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    for _ in range(25):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    run_steps(archive, 10, first=200)
    connection = open_products(archive)
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    recent = "WHERE id > (SELECT max(id) - 15 FROM {0})"
    doubles = f"SELECT 1 FROM jobs {recent.format('jobs')} GROUP BY ms_path, type HAVING count(*) > 1"
    assert connection.execute(doubles).fetchall() == []
    doubles = f"SELECT 1 FROM images {recent.format('images')} GROUP BY path HAVING count(*) > 1"
    assert connection.execute(doubles).fetchall() == []


def test_disk_use_is_bounded(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "GROWN_IMAGES_KEPT", 3)
    run_steps(archive, 70)
    grown = sorted((archive / "stage/images").glob("*.fits"))
    finished = [path for path in grown if path.name[:19] > "2026-02-02T02:30:00"]
    assert len(finished) == 3
    rows = open_products(archive).execute("SELECT count(*) FROM images WHERE created_at > ?", (NOW,)).fetchone()[0]
    assert rows > 6
    assert GROWN_IMAGES_KEPT == 60


def test_logs_rotate_by_renaming(tmp_path: Path) -> None:
    log = tmp_path / "pipeline.log"
    log.write_text("x" * 100)
    rotate(log, limit_bytes=100)
    assert not log.exists()
    assert (tmp_path / "pipeline.log.1").read_text() == "x" * 100


def test_growth_stops_when_asked(archive: Path) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=grow, args=(archive,), kwargs={"period_s": 60.0, "stop": stop})
    thread.start()
    stop.set()
    thread.join(timeout=20.0)
    assert not thread.is_alive()


def test_unified_layout_grows_too(tmp_path: Path) -> None:
    root = write_demo(tmp_path / "unified", layout="unified", nights=1, now=NOW)
    done = run_steps(root, 3)
    assert done[-1].endswith("completed")
    connection = sqlite3.connect(root / "state/db/pipeline.sqlite3")
    applied = connection.execute("SELECT count(*) FROM calibration_applied").fetchone()[0]
    run_steps(root, 4, first=3)
    assert connection.execute("SELECT count(*) FROM calibration_applied").fetchone()[0] == applied + 3


def test_folder_that_is_no_demo_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="not a demo archive"):
        grow_once(tmp_path, 0, NOW)
