"""The invisible part of every page: its params in the URL, Back and Forward, and whether anybody looks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

import param

from dashboards.components.base import Component, component_source

_TRUTH: Mapping[str, bool] = {
    **dict.fromkeys(("1", "true", "yes", "on"), True), **dict.fromkeys(("0", "false", "no", "off"), False)
}  # fmt: skip
_MEANINGLESS = (TypeError, ValueError, OverflowError, KeyError)
_LARGEST_WHOLE = 2**53  # beyond, the browser cannot count either
_LONGEST_TOLD = 40


def write_query(obj: param.Parameterized, names: Sequence[str]) -> str:
    """Return the params that are not at their default as a query string without the question mark."""
    changed = {n: _to_text(getattr(obj, n)) for n in names if getattr(obj, n) != obj.param[n].default}
    return urlencode(changed)


def query_values(view: type[param.Parameterized], names: Sequence[str], query: Mapping[str, str]) -> dict[str, Any]:
    """Return a value for every one of `names`: from the query where it means something, else the default."""
    return {n: _from_text(view.param[n], query[n]) if n in query else view.param[n].default for n in names}


def read_query(obj: param.Parameterized, names: Sequence[str], query: Mapping[str, str]) -> None:
    """Set the params from a query; absent or meaningless values give the default.

    All are set in one update, so that a page reacts once.
    """
    wanted = query_values(type(obj), names, query)
    changed = {n: v for n, v in wanted.items() if v != getattr(obj, n)}
    if changed:
        obj.param.update(**changed)


TextParams = Mapping[str, tuple[Callable[[str], bool], str]]


def refused_values(
    view: type[param.Parameterized], names: Sequence[str], texts: TextParams, query: Mapping[str, str]
) -> list[str]:
    """Return in words which values of a query mean nothing; an empty one says nothing.

    Parameters
    ----------
    texts : mapping of name to (function, words)
        Of the params that are text: whether one means something, and what is wanted.
    """
    refused = []
    for name in names:
        text, parameter = query.get(name, "").strip(), view.param[name]
        understood, wanted = texts.get(name, (None, ""))
        if not text or (_means_something(parameter, text) if understood is None else understood(text)):
            continue
        refused.append(f"'{name}' cannot be '{_short(text)}': {wanted or _wanted(parameter)} is wanted.")
    return refused


def _means_something(parameter: Any, text: str) -> bool:
    try:
        _valid(parameter, text)
    except _MEANINGLESS:
        return False
    return True


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_TOLD else f"{text[:_LONGEST_TOLD]}…"


def _wanted(parameter: Any) -> str:
    if isinstance(parameter, param.Boolean):
        return "1 (yes) or 0 (no)"
    if isinstance(parameter, param.Selector):
        return f"one of {', '.join(filter(None, map(_to_text, parameter.objects)))}"
    low, high = parameter.bounds or (None, None)
    kind = "a whole number" if isinstance(parameter, param.Integer) else "a number"
    if low is None or high is None:
        return kind if low is None else f"{kind} from {low:,.10g}"
    return f"{kind} from {low:,.10g} to {high:,.10g}"


def _to_text(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return "" if value is None else str(value)


def _from_text(parameter: Any, text: str) -> Any:
    """Return `text` as a value that `parameter` accepts, else its default."""
    try:
        return _valid(parameter, text)
    except _MEANINGLESS:
        return parameter.default


def _valid(parameter: Any, text: str) -> Any:
    value = _convert(parameter, text)
    parameter._validate(value)
    return value


def _convert(parameter: Any, text: str) -> Any:
    if isinstance(parameter, param.Boolean):
        return _TRUTH[text.lower()]
    if isinstance(parameter, param.Integer):
        return _storable(int(text))
    if isinstance(parameter, param.Number):
        return _finite(float(text))
    if isinstance(parameter, param.Selector):
        return next((o for o in parameter.objects if _to_text(o) == text), text)
    return text[:2000]


def _storable(number: int) -> int:
    if abs(number) > _LARGEST_WHOLE:
        raise ValueError("no row and no page has such a number")
    return number


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError("nothing is that large")
    return number


class BrowserState(Component):
    """Two-way link between the URL of the browser and the `url_params` of a page.

    Panel's own ``Location`` adds a history entry for every change and never hears of Back.

    Parameters
    ----------
    view : PageView
        Its params are set from the query at once.
    """

    _sent: ClassVar[tuple[str, ...]] = ("address", "filled", "follows")
    address = param.Dict(default={}, doc="query, whether it is a new history entry, and the only path it is for")
    follows = param.Boolean(default=False, doc="whether links to pages of the same kind are shown in this document")
    filled = param.Boolean(default=False, doc="whether every part of the page has its first content")
    _rename: ClassVar[Mapping[str, str | None]] = {"address": None, "filled": None, "follows": None}
    _esm = component_source("browser_state")

    def __init__(self, view: Any, **params: Any) -> None:
        self._view = view
        self._names = tuple(view.url_params)
        self._keep: dict[str, str] = {}
        self.on_visible: Callable[[bool], object] | None = None
        self.last_query = ""
        params.setdefault("follows", view.follows_links)
        super().__init__(width=0, height=0, sizing_mode="fixed", margin=0, **params)
        self._watcher: Any = None
        self._adopt(view.session.query)

    def _follow(self, query: Mapping[str, str], path: str) -> None:
        """Take the params from the query of a link, and everything that it does not name and that stays from here."""
        stays = dict(parse_qsl(write_query(self._view, self._view.kept_params)))
        self._adopt({**self._keep, **stays, **query}, path=path)

    def _adopt(self, query: Mapping[str, str], *, path: str = "") -> None:
        """Take the params from `query`; what is not ours (a record's path, the theme) is kept as it is.

        Nothing is written meanwhile: the browser is at this URL already, and Back must not add an entry.
        """
        if self._watcher is not None:
            self._view.param.unwatch(self._watcher)
        self._keep = {k: v for k, v in query.items() if k not in self._names}
        read_query(self._view, self._names, query)
        self.last_query = self._query()
        self._send(push=False, path=path)
        if self._names:
            self._watcher = self._view.param.watch(self._write, list(self._names))

    def _query(self) -> str:
        own = write_query(self._view, self._names)
        return "&".join(part for part in (urlencode(self._keep), own) if part)

    def _write(self, *events: Any) -> None:
        query = self._query()
        if query == self.last_query:
            return
        self.last_query = query
        self._send(push=any(e.name in self._view.push_params for e in events))

    def _send(self, *, push: bool, path: str = "") -> None:
        self.address = {"query": self.last_query, "push": push, **({"path": path} if path else {})}

    def _handle_msg(self, data: Any) -> None:
        kind = data.get("type") if isinstance(data, dict) else None
        if kind in ("pop", "follow"):
            query = dict(parse_qsl(str(data.get("query", ""))[:8000], keep_blank_values=True))
            path = str(data.get("path", ""))[:8000]
            if kind == "follow":
                self._follow(query, path)
            else:
                self._adopt(query)
            self._view.returned_to(path)
        elif kind == "visible" and self.on_visible is not None:
            self.on_visible(bool(data.get("visible")))
