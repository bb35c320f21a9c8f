"""Bokeh as the plots use it, untyped on purpose.

The stubs of Bokeh 3.9.2 contradict its own constructors (``Range1d(0, 1)`` is refused, ``ColorBar``, ``Title`` and
``Label`` do not exist, ``figure(...).x_range`` has no ``renderers``). One untyped door is clearer than an ignore
comment on every other line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import bokeh.core.properties
import bokeh.models
from bokeh.core.serialization import Serializable, Serializer

models: Any = bokeh.models
value: Any = bokeh.core.properties.value

if TYPE_CHECKING:
    Figure: TypeAlias = Any
else:
    from bokeh.plotting import figure as Figure

__all__ = ["Figure", "Words", "models", "value"]


class Words(list[str], Serializable):  # type: ignore[misc, unused-ignore]
    """A column of text that is sent as it is: Bokeh would look at each word, 4 ms for a thousand epochs."""

    def to_serializable(self, serializer: Serializer) -> list[str]:  # noqa: ARG002  Bokeh hands it over
        """Return the words."""
        return list(self)
