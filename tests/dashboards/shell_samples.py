"""Sample pages with every component, and a tiny archive, for the tests of the shell.

Run as a script it serves them: ``python -m tests.dashboards.shell_samples PORT [PREFIX] [--hostile]``.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import panel as pn
import param
from bokeh.plotting import figure

from dashboards.components import (
    Facts,
    FilterBar,
    LogView,
    Notice,
    RecordTable,
    Tiles,
    cell,
    fact,
    group,
    plot_pane,
    row,
    tile,
)
from dashboards.session import PageSpec, PageView
from data_access.errors import DatabaseMissing, RecordNotFound, ValidationError
from data_access.settings import Settings

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


@dataclass(frozen=True)
class FakeChange:
    roles: frozenset[str]


class FakeSubscription:
    def __init__(self, owner: FakeChanges) -> None:
        self.owner = owner
        self.queue: asyncio.Queue[FakeChange] = asyncio.Queue(8)

    def __aiter__(self) -> FakeSubscription:
        return self

    async def __anext__(self) -> FakeChange:
        return await self.queue.get()

    def close(self) -> None:
        self.owner.subscribers.discard(self)


@dataclass(eq=False)
class FakeChanges:
    last_write: float | None = None
    writes: dict[str, float] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    subscribers: set[FakeSubscription] = field(default_factory=set)

    async def look_if_older(self, age_s: float) -> None:
        """Nothing is older: what there is is published."""

    def subscribe(self) -> FakeSubscription:
        made = FakeSubscription(self)
        self.subscribers.add(made)
        return made

    def publish(self, *roles: str) -> None:
        self.last_write = time.time()
        for subscriber in self.subscribers:
            subscriber.queue.put_nowait(FakeChange(frozenset(roles)))

    async def run(self) -> None:
        await asyncio.Event().wait()


@dataclass(eq=False)
class FakeArchive:
    changes: FakeChanges = field(default_factory=FakeChanges)
    text: str = "J123456+420000"
    settings: Settings = field(default_factory=Settings)


COLUMNS = [
    {"name": "id", "label": "Id", "sortable": True, "align": "right", "width": "70px"},
    {"name": "name", "label": "Source", "sortable": True},
    {"name": "flux", "label": "Peak", "unit": "mJy/beam", "align": "right", "sortable": True},
    {"name": "state", "label": "State"},
    {"name": "written", "label": "Written"},
]
FIELDS = [
    {"name": "name", "label": "Name contains", "kind": "text", "placeholder": "J1234…"},
    {"name": "least", "label": "Peak at least", "kind": "number", "unit": "mJy"},
    {"name": "stage", "label": "Stage", "kind": "select", "options": ["", "imaged", "failed"]},
    {"name": "night", "label": "Night", "kind": "date"},
    {"name": "variable", "label": "variable only", "kind": "toggle"},
]
STATE_CYCLE = ("ok", "warn", "bad", "stale", "off", "info")


class SamplePage(PageView):
    name_contains = param.String(default="", doc="filter")
    number = param.Integer(default=1, bounds=(1, 1000), doc="page of the table")
    variable = param.Boolean(default=False, doc="filter")

    url_params = ("name_contains", "number", "variable")
    push_params = ("number",)

    @property
    def title(self) -> str:
        return "Sample"

    def __panel__(self) -> Any:
        self.filters = FilterBar(fields=FIELDS, on_submit=self.on_filters)
        self.table = RecordTable(
            columns=COLUMNS, caption="Records", sort="id", on_turn=self.on_turn, on_sort=self.on_sort
        )
        self.log = LogView(height=240, on_ready=self.on_log_ready)
        self.tiles = Tiles()
        self.facts = Facts()
        self.places = [
            self.new_slot(n, height=h) for n, h in (("tiles", 110), ("table", 330), ("facts", 120), ("plot", 260))
        ]
        broken = self.new_slot("broken part", height=60)
        self.places.append(broken)
        kinds = [
            Notice(kind=k, text=f"{k}: {self.session.archive.text}") for k in ("info", "warn", "stale", "truncated")
        ]
        return pn.Column(self.filters, *self.places, self.log, *kinds, sizing_mode="stretch_width")

    async def load(self) -> None:
        tiles, table, facts, plot, broken = self.places
        await self.fill(tiles, self.find, self.show_tiles)
        await self.fill(table, self.find, self.show_table)
        await self.fill(facts, self.find, self.show_facts)
        await self.fill(plot, self.find, self.show_plot)
        await self.fill(broken, self.find_broken)

    async def refresh(self) -> None:
        await self.fill(self.places[1], self.find, self.show_table)

    @param.depends("number", "name_contains", "variable", watch=True)
    def on_change(self) -> None:
        self.run(self.find, self.show_table, slot=self.places[1])

    def on_filters(self, values: dict[str, Any]) -> None:
        bad = values["least"] and not values["least"].replace(".", "").isdigit()
        self.filters.errors = {"least": f"'{values['least']}' is not a number"} if bad else {}
        self.param.update(name_contains=values["name"], variable=values["variable"], number=1)

    def on_turn(self, turn: str) -> None:
        self.number = 1 if turn == "first" else self.number + (1 if turn == "next" else -1)

    def on_sort(self, name: str, descending: bool) -> None:
        self.table.param.update(sort=name, descending=descending)

    def on_log_ready(self) -> None:
        lines = [
            f"2026-01-25T22:{i // 60 % 60:02d}:{i % 60:02d} {'ERROR' if i % 97 == 5 else 'INFO'} line {i}"
            for i in range(400)
        ]
        self.log.append([*lines, f"WARNING {self.session.archive.text}"], reset=True, skipped="12,034 lines skipped")

    async def find(self) -> str:
        return str(self.session.archive.text)

    async def find_broken(self) -> str:
        raise DatabaseMissing(f"No database has {self.session.archive.text}")

    def show_table(self, text: str) -> RecordTable:
        start = (self.number - 1) * 12
        rows = [
            row(
                i,
                [
                    cell(i), cell(f"{text} {self.name_contains}", mono=True), cell(12.3456 * i, digits=2),
                    cell(None, state=STATE_CYCLE[i % 6]),
                    cell(None, unix=time.time() - 40 * i, note=text if i == 3 else None),
                ],
                href=f"sample/{i}",
            )
            for i in range(start, start + 12)
        ]  # fmt: skip
        self.filters.values = {"name": self.name_contains, "variable": self.variable}
        self.table.param.update(
            rows=rows, total="2,000 records", has_next=True, has_previous=self.number > 1, truncated=True,
            note="the first 2,000 of more records are shown",
        )  # fmt: skip
        return self.table

    def show_tiles(self, text: str) -> Tiles:
        now = time.time()
        self.tiles.tiles = [
            tile("Newest image", cell(text), state="ok", unix=now - 30, note="limit 30 min", href="images"),
            tile("Noise", cell(0.42, unit="mJy/beam", digits=2), state="warn", note="above 0.40", unix=now - 300),
            tile("Queue", cell(17), state="bad", word="blocked", unix=now - 4000, stale_after_s=3600),
            tile("Pointing", cell(37.2, unit="°"), state="info", unix=now, stale_after_s=2),
            tile("Archive", cell(None), state="off"),
        ]
        return self.tiles

    def show_facts(self, text: str) -> Facts:
        self.facts.groups = [
            group("Image", [fact("Path", cell(text, mono=True)), fact("Noise", cell(0.21, unit="mJy"), note=text)]),
            group(
                "Beam",
                [
                    fact("Major", cell(12.1, unit="″")),
                    fact("Minor", cell(None)),
                    fact("Made", cell(None, unix=time.time() - 7000)),
                ],
            ),
        ]
        return self.facts

    def show_plot(self, text: str) -> Any:
        plot = figure(height=250, title=text, name="sample_plot")
        plot.line([0, 1, 2, 3], [1, 3, 2, 4])
        return plot_pane(plot)


class NotFoundPage(SamplePage):
    @classmethod
    async def prepare(cls, archive: Any, path_params: Any, query: Any) -> Any:
        raise RecordNotFound(f"There is no record '{path_params.get('record', '')}'")


class UnavailablePage(SamplePage):
    @classmethod
    async def prepare(cls, archive: Any, path_params: Any, query: Any) -> Any:
        raise DatabaseMissing("The database products is not configured")


class BadInputPage(SamplePage):
    @classmethod
    async def prepare(cls, archive: Any, path_params: Any, query: Any) -> Any:
        raise ValidationError(f"'{query.get('q', '')}' means nothing")


class BrokenPreparePage(SamplePage):
    @classmethod
    async def prepare(cls, archive: Any, path_params: Any, query: Any) -> Any:
        raise ZeroDivisionError(f"secret detail {HOSTILE}")


class BrokenBuildPage(SamplePage):
    def __panel__(self) -> Any:
        raise ZeroDivisionError("secret detail")


class ParamPage(PageView):
    live_roles = frozenset({"products"})

    @classmethod
    async def prepare(cls, archive: Any, path_params: Any, query: Any) -> Any:
        return f"{path_params['record']} {query.get('q', '')}"

    @property
    def title(self) -> str:
        return str(self.session.prepared)

    def __panel__(self) -> Any:
        return Notice(text=f"record {self.session.prepared}")


SPECS = (
    PageSpec("/", "Sample", "home", "tests.dashboards.shell_samples:SamplePage", key="o"),
    PageSpec("/sample/{record}", "Record", "sample", "tests.dashboards.shell_samples:ParamPage", in_nav=False),
    PageSpec("/sample", "Samples", "sample", "tests.dashboards.shell_samples:SamplePage", key="s"),
    PageSpec("/gone/{record}", "Gone", "gone", "tests.dashboards.shell_samples:NotFoundPage", in_nav=False),
    PageSpec("/unavailable", "Unavailable", "unavailable", "tests.dashboards.shell_samples:UnavailablePage"),
    PageSpec("/bad", "Bad", "bad", "tests.dashboards.shell_samples:BadInputPage", in_nav=False),
    PageSpec("/broken", "Broken", "broken", "tests.dashboards.shell_samples:BrokenPreparePage", in_nav=False),
    PageSpec(
        "/unbuildable", "Unbuildable", "unbuildable", "tests.dashboards.shell_samples:BrokenBuildPage", in_nav=False
    ),
    PageSpec("/missing-module", "Missing", "missing", "no_such_module:Page", in_nav=False),
)


def main() -> None:
    from dashboards.server import serve

    archive = FakeArchive(FakeChanges(time.time() - 12), HOSTILE if "--hostile" in sys.argv else "J123456+420000")
    prefix = next((a for a in sys.argv[2:] if a.startswith("/")), "")
    serve(archive, port=int(sys.argv[1]), prefix=prefix, specs=SPECS, ready=lambda url: print(url, flush=True))


if __name__ == "__main__":
    main()
