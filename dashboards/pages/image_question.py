"""What the address of an image asks, and whether it means something."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType

from dashboards.components.browser_state import TextParams
from dashboards.pages.image_overlays import KINDS_TEXT
from dashboards.pages.image_zoom import PLACE_TEXT
from data_access import Archive
from data_access.analysis.contours import parse_levels
from data_access.analysis.region_text import read_regions
from data_access.errors import ValidationError

TEXTS: TextParams = MappingProxyType({"view": PLACE_TEXT, "overlays": KINDS_TEXT})
_LONGEST_LOOK_UP_S = 0.5


def check_question(query: Mapping[str, str]) -> None:
    """Raise `ValidationError` for levels of contours or regions that mean nothing: the page says it in its place."""
    parse_levels(query.get("levels", ""))
    if unread := read_regions(query.get("regions", ""))[1]:
        raise ValidationError(unread[0])


async def check_place(archive: Archive, text: str) -> None:
    """Raise `ValidationError` for the middle of a cutout that is neither a position nor a known name."""
    if text:
        # A search for similar names may take longer: then only the place of the cutout says what is wrong.
        with suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_LOOK_UP_S):
                await archive.names.find_place(text)
