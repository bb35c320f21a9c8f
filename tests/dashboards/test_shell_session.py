"""Pages without a browser: error boundary, late answers, URL state, links, live updates."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from urllib.parse import unquote

import pytest

from dashboards.boundary import Boundary, describe_failure
from dashboards.components import RecordTable
from dashboards.components.browser_state import BrowserState, write_query
from dashboards.links import Links, name_in_path
from dashboards.live import ChangeFeed, Live
from dashboards.routes import ROUTES
from dashboards.session import Session
from data_access.errors import TableMissing
from tests.dashboards.shell_samples import FakeArchive, ParamPage, SamplePage


def make_page(**query: str) -> SamplePage:
    page = SamplePage(Session(FakeArchive(), query=query))
    page.__panel__()
    return page


async def test_failed_slot_leaves_the_others_alive() -> None:
    page = make_page()
    await page.load()
    assert page.slots["broken part"].notice.text == "No database has J123456+420000"
    assert len(page.table.rows) == 12


async def test_slot_says_that_it_is_loading_before_it_is_filled() -> None:
    page = make_page()
    assert page.slots["table"].notice.text == "Loading table"


async def test_content_of_a_slot_survives_a_later_failure() -> None:
    page = make_page()
    await page.load()

    async def fail() -> str:
        raise TableMissing("gone")

    slot = page.slots["table"]
    await page.fill(slot, fail, page.show_table)
    assert slot.content is page.table
    assert slot.notice.visible


async def test_the_same_failure_is_told_once_in_full() -> None:
    page = make_page()

    async def fail() -> str:
        raise TableMissing("No database has the table 'images'")

    for name in ("table", "facts"):
        await page.fill(page.slots[name], fail)
        await page.fill(page.slots[name], fail)
    assert page.slots["table"].notice.text == "No database has the table 'images'"
    assert page.slots["table"].notice.remedy
    assert page.slots["facts"].notice.text == "Facts: not available, for the same reason."
    assert page.slots["facts"].failure.status == page.slots["table"].failure.status


async def test_the_first_place_on_the_page_tells_it_in_full_whichever_failed_first() -> None:
    page = make_page()

    async def fail() -> str:
        raise TableMissing("No database has the table 'images'")

    first, second = [page.slots[name] for name in page.slots if name in ("table", "facts")]
    await page.fill(second, fail)
    assert second.notice.remedy
    await page.fill(first, fail)
    assert first.notice.text == "No database has the table 'images'"
    assert first.notice.remedy
    assert second.notice.text.endswith("not available, for the same reason.")
    assert not second.notice.remedy


async def test_an_empty_table_leaves_no_hole_below_it() -> None:
    page = make_page()
    slot = page.new_slot("list", height=300)
    slot.succeed(RecordTable(rows=[], empty="nothing"))
    assert slot.__panel__().styles["min-height"] == "0px"


async def test_failure_card_goes_away_with_the_next_answer() -> None:
    page = make_page()
    slot = page.slots["broken part"]
    await page.load()
    await page.fill(slot, page.find, page.show_facts)
    assert not slot.notice.visible


async def test_unexpected_error_shows_an_id_and_no_detail(caplog: pytest.LogCaptureFixture) -> None:
    page = make_page()

    async def fail() -> str:
        raise ZeroDivisionError("secret detail")

    with caplog.at_level(logging.ERROR):
        await page.fill(page.slots["facts"], fail)
    notice = page.slots["facts"].notice
    assert "secret" not in notice.payload
    assert notice.small.removeprefix("error id ") in caplog.text


async def test_late_answer_is_dropped() -> None:
    page = make_page()
    first_may_go = asyncio.Event()
    shown: list[str] = []

    async def slow() -> str:
        await first_may_go.wait()
        return "old"

    async def quick() -> str:
        return "new"

    slot = page.slots["facts"]
    page.run(slow, shown.append, slot=slot)
    await asyncio.sleep(0)
    page.run(quick, shown.append, slot=slot)
    first_may_go.set()
    await page.settled()
    assert shown == ["new"]


async def test_late_error_is_dropped() -> None:
    page = make_page()
    first_may_go = asyncio.Event()

    async def slow() -> str:
        await first_may_go.wait()
        raise TableMissing("old error")

    slot = page.slots["facts"]
    page.run(slow, slot=slot)
    await asyncio.sleep(0)
    page.run(page.find, page.show_facts, slot=slot)
    first_may_go.set()
    await page.settled()
    assert slot.notice.text == ""


async def test_error_without_a_slot_is_shown_on_top_of_the_page() -> None:
    page = make_page()
    await page.run(page.find_broken)
    assert page.page_failure.notice.text.startswith("No database has")


async def test_closing_a_page_cancels_its_tasks() -> None:
    page = make_page()
    task = page.run(asyncio.Event().wait)
    await asyncio.sleep(0)
    page.session.close()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_boundary_lets_cancellation_through() -> None:
    with pytest.raises(asyncio.CancelledError), Boundary("x"):
        raise asyncio.CancelledError


def test_expected_error_keeps_its_status_and_has_no_id() -> None:
    failure = describe_failure(TableMissing("no such table"), "x")
    assert (failure.status, failure.message, failure.error_id) == (503, "no such table", "")


async def test_params_are_read_from_the_query() -> None:
    page = make_page(name_contains="J1", number="7", variable="1")
    BrowserState(page)
    assert (page.name_contains, page.number, page.variable) == ("J1", 7, True)


@pytest.mark.parametrize("bad", ["x", "-3", "1e99", "99999999", "", "NaN"])
async def test_meaningless_value_in_the_query_gives_the_default(bad: str) -> None:
    page = make_page(number=bad)
    BrowserState(page)
    assert page.number == 1


async def test_only_values_that_are_not_default_are_written_to_the_url() -> None:
    page = make_page()
    page.variable = True
    assert write_query(page, page.url_params) == "variable=1"


async def test_change_of_a_push_param_makes_a_history_entry() -> None:
    page = make_page()
    state = BrowserState(page)
    page.number = 2
    assert state.address == {"query": "number=2", "push": True}
    await page.settled()


async def test_change_of_another_param_replaces_the_entry() -> None:
    page = make_page()
    state = BrowserState(page)
    page.variable = True
    assert state.address == {"query": "variable=1", "push": False}
    await page.settled()


async def test_back_sets_the_params_without_writing_a_new_entry() -> None:
    page = make_page()
    state = BrowserState(page)
    page.number = 2
    state._handle_msg({"type": "pop", "query": ""})
    assert page.number == 1
    assert state.address == {"query": "", "push": False}
    await page.settled()


async def test_foreign_query_arguments_are_kept() -> None:
    page = make_page(path="/a/b c", theme="red")
    state = BrowserState(page)
    page.number = 3
    assert state.address["query"] == "path=%2Fa%2Fb+c&theme=red&number=3"
    await page.settled()


@pytest.mark.parametrize(
    ("path", "root"),
    [("/", "./"), ("/images", "./"), ("/images/7", "../"), ("/ms/detail", "../"), ("/a/b/c", "../../")],
)
def test_links_lead_to_the_root_from_every_depth(path: str, root: str) -> None:
    assert Links.seen_from(path).root == root


def test_link_escapes_the_id_as_one_segment() -> None:
    assert Links().source("J1+2/../x y?#%") == "./sources/J1%2B2%2F..%2Fx%20y%3F%23%25"


def test_link_to_a_dot_name_stays_in_its_folder() -> None:
    assert Links().job("..") == "./jobs/..~"
    assert Links().source(".") == "./sources/.~"


@pytest.mark.parametrize("name", [".", "..", ".~", "..~", "..~~", "...", "..~a", "~", "J1+2/../x y?#%", "%2e%2e"])
def test_every_name_comes_back_from_its_link(name: str) -> None:
    segment = Links().source(name).removeprefix("./sources/")
    assert "/" not in segment and unquote(segment) not in (".", "..")
    assert name_in_path(unquote(segment)) == name


def test_link_leaves_out_empty_query_values() -> None:
    assert Links("../").images(stage="", after=None, limit=5, pbcor=True) == "../images?limit=5&pbcor=1"


def test_path_of_a_measurement_set_travels_in_the_query() -> None:
    assert Links().ms_detail("/stage/a b.ms") == "./ms/detail?path=%2Fstage%2Fa+b.ms"


def test_routes_are_unique_and_have_distinct_keys() -> None:
    keys = [spec.key for spec in ROUTES if spec.key]
    assert len({spec.path for spec in ROUTES}) == len(ROUTES)
    assert len(set(keys)) == len(keys)


class Counter:
    """A refresh that waits to be let through."""

    def __init__(self) -> None:
        self.started = 0
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()

    async def __call__(self) -> None:
        self.started += 1
        self.begun.set()
        await self.gate.wait()


async def make_live(**options: Any) -> tuple[Live, Counter, ChangeFeed, FakeArchive]:
    archive = FakeArchive()
    feed = ChangeFeed(archive.changes)
    counter = Counter()
    live = Live(Session(archive), feed, counter, **options)
    live.start()
    live.loaded()
    await asyncio.sleep(0)
    return live, counter, feed, archive


async def test_change_refreshes_the_page() -> None:
    live, counter, _, archive = await make_live()
    archive.changes.publish("products")
    await asyncio.wait_for(counter.begun.wait(), 5)
    assert counter.started == 1
    live.close()


async def test_changes_during_a_refresh_are_answered_by_one_more() -> None:
    live, counter, _, _ = await make_live()
    counter.gate.set()
    for _ in range(5):
        live.notify(frozenset({"products"}))
    await asyncio.gather(*live._session.tasks)
    assert counter.started == 1
    counter.gate.clear()
    live.notify(frozenset())
    await asyncio.sleep(0)
    for _ in range(5):
        live.notify(frozenset())
    counter.gate.set()
    await asyncio.gather(*live._session.tasks)
    assert counter.started == 3
    live.close()


async def test_hidden_page_is_refreshed_when_it_is_seen_again() -> None:
    live, counter, _, _ = await make_live()
    live.set_visible(False)
    live.notify(frozenset())
    await asyncio.sleep(0)
    before = counter.started
    live.set_visible(True)
    await asyncio.wait_for(counter.begun.wait(), 5)
    assert (before, counter.started) == (0, 1)
    live.close()


async def test_change_in_a_foreign_database_is_ignored() -> None:
    live, counter, _, _ = await make_live(roles=frozenset({"products"}))
    live.notify(frozenset({"ingest"}))
    await asyncio.sleep(0)
    assert counter.started == 0
    live.close()


async def test_change_while_loading_is_read_afterwards() -> None:
    archive = FakeArchive()
    counter = Counter()
    live = Live(Session(archive), ChangeFeed(archive.changes), counter)
    live.start()
    live.notify(frozenset())
    await asyncio.sleep(0)
    before = counter.started
    live.loaded()
    await asyncio.wait_for(counter.begun.wait(), 5)
    assert (before, counter.started) == (0, 1)
    live.close()


async def test_last_page_ends_the_subscription() -> None:
    live, _, feed, archive = await make_live()
    assert len(archive.changes.subscribers) == 1
    live.close()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (len(feed), len(archive.changes.subscribers)) == (0, 0)


async def test_failed_refresh_does_not_end_the_updates() -> None:
    archive = FakeArchive()
    calls: list[int] = []

    async def refresh() -> None:
        calls.append(1)
        raise TableMissing("no")

    live = Live(Session(archive), ChangeFeed(archive.changes), refresh)
    live.start()
    live.loaded()
    for _ in range(2):
        live.notify(frozenset())
        await asyncio.gather(*live._session.tasks)
    assert len(calls) == 2
    live.close()


async def test_prepared_answer_reaches_the_page() -> None:
    prepared = await ParamPage.prepare(FakeArchive(), {"record": "7"}, {})
    page = ParamPage(Session(FakeArchive(), prepared=prepared))
    assert page.title == "7 "
