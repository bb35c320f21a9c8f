"""Facts and measurements of one source, worded: position, catalogue, state, one measurement."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dashboards.components.cells import Cell, cell
from dashboards.components.facts import fact, group
from dashboards.components.record_table import Column, Row, row
from dashboards.links import Links
from dashboards.pages.source_reference import nvss_cell
from dashboards.pages.source_words import ese_cell
from dashboards.pages.wording import epoch_cell, full_epoch_cell, position_cells
from dashboards.plots.measurement_kinds import (
    LIMIT_SIGMA,
    FluxKind,
    FluxUnit,
    Kinds,
    fluxes,
    measurement_kinds,
    noise_origin,
)
from dashboards.plots.style import how_many
from data_access.analysis.coordinates import galactic
from data_access.records import Epoch, Image, LightCurve, SourceDetail

_QUALITY = "quality_flag as the pipeline wrote it; a word that is not known counts as flagged"
MEASUREMENT_COLUMNS: Sequence[Column] = (
    {"name": "number", "label": "No.", "align": "right", "title": "row number in photometry"},
    {"name": "epoch", "label": "Observed", "unit": "UTC"},
    {"name": "flux", "label": "Flux density", "align": "right"},
    {"name": "rms", "label": "Local rms", "align": "right"},
    {"name": "kind", "label": "Kind"},
    {"name": "flags", "label": "Flags", "align": "right", "title": "the pipeline's number; bit 1 says forced"},
    {"name": "quality", "label": "Quality", "title": _QUALITY},
    {"name": "image", "label": "Image", "width": "34rem"},
)


def measurement_columns(curve: LightCurve, shown: Sequence[int], flux: FluxKind, unit: FluxUnit) -> list[Column]:
    """Return the columns of the table, with units, and with what the times of the shown measurements are."""
    units = {"flux": f"{unit}/beam" if flux == "peak" else unit, "rms": f"{unit}/beam"}
    label = _time_label(curve, shown)
    columns: list[Column] = []
    for column in MEASUREMENT_COLUMNS:
        name = column["name"]
        named: Column = {**column, "label": label} if name == "epoch" else column
        columns.append({**named, "unit": units[name]} if name in units else named)
    return columns


def _time_label(curve: LightCurve, shown: Sequence[int]) -> str:
    is_observed = curve.is_observed[[i for i in shown if math.isfinite(curve.mjd[i])]]
    if is_observed.all():
        return "Observed"
    return "Time" if is_observed.any() else "Processing time"


def newest_first(curve: LightCurve, page: int, n_rows: int) -> list[int]:
    """Return the positions of one page of measurements, the newest first, those without a time last."""
    known = np.isfinite(curve.mjd)
    order = [*np.flatnonzero(known)[::-1], *np.flatnonzero(~known)]
    return [int(i) for i in order[(page - 1) * n_rows : page * n_rows]]


def measurement_rows(
    curve: LightCurve, shown: Sequence[int], images: Mapping[str, Image], links: Links, flux: FluxKind, unit: FluxUnit
) -> list[Row]:
    """Return the table rows of some measurements; they lead to their images where those are registered."""
    kinds = measurement_kinds(curve, flux)

    def cells(index: int) -> list[Cell]:
        return [
            cell(str(int(curve.photometry_id[index]))),
            epoch_cell(_epoch(curve, index)),
            _flux_cell(curve, index, flux, unit),
            _rms_cell(curve, index, unit),
            _kind_cell(kinds, index, unit),
            cell(int(curve.flags[index])),
            cell(_quality(curve, index)),
            _image_cell(curve, index, images.get(curve.image_path[index] or ""), links),
        ]

    return [row(int(curve.photometry_id[index]), cells(index)) for index in shown]


def measurement_facts(
    curve: LightCurve, index: int, image: Image | None, links: Links, flux: FluxKind, unit: FluxUnit
) -> list[dict[str, Any]]:
    """Return the facts of one chosen measurement."""
    per_beam = f"{unit}/beam" if flux == "peak" else unit
    return [
        fact(
            _time_label(curve, [index]),
            {
                **full_epoch_cell(_epoch(curve, index)),
                "n": _kind_cell(measurement_kinds(curve, flux), index, unit)["t"],
            },
        ),
        fact("Flux density", {**_flux_cell(curve, index, flux, unit), "u": per_beam}),
        fact("Local rms", {**_rms_cell(curve, index, unit), "u": f"{unit}/beam"}),
        fact("Flags", cell(int(curve.flags[index]), title="the pipeline's number; bit 1 says forced")),
        fact("Quality", cell(_quality(curve, index), title=_QUALITY)),
        fact("Image", _image_cell(curve, index, image, links)),
        fact("Measurement", cell(str(int(curve.photometry_id[index])), title="row number in photometry")),
    ]


def heading_items(detail: SourceDetail) -> list[dict[str, Any]]:
    """Return what stands beside the name: position, epochs, state."""
    source = detail.source
    ra, dec = position_cells(source.ra_deg, source.dec_deg)
    items = [
        fact("RA", ra),
        fact("Dec", dec),
        fact("epochs", _epochs_cell(detail.light_curve)),
        fact("last measured", _last_measured_cell(detail.light_curve)),
    ]
    if source.ese_status:
        items.append(fact("ESE candidate", ese_cell(source.ese_status)))
    return items


def position_group(detail: SourceDetail, newest: Image | None, links: Links) -> dict[str, Any]:
    """Return the position: sexagesimal, degrees, galactic; and the cutout there on the newest image."""
    source, curve = detail.source, detail.light_curve
    ra_deg = source.ra_deg if source.ra_deg is not None else curve.ra_deg
    dec_deg = source.dec_deg if source.dec_deg is not None else curve.dec_deg
    ra, dec = position_cells(ra_deg, dec_deg)
    items = [
        fact("Right ascension", ra),
        fact("Declination", dec),
        fact("Degrees (ICRS)", cell(_pair(ra_deg, dec_deg), mono=True)),
        fact("Galactic l, b", cell(_galactic(ra_deg, dec_deg), mono=True)),
    ]
    if newest is None:
        items.append(fact("Cutout", cell("no recent image on disk", state="off")))
    elif (pair := _pair(ra_deg, dec_deg)) is not None:
        href = links.image(newest.id, cut=pair)
        items.append(fact("Cutout", cell("at the newest image", href=href, title=newest.path)))
    return group("Position", items)


def state_group(detail: SourceDetail) -> dict[str, Any]:
    """Return what catalogues and the pipeline say about the source, with doubts."""
    source, monitoring, stored = detail.source, detail.source.monitoring, detail.source.stored
    items = [
        fact("Name", cell(source.name)),
        fact("Catalogue", cell(monitoring.catalog if monitoring else None)),
        fact("NVSS flux density", nvss_cell(detail)),
        fact("Priority", cell(monitoring.priority if monitoring else None)),
        fact("Detections", cell(monitoring.n_detections if monitoring else None)),
        fact("Variable", cell(monitoring.is_variable if monitoring else None, title="the pipeline's judgement")),
        fact("Statistics stored", cell(None, unix=stored.updated_at if stored else None)),
    ]
    items += [
        fact("Transient candidate", cell(t.detection_type, note=t.classification, unix=t.detected_at))
        for t in detail.transients
    ]
    items += [fact("Odd", cell(problem, state="warn")) for problem in source.problems]
    return group("What the pipeline says", items)


def _epoch(curve: LightCurve, index: int) -> Epoch:
    mjd = float(curve.mjd[index])
    return Epoch(mjd if math.isfinite(mjd) else None, curve.origin[index])


def _flux_cell(curve: LightCurve, index: int, flux: FluxKind, unit: FluxUnit) -> Cell:
    values, errors = fluxes(curve, flux)
    value, error = _scaled(values[index], unit), _scaled(errors[index], unit)
    digits = _digits(unit)
    if not math.isfinite(value):
        return cell(value)
    if not math.isfinite(error):
        return cell(value, digits=digits, title="no error is recorded")
    return cell(f"{value:,.{digits}f} ± {error:.{digits}f}")


def _quality(curve: LightCurve, index: int) -> str | None:
    return (curve.quality[index] or None) if curve.quality else None


def _rms_cell(curve: LightCurve, index: int, unit: FluxUnit) -> Cell:
    noise = _scaled(curve.noise_jy[index], unit)
    if math.isfinite(noise) and not curve.has_rms[index]:
        meaning, column = noise_origin(curve)
        title = f"no local rms is recorded: this is {column}, the {meaning}"
        return cell(noise, digits=_digits(unit), note=meaning, title=title)
    return cell(noise, digits=_digits(unit))


def _kind_cell(kinds: Kinds, index: int, unit: FluxUnit) -> Cell:
    kind = str(kinds.kind[index])
    if kind == "limit":
        return cell(kind, title=f"below {LIMIT_SIGMA:g} σ: less than {_scaled(kinds.at[index], unit):.4g} {unit}")
    return cell(kind, state="warn" if kind == "flagged" else None)


def _image_cell(curve: LightCurve, index: int, image: Image | None, links: Links) -> Cell:
    path = curve.image_path[index]
    if path is None:
        return cell(None)
    name = path.rstrip("/").rsplit("/", 1)[-1] or path
    if image is None:
        return cell(name, mono=True, title=f"{path}: not registered as an image")
    return cell(name, mono=True, title=path, href=links.image(image.id))


def _epochs_cell(curve: LightCurve) -> Cell:
    n, n_repeated = curve.n_epoch, curve.n_repeated(np.ones(curve.n_epoch, dtype=np.bool_))
    return cell(n, note=f"measurements of {how_many(n - n_repeated, 'observation')}" if n_repeated else None)


def _last_measured_cell(curve: LightCurve) -> Cell:
    """Return the epoch of the last measurement; beside the number that it is only the time of the processing."""
    known = np.flatnonzero(np.isfinite(curve.mjd))
    if not known.size:
        return cell(None)
    made = full_epoch_cell(_epoch(curve, int(known[-1])))
    return made if curve.is_observed[known[-1]] else {**made, "n": "processing time"}


def _scaled(value: float, unit: FluxUnit) -> float:
    return float(value) * (1e3 if unit == "mJy" else 1.0)


def _digits(unit: FluxUnit) -> int:
    return 3 if unit == "mJy" else 6


def _pair(ra_deg: float | None, dec_deg: float | None) -> str | None:
    return None if ra_deg is None or dec_deg is None else f"{ra_deg:.6f} {dec_deg:+.6f}"


def _galactic(ra_deg: float | None, dec_deg: float | None) -> str | None:
    if ra_deg is None or dec_deg is None or abs(dec_deg) > 90:
        return None
    longitude, latitude = galactic(ra_deg, dec_deg)
    return f"{longitude:.4f} {latitude:+.4f}"
