"""The folders that may be read, and nothing outside them."""

from __future__ import annotations

import os
from collections.abc import Sequence
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
        if any(Path(real).is_relative_to(os.path.realpath(folder)) for folder in self.folders):
            return real
        raise PathOutsideRoots(
            f"{path} is not below a folder that the dashboard may read",
            remedy=f"Add its folder to `{self._setting}` in the settings if the dashboard may read it.",
            path=path,
        )
