"""The command line: what it prints, what status it returns, how the server it starts comes and goes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import app
from data_access.demo import write_demo
from data_access.demo.write import EDITION, MARKER, load_archive

ROOT = Path(app.__file__).resolve().parent
OWN_VARIABLES = ("PIPELINE", "CONTIMG", "DSA110", "CAL_REGISTRY", "HDF5_DB")


@pytest.fixture(scope="module")
def demo_split(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("app_split") / "archive", nights=1)


@pytest.fixture(scope="module")
def demo_unified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("app_unified") / "archive", layout="unified", nights=1)


@pytest.fixture
def copy_of_split(demo_split: Path, tmp_path: Path) -> Path:
    """A copy of the databases alone, for tests that damage them."""
    shutil.copytree(demo_split / "state", tmp_path / "archive" / "state")
    return tmp_path / "archive"


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the machine decides what the tests find."""
    for name in [name for name in os.environ if name.startswith(OWN_VARIABLES)]:
        monkeypatch.delenv(name)


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """``check(archive, *options)`` returns exit status and output."""

    def run(archive: Path, *options: str) -> tuple[int, str]:
        status = app.main(["check", "--state-dir", str(archive), *options])
        return status, capsys.readouterr().out

    return run


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """``start(*arguments)`` runs app.py in a process that ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(ROOT / "app.py"), *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def report_of(answer: tuple[int, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer[1])
    return found


def url_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line.startswith("Dashboard: http://"), line
    return line.removeprefix("Dashboard: ")


def get(url: str) -> tuple[int, str]:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.status, answer.read().decode()


def real_rows(database: Path, table: str) -> int:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return int(connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0])
    finally:
        connection.close()


def test_check_of_a_whole_archive_says_where_everything_is(
    check: Callable[..., tuple[int, str]], demo_split: Path
) -> None:
    status, text = check(demo_split)
    products = demo_split / "state/db/products.sqlite3"
    lines = text.splitlines()
    assert status == 0
    assert lines[0] == "layout: split"
    heading = next(line for line in lines if line.startswith("products: "))
    assert heading.startswith("products: read-only, wal, last write 20")
    assert heading.endswith(str(products))
    assert re.search(r" UTC, [0-9][^,]* (s|min|d) ago  /", heading)
    images = next(line for line in lines if line.split()[:1] == ["images"])
    assert images.split()[1] == f"{real_rows(products, 'images'):,}"
    assert f"roots: readable  {demo_split / 'stage'}" in lines
    assert "roots: NOT READABLE  /stage/dsa110-contimg" in lines
    assert any(line.startswith("versions: python 3.") and "panel 1." in line for line in lines)


def test_check_as_json_names_every_database_of_the_split_layout(
    check: Callable[..., tuple[int, str]], demo_split: Path
) -> None:
    answer = check(demo_split, "--json")
    report = report_of(answer)
    on_disk = {str(path) for folder in ("state/db", "incoming") for path in (demo_split / folder).glob("*.sqlite3")}
    known = {database["path"] for database in report["databases"]}
    assert (answer[0], report["ok"], report["layout"]) == (0, True, "split")
    assert known <= on_disk
    assert {Path(path).stem for path in known} >= {
        "products",
        "cal_registry",
        "ingest",
        "hdf5",
        "alerts",
        "hdf5_file_index",
    }
    assert all(database["last_write_at"] > 1.7e9 for database in report["databases"])


def test_check_as_json_knows_the_unified_layout(check: Callable[..., tuple[int, str]], demo_unified: Path) -> None:
    answer = check(demo_unified, "--json")
    report = report_of(answer)
    tables = {t["name"]: t for database in report["databases"] for t in database["tables"]}
    assert (answer[0], report["ok"], report["layout"]) == (0, True, "unified")
    assert tables["caltables"]["role"] == "pipeline"
    assert report["missing"] == []


def test_check_names_the_columns_that_a_table_lacks(
    check: Callable[..., tuple[int, str]], copy_of_split: Path
) -> None:
    connection = sqlite3.connect(copy_of_split / "state/db/products.sqlite3")
    connection.execute("ALTER TABLE images RENAME COLUMN dynamic_range TO dr")
    connection.close()
    status, text = check(copy_of_split)
    line = next(line for line in text.splitlines() if line.split()[:1] == ["images"])
    assert line.endswith("missing columns: dynamic_range")
    assert status == 0


def test_check_names_the_tables_that_pages_will_miss(
    check: Callable[..., tuple[int, str]], copy_of_split: Path
) -> None:
    connection = sqlite3.connect(copy_of_split / "state/db/products.sqlite3")
    connection.execute("DROP TABLE batch_jobs")
    connection.close()
    status, text = check(copy_of_split)
    assert status == 0
    assert re.search(r"^    batch_jobs +/jobs\?view=batches$", text, re.MULTILINE)


def test_check_lists_the_tables_that_no_page_shows(check: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "data_registry.sqlite3")
    connection.execute("CREATE TABLE data_tags (id INTEGER PRIMARY KEY, data_id, tag)")
    connection.execute("CREATE VIEW tagged AS SELECT data_id FROM data_tags")
    connection.execute("CREATE VIEW of_nothing AS SELECT * FROM gone")
    connection.execute("INSERT INTO data_tags (tag) VALUES ('a'), ('b')")
    connection.commit()
    connection.close()
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in check(tmp_path)[1].splitlines()}
    assert lines["data_tags"] == "2 rows 3 columns (not used by the dashboard)"
    assert lines["tagged"] == "view 1 columns (not used by the dashboard)"
    assert lines["of_nothing"].startswith("NOT READABLE: ")
    (database,) = report_of(check(tmp_path, "--json"))["databases"]
    assert [(t["name"], t["kind"], t["n_columns"], t["n_rows"]) for t in database["unused"]] == [
        ("data_tags", "table", 3, 2), ("of_nothing", "view", 0, None), ("tagged", "view", 1, None),
    ]  # fmt: skip


def test_check_names_some_of_many_missing_columns(check: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "products.sqlite3")
    connection.execute("CREATE TABLE ms_index (path)")
    connection.close()
    line = next(line for line in check(tmp_path)[1].splitlines() if line.split()[:1] == ["ms_index"])
    assert line.endswith("missing columns: start_mjd, end_mjd, mid_mjd, processed_at and 10 more")


def test_check_of_an_empty_folder_fails_and_says_what_to_give(
    check: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    status, text = check(tmp_path)
    assert status == 1
    assert "layout: none" in text
    assert f"the state folder {tmp_path} has no database" in text
    assert "no database found: give --state-dir, --config or the pipeline's environment variables" in text
    assert "cannot work without: ms_index, images, photometry, caltables" in text


def test_check_fails_and_names_an_essential_table_that_is_missing(
    check: Callable[..., tuple[int, str]], copy_of_split: Path
) -> None:
    connection = sqlite3.connect(copy_of_split / "state/db/products.sqlite3")
    connection.execute("DROP TABLE photometry")
    connection.close()
    status, text = check(copy_of_split)
    assert status == 1
    assert text.splitlines()[-1] == "The main pages cannot work without: photometry"


def test_check_names_a_corrupt_database_and_still_reports_the_others(
    check: Callable[..., tuple[int, str]], copy_of_split: Path
) -> None:
    damaged = copy_of_split / "state/db/cal_registry.sqlite3"
    damaged.write_bytes(b"this is not a database " * 400)
    answer = check(copy_of_split, "--json")
    databases = {database["role"]: database for database in report_of(answer)["databases"]}
    assert answer[0] == 1
    assert str(damaged) in databases["cal_registry"]["error"]
    assert "integrity_check" in databases["cal_registry"]["remedy"]
    assert databases["products"]["ok"]
    assert report_of(answer)["missing"] == ["caltables"]


def test_check_ends_quietly_when_its_reader_has_seen_enough(demo_split: Path) -> None:
    command = f"'{sys.executable}' app.py check --state-dir '{demo_split}' | head -c 1"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "l"
    assert "BrokenPipe" not in done.stderr


def test_settings_come_from_a_toml_file(
    capsys: pytest.CaptureFixture[str], demo_unified: Path, tmp_path: Path
) -> None:
    config = tmp_path / "dashboard.toml"
    database = demo_unified / "state/db/pipeline.sqlite3"
    config.write_text(f'roots = ["{tmp_path}"]\n[databases]\npipeline = "{database}"\n')
    status = app.main(["check", "--config", str(config)])
    text = capsys.readouterr().out
    assert status == 0
    assert "layout: unified" in text
    assert f"roots: readable  {tmp_path}" in text.splitlines()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot be read: No such file"),
        ("lanes = ", "is not valid TOML"),
        ("colour = 'blue'", "unknown names: colour"),
        ("query_deadline_s = 'soon'", "must be a number, not 'soon'"),
        ("roots = 3", "must be a list of texts, not 3"),
    ],
)
@pytest.mark.parametrize("command", ["check", "serve"])
def test_bad_settings_end_with_a_message_and_a_remedy(
    command: str, content: str | None, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "bad.toml"
    if content is not None:
        config.write_text(content)
    status = app.main([command, "--config", str(config)])
    message, remedy = capsys.readouterr().err.splitlines()
    assert status == 2
    assert complaint in message
    assert remedy


@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_short_secret_ends_with_a_message_that_does_not_tell_it(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DSA110_DASHBOARD_SECRET", "hunter2")
    status = app.main([command, "--state-dir", str(tmp_path)])
    printed = capsys.readouterr()
    message, remedy = printed.err.splitlines()
    assert status == 2
    assert "too short" in message
    assert remedy
    assert "hunter2" not in printed.out + printed.err


def test_check_never_prints_the_secret(
    check: Callable[..., tuple[int, str]], demo_split: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "0123456789abcdef" * 2
    monkeypatch.setenv("DSA110_DASHBOARD_SECRET", secret)
    for options in ((), ("--json",)):
        status, text = check(demo_split, *options)
        assert (status, secret in text) == (0, False)


def test_serve_prints_its_url_answers_and_ends_when_asked(
    start: Callable[..., subprocess.Popen[str]], demo_split: Path
) -> None:
    process = start("serve", "--state-dir", str(demo_split), "--port", "0", "--prefix", "/dash")
    url = url_of(process)
    assert url.endswith("/dash/")
    status, text = get(f"{url}healthz")
    assert (status, json.loads(text)["ok"]) == (200, True)
    assert "<title>Images · DSA-110</title>" in get(f"{url}images")[1]
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_a_taken_port_is_said_without_a_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        status = app.main(["serve", "--state-dir", str(tmp_path), "--port", port])
    message, remedy = capsys.readouterr().err.splitlines()[-2:]
    assert status == 2
    assert message == f"Cannot listen on 127.0.0.1, port {port}: Address already in use"
    assert "choose another" in remedy


@pytest.mark.parametrize(("option", "value"), [("--port", "99999"), ("--address", "198.51.100.7")])
def test_an_address_that_cannot_be_had_is_said(
    option: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = app.main(["serve", "--state-dir", str(tmp_path), "--port", "0", option, value])
    message, remedy = capsys.readouterr().err.splitlines()[-2:]
    assert status == 2
    assert "Cannot listen on" in message
    assert value in message
    assert remedy


def test_demo_writes_its_archive_serves_it_and_lets_it_grow(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    out = tmp_path / "demo"
    process = start("demo", "--out", str(out), "--port", "0")
    assert process.stdout is not None
    assert process.stdout.readline().startswith(f"Writing a demo archive to {out}")
    url = url_of(process)
    assert get(f"{url}images")[0] == 200
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert app.main(["check", "--state-dir", str(out)]) == 0


@pytest.mark.parametrize("damage", ["unfinished", "half a marker", "another edition", "another layout"])
def test_demo_writes_an_unusable_archive_again(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = write_demo(tmp_path / "demo", nights=1, layout="unified" if damage == "another layout" else "split")
    marker = out / MARKER
    text = marker.read_text()
    changed = {"unfinished": text.replace("true", "false"), "another edition": text.replace(f": {EDITION}}}", ": 1}")}
    marker.write_text(text[:20] if damage == "half a marker" else changed.get(damage, text))
    served = []
    monkeypatch.setattr(app, "_run_server", lambda archive, _options: served.append(archive))
    monkeypatch.setattr(
        "data_access.demo.write_demo", lambda folder, **options: write_demo(folder, nights=1, **options)
    )
    assert app.main(["demo", "--out", str(out), "--still"]) == 0
    assert load_archive(out).layout == "split"
    assert "products" in served[0].databases


def test_demo_leaves_a_whole_archive_as_it_is(
    demo_split: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(app, "_run_server", lambda *_: None)
    written = load_archive(demo_split)
    assert app.main(["demo", "--out", str(demo_split), "--still"]) == 0
    assert load_archive(demo_split) == written
    assert "Writing" not in capsys.readouterr().out


def test_demo_touches_no_folder_of_somebody_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "state").mkdir()
    assert app.main(["demo", "--out", str(tmp_path), "--still"]) == 2
    assert "was not made by the demo" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_what_is_written_about_the_demo_stays_beside_the_demo(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    archive = app._demo_archive(tmp_path)
    assert archive.notes.path == tmp_path.resolve() / "notes" / "notes.sqlite3"
