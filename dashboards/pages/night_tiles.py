"""The state of the pipeline as tiles: shared by the overview and the wall screen."""

from __future__ import annotations

from typing import Any

from dashboards.components.cells import Cell, State, cell
from dashboards.components.tiles import tile
from dashboards.links import Links
from dashboards.pages.calibration_tiles import AGES_IN_WORDS, CLOCK_MARGIN_S, age_word
from dashboards.pages.wording import size_text
from data_access.analysis.times import age_words, format_utc, mjd_to_unix
from data_access.records import StorageLocation
from data_access.records.jobs import STUCK_S
from data_access.repositories.run_rows import IMAGED_STAGES
from data_access.services.night import NightSummary, Part

_HOUR = 3600.0
# Limits of the pipeline's own alert rules (29 Prometheus rules, of which most can never fire there).
OBSERVATION_LIMIT_S = 0.5 * _HOUR
IMAGE_LIMIT_S = 24 * _HOUR
CALIBRATION_LIMIT_S = 24 * _HOUR
QUEUE_LIMIT = 100
FAILURE_LIMIT = 0.10
DISK_LIMITS = (0.85, 0.95)


def night_tiles(night: NightSummary, now: float, links: Links) -> list[dict[str, Any]]:
    """Return the tiles for a summary; a part that could not be read says so instead of a number."""
    return [
        _observation(night, now, links),
        _image(night, now, links),
        _processed(night, links),
        _failures(night, links),
        _queue(night, links),
        _calibration(night, now, links),
        _alerts(night, links),
        _candidates(night, links),
        _storage(night, links),
    ]


def _clock(when: float, now: float, path: str) -> Cell:
    """Return the time of day, with the day in front of it when it is not within the last 20 hours."""
    text = format_utc(when, seconds=False)
    return cell(text[11:] if now - when < 20 * _HOUR else text[:10], unit="UTC", title=path)


def _unreadable(title: str, part: Part[Any], href: str) -> dict[str, Any]:
    state: State = "off" if part.absent else "bad"
    word = "not recorded here" if part.absent else "cannot be read"
    return tile(title, cell(None, title=part.error), state=state, word=word, note=part.error, href=href)


def _observation(night: NightSummary, now: float, links: Links) -> dict[str, Any]:
    if night.newest_ms.error:
        return _unreadable("Newest observation", night.newest_ms, links.status())
    ms = night.newest_ms.value
    when = mjd_to_unix(ms.epoch.mjd) if ms is not None and ms.epoch.mjd is not None else None
    if ms is None or when is None:
        return tile("Newest observation", cell(None), state="off", word="none yet")
    late = now - when > OBSERVATION_LIMIT_S
    return tile(
        "Newest observation",
        _clock(when, now, ms.path),
        state="warn" if late else "ok",
        word="late" if late else "current",
        unix=when,
        stale_after_s=OBSERVATION_LIMIT_S,
        note="a tile every 5 min; late after 30 min",
        href=links.ms_detail(ms.path),
    )


def _image(night: NightSummary, now: float, links: Links) -> dict[str, Any]:
    if night.newest_images.error:
        return _unreadable("Newest image", night.newest_images, links.status())
    images = [i for i in night.newest_images.value or () if i.created_at is not None]
    if not images:
        return tile("Newest image", cell(None), state="off", word="none yet", href=links.images())
    past = [image for image in images if (image.created_at or 0.0) <= now + CLOCK_MARGIN_S]
    newest = max(past or images, key=lambda image: image.created_at or 0.0)
    created = newest.created_at or 0.0
    if not past:
        return tile(
            "Newest image", _clock(created, now, newest.path), state="warn", word="age not known", unix=created,
            note="the time of its registration is to come", href=links.image(newest.id),
        )  # fmt: skip
    late = now - created > IMAGE_LIMIT_S
    return tile(
        "Newest image",
        _clock(created, now, newest.path),
        state="bad" if late else "ok",
        word="none for a day" if late else "current",
        unix=created,
        stale_after_s=IMAGE_LIMIT_S,
        note="alarm after 24 h without an image",
        href=links.image(newest.id),
    )


def _processed(night: NightSummary, links: Links) -> dict[str, Any]:
    if night.observed.error:
        return _unreadable("Observed in 24 h", night.observed, links.status())
    observed = night.observed.value or ()
    imaged = sum(ms.stage in IMAGED_STAGES for ms in observed)
    share = f"{imaged / len(observed):.0%} imaged" if observed else "nothing observed"
    return tile("Observed in 24 h", cell(len(observed), unit="tiles"), state="info", word=share, href=links.ms())


def _failures(night: NightSummary, links: Links) -> dict[str, Any]:
    if night.observed.error:
        return _unreadable("Failed in 24 h", night.observed, links.status())
    n, failed = len(night.observed.value or ()), len(night.failed)
    share = failed / n if n else 0.0
    state: State = "ok" if not failed else ("bad" if share > FAILURE_LIMIT else "warn")
    word = "none" if not failed else f"{share:.0%} of the tiles"
    return tile(
        "Failed in 24 h", cell(failed), state=state, word=word, note="alarm above 10 %",
        href=links.jobs(status="failed") if failed else links.jobs(),
    )  # fmt: skip


def _queue(night: NightSummary, links: Links) -> dict[str, Any]:
    href = links.jobs(view="queue")
    if night.queue.error:
        return _unreadable("Waiting", night.queue, href)
    states = night.queue.value.counts if night.queue.value is not None else {}
    if not states:
        return tile("Waiting", cell(0, unit="groups"), state="off", word="nothing in the queue", href=href)
    waiting = sum(states.get(word, 0) for word in ("collecting", "pending", "in_progress"))
    late, n_stuck = waiting > QUEUE_LIMIT, night.queue.value.n_stuck if night.queue.value is not None else 0
    parts = ", ".join(f"{n} {state.replace('_', ' ')}" for state, n in sorted(states.items()))
    newest = night.queue.value.n_newest if night.queue.value is not None else None
    parts += f" of the newest {newest:,}" if newest else ""
    word = f"{n_stuck:,} stuck" if n_stuck else ("backlog" if late else "normal")
    return tile(
        "Waiting", cell(waiting, unit="groups"), state="warn" if late or n_stuck else "ok", word=word,
        note=f"{parts}; backlog above {QUEUE_LIMIT}, stuck after {age_words(STUCK_S)} without progress", href=href,
    )  # fmt: skip


def _calibration(night: NightSummary, now: float, links: Links) -> dict[str, Any]:
    if night.newest_caltable.error:
        return _unreadable("Calibration", night.newest_caltable, links.calibration())
    table = night.newest_caltable.value
    if table is None:
        return tile("Calibration", cell(None), state="bad", word="no active table", href=links.calibration())
    if table.created_at is None:
        return tile(
            "Calibration", cell(None, title=table.path), state="warn", word="age not known",
            note="; ".join(table.problems), href=links.calibration_detail(table.path),
        )  # fmt: skip
    word, state = age_word(now - table.created_at)
    return tile(
        "Calibration", _clock(table.created_at, now, table.path), state=state, word=word, unix=table.created_at,
        stale_after_s=CALIBRATION_LIMIT_S, note=AGES_IN_WORDS, href=links.calibration_detail(table.path),
    )  # fmt: skip


def _alerts(night: NightSummary, links: Links) -> dict[str, Any]:
    alerts = night.open_alerts.value
    if alerts is None:
        return _unreadable("Open alerts", night.open_alerts, links.status())
    urgent, some = alerts.n_critical.value, alerts.n.value
    is_known, more = not alerts.trouble, "" if not alerts.trouble or "+" in str(alerts.n) else "+"
    state: State = "bad" if urgent else ("ok" if is_known and not some else "warn")
    word = f"{alerts.n_critical} critical" if urgent else ("to look at" if some else "none")
    notes = [f"{alerts.n_sent:,} sent in the last 24 h, their end is not recorded"] if alerts.n_sent else []
    notes += [] if is_known else ["not all databases with alerts can be read"]
    return tile(
        "Open alerts", cell(f"{alerts.n}{more}", title=alerts.trouble or None), state=state,
        word=word if is_known or some else "not known", unix=alerts.newest_at, note="; ".join(notes),
        href=links.status(),
    )  # fmt: skip


def _candidates(night: NightSummary, links: Links) -> dict[str, Any]:
    href, active = links.sources(ese="active"), night.active_candidates.value
    if active is None:
        return _unreadable("ESE candidates", night.active_candidates, href)
    some = active.value != 0
    return tile(
        "ESE candidates", cell(str(active), unit="active"), state="info" if some else "off",
        word="to review" if some else "none active", href=href,
    )  # fmt: skip


def _storage(night: NightSummary, links: Links) -> dict[str, Any]:
    if night.storage.error:
        return _unreadable("Disk", night.storage, links.status())
    known = [s for s in night.storage.value or () if s.total_bytes and s.free_bytes is not None]
    if not known:
        return tile("Disk", cell(None), state="off", word="no recorded folder is here", href=links.status())
    fullest = max(known, key=_used)
    used = _used(fullest)
    warn, critical = DISK_LIMITS
    state: State = "bad" if used > critical else ("warn" if used > warn else "ok")
    word = {"bad": "full", "warn": "filling up", "ok": "room"}[state]
    return tile(
        "Disk", _share_cell(used, fullest), state=state, word=word, note="warning at 85 %, critical at 95 %",
        href=links.status(),
    )  # fmt: skip


def _used(location: StorageLocation) -> float:
    return 1.0 - (location.free_bytes or 0) / (location.total_bytes or 1)


def _share_cell(used: float, location: StorageLocation) -> Cell:
    return cell(f"{used:.0%}", unit="used", title=f"{location.path}: {size_text(location.free_bytes)} free")
