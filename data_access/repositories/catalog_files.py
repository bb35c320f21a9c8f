"""Which catalogue files there are: those of the catalogue folder, and the master list that may lie elsewhere."""

from __future__ import annotations

from pathlib import Path

from data_access.presence import may_exist

MASTER = "master_sources.sqlite3"


def find_catalog_files(folder: Path | None, databases_dir: Path | None = None) -> tuple[Path, ...]:
    """Return the files of the catalogue folder in the order of their names, and the master list; none twice.

    Parameters
    ----------
    folder : Path or None
        May be absent or unreadable: then it has no files.
    databases_dir : Path, optional
        Where the pipeline keeps the master list too. It is taken from there when the catalogue folder has none.
    """
    try:
        files = sorted(folder.iterdir()) if folder is not None else []
    except OSError:
        files = []
    if databases_dir is None or any(path.name == MASTER for path in files):
        return tuple(files)
    master = databases_dir / MASTER
    return (*files, master) if may_exist(master) else tuple(files)
