"""What only a browser can show of the epochs: keys, play, and the mark in the light curve."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ServerProcess
from tests.browser.test_walk_archives import wait_until_filled
from tests.dashboards.epoch_samples import NAME, STAMPS, write_epochs

_MARK = "Bokeh.documents[0].get_model_by_name('epoch_mark')"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_epochs(tmp_path_factory.mktemp("epochs") / "archive")


def test_epochs_step_and_play_with_keys_and_mark_the_light_curve(
    page: Page, server: Callable[..., ServerProcess], folder: Path
) -> None:
    process = server(str(folder), module="tests.browser.archive_server")
    page.goto(f"{process.url}sources/{quote(NAME)}?strip_rate=10")
    wait_until_filled(page)
    current = page.locator(".es-tile.current .es-time")
    times = [stamp.replace("T", " ") for stamp in STAMPS]
    expect(current).to_have_text(times[-1])
    page.locator(".es-tile.current").focus()
    page.keyboard.press("Home")
    expect(current).to_have_text(times[0])
    page.keyboard.press("ArrowRight")
    expect(current).to_have_text(times[1])
    milliseconds = page.evaluate(f"Date.parse('{STAMPS[1]}Z')")
    page.wait_for_function(f"() => {_MARK}.visible && Math.abs({_MARK}.location - {milliseconds}) < 1000")
    expect(page).to_have_url(f"{process.url}sources/{quote(NAME)}?strip_rate=10&frame=14")
    key = page.get_by_role("list", name="Symbols and lines of the plot")
    expect(key).to_contain_text("epoch of the picture below")
    reds = "canvas.getContext('2d').getImageData(200, 200, 80, 80).data.filter((value, i) => i % 4 === 0)"
    assert page.locator(".es-screen").evaluate(f"canvas => Math.max(...{reds})") > 200
    page.keyboard.press("Space")
    expect(page.locator(".es-play")).to_have_text("■ Stop")
    expect(current).not_to_have_text(times[1])
    page.keyboard.press("Space")
    expect(page.locator(".es-play")).to_have_text("► Play")
    # only epochs with a picture are played
    assert current.inner_text() in {times[k] for k in (0, 1, 4, 5, 6, 7, 8, 9)}
