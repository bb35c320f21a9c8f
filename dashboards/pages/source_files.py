"""What can be taken from the page of a source: its measurements as a file, with the selection of the page."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from dashboards.pages.epoch_selection import SELECTION_PARAMS
from data_access.analysis.table_files import Format

if TYPE_CHECKING:
    from dashboards.pages.source import SourcePage

FILES: Mapping[Format, str] = MappingProxyType(
    {"csv": "CSV", "votable": "VOTable", "fits": "FITS", "parquet": "Parquet"}
)


def curve_files(page: SourcePage) -> list[tuple[str, str]]:
    """Return text and link of every format."""
    selection = {name: getattr(page, name) or None for name in SELECTION_PARAMS}
    name, links = page.detail.source.source_id, page.session.links
    return [(text, links.source_light_curve(name, format=kind, **selection)) for kind, text in FILES.items()]
