"""No column of a list is hidden behind the edge of its frame on the smallest screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from dashboards.routes import ROUTES
from tests.browser.conftest import ServerProcess
from tests.browser.test_reading import JOB_VIEWS
from tests.browser.test_walk_archives import wait_until_filled

LISTS = [*(spec.path.lstrip("/") for spec in ROUTES if spec.in_nav), *JOB_VIEWS]
# Every table as its name, its width, and the width that its frame has for it.
WIDTHS = """() => {
    const roots = [document], found = [];
    for (const root of roots) {
        for (const node of root.querySelectorAll('*')) if (node.shadowRoot) roots.push(node.shadowRoot);
        for (const table of root.querySelectorAll('table'))
            found.push([table.caption?.textContent ?? '', table.offsetWidth, table.parentElement.clientWidth]);
    }
    return found;
}"""


@pytest.mark.parametrize("archive", ["demo", "real_archive_split"])
def test_no_table_is_wider_than_its_frame(
    page: Page, server: Callable[..., ServerProcess], archive: str, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(archive)
    root = server(str(folder), module="tests.browser.archive_server").url
    n_seen, too_wide = 0, {}
    for path in LISTS:
        page.goto(root + path)
        wait_until_filled(page)
        page.wait_for_function("Bokeh.documents[0].is_idle")
        if path == "sources":
            expect(page.locator("svg.curve").first).to_be_attached()
        tables = page.evaluate(WIDTHS)
        n_seen += len(tables)
        if found := [table for table in tables if table[1] > table[2]]:
            too_wide[path] = found
    assert n_seen > 10
    assert too_wide == {}
