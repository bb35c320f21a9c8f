"""What a page is, what it receives, and how its errors and late answers are kept in their place.

How to write a page
-------------------
One module per route in ``dashboards/pages``, one class in it, named in ``dashboards/routes.py``::

    class ImagesPage(PageView):
        stage = param.Selector(default="", objects=["", "mosaic", "5min"], doc="kind of image")
        after = param.String(default="", doc="position in the list (cursor)")
        url_params = ("stage", "after")            # kept in the URL when not at their default
        push_params = ("after",)                   # a change of these can be undone with Back
        live_roles = frozenset({"products", "pipeline"})   # databases whose changes concern this page

        @classmethod
        async def prepare(cls, archive, path_params, query):   # optional; before the document exists
            return await archive.images.count_images()         # an ArchiveError here = error page, no session

        def __panel__(self):                       # only a skeleton: nothing is read here
            self.table = RecordTable(columns=COLUMNS, caption="Images", on_page=self.turn)
            self.slot = self.new_slot("images", height=600)
            return pn.Column(self.slot, sizing_mode="stretch_width")

        async def load(self):                      # after first paint, one slot after the other
            await self.fill(self.slot, self.find, self.show)
            await self.fill(self.plot_slot, self.read_noise)     # a returned view or figure is put in the slot

        async def refresh(self):                   # something changed: patch, never rebuild
            await self.fill(self.slot, self.find, self.show)

        @param.depends("stage", "after", watch=True)
        def on_filter(self):                       # an event: `run` drops answers that come too late
            self.run(self.find, self.show, slot=self.slot)

        async def find(self):                      # reads; touches no model
            return await self.session.archive.images.find_images(...)

        def show(self, page):                      # changes models; runs under the document's lock
            self.table.param.update(rows=[...], has_next=bool(page.next_cursor))
            return self.table                      # what a slot should hold (None: leave it as it is)

Rules: `find`-like coroutines read and never touch a model; `show`-like functions change models and never await.
Bokeh refuses changes made outside the document's lock, so change models only in `show` functions or through
`PageView.patch`. Links come from ``self.session.links``; text from data goes only into our components (they
write it as text) - never into ``pn.pane.Markdown``, ``Str``, ``HTML``, ``Alert`` or bare strings.
In a test: ``view = ImagesPage(Session(archive)); view.__panel__(); await view.load()``; after setting a param,
``await view.settled()``.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import panel as pn
from bokeh.document import Document
from panel.io.state import set_curdoc

from dashboards.boundary import Boundary, Failure
from dashboards.components.browser_state import TextParams, query_values, refused_values
from dashboards.components.slot import Slot
from dashboards.links import Links
from dashboards.plots.theme import THEMES

if TYPE_CHECKING:
    from data_access.archive import Archive
    from data_access.settings import Settings

T = TypeVar("T")


def refused_theme(query: Mapping[str, str]) -> list[str]:
    """Say that the query names a theme that there is not."""
    name = query.get("theme", "")
    if not name or name in THEMES:
        return []
    return [f"'theme' cannot be '{name[:40]}': one of {', '.join(THEMES)} is wanted."]


@dataclass(frozen=True, slots=True)
class PageSpec:
    """One page as data.

    Attributes
    ----------
    path : str
        Route, with ``{name}`` for a path parameter.
    title : str
        In the navigation, and of the document until the page knows better.
    group : str
        Which entry of the navigation is marked as current.
    module : str
        ``"package.module:Class"``, imported at the first visit so that a broken page breaks only itself.
    key : str
        The letter after ``g`` that opens the page; empty for none.
    """

    path: str
    title: str
    group: str
    module: str
    in_nav: bool = True
    key: str = ""

    def load_view(self) -> type[PageView]:
        """Import and return the class of the page."""
        module, _, name = self.module.partition(":")
        view: type[PageView] = getattr(importlib.import_module(module), name)
        if not issubclass(view, PageView):
            raise TypeError(f"{self.module} is not a PageView")
        return view


@dataclass(slots=True)
class Session:
    """One open page: what it may use, and the tasks that end with it.

    Attributes
    ----------
    archive : Archive
    path_params, query : dict of str to str
        From the URL, unescaped; of a repeated name the last value.
    theme : str
        ``"dark"``, ``"light"`` or ``"red"``.
    prepared : object
        What `PageView.prepare` returned.
    user : str
        Name of the reader, from the header that the settings trust; empty when nobody has said it.
    head_sent : bool
        True when the browser has the start of the page already.
    """

    archive: Archive
    settings: Settings | None = None
    path_params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    theme: str = "dark"
    links: Links = field(default_factory=Links)
    doc: Document = field(default_factory=Document)
    prepared: Any = None
    user: str = ""
    head_sent: bool = False
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    closed: bool = False

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run `work` in a task that is cancelled when the page is closed."""
        if self.closed:
            work.close()
            raise asyncio.CancelledError
        task = asyncio.get_running_loop().create_task(self._with_document(work))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        task.add_done_callback(lambda _: work.close())  # cancelled before it began: nobody awaits it any more
        return task

    async def _with_document(self, work: Awaitable[T]) -> T:
        with set_curdoc(self.doc):
            return await work

    async def patch(self, change: Callable[[], T]) -> T | None:
        """Run `change` under the lock of the document and return its result; None if the page is gone.

        Raises
        ------
        Exception
            Whatever `change` raises.
        """
        server_session = self._server_session()
        if server_session is None:
            return change()
        if self.closed or server_session.destroyed:
            return None
        results: list[T] = []

        def locked() -> None:
            # Panel (1.9) sends changes by itself, and lets them wait while the socket is busy: what Bokeh sends of a
            # figure would overtake the layout that brings it, and the browser would not know the figure. This way
            # Panel sends all of it, in order.
            with set_curdoc(self.doc), pn.io.unlocked(policy="collect"):
                results.append(change())

        await server_session.with_document_locked(locked)
        return results[0] if results else None

    @property
    def connected(self) -> bool:
        """True while a browser holds the websocket open (always, without a server)."""
        server_session = self._server_session()
        return server_session is None or bool(server_session.connection_count > 0)

    def _server_session(self) -> Any:
        """Return Bokeh's session; None without a server, or while the document is being built."""
        context: Any = self.doc.session_context
        return None if context is None else context.session

    def close(self) -> None:
        """Cancel everything that still runs for this page."""
        self.closed = True
        for task in tuple(self.tasks):
            task.cancel()


class PageView(pn.viewable.Viewer):  # type: ignore[misc, unused-ignore]
    """Base of every page; see the head of this module for how to write one."""

    url_params: ClassVar[tuple[str, ...]] = ()
    push_params: ClassVar[tuple[str, ...]] = ()
    live_roles: ClassVar[frozenset[str] | None] = None
    # True: a link to another page of this kind ends in `returned_to` instead of a new document
    follows_links: ClassVar[bool] = False
    # those of `url_params` that stay as they are when such a link does not name them
    kept_params: ClassVar[tuple[str, ...]] = ()
    # of `url_params` that are text: whether one means something, and what is wanted; others may be any text
    texts: ClassVar[TextParams] = {}
    # the table (see `data_access.layout`) that the page lists; empty for a page that lists none
    main_table: ClassVar[str] = ""
    # False: an archive without this table has nothing to list, and nothing is wrong with it
    needs_main_table: ClassVar[bool] = True

    def __init__(self, session: Session, **params: Any) -> None:
        # Given to the constructor, the values of the URL set off no watcher before the page is there.
        initial = query_values(type(self), self.url_params, session.query)
        super().__init__(**{**initial, **params})  # type: ignore[no-untyped-call]
        self.session = session
        self.slots: dict[str, Slot] = {}
        self.page_failure = Slot("page", height=0)
        self.is_partial = False  # True: what a slot shows would be more if something were available now
        self.refusal = self.refusal_of(session.query)
        self._generations: dict[object, int] = {}

    @property
    def title(self) -> str:
        """The document's title as plain text; empty for the one in the routes."""
        return ""

    @classmethod
    async def prepare(
        cls,
        archive: Any,  # noqa: ARG003
        path_params: Mapping[str, str],  # noqa: ARG003
        query: Mapping[str, str],  # noqa: ARG003
    ) -> Any:
        """Read what decides whether the page exists; runs before any document is built.

        Raises
        ------
        ArchiveError
            Shown as an error page with the error's own HTTP status, without a session.
        """
        return None

    @classmethod
    def view_for(cls, query: Mapping[str, str]) -> type[PageView]:  # noqa: ARG003
        """Return the class whose instance shows the page with this query."""
        return cls

    @classmethod
    def refusal_of(cls, query: Mapping[str, str]) -> str:
        """Say which values of the query mean nothing and are left out; shown on top of the page, with status 400."""
        return " ".join([*refused_theme(query), *refused_values(cls, cls.url_params, cls.texts, query)])

    @classmethod
    def check_query(cls, query: Mapping[str, str]) -> None:
        """Raise `ValidationError` when the query has something that means nothing to a part of the page.

        The page is shown all the same, with the message in its place (other than what `refusal_of` says); the
        answer has the status of the error. Called before anything is built: it reads nothing.
        """

    @classmethod
    async def check_archive(cls, archive: Any, query: Mapping[str, str]) -> None:  # noqa: ARG003
        """Raise the `DatabaseError` that keeps `main_table` from being read; no writer is waited for.

        A subclass looks up here what else the query names. As for `check_query`, the page is shown all the same:
        it says what is broken and comes back by itself.
        """
        if cls.main_table:
            await archive.layout.check(cls.main_table, required=cls.needs_main_table)

    @classmethod
    async def finish(cls, archive: Any, prepared: Any) -> None:
        """Read a little more into what `prepare` returned; the browser has the start of the page meanwhile."""

    def __panel__(self) -> Any:
        raise NotImplementedError

    async def load(self) -> None:
        """Fill the slots, after the first paint."""

    async def refresh(self) -> None:
        """Patch what is shown after a change in the databases."""

    def returned_to(self, path: str) -> None:
        """Show what `path` names: the reader went back or forward, or followed a link; the query is known already."""

    def new_slot(self, label: str, *, height: int) -> Slot:
        """Return a new place of `height` pixels that says it is loading until `fill` puts something there."""
        slot = Slot(label, height=height)
        self.slots[label] = slot
        return slot

    async def fill(
        self,
        slot: Slot,
        work: Callable[[], Awaitable[T]],
        show: Callable[[T], Any] | None = None,
    ) -> None:
        """Await `work`, hand its answer to `show` under the document's lock, put what that returns in `slot`.

        Without `show` the answer itself is put there. None leaves the content as it is. An error becomes a card
        in the slot; an answer that was overtaken by a newer one for the same slot is dropped. Once nobody is
        connected any more (a page that lost its server is loaded anew), the task ends here.
        """
        if not self.session.connected:
            raise asyncio.CancelledError
        await self._attempt(slot, slot, work, show)
        await asyncio.sleep(0)  # let the browser's events and other pages through between two slots

    def run(
        self,
        work: Callable[[], Awaitable[T]],
        show: Callable[[T], Any] | None = None,
        *,
        slot: Slot | None = None,
    ) -> asyncio.Task[None]:
        """Start `work` from an event handler and return its task; like `fill`, late answers are dropped.

        Without a slot, answers compete with those of the same `work`, and an error is shown on top of the page.
        """
        key: object = slot if slot is not None else getattr(work, "__qualname__", work)
        return self.session.spawn(self._attempt(slot or self.page_failure, key, work, show))

    def fill_at_once(self, slot: Slot, answer: T, show: Callable[[T], Any]) -> None:
        """Show what `prepare` has read while the page is being built; an error becomes a card in the slot."""
        with Boundary(f"{type(self).__name__}: {slot.label}") as boundary:
            self._place(slot, answer, show)
        if boundary.failure is not None:
            slot.fail(boundary.failure)

    async def patch(self, change: Callable[[], T]) -> T | None:
        """Run `change`, which alters models, under the document's lock."""
        return await self.session.patch(change)

    @property
    def is_waiting(self) -> bool:
        """True while a slot says that something cannot be read, not by a fault of ours: it is worth asking again."""
        failures = (slot.failure for slot in self.slots.values())
        return self.is_partial or any(f is not None and f.status >= 500 and not f.error_id for f in failures)

    async def settled(self) -> None:
        """Return when everything started with `run` has ended (for tests)."""
        while pending := [t for t in self.session.tasks if t is not asyncio.current_task()]:
            await asyncio.gather(*pending, return_exceptions=True)

    async def _attempt(
        self,
        slot: Slot,
        key: object,
        work: Callable[[], Awaitable[T]],
        show: Callable[[T], Any] | None,
    ) -> None:
        generation = self._generations[key] = self._generations.get(key, 0) + 1
        with Boundary(f"{type(self).__name__}: {slot.label}") as boundary:
            answer = await work()
            if self._generations[key] != generation:
                return
            await self.patch(lambda: self._place(slot, answer, show))
        if boundary.failure is not None and self._generations[key] == generation:
            await self.show_failure(slot, boundary.failure)

    def _place(self, slot: Slot, answer: T, show: Callable[[T], Any] | None) -> None:
        content = answer if show is None else show(answer)
        if inspect.isawaitable(content):
            raise TypeError(f"the show function of slot '{slot.label}' must not be a coroutine")
        slot.succeed(content if slot is not self.page_failure else None)

    async def show_failure(self, slot: Slot, failure: Failure) -> None:
        """Put an error card into `slot`; what it showed before stays below, marked by the card as old.

        What several places would tell is told in full, with its remedy, by the first of them on the page.
        """
        same = [
            place for place in self.slots.values()
            if place is slot or (place.failure is not None and place.failure.message == failure.message
            and place.failure.remedy)
        ]  # fmt: skip
        first, *others = [slot] if failure.error_id or slot not in same else same

        def tell() -> None:
            first.fail(failure)
            for place in others:
                words = f"{place.label[:1].upper()}{place.label[1:]}: not available, for the same reason."
                place.fail(replace(failure, message=words, remedy=""))

        await self.patch(tell)
