"""The quality of an image in tables and facts: figure, grade, reason; what was stored beside what was measured."""

from __future__ import annotations

import math
from typing import Any

from dashboards.components.cells import Cell, cell
from dashboards.components.facts import fact, group
from dashboards.components.record_table import Column, RecordTable, row
from dashboards.links import Links
from dashboards.pages.cutout_panel import place_text
from dashboards.pages.grades import grade_cell
from dashboards.plots.image_colour import display_unit
from data_access.analysis.coordinates import format_dec, format_ra
from data_access.analysis.qa import Grade, thresholds
from data_access.records import Image
from data_access.records.image_quality import CatalogOffsets
from data_access.services.cutouts import Place
from data_access.services.image_quality import QualityReport

_COLUMNS: list[Column] = [
    {"name": "figure", "label": "Figure"},
    {"name": "value", "label": "Value", "align": "right"},
    {"name": "grade", "label": "Grade"},
    {"name": "reason", "label": "Why, and whose threshold"},
]
_STORED_COLUMNS: list[Column] = [
    {"name": "figure", "label": "Figure"},
    {"name": "stored", "label": "Stored", "align": "right"},
    {"name": "measured", "label": "Measured", "align": "right"},
    {"name": "where", "label": "Column"},
    {"name": "why", "label": "Where they differ"},
]


def grades_table(report: QualityReport) -> RecordTable:
    """Return every figure with its grade; one without a figure says why it has none."""
    limits = thresholds()
    rows = [
        row(one.metric, [cell(limits[one.metric].label), _value_cell(one), grade_cell(one), cell(one.reason)])
        for one in report.grades
    ]
    dates = sorted({str(threshold.date) for threshold in limits.values()})
    return RecordTable(
        caption="Measured now",
        columns=_COLUMNS,
        rows=rows,
        total=f"thresholds of {dates[0]} to {dates[-1]}, data_access/analysis/thresholds.toml",
    )


def stored_table(report: QualityReport) -> RecordTable:
    """Return the pipeline's own figures beside the measured ones."""
    rows = []
    for figure in report.stored:
        unit, scale = display_unit(figure.unit, figure.stored)
        if not figure.unit:
            unit, scale = "", 1.0
        measured = None if figure.measured is None else figure.measured * scale
        difference = (
            cell(figure.why, state="warn") if figure.why else cell(f"same {figure.within}".strip(), state="ok")
        )
        rows.append(
            row(
                figure.where,
                [
                    cell(figure.label),
                    cell(f"{figure.stored * scale:.{figure.digits}g}", unit=unit),
                    cell(
                        None if measured is None or not math.isfinite(measured) else f"{measured:.{figure.digits}g}",
                        unit=unit,
                    ),
                    cell(figure.where, mono=True),
                    difference,
                ],
            )
        )
    return RecordTable(
        caption="Stored by the pipeline",
        empty="The pipeline stored nothing of this image that its file tells too.",
        columns=_STORED_COLUMNS,
        rows=rows,
    )


def quality_groups(report: QualityReport, image: Image, links: Links) -> list[dict[str, Any]]:
    """Return what the figures were measured on, the worst region, and the comparison with a catalogue."""
    residual = report.measured.residual
    items = [
        fact("Verdict", grade_cell(report.verdict, explain=True)),
        fact("Worst region", _worst_cell(report, image, links)),
        fact(
            "Residuals of",
            cell(residual.origin, title=residual.path or "pixels above 5 σ and a beam around them are left out"),
        ),
        fact("Skewness", cell(_finite(residual.skewness), digits=2, title="0 for plain noise")),
        fact("Kurtosis", cell(_finite(residual.kurtosis), digits=2, title="above that of plain noise")),
    ]
    if report.stored_words:
        items.append(fact("Pipeline's word", cell(", ".join(dict.fromkeys(report.stored_words)))))
    groups = [group("What was measured", items)]
    if (offsets := report.measured.offsets) is not None:
        groups.append(group(f"Against {offsets.catalog}", _offset_items(offsets)))
    return groups


def _offset_items(offsets: CatalogOffsets) -> list[dict[str, Any]]:
    alone = "of one match, perhaps another source" if offsets.n_matched == 1 else None

    def median(value: float, scatter: float, unit: str) -> Cell:
        note = f"scatter {scatter:.2g}" if math.isfinite(scatter) else alone
        return cell(f"{value:+.2f}" if math.isfinite(value) else None, unit=unit, note=note)

    return [
        fact(
            "Sources found",
            cell(
                f"{offsets.n_matched} of {offsets.n_expected}",
                title="expected above 10 times the noise, without a neighbour within 3 beams; found above 5 times",
            ),
        ),
        fact("RA offset", median(offsets.east_arcsec, offsets.east_scatter_arcsec, "″")),
        fact("Dec offset", median(offsets.north_arcsec, offsets.north_scatter_arcsec, "″")),
        fact(
            "Flux ratio",
            cell(
                f"{offsets.flux_ratio:.3f}" if math.isfinite(offsets.flux_ratio) else None,
                note=f"scatter {offsets.flux_ratio_scatter:.2g}"
                if math.isfinite(offsets.flux_ratio_scatter)
                else alone,
                title="peak in the image over catalogue flux, brought to its frequency with a spectral index of −0.7",
            ),
        ),
    ]


def _worst_cell(report: QualityReport, image: Image, links: Links) -> Cell:
    found = report.measured.noise_map.worst
    if found is None:
        return cell(None)
    noise, (x0, y0, x1, y1) = found
    unit, scale = display_unit(report.measured.unit, noise)
    pixels = f"x {x0} to {x1 - 1}, y {y0} to {y1 - 1}"
    if report.worst_region is None:
        return cell(pixels, note=f"{noise * scale:.3g} {unit}")
    ra, dec = report.worst_region
    size = max(x1 - x0, y1 - y0)
    href = links.image(image.id, cut=place_text(Place(ra, dec)), cut_size=size, cut_unit="pixel")
    return cell(f"{format_ra(ra)} {format_dec(dec)}", href=href, title=f"{pixels}: cut it out",
                note=f"{noise * scale:.3g} {unit}", mono=True)  # fmt: skip


def _value_cell(found: Grade) -> Cell:
    if found.value is None:
        return cell(None, title=found.reason)
    if found.metric == "image_noise":
        unit, scale = display_unit(found.unit, found.value)
        return cell(f"{found.value * scale:.3g}", unit=unit)
    if found.unit == "fraction":
        return cell(f"{100 * found.value:.3g}", unit="%")
    text = f"{found.value:,.0f}" if abs(found.value) >= 1000 else f"{found.value:.3g}"
    return cell(text, unit=found.unit)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
