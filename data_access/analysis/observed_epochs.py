"""When images were observed whose names carry no time: by their Measurement Sets, or by the times of a mosaic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, cast

from data_access.analysis.times import EARLIEST_MJD, LATEST_MJD, mjd_in_name
from data_access.records.base import Epoch

# What the products of one observation are called after their common root, `<root>.img` as a rule.
_ENDINGS = (
    "-MFS-image-pb.fits", "-MFS-image.fits", "-image-pb.fits", "-image.fits", ".image.pbcor.fits", ".image-pb.fits",
    ".pbcor.fits", ".image.fits", ".fits", ".image.pbcor", ".image", ".pbcor", ".pb", ".residual", ".model", "",
)  # fmt: skip
# Registered more than once, the products of one observation are rarely more rows than this.
ROWS_AN_IMAGE = 2 * len(_ENDINGS)
# Older libraries of SQLite bind no more than 32,766 values to one question.
PATHS_AT_ONCE = 32_766 // len(_ENDINGS)


def names_to_ask(paths: Iterable[str]) -> list[str]:
    """Return the names that images may be registered under, to be bound to an `EpochQuestion`.

    Photometry names the FITS file, while the pipeline registers the CASA directories beside it.
    """
    return [name for path in paths for name in _products(path)]


def observed_epochs(paths: Iterable[str], rows: Iterable[Sequence[Any]]) -> dict[str, Epoch]:
    """Return the epochs of those images that are known.

    Parameters
    ----------
    rows : iterable of (path, MS, MJD, origin)
        Answers to `names_to_ask`, the best first. Without an MJD the time in the name of the MS counts.
    """
    known: dict[str, Epoch] = {}
    for name, ms_path, mjd, origin in rows:
        epoch = _epoch(ms_path, mjd, origin)
        if epoch is not None:
            known.setdefault(str(name), epoch)
    found = ((path, next((known[name] for name in _products(path) if name in known), None)) for path in paths)
    return {path: epoch for path, epoch in found if epoch is not None}


def _products(path: str) -> list[str]:
    """Return the path itself, then those of the other products of its observation."""
    ending = next(ending for ending in _ENDINGS if path.endswith(ending))
    root = path.removesuffix(ending)
    return [path, *(root + other for other in _ENDINGS if other != ending)]


def _epoch(ms_path: Any, mjd: Any, origin: str) -> Epoch | None:
    if isinstance(mjd, int | float) and EARLIEST_MJD < mjd < LATEST_MJD:
        return Epoch(float(mjd), cast(Literal["ms_index", "mosaics"], origin))
    stamp = mjd_in_name(ms_path) if isinstance(ms_path, str) else None
    return None if stamp is None else Epoch(stamp, "MS name")
