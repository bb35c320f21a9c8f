"""Where errors stop: what failed, in words for the reader, while the traceback goes to the log only."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from types import TracebackType

from data_access.errors import ArchiveError

log = logging.getLogger("dsa110.dashboard")

_HEADINGS = {
    400: "That does not mean anything here",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    422: "The file cannot be used",
    503: "Not available now",
}
# What the web server refuses before a page is asked: message and remedy.
_REFUSALS = {
    400: ("The server cannot read this request", "Check the address, or choose a page from the navigation above."),
    403: ("The server does not allow this request", "Open the page anew, or choose one from the navigation above."),
    404: ("There is no such page", "Choose one from the navigation above."),
    405: ("This address can only be read", "Ask for it with GET or HEAD: nothing is changed over HTTP."),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """What the reader is told about an error: plain text, never markup.

    Attributes
    ----------
    error_id : str
        Finds the traceback in the log; empty for the expected errors of `data_access.errors`.
    """

    message: str
    remedy: str
    status: int = 500
    error_id: str = ""

    @property
    def heading(self) -> str:
        """The status in words."""
        return _HEADINGS.get(self.status, "Something went wrong")


def describe_failure(err: BaseException, where: str) -> Failure:
    """Return what to tell the reader about `err`; an unexpected error is logged under a new error id.

    Parameters
    ----------
    err : BaseException
    where : str
        The part of the dashboard that failed, for the log.
    """
    if isinstance(err, ArchiveError):
        has_remedy = err.remedy != ArchiveError.remedy  # else the traceback is promised
        log.info("%s: %s", in_one_line(where), in_one_line(err.message), exc_info=None if has_remedy else err)
        return Failure(err.message, err.remedy, err.status)
    error_id = secrets.token_hex(4)
    log.error("error %s in %s", error_id, in_one_line(where), exc_info=err)
    return Failure(
        "This part of the dashboard failed unexpectedly.",
        "The rest of the page still works. The server's log has the details under the error id.",
        500,
        error_id,
    )


def describe_refusal(status: int, asked: str) -> Failure:
    """Return what to tell the reader when the web server itself refuses what was `asked` for, with its status."""
    message, remedy = _REFUSALS.get(status, (f"The server refuses this with HTTP {status}", _REFUSALS[400][1]))
    return Failure(f"{message}: {asked}", remedy, status)


def in_one_line(text: str) -> str:
    """Return text with its control characters written out: what a visitor sends forges no line of a log."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class Boundary:
    """Context in which an exception ends as a `Failure` instead of travelling on.

    Cancellation and exit are not errors and pass through.

    Examples
    --------
    >>> with Boundary("table") as boundary:
    ...     rows = await find_rows()
    >>> if boundary.failure: ...
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self.failure: Failure | None = None

    def __enter__(self) -> Boundary:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(err, Exception):
            return False
        self.failure = describe_failure(err, self.where)
        return True
