"""The rows of one answer as one JSON text: stepping rows in several threads fights over the interpreter lock."""

from __future__ import annotations

import asyncio
import json
from functools import lru_cache
from typing import Any

_LARGE_TEXT = 200_000
_DECODER = json.JSONDecoder(strict=False)


class NotPackable(Exception):
    """A column holds what JSON cannot carry: bytes, or an infinity (SQLite 3.40 writes it as ``Inf``)."""


@lru_cache(maxsize=512)
def packed_sql(sql: str, n_columns: int, limit: int) -> str:
    """Return a SELECT of one text: the rows of `sql`, one more than `limit` at most."""
    names = ",".join(f"c{i}" for i in range(n_columns))
    return (
        f"WITH answer({names}) AS ({sql}) "
        f"SELECT json_group_array(json_array({names})) FROM (SELECT * FROM answer LIMIT {limit + 1})"
    )


async def unpack(text: str) -> list[list[Any]]:
    """Return the rows in such a text, a long one read beside the event loop; raises `NotPackable`."""
    return await asyncio.to_thread(_unpack, text) if len(text) > _LARGE_TEXT else _unpack(text)


def _unpack(text: str) -> list[list[Any]]:
    try:
        rows: list[list[Any]] = _DECODER.decode(text)
    except ValueError as err:
        raise NotPackable(str(err)) from err
    return rows
