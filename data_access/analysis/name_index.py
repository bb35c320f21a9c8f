"""Names of sources, sorted so that the beginning of one is found at once, with or without the catalogue's prefix."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
# A longer name is found by its beginning: names are catalogue designations, and one absurd name must not cost memory.
_LONGEST = 48
_AT_ONCE = 20_000
_PARTS = re.compile(r"[^+\-]*?([jb])?(\d[\d.]*)(?:([+-])(\d[\d.]*)?)?")
_NAME = re.compile(r"(?:[a-z][\w.\-]*?)?([jb])(\d[\d.]*)([+-]\d[\d.]*)\w*")
_BARE = re.compile(r"()(\d{4,}(?:\.\d+)?)([+-]\d[\d.]*)")
# A beginning whose right ascension stands alone, behind a letter of its own, or before a declination: not "foo2000".
_CUT_OFF = re.compile(r"(?:(?:[^+\-]* )?[jb] ?)?\d[\d.]{3,}|[^+\-]*?\d[\d.]{3,}[+-][\d.]*")
_FEWEST_DIGITS = 4
# Hours and minutes, then degrees and tenths: only names of B1950 are written so, and mostly without their letter.
_B1950 = re.compile(r"\d{4}[+-]\d{3}")


def folded(name: str) -> str:
    """Return a name without blanks, small letters, and one kind of minus: how names are compared."""
    return _plain("".join(name.split()))


def _plain(text: str) -> str:
    return text.casefold().replace("−", "-").replace("–", "-")


class NameIndex:
    """Names, shape (n,), by their numbers.

    Parameters
    ----------
    aliases : sequence of (int, str)
        Other names by which a number is found too: by beginning, same and containing, not by `get`.

    Attributes
    ----------
    names : sequence of str
    aliases : tuple of (int, str)
    rank : shape (n,)
        Place of every name in alphabetical order.
    """

    def __init__(self, names: Sequence[str], aliases: Sequence[tuple[int, str]] = ()) -> None:
        self.names = names
        self.aliases = tuple(aliases)
        self._row = {name: i for i, name in enumerate(names)}
        plain = _cut(names)
        self._alphabetical = np.argsort(plain, kind="stable")
        self.rank = np.empty(len(names), dtype=np.int64)
        self.rank[self._alphabetical] = np.arange(len(names))
        keys = [folded(name) for name in names]
        keys += [folded(alias) for _, alias in self.aliases]
        # Number of every text: names stand for themselves, the aliases behind them for theirs.
        self._owner = np.concatenate([np.arange(len(names)), np.array([i for i, _ in self.aliases], dtype=np.int64)])
        self._folded_at, self._folded = _sorted(_cut(keys), np.arange(len(keys)))
        # Only texts and numbers are kept: a million match objects would make the garbage collector stop everybody.
        designated: list[int] = []
        firsts: list[str] = []
        seconds: list[str] = []
        for i, key in enumerate(keys):
            if match := _designation(key):
                designated.append(i)
                firsts.append((match[1] or ("b" if _B1950.fullmatch(key) else "j")) + match[2])
                seconds.append(match[3])
        rows = self._owner[np.array(designated, dtype=np.int64)]
        order, self._first = _sorted(_cut(firsts), np.arange(len(firsts)))
        self._first_rows = rows[order]
        self._second = _cut(seconds)[order]
        self._text = ""
        self._starts: IntArray = np.array([], dtype=np.int64)

    def get(self, name: str) -> int | None:
        """Return the number of exactly this name."""
        return self._row.get(name)

    def place_of(self, name: str) -> int:
        """Return how many names come before this one in alphabetical order, whether it is there or not."""
        row = self._row.get(name)
        if row is not None:
            return int(self.rank[row])
        plain = name.encode()[:_LONGEST]
        low, high = 0, len(self.names)
        while low < high:
            middle = (low + high) // 2
            if self.names[int(self._alphabetical[middle])].encode()[:_LONGEST] < plain:
                low = middle + 1
            else:
                high = middle
        return low

    def beginning(self, text: str) -> IntArray:
        """Return the names (as their numbers, ascending) that begin so, their prefix being written or not.

        ``J0958+65`` means every designation whose right ascension begins with 0958 and whose declination begins with
        +65, whatever catalogue stands before it.
        """
        key = folded(text)
        if not key:
            return np.arange(len(self.names))
        found = [self._owner[self._folded_at[_span(self._folded, key)]]]
        if match := _PARTS.fullmatch(key):
            letter, right, sign, declination = match.groups()
            for first in (letter,) if letter else ("j", "b"):
                found.append(self._designated(first + right, (sign or "") + (declination or "")))
        return np.unique(np.concatenate(found))

    def meant(self, text: str, *, most: int) -> IntArray:
        """Return what an entry of a list means: the same names, else up to `most` that begin so if it says enough.

        Four digits are asked for: with less ``x1`` would mean every source whose right ascension begins with 1.
        """
        found, key = self.same(text), folded(text)
        if found.size or sum(letter.isdigit() for letter in key) < _FEWEST_DIGITS:
            return found
        if _CUT_OFF.fullmatch(" ".join(_plain(text).split())):
            found = self.beginning(text)
        else:
            found = np.unique(self._owner[self._folded_at[_span(self._folded, key)]])
        return found if found.size <= most else found[:0]

    def _designated(self, first: str, second: str) -> IntArray:
        span = _span(self._first, first)
        rows = self._first_rows[span]
        if not second:
            return rows
        return rows[np.char.startswith(self._second[span], second.encode())] if rows.size else rows

    def same(self, text: str) -> IntArray:
        """Return the names that are this one but for blanks, case and a catalogue's prefix left out."""
        if (row := self._row.get(text)) is not None:
            return np.array([row])
        key = folded(text)
        span = _span(self._folded, key)
        near = self._folded_at[span][self._folded[span] == key.encode()[:_LONGEST]]
        equal = np.unique(self._owner[[i for i in near.tolist() if folded(self._text_of(i)) == key]])
        match = _designation(key)
        if equal.size or not match:
            return equal
        span = _span(self._first, (match[1] or "j") + match[2])
        wanted = ((match[1] or "j") + match[2]).encode(), match[3].encode()
        same = (self._first[span] == wanted[0]) & (self._second[span] == wanted[1])
        return np.unique(self._first_rows[span][same])

    def _text_of(self, i: int) -> str:
        n = len(self.names)
        return self.names[i] if i < n else self.aliases[i - n][1]

    def containing(self, text: str) -> IntArray:
        """Return the names that contain the text anywhere; reads all names, 20 ms for a million."""
        key = folded(text)
        if not self._text:
            texts = (*self.names, *(alias for _, alias in self.aliases))
            keys = [folded(name).replace("\n", " ") for name in texts]
            self._starts = np.cumsum([0, *(len(k) + 1 for k in keys)], dtype=np.int64)
            self._text = "\n".join(keys)
        hits: list[int] = []
        at = self._text.find(key)
        while at >= 0:
            place = int(np.searchsorted(self._starts, at, side="right")) - 1
            hits.append(place)
            at = self._text.find(key, int(self._starts[place + 1]))
        return np.unique(self._owner[np.array(hits, dtype=np.int64)])


def _designation(key: str) -> re.Match[str] | None:
    return _NAME.fullmatch(key) or _BARE.fullmatch(key)


def _cut(texts: Sequence[str]) -> npt.NDArray[np.bytes_]:
    # Piece by piece: one conversion of a million names would keep the interpreter to itself for a fifth of a second.
    pieces = [texts[i : i + _AT_ONCE] for i in range(0, len(texts), _AT_ONCE)]
    parts = [np.array([text.encode()[:_LONGEST] for text in piece], dtype=np.bytes_) for piece in pieces]
    return np.concatenate(parts) if parts else np.array([], dtype=np.bytes_)


def _sorted(keys: npt.NDArray[np.bytes_], rows: IntArray) -> tuple[IntArray, npt.NDArray[np.bytes_]]:
    order = np.argsort(keys, kind="stable")
    return rows[order], keys[order]


def _span(keys: npt.NDArray[np.bytes_], beginning: str) -> slice:
    """Return where the keys stand that begin so."""
    plain = beginning.encode()[:_LONGEST]
    width = keys.dtype.itemsize
    if not keys.size or len(plain) > width:
        return slice(0, 0)
    # Of the same type as the keys: else numpy would convert all of them.
    ends = np.array([plain, plain + b"\xff" * (width - len(plain))], dtype=keys.dtype)
    return slice(int(np.searchsorted(keys, ends[0], "left")), int(np.searchsorted(keys, ends[1], "right")))
