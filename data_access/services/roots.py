"""The folders that may be read, and nothing outside them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from data_access.errors import PathOutsideRoots


class Roots:
    """Configured folders; symbolic links are followed before the test.

    Parameters
    ----------
    folders : sequence of Path
    setting : str
        Name of the setting that lists them, for the remedy.
    """

    def __init__(self, folders: Sequence[Path], *, setting: str) -> None:
        self.folders = tuple(folders)
        self._setting = setting

    def inside(self, path: str) -> str:
        """Return the real path; raise `PathOutsideRoots` when it is not below one of the folders."""
        if "\x00" in path or not path.startswith("/"):
            raise PathOutsideRoots(
                f"'{path[:200]!s}' is not an absolute path", path=path, remedy="Give the full path as recorded."
            )
        real = os.path.realpath(path)
        # A folder that begins a real path is real itself: it need not be followed (a tenth of a first cutout).
        if _is_below(real, map(str, self.folders)) or _is_below(real, map(os.path.realpath, self.folders)):
            return real
        raise PathOutsideRoots(
            f"{path} is not below a folder that the dashboard may read",
            remedy=f"Add its folder to `{self._setting}` in the settings if the dashboard may read it.",
            path=path,
        )


def _is_below(real: str, folders: Iterable[str]) -> bool:
    return any(f"{real}/".startswith(f"{folder.rstrip('/')}/") for folder in folders)
