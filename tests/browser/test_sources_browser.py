"""What only a browser can show of the list of sources: remembered columns, the clipboard, a download, keys."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from astropy.table import Table
from playwright.sync_api import Page, expect

from data_access.demo import write_demo
from tests.browser.conftest import ServerProcess
from tests.browser.test_walk_archives import wait_until_filled


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("sources") / "archive", nights=1)


def test_a_search_is_shown_in_chosen_columns_downloaded_and_stepped_through_with_keys(
    page: Page, server: Callable[..., ServerProcess], demo: Path, tmp_path: Path
) -> None:
    process = server(str(demo), module="tests.browser.archive_server")
    page.goto(f"{process.url}sources")
    wait_until_filled(page)
    search = page.get_by_label("Name, list or position")
    search.fill("NVSS")
    search.press("Enter")
    page.wait_for_url("**text=NVSS**")
    found = page.locator("section.rt .muted", has_text=re.compile(r"^[\d,]+ sources$"))
    expect(found).to_be_visible()
    n_found = int(found.inner_text().split()[0].replace(",", ""))

    page.get_by_text("Columns", exact=True).click()
    page.get_by_role("checkbox", name="SNR int.").check()
    page.wait_for_url("**cols=**")
    page.goto(
        f"{process.url}sources?text=NVSS&sort=mean&order=desc"
    )  # without columns: what was chosen is remembered
    page.wait_for_url("**cols=**")
    expect(page.locator("thead .rt-label", has_text="SNR int.")).to_be_visible()

    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    file = tmp_path / "sources.ecsv"
    download.value.save_as(file)
    table = Table.read(file, format="ascii.ecsv")
    assert len(table) == n_found
    assert table.meta["query"] == "text: NVSS"

    wait_until_filled(page)
    page.locator(f"tr[data-key='{table['source_id'][0]}'] a").last.click()
    page.wait_for_url("**/sources/NVSS*")
    expect(page.get_by_text(f"1 of {n_found}", exact=True)).to_be_visible()
    page.keyboard.press("]")
    expect(page.get_by_text(f"2 of {n_found}", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name=table["source_id"][1])).to_be_visible()


def test_headers_that_sort_show_it_and_the_order_is_in_the_url(
    page: Page, server: Callable[..., ServerProcess], demo: Path
) -> None:
    process = server(str(demo), module="tests.browser.archive_server")
    page.goto(f"{process.url}sources")
    wait_until_filled(page)
    table = page.locator("section.rt").filter(has=page.get_by_role("heading", name="Sources", exact=True))
    for label, name in (("η", "eta"), ("V", "v"), ("SNR", "snr")):
        header = table.get_by_role("columnheader", name=label, exact=True)
        expect(header.locator(".rt-arrow")).to_have_text("↕")
        header.get_by_role("button").click()
        page.wait_for_url(f"**sort={name}&order=desc")
        expect(header).to_have_attribute("aria-sort", "descending")
        expect(header.locator(".rt-arrow")).to_have_text("▼")
        at = 1 + [text.strip() for text in table.locator("thead .rt-label").all_inner_texts()].index(label)
        cells = table.locator(f"tbody tr > td:nth-child({at})")
        expect(cells.first).not_to_have_text("—")
        shown = [float(text) for text in cells.all_inner_texts() if text != "—"]
        assert shown == sorted(shown, reverse=True)


def test_a_position_is_copied_with_the_keyboard(page: Page, server: Callable[..., ServerProcess], demo: Path) -> None:
    process = server(str(demo), module="tests.browser.archive_server")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{process.url}sources")
    wait_until_filled(page)
    button = page.get_by_role("button", name=re.compile("^Copy ")).first
    wanted = button.get_attribute("aria-label")
    assert wanted is not None
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_contain_text("✓")
    assert page.evaluate("navigator.clipboard.readText()") == wanted.removeprefix("Copy ")
    assert page.url == f"{process.url}sources"


@pytest.mark.parametrize("name", [".", ".."])
def test_a_source_whose_name_is_dots_is_opened_from_the_list(
    page: Page, server: Callable[..., ServerProcess], tmp_path: Path, name: str
) -> None:
    folder = write_demo(tmp_path / "archive", nights=1)
    with closing(sqlite3.connect(folder / "state" / "db" / "products.sqlite3")) as db, db:
        db.execute(
            "INSERT INTO photometry (source_id, image_path, ra_deg, dec_deg, peak_jyb, peak_err_jyb, measured_at) "
            "VALUES (?, '/x/2026-04-01T08:00:00.img.fits', 150, 50, 0.2, 0.002, 1.8e9)",
            (name,),
        )
    process = server(str(folder), module="tests.browser.archive_server")
    page.goto(f"{process.url}sources?sort=source_id&order=asc")
    wait_until_filled(page)
    page.locator("section.rt").filter(has_text="Sources").get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    assert page.url.partition("?")[0].endswith(f"/sources/{name}~")
    refused = page.request.get(f"{process.url}sources/{name}~/epochs.png")
    assert refused.status == 404 and f"No image of source '{name}' can be shown" in refused.text()
