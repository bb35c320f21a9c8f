"""Rows of the image list."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.components.cells import Cell, cell
from dashboards.components.record_table import Column, Row, row
from dashboards.links import Links
from dashboards.pages.grades import grade_cell
from dashboards.pages.wording import BY_FOLDER, epoch_cell, file_cell, image_noise_cell, position_cells
from data_access.records import FileState, Image
from data_access.repositories.image_filter import image_grade

COLUMNS: Sequence[Column] = (
    {"name": "path", "label": "Image", "sortable": True, "width": "22rem", "least": "12.5rem", "title": BY_FOLDER},
    {"name": "epoch", "label": "Observed", "unit": "UTC", "sortable": True,
     "title": "sorted by the middle of the Measurement Set; images whose set is not recorded come last"},
    {"name": "type", "label": "Type", "sortable": True},
    {"name": "center_ra_deg", "label": "RA", "unit": "ICRS", "sortable": True},
    {"name": "center_dec_deg", "label": "Dec", "unit": "ICRS", "sortable": True},
    {"name": "noise_jy", "label": "Noise", "unit": "mJy/beam", "sortable": True, "align": "right"},
    {"name": "dynamic_range", "label": "Dyn. range", "sortable": True, "align": "right", "title": "Dynamic range"},
    {"name": "beam_major_arcsec", "label": "Beam", "unit": "″", "sortable": True, "align": "right",
     "title": "sorted by the major axis"},
    {"name": "grade", "label": "Grade", "least": "6.5rem",
     "title": "Worse one of the recorded noise and dynamic range"},
    {"name": "file", "label": "File"},
    {"name": "created_at", "label": "Registered", "sortable": True, "align": "right"},
)  # fmt: skip


def image_row(image: Image, state: FileState | None, links: Links) -> Row:
    """Return the table row of one image."""
    problem = "; ".join(image.problems)
    return row(
        image.id,
        [
            cell(image.name, mono=True, title=problem or image.path, note=problem or None),
            epoch_cell(image.epoch),
            cell(image.type),
            *place_cells(image),
            image_noise_cell(image),
            cell(image.dynamic_range, digits=0),
            cell(beam_text(image)),
            graded_cell(image),
            file_cell(state),
            cell(None, unix=image.created_at),
        ],
        href=links.image(image.id),
    )


def place_cells(image: Image) -> tuple[Cell, Cell]:
    """Return the middle of an image to the second; that of the Measurement Set is marked.

    One that is impossible is shown as recorded.
    """
    place = image.position
    if not place.origin:
        return position_cells(image.center_ra_deg, image.center_dec_deg)
    ra, dec = position_cells(place.ra_deg, place.dec_deg, digits=0)
    if place.origin == "MS":
        for one in (ra, dec):
            one["title"] = f"{one.get('title', '')}, the pointing of its Measurement Set: no centre is recorded"
            one["u"] = "MS"
    return ra, dec


def graded_cell(image: Image) -> Cell:
    """Return the grade of what is recorded, a dash where nothing is."""
    grade = image_grade(image)
    return cell(None, title=grade.reason) if grade.word == "not applicable" else grade_cell(grade)


def beam_text(image: Image) -> str | None:
    """Return the axes of the beam in arcsec, None when not recorded."""
    if image.beam_major_arcsec is None:
        return None
    if image.beam_minor_arcsec is None:
        return f"{image.beam_major_arcsec:.3g}"
    return f"{image.beam_major_arcsec:.3g} × {image.beam_minor_arcsec:.3g}"
