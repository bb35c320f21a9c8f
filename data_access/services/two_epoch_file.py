"""Fronts of the photometry on disk, in a folder of our own: may be deleted at any time."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from data_access.analysis.variability.fronts import Fronts, Members, no_fronts
from data_access.analysis.variability.metric import FloatArray
from data_access.own_folder import replaced_file

_FORMAT = "1"


@dataclass(slots=True)
class KeptFronts:
    """What the two-epoch metrics of one kind of flux are made of.

    Attributes
    ----------
    history : str
        Of the sums whose places the sources have; see `VariabilityTable`.
    last_id : int
        Newest photometry row that is counted.
    read_n : int64, shape (n_src,)
        How many usable measurements a source had when all of them were looked at; 0 for never.
    read_vs, read_m : float64, shape (n_src,)
        What was found then.
    """

    history: str
    last_id: int
    fronts: Fronts
    read_n: npt.NDArray[np.int64]
    read_vs: FloatArray
    read_m: FloatArray

    @classmethod
    def nothing(cls, history: str) -> KeptFronts:
        """Return what is kept before anything is read."""
        return cls(history, 0, no_fronts(), np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0))

    def grow(self, n_src: int) -> None:
        """Make room for sources that came since."""
        missing = n_src - self.read_n.size
        if missing > 0:
            self.read_n = np.concatenate([self.read_n, np.zeros(missing, dtype=np.int64)])
            nothing = np.full(missing, np.nan)
            self.read_vs, self.read_m = (np.concatenate([a, nothing]) for a in (self.read_vs, self.read_m))


def fronts_path(folder: Path, database: str, kind: str) -> Path:
    """Return where the fronts of a database are kept."""
    key = hashlib.sha256(str(Path(database).absolute()).encode()).hexdigest()[:16]
    return folder / f"two-epoch-{key}-{kind}.npz"


def load_fronts(path: Path, history: str) -> KeptFronts | None:
    """Return what is kept for sums of this history; None when nothing is, or it is damaged or of another format."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            if str(kept["format"]) != _FORMAT or str(kept["history"]) != history:
                return None
            high, low = (Members(*(kept[f"{side}_{name}"] for name in _COLUMNS)) for side in ("high", "low"))
            reads = (kept[name] for name in ("read_n", "read_vs", "read_m"))
            return KeptFronts(history, int(kept["last_id"]), Fronts(high, low), *reads)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def save_fronts(path: Path, kept: KeptFronts) -> None:
    """Keep fronts; raise `OSError` when the disk does not take them."""
    columns = {
        f"{side}_{name}": getattr(part, name)
        for side, part in (("high", kept.fronts.high), ("low", kept.fronts.low))
        for name in _COLUMNS
    }
    with replaced_file(path) as file:
        np.savez(
            file, format=_FORMAT, history=kept.history, last_id=kept.last_id, read_n=kept.read_n,
            read_vs=kept.read_vs, read_m=kept.read_m, **columns,
        )  # fmt: skip


_COLUMNS = ("codes", "flux", "err")
