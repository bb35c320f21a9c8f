"""Candidates under review in words: why they are here, what is known, what was said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from dashboards.components.cells import Cell, cell
from dashboards.components.facts import fact, group
from dashboards.components.record_table import Column, Row, row
from dashboards.links import Links
from dashboards.pages.source_facts import heading_items
from dashboards.pages.source_words import ese_cell, flagged_cell, verdict_cell
from dashboards.pages.wording import full_moment_cell, position_cells
from dashboards.plots.epoch_words import epoch_words
from data_access.analysis.times import format_utc
from data_access.analysis.variability import DEFINITIONS
from data_access.records.marks import VERDICTS, Mark, Marks
from data_access.records.review import Candidate, Dossier, ReviewPicture
from data_access.services.review import position_of

# Twice as many as they are wide on the page: for screens with small pixels.
PICTURE_PIXELS = 520
QUEUE_COLUMNS: Sequence[Column] = (
    {"name": "object", "label": "Candidate"},
    {"name": "reasons", "label": "Because of"},
    {"name": "verdict", "label": "Mark"},
    {"name": "who", "label": "By"},
    {"name": "when", "label": "When", "align": "right"},
    {"name": "comment", "label": "Comment and tags"},
)
HISTORY_COLUMNS: Sequence[Column] = (
    {"name": "when", "label": "When", "unit": "UTC"},
    {"name": "who", "label": "By"},
    {"name": "verdict", "label": "Mark"},
    {"name": "comment", "label": "Comment and tags"},
)


def comment_cell(mark: Mark | None) -> Cell:
    """Return comment and tags."""
    if mark is None:
        return cell(None)
    tags = " ".join(f"#{tag}" for tag in mark.tags)
    return cell(" ".join(text for text in (mark.comment, tags) if text) or None)


def queue_row(candidate: Candidate, mark: Mark | None, href: str) -> Row:
    """Return the row of a candidate in the list."""
    said = mark if mark is not None and not mark.is_empty else None
    return row(
        "/".join(candidate.key),
        [
            cell(candidate.object_id),
            cell(", ".join(reason_words(candidate))),
            verdict_cell(mark),
            cell(said.who if said else None),
            cell(None, unix=said.marked_at if said else None),
            comment_cell(said),
        ],
        href=href,
    )


def history_row(mark: Mark) -> Row:
    """Return the row of one change."""
    undone = f"takes back change {mark.undoes}" if mark.undoes is not None else None
    verdict = verdict_cell(mark) if not mark.is_empty else cell("no mark")
    said = comment_cell(mark)
    return row(
        mark.revision,
        [
            cell(format_utc(mark.marked_at), unix=mark.marked_at),
            cell(mark.who),
            {**verdict, "n": undone} if undone else verdict,
            said,
        ],
    )


def reason_words(candidate: Candidate) -> list[str]:
    """Return why something is a candidate, each in a few words."""
    words = [f"ESE {c.status or ''}".strip() for c in candidate.ese[:1]]
    words += [f"transient: {t.detection_type or 'kind not recorded'}" for t in candidate.transients[:1]]
    words += ["η and V"] if candidate.eta_v is not None else []
    return words or ["named in the address"]


def reason_cells(candidate: Candidate) -> list[Cell]:
    """Return why something is a candidate, as cells."""
    cells = [{**ese_cell(c.status), "t": f"ESE {c.status or ''}".strip()} for c in candidate.ese[:1]]
    cells += [cell(f"transient: {t.detection_type or 'kind not recorded'}") for t in candidate.transients[:1]]
    if candidate.eta_v is not None:
        cells.append(cell("above the cuts in η and V"))
    return cells or [cell("nothing has flagged it: named in the address", state="off")]


def progress_words(candidates: Sequence[Candidate], marks: Marks) -> str:
    """Return how many of these are marked, and how."""
    said = [marks[c.key] for c in candidates if c.key in marks and not marks[c.key].is_empty]
    counted = Counter(mark.verdict for mark in said)
    parts = [f"{counted[verdict]} {verdict}" for verdict in VERDICTS if counted[verdict]]
    parts += [f"{counted['']} with a comment only"] if counted[""] else []
    return f"{len(said)} of {len(candidates)} marked" + (f": {', '.join(parts)}" if parts else "")


def review_facts(dossier: Dossier) -> list[dict[str, Any]]:
    """Return what is known of a candidate: what it is, why it is here, how much its numbers can mean."""
    candidate = dossier.candidate
    groups = [group("Candidate", _what(dossier))]
    groups += [group("ESE candidate of the pipeline", _ese(dossier))] if candidate.ese else []
    groups += [group("Transient candidate of the pipeline", _transient(candidate))] if candidate.transients else []
    groups.append(group("Variability", _variability(dossier)))
    return groups


def _what(dossier: Dossier) -> list[dict[str, Any]]:
    if dossier.detail is not None:
        items = heading_items(dossier.detail)
        problems = (*dossier.detail.source.problems, *dossier.detail.light_curve.problems)
    else:
        ra, dec = position_cells(dossier.candidate.ra_deg, dossier.candidate.dec_deg)
        items, problems = [fact("RA", ra), fact("Dec", dec)], ()
    odd = [fact("Odd", cell(problem, state="warn")) for problem in (*problems, *dossier.problems)]
    return [*items, *odd]


def _ese(dossier: Dossier) -> list[dict[str, Any]]:
    first = dossier.candidate.ese[0]
    by = " / ".join(word for word in (first.flagged_by, first.flag_type) if word)
    more = len(dossier.candidate.ese) - 1
    return [
        fact("Status", ese_cell(first.status)),
        fact("σ deviation", flagged_cell(first)),
        fact("Flagged", full_moment_cell(first.flagged_at)),
        fact("By", cell(by or None)),
        fact("Notes", cell(first.notes)),
        *([fact("Older rows", cell(more))] if more else []),
    ]


def _transient(candidate: Candidate) -> list[dict[str, Any]]:
    first = candidate.transients[0]
    return [
        fact("Kind", cell(first.detection_type)),
        fact("Flux density", cell(first.flux_obs_mjy, digits=3, unit="mJy")),
        fact("Baseline", cell(first.flux_baseline_mjy, digits=3, unit="mJy", note=first.baseline_catalog)),
        fact("Ratio", cell(first.flux_ratio, digits=2)),
        fact("Significance", cell(first.significance_sigma, digits=1, unit="σ")),
        fact("Classification", cell(first.classification, title="as the pipeline stored it")),
        fact("Detected", full_moment_cell(first.detected_at)),
    ]


def _variability(dossier: Dossier) -> list[dict[str, Any]]:
    items, eta_v = [], dossier.candidate.eta_v
    if eta_v is not None:
        items.append(fact("η", cell(f"{eta_v.eta:.4g}", note=f"cut {eta_v.eta_cut:.4g}, {eta_v.n} measurements")))
        items.append(fact("V", cell(f"{eta_v.v:.4g}", note=f"cut {eta_v.v_cut:.4g}")))
    title = "each measurement against the weighted mean of all others, in its own errors; it has no upper bound"
    items.append(fact("Largest deviation", cell(dossier.deviation, digits=1, unit="σ", title=title)))
    items.append(fact("Vs", cell(dossier.vs, digits=2, title=DEFINITIONS["vs"].formula + ", of one pair of epochs")))
    items.append(fact("m", cell(dossier.m, digits=3, title=DEFINITIONS["m"].formula + ", of the same pair")))
    curve = dossier.detail.light_curve if dossier.detail is not None else None
    if curve is not None and curve.n_epoch:
        n_forced, n_flagged = int(curve.is_forced.sum()), int(curve.is_flagged.sum())
        items.append(fact("Measurements", cell(curve.n_epoch, note=f"{n_forced} forced, {n_flagged} flagged")))
    return items


def picture(dossier: Dossier, shown: ReviewPicture, links: Links, *, theme: str) -> dict[str, str]:
    """Return one picture for `EpochPictures`: its addresses are those that anybody may ask for."""
    assert dossier.detail is not None  # noqa: S101  (pictures are made from a light curve)
    ra_deg, dec_deg = position_of(dossier.detail)
    pair = f"{ra_deg:.6f} {dec_deg:+.6f}"
    curve = dossier.detail.light_curve
    words = epoch_words(curve, shown.index, "peak", "mJy")
    limits = {"low": f"{shown.low:.6g}", "high": f"{shown.high:.6g}"} if shown.low is not None else {}
    place = {"ra": f"{ra_deg:.7f}", "dec": f"{dec_deg:.7f}", "size": f"{shown.width_arcsec:g}"}
    src = links.source_epoch(
        curve.source_id, int(curve.photometry_id[shown.index]), **place, **limits, theme=theme,
        side=PICTURE_PIXELS, mark="cross",
    )  # fmt: skip
    time = f"{words.time} UTC" if words.utc_ms is not None else words.time
    note = " · ".join(part for part in (time, f"{words.kind} {words.flux}", words.snr) if part)
    return {
        "title": shown.role, "note": note, "more": words.remark, "src": src,
        "href": links.image(shown.image.id, cut=pair),
    }  # fmt: skip


def picture_words(dossier: Dossier) -> str:
    """Return what the pictures have in common."""
    if not dossier.pictures:
        return "no image of these epochs is on disk" if dossier.detail is not None else ""
    first = dossier.pictures[0]
    if first.low is None or first.high is None:
        return f"{first.width_arcsec:g}″ wide"
    scale = f"one colour scale, {first.low * 1e3:.4g} to {first.high * 1e3:.4g} mJy/beam"
    missing = [r for r in ("reference", "most deviating") if r not in {p.role for p in dossier.pictures}]
    gone = f"; no other image for: {', '.join(missing)}" if missing else ""
    return f"{first.width_arcsec:g}″ wide, {scale}{gone}"
