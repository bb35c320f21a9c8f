"""Only what lies below the configured folders can be read, whatever a path looks like."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from data_access.errors import FileError, FileMissing, FileUnreadable, PathOutsideRoots
from data_access.offload import Offload
from data_access.records import StorageLocation
from data_access.services.files import FileService
from data_access.services.roots import Roots


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a file, a folder beside it with a secret, and links of every kind between them."""
    allowed, secret = tmp_path / "allowed", tmp_path / "allowed-not"
    for folder in (allowed / "sub", secret):
        folder.mkdir(parents=True)
    (allowed / "a.fits").write_bytes(b"x" * 10)
    (secret / "secret.fits").write_bytes(b"y" * 10)
    (allowed / "link-out.fits").symlink_to(secret / "secret.fits")
    (allowed / "folder-out").symlink_to(secret)
    (allowed / "link-in.fits").symlink_to(allowed / "a.fits")
    (allowed / "loop").symlink_to(allowed / "loop")
    (allowed / "dangling.fits").symlink_to(allowed / "nothing")
    os.mkfifo(allowed / "pipe.fits")
    return allowed


HOSTILE = [
    "{root}/../allowed-not/secret.fits",
    "{root}/sub/../../allowed-not/secret.fits",
    "{root}/link-out.fits",
    "{root}/folder-out/secret.fits",
    "{root}/sub/../folder-out/secret.fits",
    "{root}-not/secret.fits",
    "{root}/a.fits\x00.txt",
    "\x00",
    "",
    "a.fits",
    "./a.fits",
    "../allowed/a.fits",
    "~/a.fits",
    "file://{root}/a.fits",
    "/",
    "/etc/passwd",
    "/proc/self/environ",
    "/proc/self/fd/0",
    "/dev/zero",
    "//etc/passwd",
    "/" + "a" * 5000,
    "/" + "../" * 2000 + "etc/passwd",
    "{root}/%2e%2e/../../allowed-not/secret.fits",
    "\udcff/a.fits",
    "/\udcff/a.fits",
]


@pytest.mark.parametrize("path", HOSTILE)
def test_a_path_that_leads_outside_is_refused(root: Path, path: str) -> None:
    with pytest.raises(PathOutsideRoots):
        Roots((root,), setting="roots").inside(path.format(root=root))


@pytest.mark.parametrize(
    "path", ["{root}", "{root}/a.fits", "{root}/sub/../a.fits", "{root}//a.fits", "{root}/link-in.fits"]
)
def test_a_path_inside_is_returned_with_its_links_followed(root: Path, path: str) -> None:
    real = Roots((root,), setting="roots").inside(path.format(root=root))
    assert real in (str(root), str(root / "a.fits"))


def test_a_root_that_is_itself_a_link_is_followed(root: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(root)
    roots = Roots((tmp_path / "alias",), setting="roots")
    assert roots.inside(str(tmp_path / "alias" / "a.fits")) == str(root / "a.fits")
    assert roots.inside(str(root / "a.fits")) == str(root / "a.fits")


def test_without_roots_nothing_may_be_read() -> None:
    with pytest.raises(PathOutsideRoots):
        Roots((), setting="roots").inside("/etc/hostname")


def test_the_refusal_names_the_setting_that_would_help(root: Path) -> None:
    with pytest.raises(PathOutsideRoots) as caught:
        Roots((root,), setting="log_roots").inside("/etc/passwd")
    assert "`log_roots`" in caught.value.remedy


@pytest.fixture
async def files(root: Path) -> AsyncIterator[FileService]:
    offload = Offload(threads=2, processes=1, deadline_s=20.0)
    yield FileService(Roots((root,), setting="roots"), offload)
    await offload.close()


@pytest.mark.parametrize("path", [p for p in HOSTILE if "{" in p or p.startswith("/")])
async def test_the_state_of_a_hostile_path_is_a_problem_and_not_an_exception(
    files: FileService, root: Path, path: str
) -> None:
    state = await files.state(path.format(root=root))
    assert (state.exists, state.size_bytes) == (False, None)
    assert state.problem


@pytest.mark.parametrize("name", ["nothing.fits", "loop", "dangling.fits", "a.fits/below", "n" * 300])
async def test_a_file_that_is_not_there_is_said_to_be_so(files: FileService, root: Path, name: str) -> None:
    state = await files.state(str(root / name))
    assert not state.exists
    assert state.problem


async def test_a_file_that_is_there_has_size_and_time(files: FileService, root: Path) -> None:
    state = await files.state(str(root / "a.fits"))
    assert (state.exists, state.is_directory, state.size_bytes, state.problem) == (True, False, 10, "")


@pytest.mark.parametrize("question", ["image_header", "image_preview", "measurement_set", "caltable"])
async def test_no_reader_is_given_a_path_outside(files: FileService, root: Path, question: str) -> None:
    with pytest.raises(PathOutsideRoots):
        await getattr(files, question)(str(root / "link-out.fits"))


async def test_a_missing_image_is_a_missing_file(files: FileService, root: Path) -> None:
    with pytest.raises(FileMissing):
        await files.image_header(str(root / "nothing.fits"))


async def test_a_pipe_is_refused_and_does_not_hang_a_thread(files: FileService, root: Path) -> None:
    with pytest.raises(FileUnreadable):
        await files.image_header(str(root / "pipe.fits"))


async def test_a_file_that_is_no_image_is_an_error_of_the_file(files: FileService, root: Path) -> None:
    with pytest.raises(FileError):
        await files.image_header(str(root / "a.fits"))


async def test_a_folder_that_is_no_casa_image_is_an_error_of_the_file(files: FileService, root: Path) -> None:
    with pytest.raises(FileError):
        await files.image_header(str(root / "sub"))


async def test_storage_says_what_the_disk_has(files: FileService, root: Path) -> None:
    asked = [StorageLocation("k", path, None, None, None, None, None) for path in (str(root), "/no/such", "\x00", "")]
    found = await files.storage(asked)
    assert [location.exists for location in found] == [True, False, False, False]
    assert found[0].free_bytes is not None
    assert 0 < found[0].free_bytes <= (found[0].total_bytes or 0)
