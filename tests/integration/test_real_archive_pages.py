"""Every page of the real archive, both layouts, against the values that were measured from its files."""

from __future__ import annotations

import json
import math
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from data_access import open_archive
from data_access.analysis.times import unix_to_mjd
from data_access.archive import Archive
from tests.integration.page_opening import cards, open_view

pytestmark = pytest.mark.real


@pytest.fixture(params=["split", "unified"])
def root(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.getfixturevalue(f"real_archive_{request.param}")
    return folder


@pytest.fixture
def truth(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "truth.json").read_text())
    return found


@pytest.fixture
async def archive(root: Path) -> AsyncIterator[Archive]:
    async with open_archive(root) as opened:
        yield opened


def facts(groups: list[dict[str, Any]]) -> dict[str, str]:
    return {item["label"]: item["cell"]["t"] for group in groups for item in group["items"]}


def number(text: str) -> float:
    """Return the first number of a text, NaN for a dash or words."""
    try:
        return float(text.replace(",", "").split()[0].rstrip("%"))
    except ValueError:
        return math.nan


def same(shown: str, expected: float | None, *, rel: float = 0.0, digits: float = 0.0) -> bool:
    if expected is None or not math.isfinite(expected):
        return math.isnan(number(shown))
    return number(shown) == pytest.approx(expected, rel=rel, abs=digits)


async def test_every_source_shows_its_variability(archive: Archive, truth: dict[str, Any]) -> None:
    wrong = {}
    for name, known in truth["sources"].items():
        view: Any = await open_view(archive, "/sources/{source_id}", {"unit": "Jy"}, {"source_id": name})
        shown = {row["key"]: row["cells"][1] for row in view.metrics.rows}
        curve = view.detail.light_curve
        checks = {
            "cards": not cards(view),
            "n": shown["n"]["t"] == f"{known['n_valid']:,} of {known['n_points']:,}",
            "eta": same(shown["eta"]["t"], known["eta_peak"], rel=1e-5),
            "v": same(shown["modulation_index"]["t"], known["v_peak"], rel=1e-5),
            "weighted mean": known["n_valid"] < 2
            or same(shown["weighted_mean"]["t"], known["weighted_mean_peak_jy"], rel=1e-5),
            "mean": same(shown["mean"]["t"], known["mean_peak_jy"], rel=1e-5),
            "min": same(shown["min"]["t"], known["min_peak_jy"], rel=1e-5),
            "max": same(shown["max"]["t"], known["max_peak_jy"], rel=1e-5),
            "start": np.nanmin(curve.mjd) == pytest.approx(known["start_mjd"], abs=1.5 / 86400),
            "end": np.nanmax(curve.mjd) == pytest.approx(known["end_mjd"], abs=1.5 / 86400),
        }
        bad = [check for check, ok in checks.items() if not ok]
        if bad:
            wrong[name] = (bad, {key: c["t"] for key, c in shown.items()}, cards(view))
    assert wrong == {}


async def test_every_source_shows_its_integrated_variability(archive: Archive, truth: dict[str, Any]) -> None:
    wrong = {}
    known = {name: facts for name, facts in truth["sources"].items() if facts.get("eta_int") is not None}
    assert len(known) > 10
    for name in list(known)[::4]:
        view: Any = await open_view(archive, "/sources/{source_id}", {"flux": "integrated"}, {"source_id": name})
        shown = {row["key"]: row["cells"][1]["t"] for row in view.metrics.rows}
        pair = (shown["eta"], shown["modulation_index"])
        if not (same(pair[0], known[name]["eta_int"], rel=1e-5) and same(pair[1], known[name]["v_int"], rel=1e-5)):
            wrong[name] = (pair, known[name]["eta_int"], known[name]["v_int"])
    assert wrong == {}


async def ids_of_images(archive: Archive, root: Path) -> dict[str, list[int]]:
    """Return the row numbers by path relative to the archive, from the pages of the list itself."""
    found: dict[str, list[int]] = {}
    query = {"rows": "100"}
    while True:
        view: Any = await open_view(archive, "/images", query)
        for image in view._page.rows:
            found.setdefault(str(Path(image.path).relative_to(root)), []).append(image.id)
        if not view._page.next_cursor:
            return found
        query = {"rows": "100", "after": view._page.next_cursor}


async def test_every_image_shows_its_own_values_or_why_not(
    archive: Archive, root: Path, truth: dict[str, Any]
) -> None:
    ids = await ids_of_images(archive, root)
    wrong = {}
    for path, known in truth["images"].items():
        view: Any = await open_view(archive, "/images/{image_id}", {}, {"image_id": str(ids[path][0])})
        said = cards(view)
        if not known["readable"]:
            if not any(path in text for text in said.values()):
                wrong[path] = ["unreadable, but not said"]
            continue
        header, figures = view.preview.header, view.preview.statistics
        shown = {item["label"]: item["cell"]["t"] for item in _header_facts(view)}
        checks = {
            "cards": not said,
            "shape": shown["Shape"] == " × ".join(str(n) for n in known["shape"]),
            "unit": shown["Unit"] == (known["unit"] or "—"),
            "telescope": shown["Telescope"] == (known["telescope"] or "—"),
            "object": shown["Object"] == (known["object"] or "—"),
            "peak": figures.peak == pytest.approx(known["peak"], rel=1e-6),
            "pixel": (figures.peak_x, figures.peak_y) == (known["peak_x"], known["peak_y"]),
            "noise": figures.noise == pytest.approx(known["noise"], rel=1e-6, nan_ok=True),
        }
        checks["peak on the sky"] = is_at(await pixel_line(view, known["peak_x"], known["peak_y"]), known["peak_sky"])
        if known.get("freq_hz") is not None:
            checks["frequency"] = same(shown["Frequency"], known["freq_hz"] / 1e9, rel=1e-5)
        if known.get("beam_major_arcsec") is not None:
            beam = f"{known['beam_major_arcsec']:.4g} × {known['beam_minor_arcsec']:.4g}"
            checks["beam"] = shown["Beam"] == beam
            checks["beam angle"] = header.beam.pa_deg == pytest.approx(known["beam_pa_deg"], abs=1e-4)
        bad = [check for check, ok in checks.items() if not ok]
        if bad:
            wrong[path] = (bad, said, shown)
    assert wrong == {}


async def pixel_line(view: Any, x: int, y: int) -> dict[str, str]:
    """Return the line below the picture for the pointer on a pixel."""
    view.viewer.pixel.ask(float(x), float(y))
    await view.settled()
    return {item["label"]: item["cell"]["t"] for item in view.viewer.pixel.line.items}


def is_at(line: dict[str, str], known: dict[str, Any] | None) -> bool:
    """Say whether a line has the position that is known, to what its digits can tell."""
    if known is None or known.get("ra_deg") is None:
        return "RA" not in line
    shown = SkyCoord(line["RA"], line["Dec (ICRS)"], unit=("hourangle", "deg"))
    return bool(shown.separation(SkyCoord(known["ra_deg"], known["dec_deg"], unit="deg")).arcsec < 0.15)


def _header_facts(view: Any) -> list[dict[str, Any]]:
    groups = [group for slot in view.slots.values() for group in getattr(slot.content, "groups", [])]
    return [item for group in groups if group["title"] == "Found in the file" for item in group["items"]]


async def test_every_measurement_set_shows_its_contents_and_what_applies(
    archive: Archive, root: Path, truth: dict[str, Any]
) -> None:
    wrong = {}
    for path, known in truth["measurement_sets"].items():
        view: Any = await open_view(archive, "/ms/detail", {"path": str(root / path)})
        shown = facts(view.contents.groups)
        applied = truth["applied_by_validity_window"].get(path)
        links = facts(view.links_slot.content.groups)
        in_page = str([g for g in view.links_slot.content.groups if g["title"].startswith("Calibration tables")])
        checks = {
            "cards": not cards(view),
            "rows": same(shown["Rows"], known["n_rows"]),
            "baselines": same(shown["Baselines"], known["n_baselines"]),
            "integrations": same(shown["Integrations"], known["n_times"]),
            "telescope": shown["Telescope"] == known["telescope"],
            "flagged": same(shown["Flagged"], 100 * known["flag_fraction"], digits=0.051),
            "columns": shown["Data columns"] == ", ".join(known["data_columns"]),
            "set": applied is None or links["Calibration set"] == applied["set_name"],
            "tables": applied is None or all(f"'{table}'" in in_page for table in applied["tables"]),
            "windows": [row["cells"][2]["t"] for row in view.windows.rows] == [str(n) for n in known["n_channels"]],
            "antennas": len(view.antennas.rows) == known["n_antennas"],
        }
        bad = [check for check, ok in checks.items() if not ok]
        if bad:
            wrong[path] = (bad, shown, links, cards(view))
    assert wrong == {}


async def test_every_calibration_table_shows_its_solutions(
    archive: Archive, root: Path, truth: dict[str, Any]
) -> None:
    wrong = {}
    for path, known in truth["caltables"].items():
        view: Any = await open_view(archive, "/calibration/detail", {"path": str(root / path)})
        text = str([view.heading.items, *(slot.content.groups for slot in view.slots.values()
                                          if hasattr(slot.content, "groups"))])  # fmt: skip
        detail = view.detail
        checks = {
            "cards": not cards(view),
            "solutions": detail.n_solutions == known["n_solutions"] and f"{known['n_solutions']:,}" in text,
            "flagged": f"{100 * known['flag_fraction']:.1f}" in text,
            "snr": known["median_snr"] == 0 or f"{known['median_snr']:.1f}" in text
            or f"{known['median_snr']:.2f}" in text,
            "fully flagged": len(detail.fully_flagged) == known["n_fully_flagged_antennas"],
            "names": all(f"{n}" in text for n in known["fully_flagged_antenna_names"][:8] if n),
        }  # fmt: skip
        bad = [check for check, ok in checks.items() if not ok]
        if bad:
            wrong[path] = (bad, cards(view), text[:3000])
    assert wrong == {}


async def test_the_mock_source_is_marked_in_list_and_page(archive: Archive, truth: dict[str, Any]) -> None:
    name = truth["trap_mock_source"]["source_id"]
    listed: Any = await open_view(archive, "/sources", {"text": name})
    (row,) = [row for row in listed.table.rows if row["key"] == name]
    assert any(c.get("s") == "warn" or c.get("n") for c in row["cells"])
    page: Any = await open_view(archive, "/sources/{source_id}", {}, {"source_id": name})
    odd = [i["cell"]["t"] for group in page.facts.groups for i in group["items"] if i["label"] == "Odd"]
    assert odd


async def test_a_source_last_seen_in_years_to_come_is_marked(archive: Archive, truth: dict[str, Any]) -> None:
    now = unix_to_mjd(time.time())
    to_come = [name for name, source in truth["sources"].items() if (source["end_mjd"] or 0.0) > now]
    assert to_come
    for name in to_come:
        listed: Any = await open_view(archive, "/sources", {"text": name})
        (row,) = [row for row in listed.table.rows if row["key"] == name]
        page: Any = await open_view(archive, "/sources/{source_id}", {}, {"source_id": name})
        seen = next(item["cell"] for item in page.heading.items if item["label"] == "last measured")
        for cell in (seen, *(c for c in row["cells"] if c["t"] and c["t"] == seen["t"][:10])):
            assert cell["s"] == "warn"
            assert "still to come" in cell["title"]


async def test_a_catalogue_flux_a_thousand_times_too_large_is_marked(archive: Archive, truth: dict[str, Any]) -> None:
    name = truth["trap_catalogue_flux_times_1000"]
    page: Any = await open_view(archive, "/sources/{source_id}", {}, {"source_id": name})
    (cell,) = [i["cell"] for g in page.facts.groups for i in g["items"] if i["label"] == "NVSS flux density"]
    assert cell["s"] == "warn"
    assert "1000 times too large?" in cell["n"]


async def test_batch_times_are_shown_with_a_word_of_caution(archive: Archive) -> None:
    view: Any = await open_view(archive, "/jobs", {"view": "batches"})
    assert view.table.rows
    assert "host's offset" in str([view.table.note, view.table.columns, view.table.rows])


async def test_text_in_created_at_and_a_missing_file_are_said_in_the_list_of_images(
    archive: Archive, truth: dict[str, Any]
) -> None:
    traps = truth["traps_images"]
    view: Any = await open_view(archive, "/images", {"text": Path(traps["text_created_at"]).name})
    assert any("created_at" in (c.get("n") or "") for row in view.table.rows for c in row["cells"])
    gone: Any = await open_view(archive, "/images", {"text": Path(traps["missing_file"]).name})
    assert "gone" in [c["t"] for row in gone.table.rows for c in row["cells"]]


async def test_a_missing_image_file_is_said_on_its_page(archive: Archive, root: Path, truth: dict[str, Any]) -> None:
    missing = truth["traps_images"]["missing_file"]
    ids = await ids_of_images(archive, root)
    view: Any = await open_view(archive, "/images/{image_id}", {}, {"image_id": str(ids[missing][0])})
    assert any(f"{root / missing} is not on disk" in text for text in cards(view).values())
