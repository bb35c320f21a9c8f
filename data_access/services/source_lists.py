"""Lists of sources that people uploaded: kept in memory under a short key, the oldest forgotten first."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from data_access.analysis.source_list import MOST_ENTRIES, read_list
from data_access.errors import ValidationError
from data_access.offload import Offload
from data_access.records.source_query import Cone

MOST_LISTS = 100


@dataclass(frozen=True, slots=True)
class SourceList:
    """An uploaded list and its key."""

    key: str
    entries: tuple[str | Cone, ...]


class SourceLists:
    """At most `MOST_LISTS` lists; a restart of the server forgets them all."""

    def __init__(self, offload: Offload) -> None:
        self._offload = offload
        self._lists: OrderedDict[str, SourceList] = OrderedDict()

    def keep(self, names: Sequence[str]) -> SourceList:
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
        return self._kept("\n".join(names), tuple(names))

    async def add(self, text: str) -> SourceList:
        """Keep a list and return it; the same text has the same key.

        Raises
        ------
        ValidationError
            It is empty or too long.
        """
        return self._kept(text, await self._offload.in_thread(read_list, text))

    def _kept(self, text: str, entries: tuple[str | Cone, ...]) -> SourceList:
        key = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:10]
        self._lists[key] = SourceList(key, entries)
        self._lists.move_to_end(key)
        while len(self._lists) > MOST_LISTS:
            self._lists.popitem(last=False)
        return self._lists[key]

    def get(self, key: str) -> SourceList:
        """Return a list; raise `ValidationError` when it is not kept any more."""
        found = self._lists.get(key)
        if found is None:
            raise ValidationError(
                f"The uploaded list '{key[:20]}' is not kept any more",
                remedy="Upload it again: lists are forgotten when the server restarts or many others have come.",
            )
        return found
