"""What is drawn over the picture of an image: measurements, calibrators, catalogue, regions, contours."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest
from bokeh.events import Tap
from bokeh.models import ColumnDataSource, HoverTool

from dashboards.components.browser_state import write_query
from dashboards.pages.image import ImagePage
from dashboards.pages.image_overlays import OverlayPart
from dashboards.session import Session
from data_access import Archive, open_archive
from data_access.demo import write_demo
from data_access.records import Region
from data_access.services import overlays
from data_access.services.overlays import shape_of_row


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo archive whose newest measured image has a forced measurement and a row without a source."""
    made = write_demo(tmp_path_factory.mktemp("overlays") / "archive", nights=1)
    with sqlite3.connect(made / "state/db/products.sqlite3") as database:
        path = newest(made)[1]
        rows = database.execute(
            "SELECT id FROM photometry WHERE image_path = ? ORDER BY peak_jyb", (path,)
        ).fetchall()
        database.execute("UPDATE photometry SET flags = 1 WHERE id = ?", rows[0])
        database.execute("UPDATE photometry SET source_id = NULL WHERE id = ?", rows[1])
        database.execute("UPDATE photometry SET source_id = '<img src=x>' WHERE id = ?", rows[2])
        database.execute("UPDATE regions SET image_path = ?", (path,))
    return made


def newest(folder: Path) -> tuple[int, str]:
    with sqlite3.connect(f"file:{folder}/state/db/products.sqlite3?mode=ro", uri=True) as database:
        rows = database.execute(
            "SELECT i.id, i.path FROM images i "
            "WHERE (SELECT count(*) FROM photometry p WHERE p.image_path = i.path) > 3 ORDER BY i.id DESC"
        )
        return next((int(number), str(path)) for number, path in rows if Path(path).is_file())


@pytest.fixture
async def archive(folder: Path) -> AsyncIterator[Archive]:
    async with open_archive(folder) as opened:
        yield opened


async def open_image(archive: Archive, folder: Path, **query: str) -> ImagePage:
    prepared = await ImagePage.prepare(archive, {"image_id": str(newest(folder)[0])}, query)
    page = ImagePage(Session(archive, prepared=prepared, query=query))
    page.__panel__()
    await page.load()
    return page


def part_of(page: ImagePage) -> OverlayPart:
    return next(part for part in page.parts if isinstance(part, OverlayPart))


def source_of(page: ImagePage, name: str) -> dict[str, Any]:
    found = page.figure.select_one({"name": name, "type": ColumnDataSource})
    return {} if found is None else dict(found.data)


def opened(page: ImagePage) -> list[str]:
    return list(next(tag for tag in page.figure.tags if tag.name == "open").data["href"])


async def test_detections_and_forced_measurements_differ_by_symbol_and_line(archive: Archive, folder: Path) -> None:
    page = await open_image(archive, folder)
    detections, forced = source_of(page, "overlay_detections"), source_of(page, "overlay_forced")
    assert len(forced["x"]) == 1
    assert len(detections["x"]) >= 3
    looks = [
        page.figure.select_one({"name": f"overlay_{kind}", "type": type(page.figure.renderers[0])}).glyph
        for kind in ("detections", "forced")
    ]
    assert [look.line_dash for look in looks] == ["solid", "dashed"]
    assert looks[0].marker != looks[1].marker


async def test_a_marker_lies_on_its_source_and_says_flux_and_snr(archive: Archive, folder: Path) -> None:
    page = await open_image(archive, folder)
    columns = source_of(page, "overlay_detections")
    name = columns["name"][0]
    peak = max(
        value for name_, _, _, value in (await archive.provenance.of_image(page.image)).measured.rows if name_ == name
    )
    x, y = columns["x"][0], columns["y"][0]
    cutout = await archive.cutouts.cutout(page.image, f"pixel {x} {y}", width=7, unit="pixel")
    assert float(np.nanmax(cutout.data)) == pytest.approx(peak, rel=0.2)
    assert columns["flux"][0].startswith(f"{peak * 1e3:.4g} ±")
    assert float(columns["snr"][0]) > 5
    hover = [tool for tool in page.figure.select({"type": HoverTool}) if not tool.visible]
    assert all("<img" not in tool.tooltips for tool in hover)


async def test_a_click_on_a_marker_opens_the_source_and_makes_no_cutout(archive: Archive, folder: Path) -> None:
    page = await open_image(archive, folder)
    columns = source_of(page, "overlay_detections")
    page.figure._trigger_event(Tap(page.figure, x=columns["x"][0] + 2, y=columns["y"][0]))
    await page.settled()
    assert opened(page) == [page.session.links.source(columns["source_id"][0])]
    assert page.cut == ""
    page.figure._trigger_event(Tap(page.figure, x=columns["x"][0] + 40, y=columns["y"][0]))
    await page.settled()
    assert page.cut


async def test_while_a_region_is_drawn_a_click_on_a_marker_is_its_corner(archive: Archive, folder: Path) -> None:
    page = await open_image(archive, folder)
    columns = source_of(page, "overlay_detections")
    next(part for part in page.parts if hasattr(part, "choose_mode")).choose_mode("line")
    page.figure._trigger_event(Tap(page.figure, x=columns["x"][0], y=columns["y"][0]))
    await page.settled()
    assert opened(page) == []


async def test_kinds_are_switched_and_kept_in_the_url(archive: Archive, folder: Path) -> None:
    page = await open_image(archive, folder, overlays="regions.calibrators.catalogue.nonsense")
    part = part_of(page)
    assert part.kinds == ("calibrators", "catalogue", "regions")
    assert source_of(page, "overlay_detections") == {}
    assert len(source_of(page, "overlay_regions")["xs"]) == 2
    assert len(source_of(page, "overlay_catalogue")["x"]) > 3
    part._submit({"detections": True, "contours": "off"})
    await page.settled()
    assert parse_qs(write_query(page, page.url_params))["overlays"] == ["detections"]
    assert len(source_of(page, "overlay_detections")["x"]) > 0
    assert source_of(page, "overlay_regions")["xs"] == []
    part._submit({"contours": "off"})
    await page.settled()
    assert (page.overlays, part.kinds) == ("-", ())


async def test_catalogue_sources_lie_where_the_catalogue_says(archive: Archive, folder: Path) -> None:
    page = await open_image(archive, folder, overlays="catalogue.detections")
    catalogue, detections = source_of(page, "overlay_catalogue"), source_of(page, "overlay_detections")
    distance = np.hypot(
        np.subtract.outer(detections["x"], catalogue["x"]), np.subtract.outer(detections["y"], catalogue["y"])
    )
    assert np.median(distance.min(axis=1)) < 3


async def test_more_than_can_be_shown_says_how_many_brightest_first(
    archive: Archive, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlays, "MOST_OBJECTS", 2)
    page = await open_image(archive, folder)
    part = part_of(page)
    layer = part.drawn["detections"].layer
    assert len(layer.objects) == 2
    fluxes = [one.flux_mjy for one in layer.objects]
    assert fluxes == sorted(fluxes, reverse=True)  # type: ignore[type-var]
    assert f"2 of {layer.total} shown, brightest first" in part.note.text


async def test_the_source_of_the_url_is_marked_on_top(archive: Archive, folder: Path) -> None:
    page = await open_image(archive, folder)
    columns = source_of(page, "overlay_detections")
    page.source = columns["source_id"][1]
    await page.settled()
    assert source_of(page, "overlay_selected") == {"x": [columns["x"][1]], "y": [columns["y"][1]]}
    page.source = "nobody"
    await page.settled()
    assert source_of(page, "overlay_selected") == {"x": [], "y": []}
    assert "nobody is not among" in part_of(page).note.text


async def test_contours_are_drawn_switched_off_and_said_in_words(archive: Archive, folder: Path) -> None:
    page = await open_image(archive, folder, contours="sigma", levels="-4 5 20")
    columns = source_of(page, "contours")
    sigma = page.preview.statistics.noise  # type: ignore[union-attr]
    assert columns["level"] == pytest.approx([-4 * sigma, 5 * sigma, 20 * sigma])
    assert columns["dash"] == ["dashed", "solid", "solid"]
    words = part_of(page).note.text
    assert "-4, 5, 20" in words
    assert "the file's pixels" in words
    part_of(page)._submit({"contours": "off", "detections": True})
    await page.settled()
    assert source_of(page, "contours")["xs"] == []


async def test_levels_that_make_no_sense_are_said_at_their_field(archive: Archive, folder: Path) -> None:
    page = await open_image(archive, folder, contours="sigma", levels="many")
    assert "many" in part_of(page).contour_slot.notice.text
    assert page.viewer.slot.content is not None
    part = part_of(page)
    for values in ({"contours": "sigma", "levels": "a b"}, {"contours": "value", "levels": ""}):
        part._submit(values)
        assert part.form is not None
        assert set(part.form.errors) == {"levels"}


@pytest.mark.parametrize(
    ("kind", "stored", "expected"),
    [
        ("circle", {"ra_deg": 10, "dec_deg": 20, "radius_deg": 0.01}, ("circle", 72.0)),
        ("rectangle", {"ra_deg": 10, "dec_deg": 20, "width_deg": 0.02, "height_deg": 0.01, "angle_deg": 30},
         ("box", 72.0)),
        ("polygon", {"vertices": [[1, 2], [3, 4], [5, 1]]}, ("polygon", 0.0)),
        ("circle", {"ra_deg": 10, "dec_deg": 200, "radius_deg": 0.01}, None),
        ("circle", "text", None),
        ("polygon", {"vertices": [1, 2]}, None),
        ("moon", {"ra_deg": 10, "dec_deg": 20}, None),
        (None, None, None),
    ],
)  # fmt: skip
def test_stored_regions_are_shapes_or_left_out(kind: Any, stored: Any, expected: Any) -> None:
    shape = shape_of_row(Region(1, "x", kind, stored, None, None, None))
    assert (None if shape is None else (shape.kind, shape.width)) == (
        expected if expected is None else (expected[0], pytest.approx(expected[1]))
    )


async def test_keys_switch_sources_and_contours(archive: Archive, folder: Path) -> None:
    page = await open_image(archive, folder)
    page.keys.press("o")
    page.keys.press("k")
    await page.settled()
    assert (part_of(page).kinds, page.contours) == ((), "sigma")
    assert len(source_of(page, "contours")["xs"]) > 3
    page.keys.press("o")
    page.keys.press("k")
    await page.settled()
    assert part_of(page).kinds == ("detections", "forced")
    assert source_of(page, "contours")["xs"] == []


async def test_keys_switch_contours_and_overlays_on_again_as_they_were(archive: Archive, folder: Path) -> None:
    page = await open_image(archive, folder, contours="value", levels="0.01 0.02", overlays="detections.calibrators")
    for key in ("k", "o"):
        page.keys.press(key)
    assert (page.contours, page.overlays) == ("off", "-")
    for key in ("k", "o"):
        page.keys.press(key)
    assert (page.contours, page.levels, page.overlays) == ("value", "0.01 0.02", "detections.calibrators")
    page.param.update(contours="off", levels="")
    page.keys.press("k")
    assert page.contours == "sigma"
    await page.settled()
