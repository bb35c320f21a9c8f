"""Tonight: does the telescope observe, does the pipeline keep up, are the images good, is a person needed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import panel as pn

from dashboards.components.cells import Cell, State, cell
from dashboards.components.notice import Notice
from dashboards.components.record_table import RecordTable, Row, row
from dashboards.components.tiles import Tiles
from dashboards.pages.figure_updates import update_figures
from dashboards.pages.night_tiles import night_tiles
from dashboards.pages.wording import epoch_cell, image_noise_cell, noise_against_time, state_cell
from dashboards.plots import (
    Night,
    TimelineEvent,
    empty_figure,
    plot_noise_trend,
    plot_pointing,
    plot_timeline,
)
from dashboards.plots.trends import Lane
from dashboards.session import PageView, Session
from data_access.analysis.times import format_mjd_utc
from data_access.records import Alert, Image, MeasurementSet, Pointing
from data_access.repositories.run_rows import IMAGED_STAGES, run_id_of, state_of
from data_access.services.night import NightSummary

_RECENT = 10
_URGENT = 5
_NO_INDEX = "The index of observations cannot be read: this page does not know what happened tonight."
_NO_INDEX_REMEDY = (
    "The page Status (keys: g t) lists every database with its path and what is wrong with it; "
    "`python app.py check` says the same in a terminal."
)


class OverviewPage(PageView):
    """The last 24 hours on one screen."""

    large = False

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(session, **params)
        self.tiles = Tiles(large=self.large, min_width=340 if self.large else 190)
        self.window_notice = Notice(kind="stale")
        self.noise: Any = None
        self.timeline: Any = None
        self.pointing: Any = None
        self._night: Night | None = None
        self.images = RecordTable(caption="Newest images", columns=_IMAGE_COLUMNS)
        self.failures = RecordTable(caption="Failed runs", columns=_FAILURE_COLUMNS)
        self.alerts = RecordTable(caption="Alerts", columns=_ALERT_COLUMNS)

    @property
    def title(self) -> str:
        """Title of the document."""
        return "Tonight"

    def __panel__(self) -> Any:
        self.tiles_slot = self.new_slot("state of the pipeline", height=160)
        self.timeline_slot = self.new_slot("timeline", height=220)
        self.noise_slot = self.new_slot("noise", height=260)
        self.pointing_slot = self.new_slot("pointing", height=240)
        self.images_slot = self.new_slot("newest images", height=200)
        self.failures_slot = self.new_slot("failed runs", height=60)
        self.alerts_slot = self.new_slot("alerts", height=60)
        left = pn.Column(self.timeline_slot, self.noise_slot, self.pointing_slot, sizing_mode="stretch_width")
        right = pn.Column(
            self.images_slot, self.failures_slot, self.alerts_slot, sizing_mode="stretch_width", margin=(0, 0, 0, 16)
        )
        return pn.Column(
            self.window_notice,
            self.tiles_slot,
            pn.Row(left, right, sizing_mode="stretch_width"),
            sizing_mode="stretch_width",
        )

    async def load(self) -> None:
        """Read the last 24 hours and fill the slots one by one."""
        await self.fill(self.tiles_slot, self._read, self._show)
        await self.fill(self.pointing_slot, self.session.archive.operations.find_pointing, self._show_pointing)

    async def refresh(self) -> None:
        """Read again and patch."""
        await self.load()

    async def _read(self) -> NightSummary:
        return await self.session.archive.night.summary()

    def _show(self, night: NightSummary) -> Tiles:
        self.is_partial = night.is_waiting
        self._night = Night(night.window.start_mjd, night.window.end_mjd)
        self.tiles.tiles = night_tiles(night, time.time(), self.session.links)
        self._show_window(night)
        self._show_timeline(night)
        self._show_noise(night)
        self._show_tables(night)
        return self.tiles

    def _show_pointing(self, pointings: tuple[Pointing, ...]) -> Any:
        """Show the pointings of the window; when there are none, where the telescope was left before it."""
        newer = plot_pointing(pointings, theme=self.session.theme, night=self._night)
        self.pointing = _kept_or(newer, self.pointing)
        return self.pointing

    def _show_window(self, night: NightSummary) -> None:
        if night.observed.error:
            self.window_notice.param.update(kind="bad", text=_NO_INDEX, remedy=_NO_INDEX_REMEDY)
            return
        newest = night.newest_ms.value
        old = not night.window.is_current and newest is not None
        when = format_mjd_utc(newest.epoch.mjd) if newest is not None else ""
        self.window_notice.param.update(
            kind="stale",
            text=f"Nothing was observed for 24 hours. Shown is the day up to the newest observation, {when} UTC."
            if old
            else "",
            remedy="",
        )

    def _show_timeline(self, night: NightSummary) -> None:
        events, theme = _events(night), self.session.theme
        if night.observed.error:
            # Zeros in every lane would claim that nothing happened.
            if self.timeline is not None or self.timeline_slot.content is None:
                self.timeline = None
                self.timeline_slot.succeed(
                    empty_figure("not known: the index cannot be read", theme, title="Timeline")
                )
            return
        self.timeline = _kept_or(plot_timeline(events, theme=theme, night=self._night), self.timeline)
        self.timeline_slot.succeed(self.timeline)

    def _show_noise(self, night: NightSummary) -> None:
        if night.newest_images.error:
            self._show_unknown_noise()
            return
        data = noise_against_time(night.newest_images.value or ())
        self.noise = _kept_or(plot_noise_trend(*data, theme=self.session.theme, night=self._night), self.noise)
        self.noise_slot.succeed(self.noise)

    def _show_unknown_noise(self) -> None:
        if self.noise is not None or self.noise_slot.content is None:
            self.noise = None
            words = "not known: the images cannot be read"
            self.noise_slot.succeed(empty_figure(words, self.session.theme, title="Noise of images", height=260))

    def _show_tables(self, night: NightSummary) -> None:
        images = night.newest_images
        self.images.param.update(
            rows=[self._image_row(i) for i in (images.value or ())[:_RECENT]], empty=images.error or "No image yet."
        )
        failed = night.failed
        self.failures.param.update(
            rows=[self._failure_row(ms) for ms in failed[:_RECENT]],
            note=f"{len(failed) - _RECENT} more" if len(failed) > _RECENT else "",
            empty=night.observed.error or "No run failed.",
        )
        known = night.alert_sources.value or frozenset()
        self.alerts.param.update(
            rows=[self._alert_row(a, known) for a in _shown(night.alerts.value or ())],
            empty=night.alerts.error or "No alerts.",
            note=f"Not all: {unread}" if (unread := _unread_alerts(night)) else "",
        )
        self.images_slot.succeed(self.images)
        self.failures_slot.succeed(self.failures)
        self.alerts_slot.succeed(self.alerts)

    def _image_row(self, image: Image) -> Row:
        cells = [
            cell(image.name, mono=True, title=epoch_cell(image.epoch).get("title")),
            image_noise_cell(image),
            cell(None, unix=image.created_at),
        ]
        return row(image.id, cells, href=self.session.links.image(image.id))

    def _failure_row(self, ms: MeasurementSet) -> Row:
        run = run_id_of(ms.path)
        cells = [cell(run, mono=True), state_cell(ms.status), cell(ms.stage), epoch_cell(ms.epoch)]
        return row(ms.path, cells, href=self.session.links.job(run, ms=ms.path))

    def _alert_row(self, alert: Alert, known: frozenset[str]) -> Row:
        warns = (alert.severity or "").lower() == "warning"
        state: State = "bad" if alert.is_critical else ("warn" if warns else "info")
        cells = [
            cell(alert.severity or "alert", state=state),
            cell(alert.message or alert.name),
            _alert_state_cell(alert),
            cell(None, unix=alert.raised_at),
        ]
        href = self.session.links.source(alert.source_id) if alert.source_id in known and alert.source_id else None
        return row(f"{alert.name}-{alert.id}", cells, href=href)


def _alert_state_cell(alert: Alert) -> Cell:
    """Return whether an alert is over, and what became of its delivery where that failed."""
    failed = f"not delivered: {alert.delivery_error}" if alert.delivery_error else None
    if alert.can_be_resolved:
        return cell("open" if alert.is_open else "resolved", note=failed)
    return cell("not delivered", state="warn", note=alert.delivery_error) if failed else cell("sent")


def _kept_or(newer: Any, shown: Any) -> Any:
    """Return the figure on the screen with the newer numbers in it, or the newer one where that cannot be."""
    return shown if shown is not None and update_figures([shown], [newer]) else newer


def _unread_alerts(night: NightSummary) -> str:
    return night.open_alerts.value.trouble if night.open_alerts.value is not None else ""


def _shown(alerts: Sequence[Alert]) -> list[Alert]:
    """Return some of the alerts: open critical ones on top, the newest of the others below."""
    urgent = [alert for alert in alerts if alert.is_open and alert.is_critical][:_URGENT]
    return [*urgent, *(alert for alert in alerts if alert not in urgent)][:_RECENT]


def _events(night: NightSummary) -> list[TimelineEvent]:
    """Return what happened to every observation of the window."""
    return [
        TimelineEvent(
            lane=_lane(ms),
            start_mjd=ms.start_mjd if ms.start_mjd is not None else ms.epoch.mjd,
            end_mjd=ms.end_mjd,
            label=f"{ms.name}: {ms.stage or 'no stage'}, {ms.status or 'no status'}",
        )
        for ms in night.observed.value or ()
        if ms.epoch.mjd is not None
    ]


def _lane(ms: MeasurementSet) -> Lane:
    if state_of(ms.status, ms.stage, ms.path) == "failed":
        return "failed"
    if ms.stage in IMAGED_STAGES:
        return "imaged"
    return "converted" if ms.stage in ("converted", "calibrated") else "observed"


# Names carry the time of the observation: a column of its own would break them in two lines on a small screen.
_IMAGE_COLUMNS: list[Any] = [
    {"name": "image", "label": "Image"},
    {"name": "noise", "label": "Noise", "unit": "mJy/beam", "align": "right"},
    {"name": "age", "label": "Registered", "align": "right"},
]
_FAILURE_COLUMNS: list[Any] = [
    {"name": "run", "label": "Run"},
    {"name": "status", "label": "Status"},
    {"name": "stage", "label": "Stage"},
    {"name": "epoch", "label": "Observed", "unit": "UTC"},
]
_ALERT_COLUMNS: list[Any] = [
    {"name": "severity", "label": "Severity"},
    {"name": "message", "label": "Message"},
    {"name": "state", "label": "State"},
    {"name": "age", "label": "Raised", "align": "right"},
]
