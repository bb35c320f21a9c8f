"""The unattended screen: read from across a room, no hand on the mouse, says when it is old."""

from __future__ import annotations

from typing import Any

import panel as pn

from dashboards.pages.overview import OverviewPage


class NightPage(OverviewPage):
    """The overview's numbers in large tiles, with the timeline and the alerts below."""

    large = True

    @property
    def title(self) -> str:
        """Title of the document."""
        return "Night"

    def __panel__(self) -> Any:
        super().__panel__()
        below = pn.Row(
            pn.Column(self.timeline_slot, self.noise_slot, self.pointing_slot, sizing_mode="stretch_width"),
            pn.Column(self.failures_slot, self.alerts_slot, sizing_mode="stretch_width", margin=(0, 0, 0, 16)),
            sizing_mode="stretch_width",
        )
        return pn.Column(self.window_notice, self.tiles_slot, below, sizing_mode="stretch_width")
