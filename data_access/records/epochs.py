"""One place on the sky in the images of many epochs."""

from __future__ import annotations

from dataclasses import dataclass

from data_access.records.files import ImagePreview
from data_access.records.images import Image


@dataclass(frozen=True, slots=True)
class EpochImage:
    """The image behind one measurement.

    Attributes
    ----------
    index : int
        Position of the measurement in its light curve.
    path : str or None
        File to cut from: the one that was measured, else the registered image of the same observation.
    image : Image or None
        The registered image, for links; None when none is registered.
    problem : str
        Why there is nothing to cut from; empty when there is.
    """

    index: int
    path: str | None
    image: Image | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class EpochFrame:
    """One epoch as it is shown: a cutout, or in `problem` the reason why there is none.

    Attributes
    ----------
    preview : ImagePreview or None
        The cutout, averaged to the size of a small picture.
    limits : tuple of float or None
        Its faint and bright pixels, see `data_access.analysis.epoch_scale.robust_limits`.
    key : tuple of int
        Changes when the file is written or replaced.
    modified_at : float
        When the file was written, unix seconds; 0 without one.
    """

    source: EpochImage
    preview: ImagePreview | None
    limits: tuple[float, float] | None = None
    key: tuple[int, ...] = ()
    modified_at: float = 0.0
    problem: str = ""

    @property
    def unit(self) -> str:
        """Unit of the pixels as the file states it; empty when it does not."""
        return self.preview.header.bunit if self.preview is not None else ""


@dataclass(frozen=True, slots=True)
class EpochScale:
    """One range of colours for many epochs.

    Attributes
    ----------
    low, high : float
        In `unit`.
    unit : str
        As the files state it.
    n_used : int
        Epochs that the range was taken from.
    """

    low: float
    high: float
    unit: str
    n_used: int


@dataclass(frozen=True, slots=True)
class EpochFiles:
    """Which epochs of a light curve have an image on disk.

    Attributes
    ----------
    indices : tuple of int
        Positions in the light curve of epochs with an image, in order of observation.
    n_looked, n_epoch : int
        Epochs whose files were looked for, the newest ones, and how many there are.
    """

    indices: tuple[int, ...]
    n_looked: int
    n_epoch: int
