"""Drawing a region by clicks or by a drag: what is begun, what is complete, what to do next."""

from __future__ import annotations

import math

from data_access.analysis.region_text import MAX_CORNERS
from data_access.records.regions import Shape

Point = tuple[float, float]
MODES = (
    ("cutout", "Cutout", "a click cuts a piece out of the image"),
    ("circle", "Circle", "click the middle, then the edge; or drag"),
    ("ellipse", "Ellipse", "click two opposite corners of the box around it; or drag"),
    ("box", "Box", "click two opposite corners; or drag"),
    ("polygon", "Polygon", "click the corners; double click the last one"),
    ("line", "Line", "click two ends: profile, distance and position angle"),
)
MODE_KEYS = {"r": "circle", "e": "ellipse", "b": "box", "y": "polygon", "d": "line"}
_DRAGGED = ("circle", "ellipse", "box")
_NEAR = 1e-6


class RegionDrawing:
    """What the reader has clicked so far; positions are 0-based pixels of the file.

    Attributes
    ----------
    up_deg : float
        Angle of what is up on the screen, counter-clockwise from the y axis of the file: boxes stand upright.
    """

    def __init__(self) -> None:
        self.mode = MODES[0][0]
        self.points: list[Point] = []
        self.up_deg = 0.0

    @property
    def takes_clicks(self) -> bool:
        """True while a click belongs to a region."""
        return self.mode != MODES[0][0]

    @property
    def takes_drags(self) -> bool:
        """True while a drag over the picture makes a region."""
        return self.mode in _DRAGGED

    @property
    def hint(self) -> str:
        """What to do next, in words."""
        if self.mode == "polygon" and self.points:
            n = len(self.points)
            return f"{n} corner{'s' if n > 1 else ''}; double click the last one, or Finish"
        if self.points:
            return "now click the edge" if self.mode == "circle" else "now click the other end"
        return next(words for mode, _, words in MODES if mode == self.mode)

    @property
    def actions(self) -> list[tuple[str, str, str]]:
        """What can be done with what is begun: kind, label, title."""
        if not self.points:
            return []
        done = [("finish", "Finish", "close the polygon")] if self.mode == "polygon" and len(self.points) > 2 else []
        return [*done, ("cancel", "Cancel", "forget what was clicked")]

    def choose(self, mode: str) -> None:
        """Draw something else; what was begun is forgotten."""
        self.mode = mode
        self.points = []

    def cancel(self) -> None:
        """Forget what was begun."""
        self.points = []

    def click(self, x: float, y: float) -> Shape | None:
        """Take a click; return the region when it is complete."""
        if self.points and math.dist(self.points[-1], (x, y)) < _NEAR:
            return None  # the second click of a double click
        self.points.append((x, y))
        if self.mode == "polygon":
            return self.finish() if len(self.points) >= MAX_CORNERS else None
        if len(self.points) < 2:
            return None
        first, last = self.points
        self.points = []
        if self.mode == "line":
            return Shape("line", "pixel", (first, last))
        if self.mode == "circle":
            size = 2 * math.dist(first, last)
            return Shape("circle", "pixel", (first,), size, size)
        return self.drag(*first, *last)

    def drag(self, x0: float, y0: float, x1: float, y1: float) -> Shape | None:
        """Return the region inside a rectangle, of which these are opposite corners; None for one without an area."""
        self.points = []
        cos, sin = math.cos(math.radians(self.up_deg)), math.sin(math.radians(self.up_deg))
        width, height = abs(cos * (x1 - x0) + sin * (y1 - y0)), abs(cos * (y1 - y0) - sin * (x1 - x0))
        if not min(width, height) > 0:
            return None
        middle = ((x0 + x1) / 2, (y0 + y1) / 2)
        if self.mode == "circle":
            width = height = min(width, height)
            return Shape("circle", "pixel", (middle,), width, height)
        return Shape("ellipse" if self.mode == "ellipse" else "box", "pixel", (middle,), width, height, self.up_deg)

    def finish(self) -> Shape | None:
        """Return the polygon of the corners so far; None while there are fewer than three."""
        if self.mode != "polygon" or len(self.points) < 3:
            return None
        points, self.points = tuple(self.points), []
        return Shape("polygon", "pixel", points)
