"""A part of a page in a module of its own, so that a page with many tools stays readable."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

P = TypeVar("P")


class PagePart(Generic[P]):
    """Slots, events and work of one part of a page.

    What a part keeps in the URL is declared by a mixin of the page's class
    (``class RegionParams(param.Parameterized)`` beside the part), because the URL belongs to the page.

    Parameters
    ----------
    page : PageView
        Its session, its slots (`new_slot`, `fill`, `run`, `patch`) and its params are what a part works with.
    """

    def __init__(self, page: P) -> None:
        self.page = page

    @property
    def view(self) -> Any:
        """What stands on the page; made once, before anything is read."""
        raise NotImplementedError

    async def load(self) -> None:
        """Fill the slots, after the first paint."""

    async def refresh(self) -> None:
        """Patch what is shown after a change in the databases."""
