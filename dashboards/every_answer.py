"""What every answer has: our headers, our page for every error, and any bytes of the address read as text."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from tornado.web import HTTPError, RequestHandler

from dashboards.boundary import Failure, describe_failure, describe_refusal
from dashboards.components.cells import shortened
from dashboards.request_words import as_text
from dashboards.shell import THEME_COOKIE, Shell, choose_theme

# `script-src-attr 'none'` is what kills markup hidden in data; BokehJS needs inline scripts and `new Function`.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "script-src-attr 'none'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' ws: wss: blob: data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "frame-ancestors 'self'",
        "form-action 'self'",
    )
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


class HeaderMixin:
    """Our headers on every answer, our page for every error, and any bytes read as text."""

    shell: Shell

    def set_default_headers(self) -> None:
        """Set the headers; Tornado calls this again before it writes an error."""
        super().set_default_headers()  # type: ignore[misc]
        for name, value in HEADERS.items():
            self.set_header(name, value)  # type: ignore[attr-defined]

    def on_finish(self) -> None:
        """Say which file was sent, for those who wait for the scripts of their first page."""
        super().on_finish()  # type: ignore[misc]
        self.shell.first_visits.note_sent(self.request.path)  # type: ignore[attr-defined]

    def decode_argument(self, value: bytes, name: str | None = None) -> str:  # noqa: ARG002  (Tornado's signature)
        """Return a part of the address as text: whoever asks for it can then say what is wrong with it.

        Tornado would refuse bytes that are not UTF-8 itself, without a word, and in the error page once more.
        """
        return as_text(value)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write the error page; an unexpected exception gets an id, its traceback goes to the log only."""
        err = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(err, HTTPError) or err is None:
            asked = shortened(unquote(self.request.path), 200)  # type: ignore[attr-defined]
            failure = describe_refusal(status_code, asked)
        else:
            failure = describe_failure(err, self.request.path)  # type: ignore[attr-defined]
        if status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            self.set_header("Allow", ", ".join(_answered_methods(type(self))))  # type: ignore[attr-defined]
        getattr(super(), "refuse", self.write_failure)(failure)

    def log_exception(self, kind: Any, err: Any, trace: Any) -> None:
        """Log what is not an expected error once: `write_error` has logged it with its id."""
        if isinstance(err, HTTPError):
            super().log_exception(kind, err, trace)  # type: ignore[misc]

    def write_failure(self, failure: Failure) -> None:
        """Finish with the error page of `failure`, in the colours the reader has chosen."""
        handler: Any = self
        prefix = handler.application.prefix
        path = handler.request.path.removeprefix(prefix) or "/"
        theme = choose_theme(handler.get_query_argument("theme", None), handler.get_cookie(THEME_COOKIE))
        if handler._headers_written:
            handler.finish(self.shell.error_page(failure, path, theme, head_sent=True))
            return
        handler.set_status(failure.status)
        handler.set_header("Content-Type", "text/html; charset=utf-8")
        handler.set_header("Cache-Control", "no-store")
        handler.finish(self.shell.error_page(failure, path, theme))


def _answered_methods(handler: type) -> list[str]:
    """Return the methods that a kind of handler answers."""
    refused = RequestHandler._unimplemented_method
    return [name for name in RequestHandler.SUPPORTED_METHODS if getattr(handler, name.lower()) is not refused]


class StaticFileMixin(HeaderMixin):
    """The same for files of ours and of the libraries."""

    def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
        """Refuse a NUL byte, which no name of a file has: the file system would raise."""
        if "\0" in absolute_path:
            raise HTTPError(404)
        path: str | None = super().validate_absolute_path(root, absolute_path)  # type: ignore[misc]
        return path
