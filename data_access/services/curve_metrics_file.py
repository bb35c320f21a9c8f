"""What the metrics of whole light curves are made of, on disk in a folder of our own: may be deleted at any time."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from data_access.analysis.variability.fronts import Fronts, Members, no_fronts
from data_access.analysis.variability.metric import FloatArray
from data_access.analysis.variability.runs import Runs
from data_access.own_folder import replaced_file

_FORMAT = "2"
_MEMBERS = ("codes", "flux", "err")
_RUNS = tuple(field.name for field in fields(Runs))
_READ = ("read_n", "read_vs", "read_m", "read_z")


@dataclass(slots=True)
class KeptCurves:
    """What the metrics of whole light curves of one kind of flux are made of.

    Attributes
    ----------
    history : str
        Of the sums whose places the sources have; see `VariabilityTable`.
    last_id : int
        Newest photometry row that is counted.
    runs : Runs, length n_src
    read_n : int64, shape (n_src,)
        How many usable measurements a source had when all of them were looked at; 0 for never.
    read_vs, read_m, read_z : float64, shape (n_src,)
        What was found then.
    """

    history: str
    last_id: int
    fronts: Fronts
    runs: Runs
    read_n: npt.NDArray[np.int64]
    read_vs: FloatArray
    read_m: FloatArray
    read_z: FloatArray

    @classmethod
    def nothing(cls, history: str) -> KeptCurves:
        """Return what is kept before anything is read."""
        return cls(
            history, 0, no_fronts(), Runs.nothing(0), np.zeros(0, dtype=np.int64), *(np.zeros(0) for _ in range(3))
        )

    def grow(self, n_src: int) -> None:
        """Make room for sources that came since."""
        if len(self.runs) < n_src:
            self.runs = self.runs.grown(n_src)
        missing = n_src - self.read_n.size
        if missing > 0:
            self.read_n = np.concatenate([self.read_n, np.zeros(missing, dtype=np.int64)])
            nothing = np.full(missing, np.nan)
            self.read_vs, self.read_m, self.read_z = (
                np.concatenate([known, nothing]) for known in (self.read_vs, self.read_m, self.read_z)
            )


def curves_path(folder: Path, database: str, kind: str) -> Path:
    """Return where they are kept for a database."""
    key = hashlib.sha256(str(Path(database).absolute()).encode()).hexdigest()[:16]
    return folder / f"curve-metrics-{key}-{kind}.npz"


def load_curves(path: Path, history: str) -> KeptCurves | None:
    """Return what is kept for sums of this history; None when nothing is, or it is damaged or of another format."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            if str(kept["format"]) != _FORMAT or str(kept["history"]) != history:
                return None
            high, low = (Members(*(kept[f"{side}_{name}"] for name in _MEMBERS)) for side in ("high", "low"))
            runs = Runs(*(kept[f"run_{name}"] for name in _RUNS))
            return KeptCurves(history, int(kept["last_id"]), Fronts(high, low), runs, *(kept[name] for name in _READ))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def save_curves(path: Path, kept: KeptCurves) -> None:
    """Keep them; raise `OSError` when the disk does not take them."""
    members = {
        f"{side}_{name}": getattr(part, name)
        for side, part in (("high", kept.fronts.high), ("low", kept.fronts.low))
        for name in _MEMBERS
    }
    runs = {f"run_{name}": getattr(kept.runs, name) for name in _RUNS}
    reads = {name: getattr(kept, name) for name in _READ}
    with replaced_file(path) as file:
        np.savez(file, format=_FORMAT, history=kept.history, last_id=kept.last_id, **members, **runs, **reads)
