"""A file of ours is there as a whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_access.own_folder import replaced_file


def test_a_file_takes_its_place_when_all_of_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "new" / "kept.bin"
    with replaced_file(path) as file:
        file.write(b"first")
        assert not path.exists()
    with replaced_file(path) as file:
        file.write(b"second")
        file.flush()
        assert path.read_bytes() == b"first"
    assert path.read_bytes() == b"second"
    assert [p.name for p in path.parent.iterdir()] == ["kept.bin"]


def test_what_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "kept.bin"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError), replaced_file(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["kept.bin"]
