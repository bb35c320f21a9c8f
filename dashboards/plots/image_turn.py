"""An image whose north lies along its rows is drawn transposed: columns of the file run upwards on the screen.

Together with axes that run backwards (`dashboards.plots.sky.orientation`) that shows all eight ways to store an image
(turned by 0, 90, 180, 270 degrees, mirrored or not) with north up and east left, without resampling a pixel. An image
stored at another angle is at most 45 degrees off; from `UPRIGHT_DEG` on a compass says so. It is not resampled: the
pixels on the screen are those of the file, and so are the values, regions and positions that are read off them.

Everything outside of the figure counts in pixels of the file. What goes into a figure or comes out of it passes
through its `Turn`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from astropy.wcs import WCS

from dashboards.plots.bokeh_models import Figure
from dashboards.plots.sky import Box, LocalSky, celestial_wcs
from data_access.records import ImageHeader, ImagePreview

_TAG = "transposed"
_PAIRS = (
    ("x", "y"), ("xs", "ys"), ("x0", "y0"), ("x1", "y1"), ("dx", "dy"), ("dw", "dh"), ("left", "bottom"),
    ("right", "top"), ("label_x", "label_y"),
)  # fmt: skip
_OTHER = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}
_OWN_CARDS = re.compile(r"(CRPIX|CDELT|CROTA|CRVAL|CUNIT|NAXIS)[12]|(PC|CD)[12]_[12]")
_DISTORTION = re.compile(r"(A|B|AP|BP)_(?:(ORDER)|(\d)_(\d))")


@dataclass(frozen=True, slots=True)
class Turn:
    """How pixels of the file lie in a figure: as they are stored, or with x and y in each other's place."""

    swaps: bool = False

    @staticmethod
    def of(figure: Figure | None) -> Turn:
        """Return that of a figure of `plot_image`."""
        return Turn(figure is not None and _TAG in figure.tags)

    @staticmethod
    def for_sky(sky: LocalSky | None) -> Turn:
        """Return the one that brings north nearer to the top."""
        return Turn(sky is not None and abs(sky.north[0]) > abs(sky.north[1]))

    def mark(self, figure: Figure) -> None:
        """Make a figure remember its turn."""
        if self.swaps:
            figure.tags = [*figure.tags, _TAG]

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Return a place of the file in the figure, or the other way round."""
        return (y, x) if self.swaps else (x, y)

    def box(self, box: Box) -> Box:
        """Return edges of the file in the figure, or the other way round."""
        return (box[1], box[0], box[3], box[2]) if self.swaps else box

    def columns(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """Return columns of a source with the places that the figure has for them."""
        if not self.swaps:
            return dict(columns)
        return {key: columns.get(_OTHER.get(key, key), value) for key, value in columns.items()}

    def header(self, header: ImageHeader) -> ImageHeader:
        """Return the header of the image as it is drawn."""
        wcs = celestial_wcs(header) if self.swaps else None
        if not self.swaps:
            return header
        shape = (*header.shape[:-2], header.shape[-1], header.shape[-2])
        cards = {} if wcs is None else _transposed(header.wcs_header, wcs)
        return replace(header, shape=shape, wcs_header=cards, sky_axes=header.sky_axes[::-1])

    def preview(self, preview: ImagePreview) -> ImagePreview:
        """Return pixels and header as they are drawn; the statistics stay those of the file."""
        if not self.swaps:
            return preview
        return replace(
            preview,
            header=self.header(preview.header),
            data=preview.data.T,
            origin_x=preview.origin_y,
            origin_y=preview.origin_x,
        )


def _transposed(cards: Mapping[str, Any], wcs: WCS) -> dict[str, Any]:
    """Return sky cards for pixels whose first axis is the second one of the file: the sky axes keep their order."""
    wcs.wcs.set()
    found = {key: value for key, value in cards.items() if not _OWN_CARDS.fullmatch(key)}
    matrix, steps = wcs.wcs.get_pc(), wcs.wcs.get_cdelt()
    for i in range(2):
        found |= {
            f"CRPIX{i + 1}": float(wcs.wcs.crpix[1 - i]),
            f"CRVAL{i + 1}": float(wcs.wcs.crval[i]),
            f"CDELT{i + 1}": float(steps[i]),
            f"CUNIT{i + 1}": str(wcs.wcs.cunit[i]),
            **{f"PC{i + 1}_{j + 1}": float(matrix[i, 1 - j]) for j in range(2)},
        }
    if "NAXIS1" in cards and "NAXIS2" in cards:
        found |= {"NAXIS1": cards["NAXIS2"], "NAXIS2": cards["NAXIS1"]}
    return _with_distortion(found)


def _with_distortion(cards: dict[str, Any]) -> dict[str, Any]:
    """Return the cards with SIP polynomials of exchanged pixel axes: A_p_q belongs to B_q_p."""
    found: dict[str, Any] = {}
    for key, value in cards.items():
        name = _DISTORTION.fullmatch(key)
        if name is None:
            found[key] = value
            continue
        other = name[1].translate(str.maketrans("AB", "BA"))
        found[f"{other}_{name[2] or f'{name[4]}_{name[3]}'}"] = value
    return found
