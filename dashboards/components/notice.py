"""Banners and error cards: plain text with a glyph and a word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import param

from dashboards.boundary import Failure, describe_failure
from dashboards.components.base import Component, component_source

KINDS = ("info", "ok", "warn", "bad", "stale", "truncated", "loading")


class Notice(Component):
    """A banner; invisible while it has no text."""

    kind: Any = param.Selector(default="info", objects=list(KINDS), doc="what it means")
    text = param.String(default="", doc="what happened, plain text")
    remedy = param.String(default="", doc="what the reader can do, plain text")
    small = param.String(default="", doc="further detail (an error id), plain text")
    height_px = param.Integer(
        default=0, bounds=(0, None), doc="least height, pixels (for a place that will be filled)"
    )

    _sent: ClassVar[tuple[str, ...]] = ("kind", "text", "remedy", "small", "height_px")
    _rename: ClassVar[Mapping[str, str | None]] = dict.fromkeys(_sent)
    _esm = component_source("notice")

    def _pack(self, *events: Any) -> None:
        super()._pack(*events)
        self.visible = bool(self.text)

    def say(self, other: Notice) -> None:
        """Say what another notice says."""
        self.param.update(**{name: getattr(other, name) for name in self._sent})


def failure_card(failure: Failure) -> Notice:
    """Return the card for a failure that was described already."""
    kind = "warn" if failure.status in (400, 404, 422) else "bad"
    small = f"error id {failure.error_id}" if failure.error_id else ""
    return Notice(kind=kind, text=failure.message, remedy=failure.remedy, small=small)


def error_card(err: BaseException, where: str = "page") -> Notice:
    """Return the card for an exception; the traceback of an unexpected one goes to the log."""
    return failure_card(describe_failure(err, where))
