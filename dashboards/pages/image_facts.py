"""The facts of an image as labelled values: the database's, the file's, and the links."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dashboards.components.cells import Cell, cell
from dashboards.components.facts import fact, group
from dashboards.components.record_table import Column, RecordTable, Row, row
from dashboards.links import Links
from dashboards.pages.applied_words import Product, calibration_facts
from dashboards.pages.job_words import run_cell
from dashboards.pages.wording import full_epoch_cell, image_noise_cell, position_cells, state_cell
from dashboards.plots.style import how_many
from data_access.analysis.image_sky import frame_name
from data_access.analysis.times import format_utc
from data_access.records import Image, ImageHeader, ImageQA, MeasuredSources, Region
from data_access.records.images import ImageNeighbour
from data_access.services.provenance import Provenance

Neighbours = tuple[ImageNeighbour | None, ImageNeighbour | None]
_CARDS = 300
_SIBLINGS = 8
_PRINT = "the whole image in these colours, with axes, epoch, beam"


def heading_items(image: Image) -> list[dict[str, Any]]:
    """Return what matters most about an image, for the line of its name."""
    return [
        fact("observed", full_epoch_cell(image.epoch)),
        fact("type", cell(image.type)),
        fact("noise", image_noise_cell(image, with_unit=True)),
        fact("dynamic range", cell(image.dynamic_range, digits=0)),
        fact("registered", cell(None, unix=image.created_at)),
    ]


def record_groups(image: Image, links: Links, look: Mapping[str, str] | None) -> list[dict[str, Any]]:
    """Return what the database row says; a dash means that the pipeline did not record it.

    `look` are plane and colours in the URL of a picture; None where the file cannot be read: no link leads to it.
    """
    ra, dec = position_cells(image.center_ra_deg, image.center_dec_deg)
    size = f"{image.imsize_x} × {image.imsize_y}" if image.imsize_x and image.imsize_y else None
    return [
        group(
            "Recorded by the pipeline",
            [
                fact("Observed", full_epoch_cell(image.epoch)),
                fact("Registered", cell(None, unix=image.created_at)),
                fact("Type", cell(image.type)),
                fact("Field", cell(image.field_name)),
                fact("Centre RA", ra),
                fact("Centre Dec", dec),
                fact("Noise", image_noise_cell(image, with_unit=True, digits=4)),
                fact("Dynamic range", cell(image.dynamic_range, digits=1)),
                fact("Beam major", cell(image.beam_major_arcsec, unit="″", digits=2)),
                fact("Beam minor", cell(image.beam_minor_arcsec, unit="″", digits=2)),
                fact("Beam PA", cell(image.beam_pa_deg, unit="°", digits=1)),
                fact("Size", cell(size, unit="pixels")),
                fact("Cell", cell(image.cellsize_arcsec, unit="″", digits=3)),
                fact("Frequency", cell(image.freq_ghz, unit="GHz", digits=4)),
                fact("Primary-beam corrected", cell(image.pbcor)),
                fact("Path", cell(image.path, mono=True)),
                *(() if look is None else _file_facts(image, links, look)),
            ],
        )
    ]


def _file_facts(image: Image, links: Links, look: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the links to a picture and to the file; a CASA image is a directory and has only the first."""
    printed = fact("Picture for print", cell("PNG", href=links.image_png(image.id, **look), title=_PRINT))
    if ".fit" not in image.name.lower():
        return [printed]
    return [printed, fact("File", cell("FITS", href=links.image_fits(image.id), title="the file as it is on disk"))]


def header_groups(header: ImageHeader, plane: int) -> list[dict[str, Any]]:
    """Return what the file itself says; beam and frequency are those of one plane where each has its own."""
    header = header.of_plane(plane)
    items = [
        fact("Shape", cell(" × ".join(str(n) for n in header.shape), note="slowest axis first")),
        fact("Axes", cell(", ".join(header.axes))),
        fact("Frame", cell(_frame_text(header))),
        fact("Unit", cell(header.bunit or None)),
        fact("Object", cell(header.object_name or None)),
        fact("Telescope", cell(header.telescope or None)),
        fact("DATE-OBS", cell(header.date_obs or None)),
        fact("Frequency", _frequency_cell(header, plane)),
        *_beam_facts(header, plane),
    ]
    items += [fact("Odd", cell(problem, state="warn")) for problem in header.problems]
    return [group("Found in the file", items)]


def _frame_text(header: ImageHeader) -> str | None:
    if not header.wcs_header:
        return None
    return header.frame.upper() if header.frame != "unknown" else f"{frame_name(header.wcs_header)} (not known here)"


def _frequency_cell(header: ImageHeader, plane: int) -> Cell:
    if header.freq_hz is None:
        return cell(None)
    note = None if header.n_planes == 1 else f"of plane {plane}"
    if header.n_planes > 1 and header.plane_freq_hz(plane) is None:
        note = "of the image: no axis tells that of a plane"
    return cell(header.freq_hz / 1e9, unit="GHz", digits=5, note=note)


def _beam_facts(header: ImageHeader, plane: int) -> list[dict[str, Any]]:
    """Return the beam as far as it is recorded, and whether it is that of one plane alone."""
    beam, n_beams = header.beam, len(header.plane_beams)
    if beam is None:
        return [fact("Beam", cell(None))]
    minor = "minor axis not recorded" if beam.minor_assumed else f"{beam.minor_arcsec:.4g}"
    many = f"of plane {plane}: each of {n_beams} has its own" if n_beams else None
    size = cell(f"{beam.major_arcsec:.4g} × {minor}", unit="" if beam.minor_assumed else "″", note=many)
    angle = cell("not recorded", state="off", note=f"from the {beam.origin}")
    if beam.pa_deg is not None:
        angle = cell(beam.pa_deg, unit="°", digits=1, note=f"from the {beam.origin}")
    return [fact("Beam", size), fact("Beam PA", angle)]


def quality_table(quality: Sequence[ImageQA], regions: Sequence[Region]) -> RecordTable | None:
    """Return what is stored about the quality of an image and the regions on it; None where nothing is."""
    rows = [
        row(f"qa-{q.id}", [cell("stored quality"), cell(q.overall_quality), cell(None, unix=q.timestamp)])
        for q in quality
    ] + [row(f"region-{r.id}", [cell(r.name), cell(r.type), cell(r.created_by)]) for r in regions]
    columns: list[Column] = [{"name": n, "label": n} for n in ("What", "Kind or grade", "When or by whom")]
    return RecordTable(caption="Quality rows and regions", columns=columns, rows=rows) if rows else None


def cards_table(header: ImageHeader) -> RecordTable:
    """Return the header cards as a table that scrolls by itself."""
    rows = [
        row(f"{n}-{key}", [cell(key, mono=True), cell(value, mono=True), cell(comment or None)])
        for n, (key, value, comment) in enumerate(header.cards[:_CARDS])
    ]
    total = f"{len(header.cards)} cards" + (f", the first {_CARDS} are shown" if len(header.cards) > _CARDS else "")
    columns: list[Column] = [
        {"name": "key", "label": "Keyword"},
        {"name": "value", "label": "Value"},
        {"name": "comment", "label": "Comment"},
    ]
    return RecordTable(caption="Header", columns=columns, rows=rows, total=total, max_height=360)


def provenance_groups(image: Image, made: Provenance, neighbours: Neighbours, links: Links) -> list[dict[str, Any]]:
    """Return where an image comes from and what else was made with it, as links."""
    before, after = neighbours
    items = [
        *([fact("Newer record", cell(f"#{made.newer.id}", href=links.image(made.newer.id)))] if made.newer else []),
        fact("Previous row", _neighbour_cell(before, image, links)),
        fact("Next row", _neighbour_cell(after, image, links)),
        fact("Measurement Set", _ms_cell(made, links)),
        fact("Run and log", run_cell(made, links)),
        *calibration_facts(made, Product("this image", image.created_at), links),
    ]
    items += [fact(other.type or "image", _record_cell(other, image, links)) for other in made.images[:_SIBLINGS]]
    return [group("Where it comes from", items)]


def measured_words(measured: MeasuredSources, image: Image) -> str:
    """Return how many sources were measured, and on what if it was another product of the same observation."""
    n_rows, n_sources = len(measured.rows), measured.n_sources
    words = how_many(n_sources, "source") + (f" in {how_many(n_rows, 'measurement')}" if n_sources < n_rows else "")
    words = f"{words}, brightest first"
    if not measured.rows or measured.path == image.path:
        return words
    return f"{words}, measured on {measured.path.rpartition('/')[2]} of the same observation"


def source_rows(measured: MeasuredSources, links: Links) -> list[Row]:
    """Return one row per measurement; a source that was measured again has a row of its own each time."""
    seen: Counter[str] = Counter()
    rows = []
    for name, ra_deg, dec_deg, peak_jyb in measured.rows:
        seen[name] += 1
        cells = [cell(name), *position_cells(ra_deg, dec_deg), cell(peak_jyb * 1e3, digits=3)]
        rows.append(row(f"{seen[name]}-{name}", cells, href=links.source(name)))
    return rows


def cut_words(measured: MeasuredSources) -> str:
    """Return what is left out of the list of measurements; empty when it is whole."""
    return f"the brightest {len(measured.rows):,}, more were measured" if measured.truncated else ""


def newer_words(newer: Image | None) -> str:
    """Return what must be known of a row whose file was registered again; empty for the last row of a file."""
    if newer is None:
        return ""
    at = format_utc(newer.created_at)
    when = f" on {at} UTC" if at else ""
    return f"Registered again{when}, as record #{newer.id}: the file is that of the newer record."


def _neighbour_cell(one: ImageNeighbour | None, image: Image, links: Links) -> Cell:
    return cell("none", state="off") if one is None else _record_cell(one, image, links)


def _record_cell(other: Image | ImageNeighbour, image: Image, links: Links) -> Cell:
    """Return another row as a link; of the same file it has the same name, so its number and age stand beside."""
    note = None
    if other.path == image.path:
        note = f"{'newer' if other.id > image.id else 'older'} record of this file, #{other.id}"
    return cell(other.name, href=links.image(other.id), mono=True, note=note)


def _ms_cell(made: Provenance, links: Links) -> Any:
    if made.ms_path is None:
        return cell(None)
    name = made.ms_path.rsplit("/", 1)[-1]
    if made.measurement_set is None:
        return cell(name, mono=True, note="not in the index")
    stage = state_cell(made.measurement_set.stage)
    return cell(name, href=links.ms_detail(made.ms_path), mono=True, note=str(stage.get("t", "")))
