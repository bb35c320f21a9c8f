"""The list of ESE candidates in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from data_access.demo import write_demo
from tests.browser.conftest import ServerProcess
from tests.browser.test_walk_archives import wait_until_filled


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("ese") / "archive", nights=2)


def numbers(page: Page, label: str) -> list[float]:
    """Return the numbers of a column from top to bottom; infinity for a dash."""
    labels = page.locator("section.rt thead .rt-label").all_inner_texts()
    column = [text.strip().lower() for text in labels].index(label.lower())
    texts = page.locator(f"section.rt tbody tr > :nth-child({column + 1})").all_inner_texts()
    found = [re.search(r"-?[0-9.]+", text) for text in texts]
    return [float(one.group()) if one else float("inf") for one in found]


def test_the_first_click_on_a_signed_column_puts_the_strongest_dip_first(
    page: Page, server: Callable[..., ServerProcess], demo: Path
) -> None:
    process = server(str(demo), module="tests.browser.archive_server")
    page.goto(f"{process.url}ese")
    wait_until_filled(page)
    expect(page.locator("section.rt")).not_to_contain_text("being computed")
    expect(page.locator("section.rt")).not_to_contain_text("light curves analysed", timeout=60_000)
    for label, direction in (("z, 1 out", "ascending"), ("Dip z", "ascending"), ("Depth", "descending")):
        header = page.get_by_role("columnheader", name=label, exact=False).first
        header.get_by_role("button").click()
        expect(header).to_have_attribute("aria-sort", direction)
        shown = [value for value in numbers(page, label) if value != float("inf")]
        assert len(set(shown)) > 1
        assert shown == sorted(shown, reverse=direction == "descending")
        assert numbers(page, label)[: len(shown)] == shown
        header.get_by_role("button").click()
        expect(header).to_have_attribute("aria-sort", {"ascending": "descending"}.get(direction, "ascending"))
