"""Whether there is a calibration now: age of the newest table, the set that applies, the transits around now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dashboards.components.cells import Cell, State, cell
from dashboards.components.record_table import Column, Row, row
from dashboards.components.tiles import tile
from dashboards.links import Links
from dashboards.pages.wording import mjd_cell
from data_access.analysis.times import format_utc, mjd_to_unix, unix_to_mjd
from data_access.records import CalibratorTransit, Caltable, CaltableSet

_HOUR_S = 3600.0
_DAYS_WITHOUT_YEAR_S = 7 * 24 * _HOUR_S
# The pipeline's own words for the age of a calibration (its health check of December 2025).
AGES: tuple[tuple[float, str, State], ...] = (
    (6 * _HOUR_S, "fresh", "ok"),
    (12 * _HOUR_S, "aging", "warn"),
    (24 * _HOUR_S, "stale", "stale"),
)
AGES_IN_WORDS = "fresh ≤ 6 h, aging ≤ 12 h, stale ≤ 24 h"
SIDEREAL_DAY = 0.99726957

TRANSIT_COLUMNS: tuple[Column, ...] = (
    {"name": "calibrator", "label": "Calibrator"},
    {"name": "transit", "label": "Transit", "unit": "UTC"},
    {"name": "data", "label": "Data"},
    {"name": "delta", "label": "Nearest data after transit", "unit": "min", "align": "right",
     "title": "Time from the transit to the middle of the observation; negative: before it"},
    {"name": "pb", "label": "Primary beam", "align": "right", "title": "Response at the calibrator, 0 to 1"},
    {"name": "dec", "label": "Declination fits"},
    {"name": "when", "label": "Age", "align": "right"},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CalibrationNow:
    """What holds at one moment (`now`, unix seconds UTC); `transits` is None when they could not be read."""

    now: float
    newest: Caltable | None
    applied: CaltableSet
    transits: tuple[CalibratorTransit, ...] | None


CLOCK_MARGIN_S = 3600.0
"""Clocks that differ by less are taken as they are; a time that lies further ahead is wrong."""


def age_word(age_s: float) -> tuple[str, State]:
    """Return the pipeline's word for the age of a calibration, and its state; a time to come says nothing of it."""
    if age_s < -CLOCK_MARGIN_S:
        return "age not known", "warn"
    return next(((word, state) for limit, word, state in AGES if age_s <= limit), ("critical", "bad"))


def calibration_tiles(state: CalibrationNow, links: Links) -> list[dict[str, Any]]:
    """Return the tiles: newest active table, the set that applies now, the transits before and after now."""
    if state.transits is None:
        unread = tile("Transits", cell(None), state="bad", word="cannot be read", note="why is said below the list")
        return [_newest(state, links), _applied(state, links), unread]
    now_mjd = unix_to_mjd(state.now)
    known = [t for t in state.transits if t.transit_mjd is not None]
    past = [t for t in known if (t.transit_mjd or 0.0) <= now_mjd]
    coming = [t for t in known if (t.transit_mjd or 0.0) > now_mjd]
    return [
        _newest(state, links),
        _applied(state, links),
        _transit("Last transit", past[-1] if past else None),
        _transit("Next transit", coming[0]) if coming else _expected(past, now_mjd),
    ]


def _newest(state: CalibrationNow, links: Links) -> dict[str, Any]:
    table = state.newest
    if table is None:
        return tile("Newest active table", cell("none"), state="bad", word="no active table")
    if table.created_at is None:
        value = cell(table.name, mono=True)
        return tile("Newest active table", value, state="warn", word="its age is not recorded")
    word, look = age_word(state.now - table.created_at)
    return tile(
        "Newest active table",
        cell(_moment(table.created_at, state.now), unit="UTC", title=table.path),
        state=look,
        word=word,
        unix=table.created_at,
        stale_after_s=AGES[1][0],
        note=AGES_IN_WORDS,
        href=links.calibration_detail(table.path),
    )


def _moment(when: float, now: float) -> str:
    """Return day and time, with the year when it is not within the last days."""
    text = format_utc(when, seconds=False)
    return text[5:] if abs(now - when) < _DAYS_WITHOUT_YEAR_S else text


def _applied(state: CalibrationNow, links: Links) -> dict[str, Any]:
    applied = state.applied
    if not applied.tables:
        why = "no active table is valid now"
        return tile("Applies now", cell("none"), state="bad", word="no valid set", note=why)
    n = len(applied.tables)
    types = ", ".join(t.table_type or "?" for t in applied.tables)
    made = max((t.created_at for t in applied.tables if t.created_at is not None), default=None)
    # An end that was never written keeps a set valid for ever: it applies, but nobody should rely on it.
    old = made is None or state.now - made > AGES[-1][0]
    return tile(
        "Applies now",
        cell(n, unit="table" if n == 1 else "tables"),
        state="warn" if old else "ok",
        word=f"{types}: older than 24 h" if old else types,
        unix=made,
        note=f"set {applied.set_name}" if applied.set_name else "tables without a set name",
        href=links.calibration(text=applied.set_name or "", status="active"),
    )


def _transit(title: str, transit: CalibratorTransit | None) -> dict[str, Any]:
    if transit is None or transit.transit_mjd is None:
        return tile(title, cell("none"), state="off", word="none recorded", note="within 24 h")
    word, state = data_word(transit, is_past=title.startswith("Last"))
    unix = mjd_to_unix(transit.transit_mjd)
    return tile(title, cell(transit.calibrator_name or "unnamed"), state=state, word=word, unix=unix)


def _expected(past: Sequence[CalibratorTransit], now_mjd: float) -> dict[str, Any]:
    """Return the tile of a transit that nobody recorded yet: a sidereal day after the one before."""
    next_mjd = [(t.transit_mjd + SIDEREAL_DAY, t) for t in past if t.transit_mjd is not None]
    coming = [(mjd, t) for mjd, t in next_mjd if mjd > now_mjd]
    if not coming:
        return _transit("Next transit", None)
    mjd, transit = min(coming, key=lambda pair: pair[0])
    name = cell(transit.calibrator_name or "unnamed")
    note = "a sidereal day after the last"
    return tile("Next transit", name, state="info", word="expected", unix=mjd_to_unix(mjd), note=note)


def data_word(transit: CalibratorTransit, *, is_past: bool) -> tuple[str, State]:
    """Return whether there are data of a transit, and the state of that."""
    if transit.has_data:
        return "has data", "ok"
    if not is_past:
        return "to come", "info"
    return ("no data", "warn") if transit.has_data is False else ("not recorded", "off")


def transit_rows(transits: Sequence[CalibratorTransit], now_mjd: float, links: Links) -> list[Row]:
    """Return one row per transit, the next ones first."""
    ordered = sorted(transits, key=lambda t: -(t.transit_mjd or 0.0))
    return [row(f"{t.calibrator_name}@{t.transit_mjd}", _transit_cells(t, now_mjd, links)) for t in ordered]


def _transit_cells(transit: CalibratorTransit, now_mjd: float, links: Links) -> list[Cell]:
    mjd = transit.transit_mjd
    word, state = data_word(transit, is_past=mjd is not None and mjd <= now_mjd)
    group_href = links.ms(text=transit.group_id) if transit.group_id else None
    return [
        cell(transit.calibrator_name or None),
        mjd_cell(mjd, is_foreseen=True),
        cell(word, state=state, href=group_href, title=transit.group_id),
        cell(transit.delta_minutes, digits=1),
        cell(transit.pb_response, digits=2),
        cell(transit.dec_match),
        cell(None, unix=None if mjd is None else mjd_to_unix(mjd)),
    ]
