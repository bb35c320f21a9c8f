"""A bar of filters: fields in, validated words out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, NotRequired, TypedDict

import param

from dashboards.components.base import Component, component_source


class Field(TypedDict):
    """One field; `options` of a select are pairs (value, label) or plain values; `width` is CSS.

    Fields of one `group` stand together below its name, folded away while none of them has a value. Text longer than
    `longest` characters is refused in words, never cut.
    """

    name: str
    label: str
    kind: Literal["text", "number", "select", "date", "toggle"]
    options: NotRequired[Sequence[Any]]
    placeholder: NotRequired[str]
    unit: NotRequired[str]
    help: NotRequired[str]
    width: NotRequired[str]
    group: NotRequired[str]
    longest: NotRequired[int]


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
        if errors := {f["name"]: error for f in self.fields if (error := _too_long(f, given.get(f["name"])))}:
            self.errors = errors
            return
        if self._on_submit is not None:
            self._on_submit(dict(self.values))


def _value(spec: Mapping[str, Any], given: object) -> str | bool:
    """Return what the browser sent for this field, as text of bounded length or bool."""
    if spec["kind"] == "toggle":
        return given is True
    return "" if given is None else str(given).strip()[: spec.get("longest", 500)]


def _too_long(spec: Mapping[str, Any], given: object) -> str:
    """Return what is wrong with a text that would have to be cut; only fields that name a length refuse."""
    longest = spec.get("longest")
    if longest is None or given is None or len(str(given).strip()) <= longest:
        return ""
    return f"{len(str(given).strip()):,} characters are more than {longest:,}"
