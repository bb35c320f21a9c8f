"""What lies near a source: entries of catalogues, other sources of ours, possible doubles of itself."""

from __future__ import annotations

from dataclasses import dataclass

from data_access.records.cross_matches import CatalogueAnswer, CatalogueMatch


@dataclass(frozen=True, slots=True)
class SpectralIndex:
    """Spectral index α of S ∝ ν^α, or why there is none.

    Attributes
    ----------
    value, error : float or None
        The error is that of the two flux densities alone; None where one of them has none.
    reason : str
        Why there is no value; empty when there is one.
    """

    value: float | None
    error: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OwnFlux:
    """The flux density that catalogues are compared with.

    Attributes
    ----------
    mean_mjy, err_mjy : float or None
        Mean of the unflagged peaks weighted by 1/error², and the error of that mean; None without any.
    freq_ghz : float
    assumed : bool
        True when no image says the frequency and the middle of the band is taken.
    """

    mean_mjy: float | None
    err_mjy: float | None
    freq_ghz: float
    assumed: bool


@dataclass(frozen=True, slots=True)
class ComparedMatch:
    """An entry of a catalogue beside our own flux density.

    Attributes
    ----------
    ratio : float or None
        Ours over theirs, at whatever frequency theirs is.
    index : SpectralIndex
        Between the two.
    """

    match: CatalogueMatch
    ratio: float | None
    index: SpectralIndex


@dataclass(frozen=True, slots=True)
class NearSource:
    """Another source of ours.

    Attributes
    ----------
    n_shared : int or None
        Epochs at which both were measured; None where that was not asked (farther than a beam).
    is_possible_double : bool
        Closer than a beam and never measured at the same epoch: perhaps the same thing under two names.
    is_partial : bool
        Only the newest measurements could be compared: there may be more shared epochs than `n_shared`.
    """

    name: str
    separation_arcsec: float
    position_angle_deg: float
    n: int | None
    mean_mjy: float | None
    n_shared: int | None = None
    is_possible_double: bool = False
    is_partial: bool = False


@dataclass(frozen=True, slots=True)
class SourceContext:
    """Everything near one source.

    Attributes
    ----------
    beam_arcsec : float
    beam_assumed : bool
        True when no image says the beam.
    problems : tuple of str
        What could not be asked.
    """

    ra_deg: float
    dec_deg: float
    radius_arcsec: float
    own: OwnFlux
    answers: tuple[CatalogueAnswer, ...]
    matches: tuple[ComparedMatch, ...]
    neighbours: tuple[NearSource, ...]
    beam_arcsec: float
    beam_assumed: bool
    neighbours_truncated: bool = False
    problems: tuple[str, ...] = ()
