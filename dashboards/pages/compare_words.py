"""The compared images in words: the form, the table, the titles."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from dashboards.components.cells import cell
from dashboards.components.filters import Field
from dashboards.components.record_table import Column, RecordTable, row
from dashboards.links import Links
from dashboards.pages.compare_reading import Compared, Drawn
from dashboards.pages.plane_field import plane_field
from dashboards.pages.wording import full_epoch_cell
from dashboards.plots.image_colour import display_unit
from dashboards.plots.sky import beam_words
from data_access.analysis.image_quality import robust_sigma
from data_access.analysis.times import format_mjd_utc
from data_access.records import ImageHeader, ImagePreview

_COLUMNS: list[Column] = [
    {"name": "number", "label": "No.", "align": "right"},
    {"name": "image", "label": "Image"},
    {"name": "epoch", "label": "Observed"},
    {"name": "unit", "label": "Unit"},
    {"name": "beam", "label": "Beam"},
    {"name": "pixels", "label": "What is shown"},
]
_PAIR = re.compile(r"([1-4])\s*[-−–]\s*([1-4])")


def compare_fields(
    mode: str, n_drawn: int, modes: Sequence[str], header: ImageHeader | None, plane: int, colours: Sequence[Field]
) -> list[Field]:
    """Return the fields of the form; those that mean nothing in this mode are left out.

    `header` is that of the image with the most planes.
    """
    fields: list[Field] = [
        {"name": "images", "label": "Images (numbers)", "kind": "text", "width": "12rem", "placeholder": "12, 15, 18",
         "help": "two to four; the first one gives the pixels"},
        {"name": "mode", "label": "Compare by", "kind": "select", "options": list(modes)},
    ]  # fmt: skip
    if mode != "difference":
        fields += colours
    if mode == "side":
        fields.append({"name": "scales", "label": "Limits of", "kind": "select",
                       "options": [("same", "the first image"), ("own", "each by itself")]})  # fmt: skip
    if mode == "difference" and n_drawn > 1:
        numbers = range(1, n_drawn + 1)
        pairs = [(f"{a}-{b}", f"{a} − {b}") for a in numbers for b in numbers if a != b]
        fields.append({"name": "pair", "label": "Difference", "kind": "select", "options": pairs})
    if header is not None and header.n_planes > 1:
        fields.append(plane_field(header, plane))
    return fields


def is_pair(text: str) -> bool:
    """Return whether a text names two of the images."""
    found = _PAIR.fullmatch(text.strip())
    return found is not None and found[1] != found[2]


def pair_of(text: str, drawn: Sequence[Drawn]) -> tuple[Drawn, Drawn]:
    """Return the two images that are subtracted; the first two where the text names none of them."""
    if (found := _PAIR.fullmatch(text.strip())) and found[1] != found[2]:
        places = int(found[1]) - 1, int(found[2]) - 1
        if max(places) < len(drawn):
            return drawn[places[0]], drawn[places[1]]
    return drawn[0], drawn[1]


def title_of(one: Drawn) -> str:
    """Return number, name and time of an image, for the line above it."""
    image = one.compared.image
    if image is None:
        return f"{one.compared.number}"
    time = format_mjd_utc(image.epoch.mjd)
    shown = f", {time} UTC" if time and time[:10] not in image.name else ""
    return f"{one.compared.number}: {image.name}{shown}"


def words_of(one: Drawn) -> str:
    """Return beam and unit of an image and what was done to its pixels."""
    return f"{_beam_text(one.compared)} · {_unit_text(one.compared)} · {one.how}"


def difference_words(preview: ImagePreview) -> str:
    """Return noise and extremes of a difference over the whole field, for the line below its title."""
    finite = preview.data[np.isfinite(preview.data)]
    if not finite.size:
        return "the two have no pixel in common"
    _, noise = robust_sigma(finite)
    unit, scale = display_unit(preview.header.bunit, float(np.abs(finite).max()))
    low, high = float(finite.min()) * scale, float(finite.max()) * scale
    return f"noise {noise * scale:.3g} {unit} · from {low:.3g} to {high:.3g} {unit} · whole field"


def compared_table(compared: Sequence[Compared], drawn: Sequence[Drawn], links: Links) -> RecordTable:
    """Return every image that was asked for, with what is shown of it or why it is not."""
    how = {one.compared.number: one.how for one in drawn}
    return RecordTable(
        caption="Compared images",
        columns=_COLUMNS,
        rows=[_row(one, how.get(one.number, ""), links) for one in compared],
        empty="No images are compared yet.",
    )


def _row(one: Compared, how: str, links: Links) -> Any:
    image = one.image
    name = cell(f"number {one.asked}") if image is None else cell(image.name, href=links.image(image.id), mono=True)
    shown = cell(how) if how else cell("not shown", state="bad", note=one.problem)
    epoch = cell(None) if image is None else full_epoch_cell(image.epoch)
    unit, beam = (
        (cell(_unit_text(one)), cell(_beam_text(one))) if one.header is not None else (cell(None), cell(None))
    )
    return row(one.asked, [cell(one.number), name, epoch, unit, beam, shown])


def _unit_text(one: Compared) -> str:
    return (one.header.bunit if one.header is not None else "") or "unit not stated"


def _beam_text(one: Compared) -> str:
    beam = None if one.header is None else one.header.beam
    return beam_words(beam) if beam is None else beam_words(beam).removeprefix("beam ")
