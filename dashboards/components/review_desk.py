"""Where candidates are judged by keyboard, and pictures that blink."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import param

from dashboards.components.base import Component, component_source

_LONGEST = 4000


class ReviewDesk(Component):
    """Name and reasons of a candidate, verdict keys, comment, and whether the last mark is saved.

    Parameters
    ----------
    on_step : callable, optional
        Called with 1 or -1.
    on_mark : callable, optional
        Called with the kind of message (``"mark"``, ``"comment"``, ``"undo"``) and its values: ``key`` and ``seen``
        of the candidate that the browser showed, ``who``, and ``verdict`` or ``comment`` and ``tag_words``.
    """

    key = param.String(default="", doc="which candidate is shown; empty for none")
    revision = param.Integer(default=0, doc="revision of its mark")
    title = param.String(default="", doc="its name")
    href = param.String(default="", doc="its page")
    place = param.String(default="", doc="which of how many, in words")
    reasons = param.List(default=[], item_type=dict, doc="why it is a candidate, as cells")
    verdicts = param.List(default=[], item_type=str, doc="what may be said, in the order of the keys 1, 2, ...")
    verdict = param.String(default="", doc="what is said now")
    comment = param.String(default="", doc="comment that holds now")
    tag_words = param.String(default="", doc="tags that hold now, by blanks")
    status = param.Dict(default={"text": "", "kind": ""}, doc="whether the last mark is saved")
    serial = param.Integer(default=0, doc="counts the answers, so that the same words are said again")
    counts = param.String(default="", doc="progress in words")
    has_previous = param.Boolean(default=False, doc="whether there is a candidate before")
    has_next = param.Boolean(default=False, doc="whether there is a candidate after")
    fixed_name = param.String(default="", doc="name that a trusted proxy has given; empty: people type it")

    _sent: ClassVar[tuple[str, ...]] = (
        "key", "revision", "title", "href", "place", "reasons", "verdicts", "verdict", "comment", "tag_words",
        "status", "serial", "counts", "has_previous", "has_next", "fixed_name",
    )  # fmt: skip
    _rename: ClassVar[Mapping[str, str | None]] = dict.fromkeys(_sent)
    _esm = component_source("review_desk")

    def __init__(
        self,
        *,
        on_step: Callable[[int], object] | None = None,
        on_mark: Callable[[str, dict[str, Any]], object] | None = None,
        **params: Any,
    ) -> None:
        super().__init__(**params)
        self._on_step = on_step
        self._on_mark = on_mark

    def say(self, text: str, kind: str = "") -> None:
        """Show words in the line of the state; `kind` is a state of a cell, or ``"loading"``."""
        self.param.update(status={"text": text, "kind": kind}, serial=self.serial + 1)

    def _handle_msg(self, data: Any) -> None:
        kind = data.get("type") if isinstance(data, dict) else None
        if kind == "step" and self._on_step is not None and data.get("by") in (1, -1):
            self._on_step(data["by"])
        elif kind in ("mark", "comment", "undo") and self._on_mark is not None:
            words = {n: str(data.get(n) or "")[:_LONGEST] for n in ("key", "who", "verdict", "comment", "tag_words")}
            seen = data.get("seen")
            self._on_mark(kind, {**words, "seen": seen if isinstance(seen, int) else -1})


class EpochPictures(Component):
    """Pictures side by side; with the key b one after the other in the same frame."""

    pictures = param.List(default=[], item_type=dict, doc="title, note, src and href of each")
    words = param.String(default="", doc="what they have in common")
    next = param.List(default=[], item_type=str, doc="addresses of pictures that will be wanted")

    _sent: ClassVar[tuple[str, ...]] = ("pictures", "words", "next")
    _rename: ClassVar[Mapping[str, str | None]] = dict.fromkeys(_sent)
    _esm = component_source("picture_blink")
