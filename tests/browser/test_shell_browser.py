"""The shell and every component in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Complaints, ServerProcess

StartServer = Callable[..., ServerProcess]


def open_sample(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.get_by_text("No database has")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(12)


def test_page_fills_without_errors_or_foreign_requests(page: Page, sample: str) -> None:
    open_sample(page, sample)
    expect(page.locator("canvas").first).to_be_visible()
    expect(page.get_by_text("WARNING J123456")).to_be_attached()
    expect(page).to_have_title("Sample · DSA-110")


def test_page_works_below_a_prefix(page: Page, server: StartServer) -> None:
    made = server("/dash")
    open_sample(page, f"{made.url}sample")
    page.keyboard.press("g")
    page.keyboard.press("o")
    page.wait_for_url("**/dash/")
    expect(page.locator("tbody tr")).to_have_count(12)


def test_hostile_text_is_shown_as_text_everywhere(page: Page, server: StartServer) -> None:
    open_sample(page, server("--hostile").url)
    page.get_by_label("Filter lines").fill("onerror")
    for part in (".rt", ".d-facts", ".d-tiles", ".d-notice", ".lv"):
        expect(page.locator(f"{part}:visible").filter(has_text="<img src=x").first).to_be_visible()
    assert page.locator("img[src=x]").count() == 0
    assert "owned" not in page.title()


def test_theme_switch_changes_page_and_plots_and_is_kept(page: Page, sample: str) -> None:
    open_sample(page, f"{sample}?number=3")
    with page.expect_navigation():
        page.locator("#theme").select_option("red")
    expect(page.get_by_text("No database has")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(0, 0, 0)"
    assert page.evaluate("Bokeh.documents[0].get_model_by_name('sample_plot').background_fill_color") == "#080000"
    assert "number=3" in page.url
    expect(page.locator("tbody tr").first).to_contain_text("24")


def test_back_and_forward_restore_the_params(page: Page, sample: str) -> None:
    open_sample(page, sample)
    page.get_by_role("button", name="Next", exact=True).click()
    expect(page.locator("tbody tr").first).to_have_attribute("data-key", "12")
    page.get_by_role("button", name="Next", exact=True).click()
    expect(page.locator("tbody tr").first).to_have_attribute("data-key", "24")
    assert page.url.endswith("?number=3")
    page.go_back()
    expect(page.locator("tbody tr").first).to_have_attribute("data-key", "12")
    page.go_back()
    expect(page.locator("tbody tr").first).to_have_attribute("data-key", "0")
    assert "number" not in page.url
    page.go_forward()
    expect(page.locator("tbody tr").first).to_have_attribute("data-key", "12")


def test_filter_replaces_the_url_and_reload_keeps_it(page: Page, sample: str) -> None:
    open_sample(page, sample)
    entries = page.evaluate("history.length")
    page.keyboard.press("/")
    page.keyboard.type("J99")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr").first).to_contain_text("J123456+420000 J99")
    page.wait_for_url("**/?name_contains=J99")
    assert page.evaluate("history.length") == entries
    page.reload()
    expect(page.get_by_label("Name contains")).to_have_value("J99")
    expect(page.locator("tbody tr").first).to_contain_text("J99")


def test_invalid_filter_gets_a_message_beside_its_field(page: Page, sample: str) -> None:
    open_sample(page, sample)
    field = page.get_by_label("Peak at least")
    field.fill("abc")
    field.press("Enter")
    expect(page.get_by_text("'abc' is not a number")).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("'abc' is not a number")).not_to_be_visible()


def test_table_is_used_with_the_keyboard_alone(page: Page, sample: str) -> None:
    open_sample(page, sample)
    page.locator("tbody tr").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("tbody tr:focus")).to_have_attribute("data-key", "2")
    page.keyboard.press("Enter")
    page.wait_for_url("**/sample/2")
    expect(page.get_by_text("record 2")).to_be_visible()


def test_the_tab_key_leaves_a_table_after_one_of_its_rows(page: Page, sample: str) -> None:
    open_sample(page, sample)
    page.locator("tbody tr").nth(1).focus()
    page.keyboard.press("Tab")
    expect(page.locator("tbody tr").nth(1).get_by_role("link").first).to_be_focused()
    for _ in range(3):
        page.keyboard.press("Tab")
        if page.locator("tbody :focus").count() == 0:
            break
    expect(page.get_by_role("button", name="Next", exact=True)).to_be_focused()


def test_header_sorts_and_says_so(page: Page, sample: str) -> None:
    open_sample(page, sample)
    header = page.get_by_role("columnheader", name="Source")
    expect(header).to_have_attribute("aria-sort", "none")
    header.get_by_role("button").press("Enter")
    expect(header).to_have_attribute("aria-sort", "descending")
    expect(header.get_by_role("button")).to_be_focused()
    header.get_by_role("button").press("Enter")
    expect(header).to_have_attribute("aria-sort", "ascending")


def test_row_opens_by_click_and_its_link_is_a_real_one(page: Page, sample: str) -> None:
    open_sample(page, sample)
    expect(page.locator("tbody th a").first).to_have_attribute("href", "sample/0")
    page.locator("tbody tr").nth(4).locator("td").last.click()
    page.wait_for_url("**/sample/4")


def test_refresh_keeps_the_focus_and_redraws_only_what_changed(page: Page, sample: str) -> None:
    open_sample(page, sample)
    page.locator("tbody tr").nth(5).focus()
    page.locator("tbody tr").nth(5).evaluate("row => { row.mark = 'same' }")
    page.get_by_label("variable only").evaluate("box => box.click()")
    page.wait_for_url("**/?variable=1")
    expect(page.locator("tbody tr:focus")).to_have_attribute("data-key", "5")
    assert page.locator("tbody tr").nth(5).evaluate("row => row.mark") == "same"


def test_help_lists_the_keys_and_they_work(page: Page, sample: str) -> None:
    open_sample(page, sample)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).not_to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/sample")


def test_skip_link_is_the_first_stop(page: Page, sample: str) -> None:
    open_sample(page, sample)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()


def test_sidereal_time_agrees_with_astropy(page: Page, sample: str) -> None:
    from astropy.time import Time

    page.goto(sample)
    page.wait_for_function("window.dsa110")
    shown = page.evaluate("dsa110.lst_hours(1769378400)")
    expected = Time(1769378400, format="unix", scale="utc").sidereal_time("mean", longitude=-118.2817).hour
    assert shown == pytest.approx(expected, abs=1 / 3600)


def test_log_view_jumps_filters_and_pauses(page: Page, sample: str) -> None:
    open_sample(page, sample)
    lines = page.locator(".lv-lines")
    page.get_by_role("button", name="Previous error").click()
    expect(page.locator(".lv-line.here")).to_contain_text("ERROR line 393")
    page.get_by_role("button", name="Previous error").click()
    expect(page.locator(".lv-line.here")).to_contain_text("ERROR line 296")
    expect(page.get_by_label("follow")).not_to_be_checked()
    page.get_by_label("Filter lines").fill("line 5")
    expect(page.locator(".lv-count")).to_contain_text("11 lines, of 402")
    assert lines.locator(".lv-line").count() <= 60


def test_log_view_says_what_was_skipped(page: Page, sample: str) -> None:
    open_sample(page, sample)
    page.get_by_label("Filter lines").fill("skipped")
    expect(page.locator(".lv-line")).to_have_count(1)
    expect(page.locator(".lv-line")).to_contain_text("12,034 lines skipped")


def test_a_log_filter_without_a_match_says_so_as_text(page: Page, sample: str) -> None:
    open_sample(page, sample)
    wanted = "<b>no such line</b>"
    page.get_by_label("Filter lines").fill(wanted)
    expect(page.get_by_text(f"No line contains '{wanted}'")).to_be_visible()
    page.get_by_label("Filter lines").fill("line 5")
    expect(page.get_by_text("No line contains")).not_to_be_visible()


def test_old_tile_turns_stale_by_the_browsers_own_clock(page: Page, sample: str) -> None:
    open_sample(page, sample)
    tile = page.locator(".d-tile", has_text="Pointing")
    expect(tile).to_contain_text("STALE")


def test_dead_server_is_announced_and_the_page_heals_itself(
    page: Page, server: StartServer, complaints: Complaints
) -> None:
    complaints.allowed = True
    made = server()
    open_sample(page, f"{made.url}?number=4")
    boot = page.evaluate("document.documentElement.dataset.boot")
    made.kill()
    expect(page.get_by_text(re.compile("Connection lost .* the numbers below are old"))).to_be_visible()
    assert page.evaluate("document.documentElement.hasAttribute('data-stale')")
    made.start()
    page.wait_for_function(f"document.documentElement.dataset.boot !== '{boot}'")
    expect(page.locator("tbody tr").first).to_have_attribute("data-key", "36")
    expect(page.locator("#connection")).not_to_be_visible()


def test_a_page_that_waits_for_its_reload_does_not_ask_for_another(
    page: Page, server: StartServer, complaints: Complaints
) -> None:
    complaints.allowed = True
    made = server()
    open_sample(page, made.url)
    asked: list[Route] = []
    made.kill()
    expect(page.get_by_text(re.compile("Connection lost"))).to_be_visible()
    page.route(made.url, lambda route: asked.append(route))
    made.start()
    page.wait_for_timeout(8000)
    assert len(asked) == 1
    asked[0].continue_()
    expect(page.locator("#connection")).not_to_be_visible()
    expect(page.locator("tbody tr").first).to_be_visible()
    assert len(asked) == 1


def test_hanging_server_is_announced_and_recovers_without_a_reload(
    page: Page, server: StartServer, complaints: Complaints
) -> None:
    complaints.allowed = True
    made = server()
    open_sample(page, made.url)
    page.evaluate("window.mark = 'same'")
    made.freeze()
    expect(page.get_by_text(re.compile("Connection lost"))).to_be_visible()
    made.thaw()
    expect(page.locator("#connection")).not_to_be_visible()
    assert page.evaluate("window.mark") == "same"


def test_error_page_looks_like_the_others(page: Page, sample: str, complaints: Complaints) -> None:
    complaints.allowed = True
    page.goto(f"{sample}gone/x")
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    expect(page.get_by_role("navigation")).to_be_visible()
    assert all("404" in found for found in complaints.found)


def test_server_stops_cleanly_when_asked(page: Page, server: StartServer, complaints: Complaints) -> None:
    complaints.allowed = True
    made = server()
    open_sample(page, made.url)
    assert made.stop() == 0
    assert [line for line in made.errors if "Traceback" in line] == []
