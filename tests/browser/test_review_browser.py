"""Candidates judged with the keyboard alone, in a real browser, while somebody else looks on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from data_access.demo import write_demo
from tests.browser.conftest import Complaints, ServerProcess

StartServer = Callable[..., ServerProcess]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("review_browser") / "archive", nights=1)


@pytest.fixture
def desk(
    page: Page, server: StartServer, demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ServerProcess:
    """Return a server without any mark, its review open at the first candidate."""
    monkeypatch.setenv("DSA110_DASHBOARD_DATA", str(tmp_path / "data"))
    running = server(str(demo), module="tests.browser.archive_server")
    page.goto(f"{running.url}review")
    expect(page.locator(".rv-place")).to_contain_text("1 of ")
    return running


def sign(page: Page) -> None:
    page.get_by_placeholder("your name").fill("Ada")
    page.keyboard.press("Enter")


def test_candidates_are_judged_by_keyboard_and_others_see_it(page: Page, desk: ServerProcess) -> None:
    url = page.url
    place, status = page.locator(".rv-place"), page.locator(".rv-status")
    expect(page.locator("figure.bl-picture img").first).to_be_visible()
    first = page.locator(".rv h1").inner_text()

    page.keyboard.press("1")
    expect(status).to_contain_text("Type your name first")
    page.keyboard.type("Ada")
    page.keyboard.press("Enter")
    page.keyboard.press("1")
    expect(status).to_contain_text(f"saved: real for {first}, by Ada")
    expect(page.get_by_role("button", name="1 real")).to_have_attribute("aria-pressed", "true")

    other = page.context.new_page()
    other.goto(url)
    expect(other.get_by_role("button", name="1 real")).to_have_attribute("aria-pressed", "true")

    page.bring_to_front()
    page.keyboard.press("j")
    expect(place).to_contain_text("2 of ")
    page.wait_for_url("**at=*")
    page.keyboard.press("c")
    page.keyboard.type("j is a letter here")
    page.keyboard.press("Enter")
    expect(status).to_contain_text("saved: comment")
    expect(other.locator(".rv-counts")).to_contain_text("2 of ")

    page.keyboard.press("3")
    expect(status).to_contain_text("saved: unsure")
    page.keyboard.press("u")
    expect(status).to_contain_text("taken back")
    expect(page.get_by_role("button", name="3 unsure")).to_have_attribute("aria-pressed", "false")

    page.keyboard.press("?")
    expect(page.locator("dialog#keys")).to_contain_text("next candidate")
    page.keyboard.press("Escape")
    page.reload()
    expect(place).to_contain_text("2 of ")
    expect(page.get_by_label("Comment", exact=True)).to_have_value("j is a letter here")
    page.keyboard.press("k")
    expect(page.locator(".rv h1")).to_have_text(first)
    page.keyboard.press("o")
    page.wait_for_url("**/sources/**")
    outside = page.get_by_role("link", name="simbad.cds.unistra.fr")
    expect(outside).to_have_attribute("rel", "noopener noreferrer")
    expect(outside).to_have_attribute("target", "_blank")
    other.close()


def test_what_is_typed_or_sent_while_the_server_is_away_is_not_lost(
    page: Page, desk: ServerProcess, complaints: Complaints
) -> None:
    complaints.allowed = True  # Chromium logs what it does not get from a server that is away
    status, comment = page.locator(".rv-status"), page.get_by_label("Comment", exact=True)
    first = page.locator(".rv h1").inner_text()
    sign(page)
    page.keyboard.press("c")
    page.keyboard.type("a long thought")
    desk.stop()
    page.wait_for_selector("html[data-stale]", timeout=20_000)
    page.keyboard.press("Enter")
    expect(status).to_contain_text("Not saved: there is no connection")
    page.keyboard.press("1")
    expect(status).to_contain_text("Not saved: there is no connection")

    desk.start()
    page.wait_for_selector("html:not([data-stale])", timeout=30_000)
    expect(status).to_contain_text("Your words were not saved", timeout=20_000)
    expect(comment).to_have_value("a long thought")
    page.keyboard.press("c")
    page.keyboard.press("Enter")
    expect(status).to_contain_text(f"saved: comment for {first}, by Ada")
    page.reload()
    expect(comment).to_have_value("a long thought")
    expect(status).to_have_text("")


def test_a_mark_without_an_answer_is_said_to_be_unsaved_on_the_page_that_comes_back(
    page: Page, desk: ServerProcess, complaints: Complaints
) -> None:
    complaints.allowed = True  # Chromium logs what it does not get from a server that is away
    first = page.locator(".rv h1").inner_text()
    sign(page)
    desk.freeze()
    page.keyboard.press("2")  # before the page notices
    expect(page.locator(".rv-status")).to_contain_text("saving")
    desk.kill()
    desk.start()
    expect(page.locator(".rv-status")).to_contain_text(
        f"When the connection was lost, artefact for {first} was not saved", timeout=30_000
    )
    expect(page.locator(".rv-counts")).to_contain_text("0 of ")
