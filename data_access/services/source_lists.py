"""Lists of sources that people upload or select: short ones travel in the URL, long ones are kept on our own disk."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from data_access.analysis.source_list import MOST_ENTRIES, read_list
from data_access.errors import ValidationError
from data_access.offload import Offload
from data_access.records.source_query import Cone
from data_access.services.list_folder import ListFolder, key_of

# A key that carries its list: what browsers, proxies and chat programs pass on without trouble, with some filters.
LONGEST_KEY = 1500
_CARRIED = "z."
_MOST_IN_MEMORY = 100
_MOST_BYTES = 2_000_000
_LONGEST_CARRIED_BYTES = 200_000


@dataclass(frozen=True, slots=True)
class SourceList:
    """A list and the key that stands for it in a URL.

    Attributes
    ----------
    problem : str
        Why the link lasts only until the server restarts; empty when it lasts.
    """

    key: str
    entries: tuple[str | Cone, ...]
    problem: str = ""


class SourceLists:
    """Lists by their keys.

    Of a short list the key is the list itself, compressed; of a long one it is the hash of its content, under which
    it is kept in a folder of our own (the thousand used last) and found again after a restart and by other servers.

    Parameters
    ----------
    open_folder : callable
        Returns the folder; raises `ValidationError` when it would be one of the pipeline's. Then, and when the disk
        is not writable, long lists live in memory, which they say.
    """

    def __init__(self, offload: Offload, open_folder: Callable[[], ListFolder]) -> None:
        self._offload = offload
        self._open_folder = open_folder
        self._lists: OrderedDict[str, SourceList] = OrderedDict()

    async def keep(self, names: Sequence[str]) -> SourceList:
        """Keep names that are known to be sources.

        Raises
        ------
        ValidationError
            They are too many.
        """
        if len(names) > MOST_ENTRIES:
            raise ValidationError(
                f"{len(names):,} sources are selected: {MOST_ENTRIES:,} can be listed at once",
                remedy="Select a smaller part, or use the filters above.",
            )
        return self._remember(await self._offload.in_thread(self._keep, tuple(names)))

    async def add(self, text: str) -> SourceList:
        """Keep a list and return it; the same list has the same key.

        Raises
        ------
        ValidationError
            It is empty or too long.
        """
        return self._remember(await self._offload.in_thread(lambda: self._keep(read_list(text))))

    async def get(self, key: str) -> SourceList:
        """Return a list; raise `ValidationError` when nobody here knows it."""
        found = self.recent(key)
        if found is None:
            found = self._remember(await self._offload.in_thread(self._read, key))
        return found

    def recent(self, key: str) -> SourceList | None:
        """Return a list that was asked for before without reading anything; None when it was not."""
        found = self._lists.get(key)
        if found is not None:
            self._lists.move_to_end(key)
        return found

    def _remember(self, kept: SourceList) -> SourceList:
        self._lists[kept.key] = kept
        self._lists.move_to_end(kept.key)
        while len(self._lists) > _MOST_IN_MEMORY:
            self._lists.popitem(last=False)
        return kept

    def _keep(self, entries: tuple[str | Cone, ...]) -> SourceList:
        body = json.dumps([_plain(entry) for entry in entries], separators=(",", ":")).encode()
        carried = _CARRIED + base64.urlsafe_b64encode(zlib.compress(body, 9)).decode().rstrip("=")
        if len(carried) <= LONGEST_KEY and len(body) <= _LONGEST_CARRIED_BYTES:
            return SourceList(carried, entries)
        if len(body) > _MOST_BYTES:
            raise ValidationError(f"The list is {len(body):,} characters long: {_MOST_BYTES:,} are possible")
        problem = ""
        try:
            self._open_folder().put(body)
        except ValidationError as err:
            problem = err.message
        except OSError as err:
            problem = f"it cannot be kept on disk ({err.strerror or err})"
        return SourceList(key_of(body), entries, problem)

    def _read(self, key: str) -> SourceList:
        if key.startswith(_CARRIED):
            return SourceList(key, _carried(key))
        try:
            body = self._open_folder().get(key)
        except ValidationError:
            body = None
        if body is None:
            raise ValidationError(
                f"The list '{key[:20]}' is unknown here",
                remedy="Upload it or select the sources again: it is of another server, or was removed "
                "when a thousand newer ones had come.",
            )
        return SourceList(key, _entries(body))


def _plain(entry: str | Cone) -> object:
    return entry if isinstance(entry, str) else [entry.ra_deg, entry.dec_deg, entry.text]


def _carried(key: str) -> tuple[str | Cone, ...]:
    """Return the list in a key: whatever somebody typed there, no more than so much of it is unpacked."""
    packed = key[len(_CARRIED) : len(_CARRIED) + LONGEST_KEY]
    try:
        body = zlib.decompressobj().decompress(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)),
                                               _LONGEST_CARRIED_BYTES)  # fmt: skip
        return _entries(body)
    except (ValueError, TypeError, binascii.Error, zlib.error) as err:
        raise ValidationError(
            f"The list in the link cannot be read ('{key[:20]}...')", remedy="Copy the whole of the link."
        ) from err


def _entries(body: bytes) -> tuple[str | Cone, ...]:
    made: list[str | Cone] = []
    found = json.loads(body)
    if not isinstance(found, list):
        raise TypeError("a list is wanted")
    for entry in found[:MOST_ENTRIES]:
        if isinstance(entry, str):
            made.append(entry)
        else:
            ra, dec, text = entry
            place = Cone(float(ra), float(dec), 0.0, str(text))
            if not (abs(place.ra_deg) <= 360.0 and abs(place.dec_deg) <= 90.0):
                raise ValueError(f"{place.ra_deg}, {place.dec_deg} is no position")
            made.append(place)
    return tuple(made)
