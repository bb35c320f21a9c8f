"""Links from an image to its comparison with other epochs of the same field."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from dashboards.components.switches import Switches, option, switch
from dashboards.pages.image_part import ImagePart
from data_access.analysis.cones import Cone
from data_access.analysis.coordinates import separation_arcsec
from data_access.analysis.times import format_mjd_utc
from data_access.errors import ArchiveError
from data_access.records import Image, PageRequest
from data_access.repositories.image_filter import ImageFilter

# Half the field of a DSA-110 image: nearer centres see mostly the same sky.
_SAME_FIELD_DEG = 0.9
_LOOKED_AT = 200
_ANOTHER_NIGHT_DAYS = 0.5
_LAST = 4


@dataclass(frozen=True, slots=True)
class Epochs:
    """Images of the same field and type on both sides in time; None where there is none."""

    before: Image | None
    after: Image | None
    newest: tuple[Image, ...]


class ComparePart(ImagePart):
    """Previous epoch, next epoch, the newest ones of this field."""

    place: ClassVar[Literal["picture", "page"]] = "picture"

    def __init__(self, page: Any) -> None:
        super().__init__(page)
        self.slot = page.new_slot("other epochs", height=0)
        self.switches = Switches()

    @property
    def view(self) -> Any:
        """A row of links, when they are known."""
        return self.slot

    async def load(self) -> None:
        """Look for images of the same field."""
        await self.page.fill(self.slot, self._read, self._show)

    async def refresh(self) -> None:
        """Look again: a new epoch may have come."""
        await self.load()

    async def _read(self) -> Epochs | None:
        image = self.page.image
        position, mjd = image.position, image.epoch.mjd
        if position.ra_deg is None or position.dec_deg is None or mjd is None:
            return None
        cone = Cone(position.ra_deg, position.dec_deg, _SAME_FIELD_DEG)
        wanted = ImageFilter(type=image.type or "", cone=cone)
        try:
            found = await self.page.session.archive.images.find(wanted, PageRequest(limit=_LOOKED_AT))
        except ArchiveError:
            return None
        return epochs_around(image, found.rows)

    def _show(self, epochs: Epochs | None) -> Any:
        links, image = self.page.session.links, self.page.image
        options = []
        if epochs is not None and epochs.before is not None:
            options.append(_option("previous epoch", (image, epochs.before), links))
        if epochs is not None and epochs.after is not None:
            options.append(_option("next epoch", (image, epochs.after), links))
        if epochs is not None and len(epochs.newest) > 1:
            others = [one for one in epochs.newest if one.id != image.id][: _LAST - 1]
            options.append(_option(f"newest {len(others)}", (image, *others), links))
        if not options:
            options = [option("none", "choose images", href=links.compare([image.id]))]
        self.switches.switches = [switch("compare", "Compare with", "", options)]
        return self.switches


def _option(text: str, images: tuple[Image, ...], links: Any) -> dict[str, Any]:
    if len(images) == 2:
        text = f"{text} ({(format_mjd_utc(images[1].epoch.mjd) or '')[:16]})"
    return option(text, text, href=links.compare([one.id for one in images]))


def epochs_around(image: Image, found: tuple[Image, ...]) -> Epochs:
    """Return the nearest epochs before and after an image, and the newest ones: of every night the nearest centre.

    Other products of the same moment (another primary-beam correction, a residual) are no other epoch.
    """
    mjd = image.epoch.mjd or 0.0
    others = [one for one in found if one.epoch.is_observation and one.pbcor == image.pbcor]
    # In a drift scan the next image sees the next piece of sky: an epoch of this one is of another night.
    other_nights = [one for one in others if abs((one.epoch.mjd or 0.0) - mjd) > _ANOTHER_NIGHT_DAYS]
    nights: dict[int, Image] = {}
    for one in sorted(other_nights, key=lambda one: _distance(image, one)):
        nights.setdefault(round((one.epoch.mjd or 0.0) - mjd), one)
    apart = sorted(nights.values(), key=lambda one: one.epoch.mjd or 0.0)
    before = [one for one in apart if (one.epoch.mjd or 0.0) < mjd]
    after = [one for one in apart if (one.epoch.mjd or 0.0) > mjd]
    return Epochs(before[-1] if before else None, after[0] if after else None, tuple(reversed(apart))[:_LAST])


def _distance(one: Image, other: Image) -> float:
    """Return the separation of two centres in arcsec; infinity where one is not known."""
    here, there = one.position, other.position
    if here.ra_deg is None or here.dec_deg is None or there.ra_deg is None or there.dec_deg is None:
        return math.inf
    return float(separation_arcsec(here.ra_deg, here.dec_deg, there.ra_deg, there.dec_deg))
