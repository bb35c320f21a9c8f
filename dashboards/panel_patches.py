"""Everything that reaches into Panel 1.9 and Bokeh 3.9 beyond their public interface; revisit at every upgrade.

Nothing is patched in the libraries themselves (but for `dashboards.lean_serialization`): the handlers of *one* server
object are replaced by subclasses.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from typing import Any

from bokeh.application.handlers.function import FunctionHandler
from bokeh.document import Document
from bokeh.server.tornado import BokehTornado
from bokeh.server.views.autoload_js_handler import AutoloadJsHandler as BokehAutoloadJsHandler
from bokeh.server.views.ico_handler import IcoHandler
from bokeh.server.views.metadata_handler import MetadataHandler
from panel.io.application import Application
from panel.io.resources import LOCAL_DIST, patch_model_css
from panel.io.server import ComponentResourceHandler, DocHandler, WSHandler
from panel.io.state import set_curdoc
from panel.io.state import state as panel_state
from tornado.web import HTTPError, RequestHandler, StaticFileHandler

from dashboards.boundary import Boundary, Failure
from dashboards.every_answer import HeaderMixin, StaticFileMixin
from dashboards.first_visit import COOKIE, VERSION
from dashboards.links import Links
from dashboards.request_words import header_of, in_utf8, names_of, path_params_of, query_of
from dashboards.session import PageSpec, Session
from dashboards.shell import THEME_COOKIE, Shell, choose_theme
from data_access.errors import ArchiveError

log = logging.getLogger("dsa110.dashboard")


class PageApplication(Application):  # type: ignore[misc, unused-ignore]
    """The Bokeh application of one route: reads what the page needs first, then builds its document."""

    def __init__(self, spec: PageSpec, shell: Shell, archive: Any, settings: Any) -> None:
        super().__init__(FunctionHandler(self._build), admin=None)  # type: ignore[no-untyped-call]
        self.spec = spec
        self.shell = shell
        self._archive = archive
        self._settings = settings
        self.failures: dict[str, Failure] = {}

    async def prepare(self, path_params: Mapping[str, str], query: Mapping[str, str]) -> Any:
        """Return what the page's `prepare` returns."""
        return await self.spec.load_view().prepare(self._archive, path_params, query)

    async def status_of(self, query: Mapping[str, str]) -> int:
        """Return the HTTP status of the page that is shown.

        400 when it shows what it did not understand; that of the error when what it lists cannot be read.
        """
        view = self.spec.load_view().view_for(query)
        try:
            view.check_query(query)
            if not view.refusal_of(query):
                await view.check_archive(self._archive, query)
                return 200
        except ArchiveError as err:
            return err.status
        return 400

    async def finish(self, prepared: Any) -> None:
        """Let the page read a little more, which decides nothing."""
        await self.spec.load_view().finish(self._archive, prepared)

    async def on_session_created(self, session_context: Any) -> None:
        """Prepare a session that was made by a websocket alone (its first one had expired meanwhile)."""
        request = session_context.request
        if getattr(request, "prepared", None) is None:
            with Boundary(self.spec.path) as boundary:
                result = await self.prepare(path_params_of(request), query_of(request))
                await self.finish(result)
                request._request.prepared = (result,)
            if boundary.failure is not None:
                self.failures[session_context.id] = boundary.failure
        await super().on_session_created(session_context)  # type: ignore[no-untyped-call]

    def _build(self, doc: Document) -> None:
        context: Any = doc.session_context
        request = context.request
        # An exception here would leave the session pending for ever (bokeh/server/contexts.py).
        if context.id not in self.failures:
            with set_curdoc(doc), Boundary(self.spec.path) as boundary:
                session = self._session(doc, request)
                self.shell.open_page(self.spec, self.spec.load_view(), session)
                use_local_stylesheets(doc)
            if boundary.failure is None:
                return
            self.failures[context.id] = boundary.failure
        doc.on_session_destroyed(lambda _: self.failures.pop(context.id, None))  # type: ignore[arg-type]
        for root in tuple(doc.roots):
            doc.remove_root(root)
        self.shell.fail_page(doc, self.failures[context.id])
        use_local_stylesheets(doc)

    def _user(self, request: Any) -> str:
        name = getattr(self._settings, "user_header", "")
        return " ".join(header_of(request, name).split())[:80] if name else ""

    def _session(self, doc: Document, request: Any) -> Session:
        query = query_of(request)
        path = getattr(request, "app_path", None) or self.spec.path
        return Session(
            archive=self._archive,
            settings=self._settings,
            path_params=path_params_of(request),
            query=query,
            theme=choose_theme(query.get("theme"), request.cookies.get(THEME_COOKIE)),
            links=Links.seen_from(path),
            doc=doc,
            prepared=request.prepared[0],
            user=self._user(request),
            head_sent=getattr(request, "head_sent", False),
        )


def use_local_stylesheets(doc: Document) -> None:
    """Point the stylesheets of all models to this server, also of those that are added later.

    Panel does it while it writes the HTML; a document made by a websocket alone has none and would ask its CDN.
    """
    with set_curdoc(doc):
        root_path = panel_state.rel_path
        local = f"{root_path}/{LOCAL_DIST}" if root_path else LOCAL_DIST
        doc.template_variables["dist_url"] = local  # of what is added later
        for root in doc.roots:
            patch_model_css(root, dist_url=local)


class PageHandler(HeaderMixin, DocHandler):  # type: ignore[misc, unused-ignore]
    """A page: trailing slash away, `prepare` first, and no session for a page that cannot be shown."""

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Answer with the page, a redirect or an error page."""
        self._refuse_session()
        if self._redirected():
            return
        path = self.request.path.removeprefix(self.application.prefix)
        if not await self._prepared(kwargs):
            return
        await self._send_head(path)
        request: Any = self.request
        await self._page().finish(request.prepared[0])
        try:
            await super().get(*args, **kwargs)  # type: ignore[misc]
        except PageFailed as err:
            self.write_failure(err.failure)

    async def head(self, *_: Any, **kwargs: Any) -> None:
        """Answer with the status and the headers of the page; nothing is built for those who only look."""
        if not self._redirected() and await self._prepared(kwargs):
            self.set_header("Content-Type", "text/html; charset=utf-8")
            self.set_header("Cache-Control", "no-store")
            await self.finish()

    def _refuse_session(self) -> None:
        """Refuse a session that the visitor names: Bokeh would do it too late for a status and for words."""
        named = {"bokeh-session-id", "bokeh-token"} & self.request.arguments.keys()
        if named or "Bokeh-Session-Id" in self.request.headers:
            raise HTTPError(403)

    def _redirected(self) -> bool:
        path = self.request.path.removeprefix(self.application.prefix)
        if not path.endswith("/") or path == "/":
            return False
        query = f"?{self.request.query}" if self.request.query else ""
        self.redirect(f"../{path.rstrip('/').rpartition('/')[2]}{query}", permanent=True)
        return True

    async def _prepared(self, path_params: Mapping[str, str]) -> bool:
        """Read what decides whether the page exists, and set the status; the error page is written if it does not."""
        with Boundary(self.request.path) as boundary:
            request: Any = self.request
            request.arguments = in_utf8(request.arguments)
            arguments = query_of(request)
            request.prepared = (await self._page().prepare(names_of(path_params), arguments),)
            self.set_status(await self._page().status_of(arguments))
        if boundary.failure is not None:
            self.write_failure(boundary.failure)
        return boundary.failure is None

    async def _send_head(self, path: str) -> None:
        """Send the start of the page before it is built, so that the browser runs the scripts meanwhile."""
        request: Any = self.request
        theme = choose_theme(self.get_query_argument("theme", None), self.get_cookie(THEME_COOKIE))
        head = self.shell.head(self._page().spec, Links.seen_from(path), theme)
        if head is None:
            return
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        is_first = self.shell.first_visits.is_first(request)
        if is_first:
            self.set_cookie(COOKIE, VERSION, expires_days=365, httponly=True, samesite="Lax")
        self.write(head)
        await self.flush()
        request.head_sent = True
        if is_first:
            await self.shell.first_visits.scripts_sent()

    async def get_session(self) -> Any:
        """Return the new session; one whose page could not be built is thrown away at once."""
        session: Any = await super().get_session()  # type: ignore[misc]
        failure = self._page().failures.pop(session.id, None)
        if failure is not None:
            session.request_expiration()
            raise PageFailed(failure)
        return session

    def _page(self) -> PageApplication:
        application: Any = self.application_context.application
        made: PageApplication = application
        return made


class SocketHandler(HeaderMixin, WSHandler):  # type: ignore[misc, unused-ignore]
    """The connection of an open page."""

    def open(self, *args: Any, **path_params: Any) -> None:
        """Send every frame at once: a patch is dozens, and the kernel would hold the last back for up to 40 ms."""
        super().open(*args, **path_params)  # type: ignore[no-untyped-call, unused-ignore]
        if self.ws_connection is not None:
            self.set_nodelay(True)


class PageFailed(Exception):
    """The page could not be built; carries what the reader is told."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class UnknownHandler(RequestHandler):
    """Answers 404 to everything."""

    def initialize(self, **_: Any) -> None:
        """Accept the arguments of the handler that this one stands for."""

    def prepare(self) -> None:
        """Refuse whatever the method."""
        raise HTTPError(404)


class FaviconHandler(RequestHandler):
    """The icon for browsers that ask for it by themselves."""

    def initialize(self, **_: Any) -> None:
        """Accept Bokeh's arguments."""

    def get(self) -> None:
        """Send the browser to the one with a version."""
        self.set_header("Cache-Control", "max-age=86400")
        self.redirect(f"{self.application.prefix}/assets/favicon.svg", permanent=True)  # type: ignore[attr-defined]


# autoload.js and /metadata build whole sessions past `prepare`; the component handler imports any module by name.
_BLOCKED = (BokehAutoloadJsHandler, MetadataHandler, ComponentResourceHandler)


def own_handlers(tornado: BokehTornado, shell: Shell) -> None:
    """Replace the request handlers of this one application by subclasses with our headers and error pages."""
    made: dict[type, type] = {}
    for rule in tornado.wildcard_router.rules:
        rule.target = _own(rule.target, shell, made)
    tornado.settings["default_handler_class"] = _own(UnknownHandler, shell, made)


def _own(target: Any, shell: Shell, made: dict[type, type]) -> Any:
    if not (isinstance(target, type) and issubclass(target, RequestHandler)):
        return target
    base: type = target
    if issubclass(target, DocHandler):
        base = PageHandler
    elif issubclass(target, WSHandler):
        base = SocketHandler
    elif issubclass(target, IcoHandler):
        base = FaviconHandler
    elif issubclass(target, _BLOCKED):
        base = UnknownHandler
    if base not in made:
        mixin = StaticFileMixin if issubclass(base, StaticFileHandler) else HeaderMixin
        bases = (base,) if issubclass(base, HeaderMixin) else (mixin, base)
        made[base] = type(f"Own{base.__name__}", bases, {"shell": shell})
    return made[base]


def page_applications(specs: tuple[PageSpec, ...], shell: Shell, archive: Any, settings: Any) -> dict[str, Any]:
    """Return the application of every route, those without parameters first.

    Registered the other way round, ``/sources/{id}`` would take the websocket of ``/sources`` for a source
    called "ws" (panel/io/server.py matches in order).
    """
    ordered = sorted(specs, key=lambda spec: "{" in spec.path)
    return {s.path: PageApplication(s, shell, archive, settings) for s in ordered}


def log_callback_error(err: BaseException) -> None:
    """Log an error in an event handler; Panel would send its text to the browser's console."""
    log.error("error %s in an event handler", secrets.token_hex(4), exc_info=err)
