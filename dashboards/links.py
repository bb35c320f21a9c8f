"""URLs of the dashboard's own pages: typed, escaped, relative, so that they work below any prefix or proxy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode


@dataclass(frozen=True, slots=True)
class Links:
    """Builders of relative URLs, as seen from one page.

    Parameters
    ----------
    root : str
        The way to the dashboard's root: ``"./"`` from ``/images``, ``"../"`` from ``/images/7``.
    """

    root: str = "./"

    @classmethod
    def seen_from(cls, path: str) -> Links:
        """Return the links for a page at `path` (below the prefix, beginning with a slash)."""
        return cls("../" * max(0, path.count("/") - 1) or "./")

    def images(self, **query: object) -> str:
        """The list of images, with filters as query."""
        return self.page("images", query)

    def image(self, image_id: int | str, **query: object) -> str:
        """One image."""
        return self.page(f"images/{_segment(image_id)}", query)

    def image_cutout(self, image_id: int | str, **query: object) -> str:
        """A piece of an image; `dashboards.image_files` lists what may be asked."""
        return self.page(f"images/{_segment(image_id)}/cutout", query)

    def image_fits(self, image_id: int | str) -> str:
        """The file of an image."""
        return self.page(f"images/{_segment(image_id)}/fits")

    def image_thumbnail(self, image_id: int | str) -> str:
        """A small picture of an image."""
        return self.page(f"images/{_segment(image_id)}/thumbnail.png")

    def image_png(self, image_id: int | str, **query: object) -> str:
        """An image as a picture for print."""
        return self.page(f"images/{_segment(image_id)}/png", query)

    def compare(self, image_ids: Iterable[int | str], **query: object) -> str:
        """Up to four images beside or upon each other; the first one gives the pixels."""
        return self.page("compare", {"images": ",".join(map(str, image_ids)), **query})

    def sources(self, **query: object) -> str:
        """The list of sources."""
        return self.page("sources", query)

    def source_export(self, **query: object) -> str:
        """The whole of a list of sources as a file; `dashboards.source_files` lists what may be asked."""
        return self.page("sources/export", query)

    def source(self, source_id: str, **query: object) -> str:
        """One source with its light curve."""
        return self.page(f"sources/{_segment(source_id)}", query)

    def source_light_curve(self, source_id: str, **query: object) -> str:
        """All measurements of a source as a file; see `dashboards.source_files`."""
        return self.page(f"sources/{_segment(source_id)}/light_curve", query)

    def source_epoch(self, source_id: str, photometry_id: int, **query: object) -> str:
        """The cutout behind one measurement of a source, as a small picture; see `dashboards.epoch_files`."""
        return self.page(f"sources/{_segment(source_id)}/epochs/{int(photometry_id)}.png", query)

    def source_epochs(self, source_id: str, kind: str, **query: object) -> str:
        """All epochs of a source as ``gif``, ``mp4`` or ``png``; see `dashboards.epoch_files`."""
        return self.page(f"sources/{_segment(source_id)}/epochs.{kind}", query)

    def variability(self, **query: object) -> str:
        """Every source in the eta-V plane."""
        return self.page("variability", query)

    def review(self, **query: object) -> str:
        """The candidates, to be judged by keyboard."""
        return self.page("review", query)

    def marks_csv(self, **query: object) -> str:
        """What people said about candidates, as a file."""
        return self.page("marks.csv", query)

    def ese(self, **query: object) -> str:
        """The list of ESE candidates with what their light curves say."""
        return self.page("ese", query)

    def jobs(self, **query: object) -> str:
        """The list of jobs."""
        return self.page("jobs", query)

    def job(self, run_id: str, **query: object) -> str:
        """One job with its log; `ms` chooses the Measurement Set where several have runs of one name."""
        return self.page(f"jobs/{_segment(run_id)}", query)

    def ms(self, **query: object) -> str:
        """The list of Measurement Sets."""
        return self.page("ms", query)

    def ms_detail(self, path: str, **query: object) -> str:
        """One Measurement Set; its path has slashes and therefore travels in the query."""
        return self.page("ms/detail", {"path": path, **query})

    def calibration(self, **query: object) -> str:
        """The list of calibration tables."""
        return self.page("calibration", query)

    def calibration_detail(self, path: str, **query: object) -> str:
        """One calibration table."""
        return self.page("calibration/detail", {"path": path, **query})

    def night(self, **query: object) -> str:
        """The wall screen."""
        return self.page("night", query)

    def status(self, **query: object) -> str:
        """The state of the databases."""
        return self.page("status", query)

    def page(self, path: str, query: Mapping[str, object] | None = None) -> str:
        """Return the URL of `path` with the values of `query` that are not None or empty."""
        given = {k: _text(v) for k, v in (query or {}).items() if v is not None and v != ""}
        return f"{self.root}{path}" + (f"?{urlencode(given)}" if given else "")


_DOTS = re.compile(r"\.{1,2}~*")


def _segment(value: object) -> str:
    """Escape one path segment; `name_in_path` gives the name back.

    Browsers resolve the segments ``.`` and ``..``, escaped ones too: such a name gets a tilde, and so does one that
    would be taken for it.
    """
    text = str(value)
    return quote(f"{text}~" if _DOTS.fullmatch(text) else text, safe="")


def name_in_path(segment: str) -> str:
    """Return the name that an unescaped segment of one of our paths stands for."""
    return segment[:-1] if segment.endswith("~") and _DOTS.fullmatch(segment) else segment


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)
