"""Folders that we write to: never one of the pipeline's."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from data_access.errors import ValidationError

UNFINISHED_SUFFIX = ".new"


def own_folder(folder: Path, forbidden: Sequence[Path], *, name: str, setting: str) -> Path:
    """Return the real path of a folder of our own; symbolic links are followed first.

    Parameters
    ----------
    folder : Path
        Need not exist.
    forbidden : sequence of Path
        Folders of the pipeline: nothing is ever written there.
    name, setting : str
        What the folder is called in words and in the settings.

    Raises
    ------
    ValidationError
        The folder lies inside one of them.
    """
    real = folder.expanduser().resolve()
    for other in forbidden:
        if real.is_relative_to(other.resolve()):
            raise ValidationError(
                f"The {name} {folder} lies inside the pipeline's folder {other}",
                remedy=f"Set `{setting}` to a folder of your own: nothing is written beside the pipeline.",
            )
    return real


@contextlib.contextmanager
def replaced_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write that takes the place of `path` when all of it is there: nobody ever reads half of it.

    It is written beside `path`, in a folder that is made when it does not exist; what fails leaves nothing behind.

    Raises
    ------
    OSError
        The disk does not take it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(suffix=UNFINISHED_SUFFIX, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink(missing_ok=True)
        raise
