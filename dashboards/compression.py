"""Static files are compressed once: compressing Bokeh's and Panel's scripts takes the event loop 200 ms a visitor."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import GZipContentEncoding

_KINDS = (".js", ".css", ".svg", ".json", ".map")
Key = tuple[str, str]


class CompressedFiles:
    """The compressed pieces of the files that were sent last.

    Parameters
    ----------
    max_files : int
    """

    def __init__(self, *, max_files: int = 64) -> None:
        self._max_files = max_files
        self._pieces: OrderedDict[Key, tuple[bytes, ...]] = OrderedDict()

    def find(self, key: Key) -> tuple[bytes, ...] | None:
        """Return the pieces of a file, or None."""
        if key in self._pieces:
            self._pieces.move_to_end(key)
        return self._pieces.get(key)

    def keep(self, key: Key, pieces: tuple[bytes, ...]) -> None:
        """Keep the pieces of a file that was sent as a whole; the one asked for longest ago is dropped."""
        self._pieces[key] = pieces
        self._pieces.move_to_end(key)
        while len(self._pieces) > self._max_files:
            self._pieces.popitem(last=False)

    def __len__(self) -> int:
        return len(self._pieces)


class CompressOnce(GZipContentEncoding):
    """Tornado's compression, which remembers what became of each piece of a file.

    A file is known by its path and its Etag, a hash of its content; Tornado reads it in pieces of equal size, so that
    the same piece always follows the same pieces.

    Parameters
    ----------
    files : CompressedFiles
        Shared by all requests of a server.
    request : HTTPServerRequest
    """

    def __init__(self, files: CompressedFiles, request: HTTPServerRequest) -> None:
        super().__init__(request)
        self._files = files
        self._path = request.path if request.method == "GET" else ""
        self._key: Key | None = None
        self._made: list[bytes] = []
        self._kept: Iterator[bytes] | None = None

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Compress the first piece, or take what became of it before."""
        etag = headers.get("Etag")
        if status_code == 200 and etag and self._path.endswith(_KINDS):
            self._key = (self._path, etag)
            pieces = self._files.find(self._key)
            self._kept = None if pieces is None else iter(pieces)
        return super().transform_first_chunk(status_code, headers, chunk, finishing)

    def transform_chunk(self, chunk: bytes, finishing: bool) -> bytes:
        """Compress one piece, or take what became of it before."""
        if not self._gzipping or self._key is None:
            return super().transform_chunk(chunk, finishing)
        if self._kept is not None:
            return next(self._kept)
        piece = super().transform_chunk(chunk, finishing)
        self._made.append(piece)
        if finishing:
            self._files.keep(self._key, tuple(self._made))
        return piece
