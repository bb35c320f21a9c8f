"""Times are UTC, with the MJD beside them where a page is about one."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from dashboards.pages.wording import epoch_cell, full_epoch_cell, full_mjd_cell, full_moment_cell, mjd_cell
from data_access.analysis.times import unix_to_mjd
from data_access.archive import Archive
from data_access.records import Epoch
from tests.integration.page_opening import Known, open_known, open_view

IN_FULL = re.compile(r"^UTC · MJD\u00a0\d{5}\.\d{5}$")


def units_in(facts: list[dict[str, Any]]) -> dict[str, str]:
    """Return the units of labelled values, by label."""
    return {str(one["label"]): str(one["cell"].get("u", "")) for one in facts}


def test_a_time_has_its_mjd_beside_it() -> None:
    made = full_epoch_cell(Epoch(61100.17022, "image name"))
    assert (made["t"], made["u"]) == ("2026-03-01 04:05:07", "UTC · MJD\u00a061100.17022")
    assert full_mjd_cell(61100.0)["u"] == "UTC · MJD\u00a061100.00000"
    assert full_moment_cell(0.0)["t"] == "1970-01-01 00:00:00"
    assert full_moment_cell(0.0)["u"] == "UTC · MJD\u00a040587.00000"


def test_a_time_that_is_not_recorded_has_no_zone() -> None:
    assert "u" not in full_epoch_cell(Epoch(None, "unknown"))
    assert "u" not in full_mjd_cell(None)
    assert "u" not in full_moment_cell(None)


def test_an_observation_that_is_still_to_come_is_doubted() -> None:
    now = unix_to_mjd(time.time())
    for make in (mjd_cell, lambda mjd: epoch_cell(Epoch(mjd, "image name"))):
        assert "s" not in make(now)
        assert make(now + 1.0)["s"] == "warn"
        assert "still to come" in make(now + 1.0)["title"]
    assert "s" not in mjd_cell(now + 1.0, is_foreseen=True)


@pytest.mark.parametrize(
    ("route", "label"),
    [
        ("/images/{image_id}", "observed"),
        ("/sources/{source_id}", "last measured"),
        ("/jobs/{run_id}", "observed"),
        ("/ms/detail", "observed"),
    ],
)
async def test_the_heading_of_a_record_has_its_epoch_in_full(
    archive: Archive, known: Known, route: str, label: str
) -> None:
    view: Any = await open_known(archive, route, known)
    assert IN_FULL.match(units_in(view.heading.items)[label])


async def test_the_compared_images_have_their_epochs_in_full(archive: Archive, known: Known) -> None:
    view: Any = await open_view(archive, "/compare", {"images": known.image_id})
    (row,) = view.table_slot.content.rows
    assert IN_FULL.match(row["cells"][2]["u"])
