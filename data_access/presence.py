"""Whether a file or a folder is there, also where nobody may look."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def may_exist(path: Path) -> bool:
    """Return whether something is there; what stands in a folder that may not be read counts as there.

    Opening it then says what is wrong, which "it is missing" would hide; `Path.exists` may raise there.
    """
    try:
        path.stat()
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True


def is_folder(path: Path) -> bool:
    """Return whether a folder is there, as far as anybody may know."""
    try:
        return path.is_dir()
    except PermissionError:
        return False


def has_content(path: Path) -> bool:
    """Return whether something is there that is not an empty file, as far as anybody may know."""
    try:
        return path.stat().st_size > 0
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False


def best_place(places: Iterable[Path]) -> Path | None:
    """Return the first file that has content, else the first that is there: an empty one hides no other."""
    there = [place for place in places if may_exist(place)]
    return next((place for place in there if has_content(place)), there[0] if there else None)
