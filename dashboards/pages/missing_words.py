"""How missing epochs are worded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from dashboards.components.cells import State, cell
from dashboards.components.record_table import Column, Row, row
from dashboards.links import Links
from dashboards.pages.wording import epoch_cell
from data_access.analysis.times import format_mjd_utc
from data_access.records.missing_epochs import MissingEpochs, MissingReason
from data_access.services.missing_epochs import MOST_IMAGES, RADIUS_DEG

MISSING_COLUMNS: Sequence[Column] = (
    {"name": "epoch", "label": "Observed", "unit": "UTC"},
    {"name": "reason", "label": "Why"},
    {"name": "detail", "label": "How it was found"},
    {"name": "image", "label": "Image", "width": "26rem"},
)
_STATES: dict[MissingReason, State] = {
    "image gone": "off", "not covered": "off", "near the edge": "info", "too noisy": "warn", "unreadable": "bad",
    "no fit": "warn",
}  # fmt: skip


def missing_rows(found: MissingEpochs, links: Links) -> list[Row]:
    """Return the rows of the table, each with a link to its image."""
    return [
        row(
            one.image.id,
            [
                epoch_cell(one.image.epoch),
                cell(one.reason, state=_STATES[one.reason]),
                cell(one.detail),
                cell(one.image.name, mono=True, title=one.image.path, href=links.image(one.image.id)),
            ],
        )
        for one in found.epochs
    ]


def missing_words(found: MissingEpochs) -> str:
    """Return how many there are of each kind, and what was looked at."""
    counts = Counter(one.reason for one in found.epochs)
    kinds = ", ".join(f"{n} {reason}" for reason, n in counts.most_common())
    parts = [f"{found.n_images:,} observations with their middle within {RADIUS_DEG:g}° of the source"]
    if found.n_pages > 1:
        parts.append(_looked_at(found))
    if kinds:
        parts.append(kinds)
    if found.truncated:
        parts.append(f"only the {MOST_IMAGES:,} images registered last near it were read")
    if found.n_unplaced:
        n = found.n_unplaced
        have = "image has" if n == 1 else "images have"
        parts.append(f"{n:,} {have} no recorded centre and could not be looked at")
    return "; ".join(parts)


def _looked_at(found: MissingEpochs) -> str:
    """Return how far back this page goes, of how many."""
    days = [
        format_mjd_utc(mjd, seconds=False)[:10] for one in found.epochs if (mjd := one.image.epoch.mjd) is not None
    ]
    span = f", from {days[0]} back to {days[-1]}" if days else ""
    older = ", older ones on the next page" if found.page < found.n_pages else ""
    return (
        f"{len(found.epochs):,} of {found.n_missing:,} without a measurement were looked at here{span} "
        f"(page {found.page} of {found.n_pages}{older})"
    )
