"""The image list as a contact sheet."""

from __future__ import annotations

from dashboards.components.gallery import Picture, picture
from dashboards.links import Links
from dashboards.pages.image_rows import graded_cell
from dashboards.pages.wording import epoch_cell, image_noise_cell, with_utc
from data_access.records import FileState, Image

# A page of tiles is read again as a whole when it grows or changes; this many still take milliseconds.
MOST_TILES = 1000


def image_picture(image: Image, state: FileState | None, links: Links) -> Picture:
    """Return the tile of one image; its picture is asked for anew when the file on disk is another one."""
    src, problem = None, ""
    if state is None or state.problem:
        problem = state.problem.replace(image.path, image.name) if state is not None else "The file was not looked up"
    else:
        src = f"{links.image_thumbnail(image.id)}?sheet=1&v={_version(state)}"
    return picture(
        image.id,
        image.name,
        [
            with_utc(epoch_cell(image.epoch, seconds=False)),
            image_noise_cell(image, with_unit=True, title="recorded noise"),
            graded_cell(image),
        ],
        href=links.image(image.id),
        src=src,
        title="; ".join(image.problems) or image.path,
        problem=problem,
    )


def _version(state: FileState) -> str:
    return f"{state.modified_at or 0:.6f}-{state.size_bytes or 0}"
