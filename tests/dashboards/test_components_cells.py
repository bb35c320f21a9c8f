"""Cells: what a reader sees of one value."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from dashboards.components import FilterBar, RecordTable, cell, row, safe_href, tile
from dashboards.components.notice import Notice
from dashboards.components.slot import Slot
from dashboards.pages.wording import noise_cell

HOSTILE = "<img src=x onerror=alert(1)>"


def test_missing_value_is_a_dash_that_says_not_recorded() -> None:
    assert cell(None) == {"t": "—", "title": "not recorded", "missing": True}


def test_nan_is_a_dash_that_says_what_was_recorded() -> None:
    assert cell(float("nan"))["title"] == "recorded as nan"


def test_unit_is_not_drawn_behind_a_missing_value() -> None:
    assert "u" not in cell(None, unit="mJy")


@pytest.mark.parametrize(
    ("noise_jy", "text", "unit"),
    [
        (9.33e-4, "0.933", None),
        (3.2e-7, "0.32", "µJy/beam"),
        (1e-12, "1e-06", "µJy/beam"),
        (22239.0, "22,239", "Jy/beam"),
        (0.0, "0", None),
        (7.71e-5, "0.077", None),
        (None, "—", None),
        (float("nan"), "—", None),
    ],
)
def test_a_noise_has_digits_whatever_its_size(noise_jy: float | None, text: str, unit: str | None) -> None:
    made = noise_cell(noise_jy)
    assert (made["t"], made.get("u")) == (text, unit)


def test_zero_is_a_value() -> None:
    assert cell(0.0, digits=2, unit="mJy") == {"t": "0.00", "u": "mJy"}


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (1234567, None, "1,234,567"),
        (0.000123456789, None, "0.000123457"),
        (12.3456, 2, "12.35"),
        (True, None, "yes"),
        (np.float32(0.5), 1, "0.5"),
        (np.int64(3), None, "3"),
    ],
)
def test_numbers_are_written_with_the_digits_asked_for(value: object, digits: int | None, text: str) -> None:
    assert cell(value, digits=digits)["t"] == text


def test_state_without_value_is_named_in_words() -> None:
    assert cell(None, state="warn")["t"] == "warning"


def test_unknown_state_is_refused() -> None:
    with pytest.raises(ValueError, match="green"):
        cell("x", state="green")  # type: ignore[arg-type]


def test_text_from_data_is_passed_on_unchanged() -> None:
    assert cell(HOSTILE)["t"] == HOSTILE


def test_age_alone_has_no_dash() -> None:
    assert cell(None, unix=1_700_000_000.0) == {"t": "", "x": 1_700_000_000.0}


@pytest.mark.parametrize(
    "href",
    ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "\tjavascript:alert(1)", "data:text/html,x", "//evil.example/x",
     "vbscript:x", "a b", "java\nscript:alert(1)", "\\\\evil", ""],
)  # fmt: skip
def test_dangerous_link_is_refused(href: str) -> None:
    assert safe_href(href) is None


@pytest.mark.parametrize(
    "href", ["./images", "../sources/J1%3A2?x=1:2", "https://example.org/a", "ms/detail?path=%2Fa%2Fb", "?q=1", "#x"]
)
def test_ordinary_link_is_kept(href: str) -> None:
    assert safe_href(href) == href


def test_table_travels_as_one_json_text() -> None:
    table = RecordTable(columns=[{"name": "a", "label": "A"}], rows=[row(1, [cell(np.float64("nan"))], href="x")])
    assert json.loads(table.payload)["rows"] == [
        {"key": "1", "cells": [{"t": "—", "title": "recorded as nan", "missing": True}], "href": "x"}
    ]


def test_table_reports_only_sortable_columns() -> None:
    heard: list[tuple[str, bool]] = []
    table = RecordTable(
        columns=[{"name": "a", "label": "A", "sortable": True}, {"name": "b", "label": "B"}],
        on_sort=lambda name, descending: heard.append((name, descending)),
    )
    for name in ("a", "b", "; DROP TABLE images"):
        table._handle_msg({"type": "sort", "name": name, "descending": True})
    assert heard == [("a", True)]


def test_table_reports_turns_of_the_page() -> None:
    heard: list[str] = []
    table = RecordTable(on_turn=heard.append)
    for kind in ("next", "previous", "first", "last"):
        table._handle_msg({"type": kind})
    assert heard == ["next", "previous", "first"]


def test_malformed_message_from_the_browser_changes_nothing() -> None:
    heard: list[object] = []
    bar = FilterBar(fields=[{"name": "a", "label": "A", "kind": "text"}], on_submit=heard.append)
    for message in ("submit", None, 3, {"type": "other"}):
        bar._handle_msg(message)
    assert heard == []


def test_filter_bar_reports_only_its_own_fields_as_text_or_bool() -> None:
    bar = FilterBar(
        fields=[{"name": "a", "label": "A", "kind": "text"}, {"name": "b", "label": "B", "kind": "toggle"}]
    )
    bar._handle_msg({"type": "submit", "values": {"a": "  x  ", "b": 1, "evil": "y"}})
    assert bar.values == {"a": "x", "b": False}


def test_tile_refuses_a_dangerous_link() -> None:
    assert tile("t", cell(1), href="javascript:alert(1)")["href"] is None


def test_slot_refuses_a_bare_string_that_panel_would_draw_as_markdown() -> None:
    with pytest.raises(TypeError, match="Notice"):
        Slot("x", height=10).succeed(HOSTILE)


@pytest.mark.parametrize(
    ("content", "height"),
    [(Notice(text="no log"), "0px"), (RecordTable(rows=[row(1, [])]), "0px"),
     (RecordTable(rows=[row(n, []) for n in range(50)]), "400px")],
)  # fmt: skip
def test_a_slot_keeps_no_hole_below_words_or_a_short_table(content: Any, height: str) -> None:
    slot = Slot("x", height=400)
    slot.succeed(content)
    assert slot.__panel__().styles["min-height"] == height


def test_text_of_absurd_length_is_cut_and_says_how_long_it_was() -> None:
    made = cell("a" * 1_000_000, title="b" * 5000, note="c" * 5000)
    assert made["t"].endswith("aaa … (1,000,000 characters)")
    assert len(made["t"]) < 1100 < len(made["title"]) < 4100
    assert all(len(made[part]) < 4100 for part in ("t", "title", "n"))


def test_link_longer_than_any_server_accepts_is_left_out() -> None:
    assert "h" not in cell("x", href="sources/" + "a" * 20_000)


def test_a_tile_shows_no_more_of_a_long_note_than_a_wall_can_carry() -> None:
    made = tile("Waiting", cell(1), state="ok", word="w" * 10_000, note="1 " + "A" * 1_000_000)
    assert len(made["note"]) < 400
    assert len(made["word"]) < 400
    assert made["note"].endswith("(1,000,002 characters)")


@pytest.mark.parametrize("unix", [1e300, -1e300, 2e11, float("inf"), float("nan")])
def test_a_number_that_is_no_time_is_called_so_instead_of_written_out(unix: float) -> None:
    made = cell(None, unix=unix)
    assert "x" not in made
    assert (made["t"], made["missing"]) == ("—", True)
    assert "no possible time" in made["title"]
    assert cell("18:41", unix=unix) == {"t": "18:41"}


def test_a_huge_number_is_no_wider_than_others() -> None:
    assert cell(1e300, digits=2)["t"] == "1e+300"
    assert cell(-1234567.0, digits=1)["t"] == "-1,234,567.0"
