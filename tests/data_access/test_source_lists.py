"""Lists of sources: short ones are their own link, long ones outlive the server, and nothing else is believed."""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from data_access.errors import ValidationError
from data_access.offload import Offload
from data_access.records.source_query import Cone
from data_access.services import list_folder
from data_access.services.list_folder import ListFolder
from data_access.services.source_lists import LONGEST_KEY, SourceLists


@pytest.fixture
async def offload() -> AsyncIterator[Offload]:
    made = Offload(threads=1, processes=1, deadline_s=10)
    yield made
    await made.close()


NAMES = [f"NVSS J{i * 7919 % 240000:06d}+{i * 104729 % 900000:06d}" for i in range(4000)]


def lists(offload: Offload, folder: Path) -> SourceLists:
    return SourceLists(offload, lambda: ListFolder(folder))


async def test_a_hundred_names_travel_in_the_link_itself(tmp_path: Path, offload: Offload) -> None:
    kept = await lists(offload, tmp_path / "one").keep(NAMES[:100])
    assert len(kept.key) <= LONGEST_KEY
    assert not (tmp_path / "one").exists()
    assert (await lists(offload, tmp_path / "elsewhere").get(kept.key)).entries == tuple(NAMES[:100])


async def test_positions_travel_with_every_digit(tmp_path: Path, offload: Offload) -> None:
    text = "10:00:00.123 +65:00:00.5\ngal 10.1 20.2\nA name, with more"
    made = await lists(offload, tmp_path).add(text)
    again = await lists(offload, tmp_path).get(made.key)
    assert again.entries == made.entries
    assert [type(entry) for entry in again.entries] == [Cone, Cone, str]


async def test_a_long_list_survives_a_restart_and_has_one_key(tmp_path: Path, offload: Offload) -> None:
    folder = tmp_path / "lists"
    kept = await lists(offload, folder).keep(NAMES)
    assert len(kept.key) == list_folder.KEY_LENGTH
    started_again = lists(offload, folder)
    assert (await started_again.get(kept.key)).entries == tuple(NAMES)
    assert (await started_again.keep(NAMES)).key == kept.key
    assert ListFolder(folder).get(kept.key) is not None


async def test_a_changed_file_is_not_believed(tmp_path: Path, offload: Offload) -> None:
    kept = await lists(offload, tmp_path).keep(NAMES)
    (tmp_path / f"{kept.key}.json").write_text(json.dumps(NAMES[1:]))
    with pytest.raises(ValidationError, match="unknown here"):
        await lists(offload, tmp_path).get(kept.key)


@pytest.mark.parametrize("key", ["", "0123456789abcdef", "../x", "z.", "z.AAAA", "z.!!", "z." + "A" * 5000])
async def test_a_key_of_nobody_is_an_error_in_words(tmp_path: Path, offload: Offload, key: str) -> None:
    with pytest.raises(ValidationError):
        await lists(offload, tmp_path).get(key)


@pytest.mark.parametrize("content", [{"a": 1}, [[1, 2]], [[1, 200, ""]], [None], 7, [" " * 10**7]])
async def test_a_key_with_something_else_inside_is_refused(tmp_path: Path, offload: Offload, content: object) -> None:
    packed = base64.urlsafe_b64encode(zlib.compress(json.dumps(content).encode(), 9)).decode().rstrip("=")
    with pytest.raises(ValidationError):
        await lists(offload, tmp_path).get(f"z.{packed}")


async def test_the_longest_unused_lists_go_first(
    tmp_path: Path, offload: Offload, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_folder, "MOST_FILES", 2)
    kept = []
    for i in range(3):
        kept.append((await lists(offload, tmp_path).keep(NAMES[i:])).key)
        os.utime(tmp_path / f"{kept[-1]}.json", (1e9 + i, 1e9 + i))
        if i == 1:
            await lists(offload, tmp_path).get(kept[0])
    assert [ListFolder(tmp_path).get(key) is not None for key in kept] == [True, False, True]


async def test_without_a_folder_a_long_list_says_that_it_does_not_last(tmp_path: Path, offload: Offload) -> None:
    (tmp_path / "file").write_text("")
    here = lists(offload, tmp_path / "file" / "lists")
    kept = await here.keep(NAMES)
    assert "cannot be kept on disk" in kept.problem
    assert (await here.get(kept.key)).entries == tuple(NAMES)
