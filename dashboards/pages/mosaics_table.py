"""The newest mosaics as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dashboards.components.cells import cell
from dashboards.components.record_table import Column, RecordTable, Row, row
from dashboards.pages.wording import file_cell, mjd_cell, noise_cell, state_cell
from data_access.records import FileState, Mosaic

_COLUMNS: list[Column] = [
    {"name": "name", "label": "Mosaic"},
    {"name": "start", "label": "Observed from", "unit": "UTC"},
    {"name": "end", "label": "to", "unit": "UTC"},
    {"name": "n_images", "label": "Images", "align": "right"},
    {"name": "dec", "label": "Dec", "unit": "°", "align": "right"},
    {"name": "noise", "label": "Noise", "unit": "mJy/beam", "align": "right"},
    {"name": "n_sources", "label": "Sources", "align": "right"},
    {"name": "status", "label": "Status"},
    {"name": "file", "label": "File"},
    {"name": "created_at", "label": "Made", "align": "right"},
]


def mosaics_table() -> RecordTable:
    """Return the empty table."""
    return RecordTable(caption="Newest mosaics", columns=_COLUMNS, empty="No mosaic is recorded.")


def mosaic_row(mosaic: Mosaic, states: Mapping[str, FileState]) -> Row:
    """Return the row of one mosaic; an end before its start is marked."""
    backwards = mosaic.start_mjd is not None and mosaic.end_mjd is not None and mosaic.end_mjd < mosaic.start_mjd
    problems = [*mosaic.problems, *(["the end lies before the start"] if backwards else [])]
    return row(
        mosaic.id,
        [
            cell(mosaic.name or mosaic.path, mono=True, title=mosaic.path, note="; ".join(problems) or None),
            mjd_cell(mosaic.start_mjd),
            mjd_cell(mosaic.end_mjd),
            cell(mosaic.n_images),
            cell(_declinations(mosaic)),
            noise_cell(mosaic.noise_jy),
            cell(mosaic.n_sources),
            state_cell(mosaic.status),
            file_cell(states.get(mosaic.path)) if mosaic.path else cell(None),
            cell(None, unix=mosaic.created_at),
        ],
    )


def mosaic_rows(mosaics: Sequence[Mosaic], states: Mapping[str, FileState]) -> list[Row]:
    """Return the rows of some mosaics."""
    return [mosaic_row(mosaic, states) for mosaic in mosaics]


def _declinations(mosaic: Mosaic) -> str | None:
    if mosaic.dec_min_deg is None or mosaic.dec_max_deg is None:
        return None
    return f"{mosaic.dec_min_deg:+.2f} to {mosaic.dec_max_deg:+.2f}"
