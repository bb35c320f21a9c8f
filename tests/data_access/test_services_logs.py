"""Log files: those of a run, those of the folders, none outside of them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from data_access.errors import FileMissing, PathOutsideRoots
from data_access.offload import Offload
from data_access.records import Epoch, LogFile, Run
from data_access.services import logs as logs_module
from data_access.services.logs import LogService
from data_access.services.roots import Roots

STAMP = "2025-10-13T13:28:03"
RUN = Run(
    "job-2025-10-13-132803", f"/ms/{STAMP}.ms", "completed", None, None, None, None, Epoch(None, "unknown"), None
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A log folder with logs of two runs, a shared log, a rotated one, and links that lead outside."""
    logs, outside = tmp_path / "logs", tmp_path / "outside"
    (logs / "casa").mkdir(parents=True)
    outside.mkdir()
    files = {
        logs / "job-2025-10-13-132803.log": "own\n",
        logs / "job-2025-10-13-132803.log.1": "own, older\n",
        logs / "job-2025-10-13-132804.log": f"another run that mentions {STAMP}\n",
        logs / "imaging.log": f"INFO {STAMP} done\n",
        logs / "other.log": "nothing\n",
        logs / "casa" / "casa-1.log": f"{STAMP}\n",
        logs / "notes.md": f"{STAMP}\n",
        outside / "secret.log": f"{STAMP} password\n",
    }
    for age, (path, text) in enumerate(files.items()):
        path.write_text(text)
        os.utime(path, (1000 - age, 1000 - age))
    (logs / "linked.log").symlink_to(outside / "secret.log")
    (logs / "dangling.log").symlink_to(logs / "nothing")
    (logs / "folder.log").mkdir()
    os.mkfifo(logs / "pipe.log")
    return logs


@pytest.fixture
async def service(folder: Path) -> AsyncIterator[LogService]:
    offload = Offload(threads=1, processes=1, deadline_s=5.0)
    yield LogService(Roots((folder,), setting="log_roots"), offload)
    await offload.close()


def _names(found: tuple[LogFile, ...]) -> list[str]:
    return [Path(log_file.path).name for log_file in found]


async def test_all_logs_are_listed_newest_first_and_nothing_else(service: LogService) -> None:
    assert _names((await service.find()).rows) == [
        "job-2025-10-13-132803.log", "job-2025-10-13-132803.log.1", "job-2025-10-13-132804.log",
        "imaging.log", "other.log", "casa-1.log",
    ]  # fmt: skip


async def test_the_logs_of_a_run_are_its_own_and_the_shared_ones_that_mention_it(service: LogService) -> None:
    logs = await service.find_of_run(RUN)
    found = logs.files
    assert logs.unsearched == ()
    assert [(name, log_file.why) for name, log_file in zip(_names(found), found, strict=True)] == [
        ("job-2025-10-13-132803.log", "named after the run"),
        ("job-2025-10-13-132803.log.1", "named after the run"),
        ("imaging.log", f"mentions {STAMP}"),
        ("casa-1.log", f"mentions {STAMP}"),
    ]


async def test_shared_logs_that_were_not_searched_to_their_end_are_named(
    service: LogService, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs_module, "_SEARCH_S", 0.0)
    (folder / "large.log").write_bytes(b"some line\n" * 500_000 + f"{STAMP}\n".encode())
    (folder / "job-2025-10-13-132805.log").write_bytes(b"some line\n" * 500_000)
    found = await service.find_of_run(RUN)
    assert _names(found.unsearched) == ["large.log"]
    assert "imaging.log" in _names(found.files), "the first block of every log is searched"
    monkeypatch.setattr(logs_module, "_MANY", 1)
    found = await service.find_of_run(RUN)
    assert set(_names(found.unsearched)) == {"large.log", "imaging.log", "other.log", "casa-1.log"}
    assert "job-2025-10-13-132803.log" in _names(found.files)


async def test_a_log_is_given_with_its_size(service: LogService, folder: Path) -> None:
    assert (await service.get(str(folder / "other.log"))).size_bytes == len("nothing\n")


@pytest.mark.parametrize("name", ["linked.log", "../outside/secret.log", "/etc/passwd", "other.log\x00"])
async def test_a_log_outside_of_the_folders_is_refused(service: LogService, folder: Path, name: str) -> None:
    with pytest.raises(PathOutsideRoots):
        await service.get(f"{folder}/{name}" if not name.startswith("/") else name)


@pytest.mark.parametrize("name", ["nothing.log", "dangling.log", "folder.log", "pipe.log"])
async def test_what_is_no_file_is_missing(service: LogService, folder: Path, name: str) -> None:
    with pytest.raises(FileMissing):
        await service.get(str(folder / name))


async def test_a_folder_that_is_not_there_has_no_logs(tmp_path: Path) -> None:
    offload = Offload(threads=1, processes=1, deadline_s=5.0)
    service = LogService(Roots((tmp_path / "none",), setting="log_roots"), offload)
    assert (await service.find()).rows == ()
    await offload.close()
