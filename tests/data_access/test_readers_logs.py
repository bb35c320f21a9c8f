"""Reading parts of logs: real files against their known facts, and every oddity of the bytes."""

from __future__ import annotations

import gzip
import json
import os
import time
from pathlib import Path

import pytest

from data_access.errors import FileMissing, FileUnreadable, ValidationError
from data_access.readers.log_text import LONGEST_LINE, clean_line, level_of
from data_access.readers.logs import find_in_log, read_log_tail, read_log_window


@pytest.fixture(scope="module")
def real_logs(real_archive_split: Path) -> dict[Path, dict]:
    truth = json.loads((real_archive_split / "truth.json").read_text())["logs"]
    assert len(truth) > 10
    return {real_archive_split / name: facts for name, facts in truth.items()}


@pytest.mark.real
def test_whole_real_logs_have_their_known_size_lines_and_last_line(real_logs: dict[Path, dict]) -> None:
    for path, facts in real_logs.items():
        window = read_log_tail(path, n_lines=1_000_000, max_bytes=100_000_000)
        assert (window.size, len(window.lines)) == (facts["bytes"], facts["n_lines"]), path.name
        assert (window.start_offset, window.end_offset) == (0, facts["bytes"]), path.name
        assert window.ends_mid_line is not facts["ends_with_newline"], path.name
        assert window.lines[-1] == clean_line(facts["last_line"].encode()), path.name


@pytest.mark.real
def test_tail_of_real_logs_is_the_end_of_the_whole(real_logs: dict[Path, dict]) -> None:
    for path, facts in real_logs.items():
        whole = read_log_tail(path, n_lines=1_000_000, max_bytes=100_000_000).lines
        tail = read_log_tail(path, n_lines=7)
        assert tail.lines == whole[-7:], path.name
        assert tail.truncated_at_start == (facts["n_lines"] > 7), path.name


@pytest.mark.real
def test_windows_of_real_logs_join_to_the_whole(real_logs: dict[Path, dict]) -> None:
    for path in real_logs:
        whole = read_log_tail(path, n_lines=1_000_000, max_bytes=100_000_000)
        lines: list[str] = []
        offset = 0
        while offset < whole.size:
            window = read_log_window(path, offset, 50_000)
            lines += window.lines
            offset = window.end_offset
        assert tuple(lines) == whole.lines, path.name


@pytest.mark.real
def test_no_shown_line_of_a_real_log_holds_escapes_controls_or_too_much(real_logs: dict[Path, dict]) -> None:
    assert sum(facts["n_escape"] for facts in real_logs.values()) > 0
    assert any(facts["longest_line_bytes"] > LONGEST_LINE for facts in real_logs.values())
    for path in real_logs:
        for line in read_log_tail(path, n_lines=1_000_000, max_bytes=100_000_000).lines:
            assert not any(ord(character) < 32 and character != "\t" for character in line), path.name
            assert len(line) < LONGEST_LINE + 50, path.name


@pytest.mark.real
def test_search_of_real_logs_finds_what_a_plain_scan_finds(real_logs: dict[Path, dict]) -> None:
    found = 0
    for path in real_logs:
        expected, offset = [], 0
        for raw in path.read_bytes().split(b"\n"):
            if b"Error" in raw:
                expected.append(offset)
            offset += len(raw) + 1
        search = find_in_log(path, "Error", limit=100_000, deadline_s=60)
        assert [hit.offset for hit in search.hits] == expected, path.name
        assert (search.stopped_by, search.scanned_bytes) == ("end", path.stat().st_size), path.name
        found += len(expected)
    assert found > 0


def log_of(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "some.log"
    path.write_bytes(data)
    return path


def test_tail_gives_exactly_the_lines_asked_for(tmp_path: Path) -> None:
    path = log_of(tmp_path, b"".join(b"line %d\n" % i for i in range(100_000)))
    window = read_log_tail(path, n_lines=3)
    assert window.lines == ("line 99997", "line 99998", "line 99999")
    assert path.read_bytes()[window.start_offset : window.end_offset] == b"line 99997\nline 99998\nline 99999\n"
    assert window.truncated_at_start and not window.starts_mid_line and not window.ends_mid_line


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 131_072])
def test_tail_is_right_when_a_line_feed_lies_on_the_edge_of_a_block(tmp_path: Path, size: int) -> None:
    path = log_of(tmp_path, b"first\nsecond\n" + b"x" * size + b"\n")
    assert read_log_tail(path, n_lines=2).lines[0] == "second"
    assert read_log_tail(path, n_lines=1).start_offset == len(b"first\nsecond\n")


def test_last_line_without_line_feed_is_a_line(tmp_path: Path) -> None:
    window = read_log_tail(log_of(tmp_path, b"a\nb"), n_lines=1)
    assert (window.lines, window.ends_mid_line, window.end_offset) == (("b",), True, 3)


def test_empty_lines_are_lines(tmp_path: Path) -> None:
    assert read_log_tail(log_of(tmp_path, b"a\n\n\n")).lines == ("a", "", "")


def test_empty_log_has_no_lines(tmp_path: Path) -> None:
    window = read_log_tail(log_of(tmp_path, b""))
    assert (window.lines, window.size, window.truncated_at_start, window.ends_mid_line) == ((), 0, False, False)


def test_line_cut_by_the_byte_limit_is_left_out(tmp_path: Path) -> None:
    window = read_log_tail(log_of(tmp_path, b"long line\nab\n"), max_bytes=6)
    assert (window.lines, window.start_offset, window.starts_mid_line) == (("ab",), 10, False)


def test_line_cut_by_the_byte_limit_is_kept_when_it_is_the_only_one(tmp_path: Path) -> None:
    window = read_log_tail(log_of(tmp_path, b"x" * 100 + b"\n"), max_bytes=11)
    assert (window.lines, window.starts_mid_line) == (("x" * 10,), True)


def test_tail_of_a_sparse_5_gb_log_is_read_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "huge.log"
    with path.open("wb") as handle:
        handle.truncate(5_000_000_000)
        handle.seek(0, os.SEEK_END)
        handle.write(b"\nthe end\n")
    began = time.monotonic()
    window = read_log_tail(path, n_lines=1)
    assert window.lines == ("the end",) and window.size == 5_000_000_009
    assert time.monotonic() - began < 1


def test_window_ends_at_a_line_feed(tmp_path: Path) -> None:
    window = read_log_window(log_of(tmp_path, b"aaa\nbbb\nccc\n"), 0, 6)
    assert (window.lines, window.end_offset, window.ends_mid_line) == (("aaa",), 4, False)


def test_window_inside_a_line_says_so_at_both_ends(tmp_path: Path) -> None:
    window = read_log_window(log_of(tmp_path, b"abcdefghij\n"), 2, 3)
    assert (window.lines, window.starts_mid_line, window.ends_mid_line) == (("cde",), True, True)


def test_window_beyond_the_end_is_empty_there(tmp_path: Path) -> None:
    window = read_log_window(log_of(tmp_path, b"abc\n"), 1000)
    assert (window.lines, window.start_offset, window.end_offset) == ((), 4, 4)


@pytest.mark.parametrize("call", [lambda p: read_log_window(p, -1), lambda p: read_log_tail(p, n_lines=0),
                                  lambda p: find_in_log(p, ""), lambda p: find_in_log(p, "a\nb"),
                                  lambda p: find_in_log(p, "a", from_offset=-1)])  # fmt: skip
def test_impossible_requests_are_refused(tmp_path: Path, call) -> None:
    with pytest.raises(ValidationError):
        call(log_of(tmp_path, b"abc\n"))


def test_missing_log_is_file_missing(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        read_log_tail(tmp_path / "none.log")


def test_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match="not a regular file"):
        read_log_tail(tmp_path)


def test_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.log")
    with pytest.raises(FileUnreadable, match="not a regular file"):
        read_log_tail(tmp_path / "pipe.log")


def test_compressed_log_says_that_it_is_compressed(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match="compressed"):
        read_log_tail(log_of(tmp_path, gzip.compress(b"abc\n")))


def test_search_stops_at_its_limit_and_continues_from_there(tmp_path: Path) -> None:
    path = log_of(tmp_path, b"".join(b"hit %d\nmiss\n" % i for i in range(10)))
    first = find_in_log(path, "hit", limit=4)
    second = find_in_log(path, "hit", from_offset=first.scanned_to)
    assert (first.stopped_by, second.stopped_by) == ("limit", "end")
    assert [hit.line for hit in first.hits + second.hits] == [f"hit {i}" for i in range(10)]


def test_search_stops_at_its_deadline_and_says_how_far_it_came(tmp_path: Path) -> None:
    path = log_of(tmp_path, b"some line\n" * 500_000 + b"needle\n")
    search = find_in_log(path, "needle", deadline_s=0)
    assert search.stopped_by == "deadline" and 0 < search.scanned_bytes < search.size
    assert find_in_log(path, "needle", from_offset=search.scanned_to).hits[0].offset == 5_000_000


def test_search_finds_a_text_on_the_edge_of_a_block(tmp_path: Path) -> None:
    path = log_of(tmp_path, b"x" * 1_048_573 + b"needle" + b"y" * 100 + b"\n")
    assert [hit.offset for hit in find_in_log(path, "needle").hits] == [0]


def test_search_gives_one_hit_per_line(tmp_path: Path) -> None:
    assert len(find_in_log(log_of(tmp_path, b"aa aa aa\naa\n"), "aa").hits) == 2


def test_search_can_ignore_case(tmp_path: Path) -> None:
    path = log_of(tmp_path, "É Error\nerror\nok\n".encode())
    assert [hit.line for hit in find_in_log(path, "ERROR", ignore_case=True).hits] == ["É Error", "error"]
    assert find_in_log(path, "ERROR").hits == ()


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"plain", "plain"),
        ("é ² µ".encode(), "é ² µ"),
        (b"bad \xff byte", "bad \ufffd byte"),
        (b"windows\r", "windows"),
        (b" 10%\r 20%\r100%", "␍100%"),
        (b"\rafter", "after"),
        (b"\x1b[38;20mgrey\x1b[0m", "grey"),
        (b"\x1b]0;title\x07text", "text"),
        (b"\x1b]8;;file:x\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"\x1b]0;never ended", "␛]0;never ended"),
        (b"\x1b[1;31", "␛[1;31"),
        (b"nul \x00 bell \x07", "nul ␀ bell ␇"),
        (b"tab\tstays", "tab\tstays"),
        ("abc\u202edef".encode(), "abc⟨U+202E⟩def"),
        (b"<b>&amp;", "<b>&amp;"),
        ("one\u2028line\x85still".encode(), "one\u2028line\x85still"),
    ],
)
def test_line_is_cleaned(raw: bytes, shown: str) -> None:
    assert clean_line(raw) == shown


def test_long_line_is_cut_and_says_how_much_is_missing() -> None:
    assert clean_line(b"x" * 16_269) == "x" * 4000 + " … [12,269 more characters]"


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("2025-10-21 14:58:58,748 - INFO - Converting", "info"),
        ("2025-11-30 10:00:00 ERROR    [dsa110.imaging] failed | group_id=x", "error"),
        ("2025-11-30 10:00:00 [WARNING] queue", "warning"),
        ('{"timestamp": "x", "level": "CRITICAL", "message": "INFO"}', "critical"),
        ("2025-02-13 18:09:27\tSEVERE\t::casa\tSome", "error"),
        ("Traceback (most recent call last):", "error"),
        ("RuntimeError: Table DataManager error", "error"),
        ("json.decoder.JSONDecodeError: Expecting value", "error"),
        ("/x/nanfunctions.py:1670: RuntimeWarning: Degrees of freedom", "warning"),
        ("error: no such file", "error"),
        ("2025-10-21 - INFO - 0 ERROR lines", "info"),
        ("Number of ERRORS: 0", ""),
        ("file /data/ERROR.log opened", ""),
        ("the error was small", ""),
        ("", ""),
    ],
)
def test_level_is_the_one_the_line_states(line: str, level: str) -> None:
    assert level_of(line) == level
