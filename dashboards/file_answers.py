"""What all answers with files have in common: what may be asked, refusals in words, tags of what has not changed."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from email.utils import formatdate
from typing import Any, ClassVar

from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

from dashboards.boundary import Boundary, Failure
from dashboards.links import name_in_path
from dashboards.request_words import as_text
from data_access.errors import ValidationError

TYPES = {
    "fits": "application/fits", "png": "image/png", "jpg": "image/jpeg", "py": "text/plain; charset=utf-8",
    "gif": "image/gif", "mp4": "video/mp4",
}  # fmt: skip
# Part of every ETag: raise it when the same question gets a different answer.
_FORMAT_VERSION = 2


class FileAnswer(RequestHandler, ABC):
    """What answers with files have in common: the record first, errors with words, conditional requests.

    Attributes
    ----------
    names : tuple of str
        Names in the query that are understood; any other is refused: a filter that is spelled wrongly would else
        give everything.
    ignored : tuple of str
        Names that are taken without a meaning here, because they stand in the addresses of pages.
    """

    names: ClassVar[tuple[str, ...]] = ()
    ignored: ClassVar[tuple[str, ...]] = ()

    def initialize(self, archive: Any) -> None:
        """Receive the archive."""
        self._archive = archive

    async def get(self, *parts: str) -> None:
        """Answer, or refuse with status and words; the parts of the path name the record."""
        with Boundary(self.request.path) as boundary:
            self._refuse_unknown_names()
            try:
                await self.answer(await self.find(*map(name_in_path, parts)))
            except StreamClosedError:
                return  # the reader went away
        if boundary.failure is not None:
            self._refuse(boundary.failure)

    async def head(self, *parts: str) -> None:
        """Answer with the headers only."""
        await self.get(*parts)

    @abstractmethod
    async def find(self, *parts: str) -> Any:
        """Return the record that the path names; raise an `ArchiveError` when there is none."""

    @abstractmethod
    async def answer(self, found: Any) -> None:
        """Write the answer for what was found."""

    def compute_etag(self) -> str | None:
        """Return the tag that `unchanged` has set, not a hash of the body."""
        return None

    def unchanged(self, *facts: object, modified_at: float, same_bytes: bool = False) -> bool:
        """Set the headers that let a client ask again cheaply; True when it has this answer already.

        With `same_bytes` equal facts promise an equal body, byte by byte: pieces of it may be put together.
        """
        digest = hashlib.sha256(repr((_FORMAT_VERSION, facts)).encode()).hexdigest()[:32]
        self.set_header("Etag", f'"{digest}"' if same_bytes else f'W/"{digest}"')
        self.set_header("Last-Modified", formatdate(modified_at, usegmt=True))
        self.set_header("Cache-Control", "no-cache")
        if self.check_etag_header():
            self.set_status(304)
            return True
        return False

    def send(self, body: bytes, *, kind: str, name: str) -> None:
        """Finish with a body and the name to keep it under; pictures and programs open in the browser."""
        self.set_header("Content-Type", TYPES[kind])
        how = "attachment" if kind == "fits" else "inline"
        self.set_header("Content-Disposition", f'{how}; filename="{name}"')
        self.finish(body)

    def _refuse_unknown_names(self) -> None:
        unknown = [name for name in self.request.query_arguments if name not in (*self.names, *self.ignored)]
        if not unknown:
            return
        texts = [as_text(name.encode("latin-1"))[:40] for name in unknown[:5]]  # Tornado has read them as Latin-1
        asked = ", ".join(f"'{text}'" for text in texts)
        known = f"Understood are: {', '.join(self.names)}." if self.names else "This address takes no query."
        raise ValidationError(f"Not known in this address: {asked}", remedy=known)

    def _refuse(self, failure: Failure) -> None:
        if self._headers_written:
            # Too late for words: an incomplete answer must not look complete.
            if (stream := self.detach()) is not None:
                stream.close()
            return
        self.clear()
        self.refuse(failure)

    def refuse(self, failure: Failure) -> None:
        """Finish with what was refused: a page for browsers, plain text for programs."""
        if "text/html" in self.request.headers.get("Accept", ""):
            write: Any = self
            write.write_failure(failure)
            return
        self.set_status(failure.status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        error_id = f"error id {failure.error_id}\n" if failure.error_id else ""
        self.finish(f"{failure.message}\n{failure.remedy}\n{error_id}")

    def word(self, name: str, default: str, choices: Sequence[str]) -> str:
        """Return an argument that must be one of several words."""
        value = self.get_query_argument(name, default).lower() or default
        if value not in choices:
            raise ValidationError(
                f"{name}: '{value[:40]}' is not known", remedy=f"Choose one of: {', '.join(choices)}."
            )
        return value

    def number(self, name: str, default: float | None) -> float | None:
        """Return an argument as a finite number."""
        text = self.get_query_argument(name, "")
        if not text:
            return default
        try:
            value = float(text)
        except ValueError as err:
            raise ValidationError(f"{name}: '{text[:40]}' is not a number") from err
        if not math.isfinite(value):
            raise ValidationError(f"{name}: '{text[:40]}' is not a finite number")
        return value
