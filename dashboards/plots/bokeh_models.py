"""Bokeh as the plots use it, untyped on purpose.

The stubs of Bokeh 3.9.2 contradict its own constructors (``Range1d(0, 1)`` is refused, ``ColorBar``, ``Title`` and
``Label`` do not exist, ``figure(...).x_range`` has no ``renderers``). One untyped door is clearer than an ignore
comment on every other line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import bokeh.core.properties
import bokeh.models

models: Any = bokeh.models
value: Any = bokeh.core.properties.value

if TYPE_CHECKING:
    Figure: TypeAlias = Any
else:
    from bokeh.plotting import figure as Figure

__all__ = ["Figure", "models", "value"]
