"""The quality of an image on its page: a grade in the heading, the measured figures when they are asked for."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import panel as pn
import param

from dashboards.components.facts import Facts, fact
from dashboards.components.notice import Notice
from dashboards.components.plot_pane import as_view
from dashboards.components.switches import Switches, option, switch
from dashboards.pages.grades import grade_cell
from dashboards.pages.image_part import ImagePart
from dashboards.pages.quality_words import grades_table, quality_groups, stored_table
from dashboards.plots.noise_map import plot_noise_map
from data_access.analysis.qa import Grade
from data_access.repositories.image_filter import image_grade
from data_access.services.image_quality import QualityReport

QUALITY_PARAMS = ("quality",)
_CHOICES = {"off": "recorded only", "on": "measure the pixels"}


class QualityParams(param.Parameterized):
    """What the part keeps in the URL."""

    quality = param.Selector[str](default="off", objects=list(_CHOICES), doc="whether the pixels are measured")


class QualityPart(ImagePart):
    """Nothing is measured before somebody asks: a large image takes a worker process some seconds."""

    place: ClassVar[Literal["picture", "page"]] = "page"

    def __init__(self, page: Any) -> None:
        super().__init__(page)
        self.slot = page.new_slot("measured quality", height=0)
        self.switches = Switches(on_choose=self._choose)
        self._measured: Any = None
        page.param.watch(self._asked, ["quality", "plane"])

    @property
    def view(self) -> Any:
        """The switch, above what it opens."""
        self._show_switch()
        self._show_grade(image_grade(self.page.image), "recorded figures only")
        return pn.Column(self.switches, self.slot, sizing_mode="stretch_width", margin=0)

    def without_file(self) -> None:
        """Grade what the database has."""
        self._show_grade(image_grade(self.page.image), "recorded figures only")

    async def load(self) -> None:
        """Measure when the URL asks for it."""
        if self.page.quality == "on":
            await self.page.fill(self.slot, self._read, self._show)
        else:
            await self.page.patch(self.slot.clear)

    async def refresh(self) -> None:
        """Measure again only when the file changed: otherwise the answer is kept."""
        if self.page.quality == "on":
            await self.page.fill(self.slot, self._read, self._show)

    def _choose(self, _name: str, value: str) -> None:
        self.page.quality = value

    def _asked(self, *events: Any) -> None:
        self._show_switch()
        if self.page.quality == "on":
            if self._measured is None:
                self.slot.succeed(Notice(kind="loading", text="Measuring the pixels"))
            self.page.run(self._read, self._show, slot=self.slot)
        elif any(event.name == "quality" for event in events):
            self._measured = None
            self.slot.succeed(Notice())
            self._show_grade(image_grade(self.page.image), "recorded figures only")

    async def _read(self) -> QualityReport:
        return await self.page.session.archive.image_quality.report(self.page.image, plane=self.page.plane)

    def _show(self, report: QualityReport) -> Any:
        page = self.page
        if page.quality != "on":
            return None
        self._show_grade(report.verdict, "measured on the pixels")
        if self._measured is report.measured:
            return None
        self._measured = report.measured
        facts = Facts(groups=quality_groups(report, page.image, page.session.links), min_width=240)
        figure = plot_noise_map(report.measured.noise_map, unit=report.measured.unit, theme=page.session.theme)
        return pn.Column(
            pn.Row(as_view(figure), facts, sizing_mode="stretch_width", margin=0),
            grades_table(report),
            stored_table(report),
            sizing_mode="stretch_width",
            margin=0,
        )

    def _show_switch(self) -> None:
        options = [option(value, text) for value, text in _CHOICES.items()]
        self.switches.switches = [switch("quality", "Quality", self.page.quality, options)]

    def _show_grade(self, grade: Grade, title: str) -> None:
        """Put the grade into the heading; its reason is the tooltip."""
        items = [item for item in self.page.heading.items if item["label"] != "grade"]
        shown = grade_cell(grade)
        shown["title"] = f"{grade.reason} ({title})"
        self.page.heading.items = [*items, fact("grade", shown)]
