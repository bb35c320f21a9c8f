"""Whether a file or a folder is there, also where nobody may look."""

from __future__ import annotations

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
