"""Which Measurement Set or calibration table a page is about: the ``path`` of its URL, as a record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from data_access import Archive
from data_access.errors import DatabaseError, RecordNotFound, ValidationError

RecordT = TypeVar("RecordT")


@dataclass(frozen=True, slots=True)
class Opened(Generic[RecordT]):
    """What a page is about.

    Attributes
    ----------
    record : record
        With nothing but its path when no row has that path.
    note : str
        Why there is no row; empty when there is one.
    remedy : str
        What can be done about that.
    """

    record: RecordT
    note: str = ""
    remedy: str = ""


async def open_path(
    archive: Archive,
    query: Mapping[str, str],
    *,
    noun: str,
    get: Callable[[str], Awaitable[RecordT]],
    unregistered: Callable[[str], RecordT],
) -> Opened[RecordT]:
    """Return the record of the path in `query`; a table on disk that no row names is shown too.

    Parameters
    ----------
    noun : str
        What the path leads to, for messages.
    get : coroutine function
        Returns the record of a path or raises `RecordNotFound`.
    unregistered : callable
        Makes a record that knows only its path.

    Raises
    ------
    ValidationError
        Without a path, or with a relative one that no row has.
    RecordNotFound
        Neither a row nor a folder below the configured roots has this path.
    """
    path = query.get("path", "").rstrip("/")  # CASA writes names of folders either way
    if not path:
        raise ValidationError(
            f"This address does not say which {noun} is meant",
            remedy=f"Open a {noun} from its list, or add ?path= with its full path.",
        )
    try:
        return Opened(await get(path))
    except (RecordNotFound, DatabaseError) as err:
        if not path.startswith("/"):
            raise ValidationError(
                f"'{path[:200]}' is not the full path of a {noun}", remedy="Give the path from the root, as recorded."
            ) from err
        state = await archive.files.state(path)
        if not (state.exists and state.is_directory):
            raise
        no_row = isinstance(err, RecordNotFound)
        why = "It is on disk, but no row of the database names it" if no_row else err.message
        remedy = "The pipeline may not have registered it yet, or no longer." if no_row else err.remedy
        return Opened(unregistered(path), f"{why}: only what the files say is shown.", remedy)
