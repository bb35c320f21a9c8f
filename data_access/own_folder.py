"""Folders that we write to: never one of the pipeline's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from data_access.errors import ValidationError


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
