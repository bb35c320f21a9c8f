"""A bar of filters: fields in, validated words out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, NotRequired, TypedDict

import param

from dashboards.components.base import Component, component_source


class Field(TypedDict):
    """One field; `options` of a select are pairs (value, label) or plain values; `width` is CSS."""

    name: str
    label: str
    kind: Literal["text", "number", "select", "date", "toggle"]
    options: NotRequired[Sequence[Any]]
    placeholder: NotRequired[str]
    unit: NotRequired[str]
    help: NotRequired[str]
    width: NotRequired[str]


class FilterBar(Component):
    """A form that is submitted by Enter or by leaving a changed field.

    Parameters
    ----------
    on_submit : callable, optional
        Called with the new values by name (text, or bool for a toggle) after `values` has them.
    """

    fields = param.List(default=[], item_type=dict, doc="see Field")
    values = param.Dict(default={}, doc="value by name; absent means empty")
    errors = param.Dict(default={}, doc="message by name, for fields whose value means nothing")
    label = param.String(default="Filters", doc="name of the form for screen readers")

    _sent: ClassVar[tuple[str, ...]] = ("fields", "values", "errors", "label")
    _rename: ClassVar[Mapping[str, str | None]] = dict.fromkeys(_sent)
    _esm = component_source("filters")

    def __init__(self, *, on_submit: Callable[[dict[str, Any]], object] | None = None, **params: Any) -> None:
        super().__init__(**params)
        self._on_submit = on_submit

    def _handle_msg(self, data: Any) -> None:
        if not isinstance(data, dict) or data.get("type") != "submit":
            return
        given = data.get("values")
        given = given if isinstance(given, dict) else {}
        self.values = {f["name"]: _value(f, given.get(f["name"])) for f in self.fields}
        if self._on_submit is not None:
            self._on_submit(dict(self.values))


def _value(spec: Mapping[str, Any], given: object) -> str | bool:
    """Return what the browser sent for this field, as text of bounded length or bool."""
    if spec["kind"] == "toggle":
        return given is True
    return "" if given is None else str(given).strip()[:500]
