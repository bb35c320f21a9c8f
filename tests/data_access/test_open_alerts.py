"""Alerts that nobody has resolved: how many there are, and which of them must not be missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_access.archive import open_archive
from data_access.errors import TableMissing
from data_access.repositories.operations import SENT_COUNTS_S
from tests.data_access.database_samples import Make, make_database

SENT = (
    "CREATE TABLE alert_history (id INTEGER PRIMARY KEY, source_id TEXT, alert_type TEXT, severity TEXT, "
    "message TEXT, sent_at REAL)"
)
FIRED = (
    "CREATE TABLE alert_history (id INTEGER PRIMARY KEY, rule_name TEXT, severity TEXT, state TEXT, message TEXT, "
    "fired_at REAL, resolved_at REAL)"
)


def sent(n: int, *, severity: str = "info", at: float = 1000.0, text: str = "no") -> str:
    """Return SQL for so many alerts, one second apart."""
    return (
        f"WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {n}) "
        "INSERT INTO alert_history (source_id, alert_type, severity, message, sent_at) "
        f"SELECT '', 'system_error', '{severity}', '{text} ' || i, {at} + i FROM c"
    )


async def test_all_open_alerts_are_counted_and_an_old_critical_one_is_not_lost_among_them(make: Make) -> None:
    archive = await make(SENT, sent(1, severity="critical", at=1.0, text="disk full"), sent(120))
    counted = await archive.operations.count_open_alerts(now=1200.0)
    assert (str(counted.n), str(counted.n_critical), counted.newest_at) == ("121", "1", 1120.0)
    alerts = await archive.operations.find_alerts(now=1200.0)
    assert [alert.message for alert in alerts if alert.is_critical] == ["disk full 1"]
    assert [alert.raised_at for alert in alerts[:3]] == [1120.0, 1119.0, 1118.0]


async def test_more_open_alerts_than_are_counted_say_so_and_the_critical_ones_are_among_them(make: Make) -> None:
    archive = await make(SENT, sent(3, severity="Critical", at=1.0), sent(2500))
    counted = await archive.operations.count_open_alerts(now=5000.0)
    assert (str(counted.n), str(counted.n_critical)) == ("1,000+", "3")


@pytest.mark.parametrize(
    ("state", "resolved_at", "is_open"),
    [("firing", "NULL", True), ("resolved", "NULL", False), ("RESOLVED", "NULL", False), ("firing", "5", False)],
)
async def test_an_alert_is_resolved_by_its_state_as_well_as_by_a_time(
    make: Make, state: str, resolved_at: str, is_open: bool
) -> None:
    archive = await make(
        FIRED,
        f"INSERT INTO alert_history VALUES (1, 'storage_sync_low', 'critical', '{state}', 'x', 4.0, {resolved_at})",
    )
    (alert,) = await archive.operations.find_alerts()
    counted = await archive.operations.count_open_alerts()
    assert (alert.state, alert.is_open) == (state, is_open)
    assert (counted.n.value, counted.n_critical.value) == (int(is_open), int(is_open))


async def test_an_alert_whose_end_cannot_be_recorded_counts_as_open_for_a_day(make: Make) -> None:
    archive = await make(
        SENT, sent(2, severity="critical", at=1000.0), sent(3, at=1000.0 + SENT_COUNTS_S),
        "INSERT INTO alert_history (severity, message, sent_at) VALUES ('critical', 'no time', 'yesterday')",
    )  # fmt: skip
    now = 1002.5 + SENT_COUNTS_S
    counted = await archive.operations.count_open_alerts(now=now)
    assert (counted.n.value, counted.n_critical.value, counted.n_sent) == (3, 0, 3)
    alerts = await archive.operations.find_alerts(now=now)
    assert not any(alert.can_be_resolved for alert in alerts)
    assert [alert.is_open for alert in alerts] == [True, True, True, False, False, False]


async def test_an_alert_that_stands_in_two_databases_counts_once(tmp_path: Path) -> None:
    make_database(tmp_path / "products.sqlite3", SENT, sent(3))
    make_database(tmp_path / "alerts.sqlite3", SENT, sent(4))
    async with open_archive(tmp_path) as archive:
        counted = await archive.operations.count_open_alerts(now=2000.0)
    assert (counted.n.value, counted.n_sent) == (4, 4)


async def test_an_alert_has_the_state_and_end_of_the_database_that_records_them(tmp_path: Path) -> None:
    """The other one says only that it was sent, but knows the source and whether it reached anybody."""
    make_database(
        tmp_path / "products.sqlite3",
        SENT.replace("sent_at REAL", "sent_at REAL, success INTEGER, error_msg TEXT"),
        "INSERT INTO alert_history VALUES (1, 'J1', 'ese', 'critical', 'a', 1001.5, 0, 'channel_not_found'), "
        "(2, 'J2', 'ese', 'critical', 'b', 1002.5, 1, NULL), (3, 'J3', 'ese', 'critical', 'c', 1003.5, 0, NULL)",
    )
    make_database(
        tmp_path / "alerts.sqlite3",
        FIRED,
        "INSERT INTO alert_history VALUES (1, 'ese', 'critical', 'firing', 'a', 1001.5, NULL), "
        "(2, 'ese', 'critical', 'resolved', 'b', 1002.5, 1500.0)",
    )
    async with open_archive(tmp_path) as archive:
        counted = await archive.operations.count_open_alerts(now=2000.0)
        alerts = await archive.operations.find_alerts(now=2000.0)
    assert (counted.n.value, counted.n_critical.value, counted.n_sent) == (2, 2, 1)
    said = [(a.message, a.is_open, a.state, a.resolved_at, a.source_id, a.delivery_error) for a in alerts]
    assert said == [
        ("c", True, None, None, "J3", "no reason is recorded"),
        ("b", False, "resolved", 1500.0, "J2", None),
        ("a", True, "firing", None, "J1", "channel_not_found"),
    ]


async def test_alerts_that_are_over_elsewhere_take_no_place_of_those_that_are_open(tmp_path: Path) -> None:
    make_database(tmp_path / "products.sqlite3", SENT, sent(1, at=1.0, text="on"), sent(1500))
    make_database(
        tmp_path / "alerts.sqlite3",
        FIRED,
        "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1500) INSERT INTO alert_history "
        "SELECT i, 'system_error', 'info', 'resolved', 'no ' || i, 1000 + i, 5000 FROM c",
    )
    async with open_archive(tmp_path) as archive:
        counted = await archive.operations.count_open_alerts(now=5000.0)
    assert (str(counted.n), counted.n_sent) == ("1", 1)


async def test_without_a_table_of_alerts_nothing_is_counted(make: Make) -> None:
    archive = await make("CREATE TABLE images (id INTEGER)")
    with pytest.raises(TableMissing):
        await archive.operations.count_open_alerts()


async def test_active_candidates_are_counted_however_many_others_are_newer(make: Make) -> None:
    archive = await make(
        "CREATE TABLE ese_candidates (id INTEGER PRIMARY KEY, source_id TEXT, flagged_at REAL, status TEXT)",
        "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 402) INSERT INTO ese_candidates "
        "SELECT i, 'J' || i, i, CASE WHEN i > 152 THEN 'dismissed' ELSE 'active' END FROM c",
    )
    night = await archive.night.summary()
    assert night.active_candidates.value == await archive.sources.count_ese_candidates(status="active")
    assert str(night.active_candidates.value) == "152"
