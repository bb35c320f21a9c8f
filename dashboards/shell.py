"""The page around the content: template, navigation, theme, and how a `PageView` becomes a Bokeh document."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jinja2
import panel as pn
from bokeh.document import Document
from bokeh.models import CustomJS

from dashboards.boundary import Boundary, Failure
from dashboards.components.browser_state import BrowserState
from dashboards.components.notice import failure_card
from dashboards.first_visit import FirstVisits
from dashboards.links import Links
from dashboards.live import ChangeFeed, Live
from dashboards.plots.theme import THEMES, bokeh_theme, css_variables
from dashboards.session import PageSpec, PageView, Session

ASSETS = Path(__file__).resolve().parents[1] / "assets"
THEME_COOKIE = "dsa110_theme"
DEFAULT_THEME = "dark"
_NOT_NEEDED = re.compile(r"<script[^>]*(?:esms-options|es-module-shims|bokeh-gl[.])[^>]*>[^<]*</script>")
_NATIVE_IMPORT = (
    "<script>window.importShim = url => import(url); window.importShim.addImportMap = () => undefined;</script>"
)
_LEFT_OUT = "It is left out, and the page is as without it: correct the address, or go on from here."
_TELL_READY = "window.dsa110.ready()"
_TELL_LOST = "window.dispatchEvent(new Event('dsa110:lost'))"


def choose_theme(query_value: str | None, cookie_value: str | None) -> str:
    """Return the name of the theme: the URL wins over the cookie, anything unknown is the default."""
    return next((name for name in (query_value, cookie_value) if name in THEMES), None) or DEFAULT_THEME


class Shell:
    """Renders pages and error pages with the same header.

    Parameters
    ----------
    specs : sequence of PageSpec
        Those with ``in_nav`` make the navigation.
    boot_id : str
        Changes with every start of the server, so that open pages notice and reload.
    stale_after_s : float
        Data are called stale when the newest write is older.
    """

    def __init__(self, specs: Sequence[PageSpec], feed: ChangeFeed, *, boot_id: str, stale_after_s: float) -> None:
        self.specs = tuple(specs)
        self.feed = feed
        self.boot_id = boot_id
        self.stale_after_s = stale_after_s
        self._versions = {p.name: _version(p) for p in ASSETS.iterdir() if p.is_file()}
        environment = jinja2.Environment(autoescape=True, loader=jinja2.FileSystemLoader(ASSETS))
        environment.filters["needed"] = _needed_scripts
        self._template = environment.get_template("page.html")
        self._head = environment.get_template("page_head.html")
        self.first_visits = FirstVisits()
        self._scripts: dict[tuple[str, str], tuple[str, str]] = {}
        self._theme_css = "\n".join(_theme_rule(name) for name in THEMES)

    def open_page(self, spec: PageSpec, view_class: type[PageView], session: Session) -> PageView:
        """Build the document of one page; its content is read after the browser has painted it.

        Raises
        ------
        Exception
            Whatever the constructor or ``__panel__`` of the page raises.
        """
        doc = session.doc
        doc.theme = bokeh_theme(session.theme)
        doc.template = self._template
        # Bokeh's own reconnecting leaves old numbers on the screen; page.js reloads instead.
        doc.config.update(reconnect_session=False, notifications=None, notify_connection_status=False)
        doc.js_on_event("connection_lost", CustomJS(code=_TELL_LOST))
        doc.js_on_event("document_ready", CustomJS(code=_TELL_READY))
        view = view_class(session)
        browser = BrowserState(view)
        content = view.__panel__()
        live = Live(session, self.feed, view.refresh, view.live_roles, lambda: view.is_waiting)
        browser.on_visible = live.set_visible

        async def start() -> None:
            live.start()
            await _load(view)
            await session.patch(lambda: browser.param.update(filled=True))
            live.loaded()

        def leave(_context: Any) -> None:
            live.stop()
            session.close()

        doc.on_session_destroyed(leave)
        refused = [failure_card(Failure(view.refusal, _LEFT_OUT, 400))] if view.refusal else []
        root = pn.Column(*refused, view.page_failure, content, browser, sizing_mode="stretch_width", margin=0)
        root.server_doc(doc, title=view.title or spec.title, location=False)
        doc.template_variables.update(self._variables(spec.group, session.links, session.theme))
        doc.template_variables.update(head_sent=session.head_sent, keep_scripts=self._keeper(spec, session.links))
        pn.state.onload(lambda: _discard(session.spawn(start())))
        return view

    def head(self, spec: PageSpec, links: Links, theme: str) -> str | None:
        """Return the start of a page, up to its scripts; None before a page of this kind has been built once.

        Sent before the page is built, it lets the browser run three megabytes of scripts meanwhile. A page that
        cannot be built at all is therefore found out at its first visit, with the right status.
        """
        scripts = self._scripts.get((spec.path, links.root))
        if scripts is None:
            return None
        bokeh_js, bokeh_css = scripts
        variables = self._variables(spec.group, links, theme)
        return self._head.render(title=spec.title, bokeh_js=bokeh_js, bokeh_css=bokeh_css, **variables)

    def _keeper(self, spec: PageSpec, links: Links) -> Callable[[str, str], str]:
        def keep(bokeh_js: str, bokeh_css: str) -> str:
            self._scripts[spec.path, links.root] = (bokeh_js, bokeh_css)
            return ""

        return keep

    def fail_page(self, doc: Document, failure: Failure) -> None:
        """Make `doc` a document with an error card: seen by a browser that has the page's HTML already."""
        doc.js_on_event("document_ready", CustomJS(code=_TELL_READY))
        failure_card(failure).server_doc(doc, title=failure.heading, location=False)

    def error_page(self, failure: Failure, path: str, theme: str, *, head_sent: bool = False) -> str:
        """Return a whole HTML page for `failure` (or what follows the head); nothing in it needs the server again.

        Parameters
        ----------
        path : str
            Path of the request below the prefix.
        """
        group = next((s.group for s in self.specs if s.path == "/" + path.strip("/").partition("/")[0]), "")
        variables = self._variables(group, Links.seen_from(path), theme)
        return self._template.render(title=failure.heading, failure=failure, head_sent=head_sent, **variables)

    def _variables(self, group: str, links: Links, theme: str) -> dict[str, Any]:
        navigation = [
            {
                "title": s.title,
                "href": links.page(s.path.lstrip("/")),
                "key": s.key,
                "current": s.group == group,
            }
            for s in self.specs
            if s.in_nav
        ]
        return {
            "root": links.root,
            "navigation": navigation,
            "theme": theme,
            "themes": tuple(THEMES),
            "theme_css": self._theme_css,
            "asset": lambda name: f"{links.root}assets/{name}?v={self._versions.get(name, '')}",
            "boot": self.boot_id,
            "server_now": f"{time.time():.3f}",
            "last_write": self.feed.last_write,
            "stale_after_s": self.stale_after_s,
        }


async def _load(view: PageView) -> None:
    with Boundary(type(view).__name__) as boundary:
        await view.load()
    if boundary.failure is not None:
        await view.show_failure(view.page_failure, boundary.failure)
    title = view.title
    if title and title != view.session.doc.title:
        await view.patch(lambda: setattr(view.session.doc, "title", title))


def _discard(_task: object) -> None:
    """Panel awaits or renders what a callback returns; a task is neither."""


def _needed_scripts(scripts: str) -> str:
    """Return the script tags without WebGL, which no plot uses, and with the browser's own modules.

    Panel loads every component through es-module-shims, which reads and rewrites its source: 15 ms each. Every
    browser that can run BokehJS can import modules, and our components need no import maps.
    """
    return _NOT_NEEDED.sub("", scripts) + (_NATIVE_IMPORT if scripts else "")


def _version(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _theme_rule(name: str) -> str:
    scheme = "light" if name == "light" else "dark"
    tokens = "".join(f"{key}:{value};" for key, value in css_variables(name).items())
    return f":root[data-theme={name}]{{color-scheme:{scheme};{tokens}}}"
