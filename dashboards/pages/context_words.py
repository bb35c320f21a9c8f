"""What lies near a source, in words: entries of catalogues, neighbours, spectral index, links to other services."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboards.components.cells import Cell, cell
from dashboards.components.facts import fact, group
from dashboards.components.record_table import Column, Row, row
from dashboards.links import Links
from dashboards.outside_links import sky_links
from dashboards.pages.wording import position_cells
from data_access.records.context import ComparedMatch, NearSource, OwnFlux, SourceContext, SpectralIndex
from data_access.records.cross_matches import CatalogueAnswer
from data_access.repositories.cross_matches import CATALOGUES
from data_access.services.context import nearest_with_flux, pair_index

_CAVEAT = (
    "S ∝ ν^α; its error is that of the two flux densities alone: other epochs, beams and baselines "
    "can change it by more"
)
# Far below any beam: two entries of one place, not two things in the sky.
_SAME_PLACE_ARCSEC = 1.0
_ABOUT = {catalogue.name: catalogue.about for catalogue in CATALOGUES}
MATCH_COLUMNS: Sequence[Column] = (
    {"name": "catalogue", "label": "Catalogue"},
    {"name": "name", "label": "Name"},
    {"name": "separation", "label": "Separation", "unit": "″", "align": "right"},
    {"name": "pa", "label": "PA", "unit": "°", "align": "right", "title": "from our source, east of north"},
    {"name": "ra", "label": "RA", "unit": "ICRS"},
    {"name": "dec", "label": "Dec", "unit": "ICRS"},
    {"name": "flux", "label": "Flux density", "unit": "mJy", "align": "right"},
    {"name": "freq", "label": "Frequency", "unit": "GHz", "align": "right"},
    {"name": "ratio", "label": "Ours / theirs", "align": "right",
     "title": "our weighted mean peak over theirs, at whatever frequency theirs is"},
    {"name": "alpha", "label": "α", "align": "right", "title": _CAVEAT},
    {"name": "note", "label": "Note"},
)  # fmt: skip
NEIGHBOUR_COLUMNS: Sequence[Column] = (
    {"name": "source", "label": "Source"},
    {"name": "separation", "label": "Separation", "unit": "″", "align": "right"},
    {"name": "pa", "label": "PA", "unit": "°", "align": "right", "title": "from our source, east of north"},
    {"name": "n", "label": "N", "align": "right", "title": "usable measurements"},
    {"name": "mean", "label": "Mean peak", "unit": "mJy/beam", "align": "right"},
    {"name": "double", "label": "The same source?",
     "title": "closer than a beam and never measured at the same epoch: perhaps one source under two names"},
)  # fmt: skip


def match_row(compared: ComparedMatch, at: int) -> Row:
    """Return the row of one entry of a catalogue."""
    match = compared.match
    ra, dec = position_cells(match.ra_deg, match.dec_deg)
    return row(
        at,
        [
            cell(match.catalogue, title=_ABOUT.get(match.catalogue) or None),
            cell(match.name or None, title=None if match.name else "the catalogue file has no names"),
            cell(match.separation_arcsec, digits=1),
            cell(match.position_angle_deg, digits=0),
            ra,
            dec,
            _flux_cell(match.flux_mjy, match.flux_err_mjy),
            cell(f"{match.freq_ghz:.4g}" if match.freq_ghz is not None and match.flux_mjy is not None else None),
            cell(f"{compared.ratio:.3g}" if compared.ratio is not None else None),
            index_cell(compared.index),
            cell(match.note or None),
        ],
    )


def index_cell(index: SpectralIndex) -> Cell:
    """Return a spectral index with its error, or a dash that says why there is none."""
    if index.value is None:
        return {**cell(None), "title": index.reason}
    if index.error is None:
        return cell(f"{index.value:+.2f}", title=f"{_CAVEAT}; a flux density has no error here")
    return cell(f"{index.value:+.2f} ± {index.error:.2f}", title=_CAVEAT)


def neighbour_row(near: NearSource, links: Links) -> Row:
    """Return the row of another source of ours."""
    return row(
        near.name,
        [
            cell(near.name),
            cell(near.separation_arcsec, digits=1),
            cell(near.position_angle_deg, digits=0),
            cell(near.n),
            cell(f"{near.mean_mjy:.4g}" if near.mean_mjy is not None else None),
            _double_cell(near),
        ],
        href=links.source(near.name),
    )


def context_facts(context: SourceContext) -> list[dict[str, Any]]:
    """Return what the comparison stands on: our flux density, each catalogue's answer, links to other services."""
    groups = [
        group("Compared with", [*_own(context.own), *_indices(context)]),
        group("Catalogues", [fact(answer.catalogue, _answer_cell(answer)) for answer in context.answers]),
    ]
    services = sky_links(context.ra_deg, context.dec_deg, radius_arcsec=context.radius_arcsec)
    return [*groups, group("Elsewhere (needs the internet)", [fact(n, cell(_short(h), href=h)) for n, h in services])]


def neighbour_note(context: SourceContext) -> str:
    """Return what a reader of the neighbours must know."""
    beam = f"{context.beam_arcsec:.3g}″" + (" (assumed: no image says it)" if context.beam_assumed else "")
    words = [f"Those within a beam of {beam} are compared epoch by epoch."]
    n_double = sum(near.is_possible_double for near in context.neighbours)
    if n_double:
        words.append(f"{n_double} may be this source under another name.")
    if context.neighbours_truncated:
        words.append(f"The nearest {len(context.neighbours)} are listed.")
    return " ".join([*words, *(f"Not asked: {problem}." for problem in context.problems)])


def _own(own: OwnFlux) -> list[dict[str, Any]]:
    note = "assumed, the middle of the band: no image says it" if own.assumed else "of the newest image"
    mean = cell(None, title="no unflagged measurement has a flux and an error")
    if own.mean_mjy is not None:
        mean = cell(f"{own.mean_mjy:.4g} ± {own.err_mjy or 0:.2g}", unit="mJy/beam", title="weighted by 1/error²")
    return [fact("Our mean peak", mean), fact("Our frequency", cell(f"{own.freq_ghz:.4g}", unit="GHz", note=note))]


def _indices(context: SourceContext) -> list[dict[str, Any]]:
    """Return the spectral index between the nearest entries of two catalogues."""
    low, high = nearest_with_flux(context.matches, "RACS"), nearest_with_flux(context.matches, "VLASS")
    nvss = nearest_with_flux(context.matches, "NVSS")
    pairs = [(a, b) for a, b in ((nvss, high), (low, nvss), (low, high)) if a is not None and b is not None]
    return [
        fact(f"α {a.match.catalogue} to {b.match.catalogue}", index_cell(pair_index(a, b)), note="nearest entries")
        for a, b in pairs
    ]


def _answer_cell(answer: CatalogueAnswer) -> Cell:
    if answer.status == "asked":
        n = len(answer.matches)
        more = " or more" if answer.truncated else ""
        return cell(f"{n}{more} found" if n else "nothing within the radius", title=_ABOUT.get(answer.catalogue))
    state: Any = {"missing": "off", "not covered": "off", "failed": "bad"}[answer.status]
    return cell(answer.status, state=state, note=answer.message)


def _flux_cell(flux: float | None, err: float | None) -> Cell:
    if flux is None:
        return cell(None)
    return cell(f"{flux:.4g}") if err is None else cell(f"{flux:.4g} ± {err:.2g}")


def _double_cell(near: NearSource) -> Cell:
    if near.is_possible_double:
        return cell("possibly", state="warn", note="never measured at the same epoch")
    if near.n_shared is None:
        return cell("no", title="farther than a beam")
    if near.n_shared and near.separation_arcsec < _SAME_PLACE_ARCSEC:
        return cell("same place", state="info", note=f"both measured at {_n_shared(near)} epochs")
    if near.n_shared:
        return cell("no", note=f"measured together at {_n_shared(near)} epochs")
    if near.is_partial:
        return cell("not known", note="only the newest measurements were compared, and none is of the same epoch")
    return cell(None, title="one of them has no unflagged measurement")


def _n_shared(near: NearSource) -> str:
    return f"{near.n_shared} or more" if near.is_partial else str(near.n_shared)


def _short(address: str) -> str:
    return address.split("/")[2]
