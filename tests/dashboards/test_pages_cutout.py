"""The cutout on the page of an image, and the way to it from a source."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from bokeh.events import Tap

from dashboards.components.browser_state import write_query
from dashboards.pages.image import ImagePage
from dashboards.pages.source import SourcePage
from dashboards.plots.image_colour import COLOUR_MAPS, ColourScale
from dashboards.plots.picture_look import PictureLook, picture_query
from dashboards.plots.theme import get_theme
from dashboards.session import Session
from data_access import Archive
from data_access.records.names import NamedPlace
from data_access.repositories.names import FoundNames
from tests.dashboards.image_page_samples import data_of, open_newest_image


def links_of(page: ImagePage) -> dict[str, str]:
    items = [item for group in page.cutout.facts.groups for item in group["items"]]
    return {item["label"]: item["cell"]["h"] for item in items if "h" in item["cell"]}


async def test_without_a_position_there_is_a_form_and_nothing_else(archive: Archive) -> None:
    page = await open_newest_image(archive)
    assert page.cutout.slot.content is None
    assert [field["name"] for field in page.cutout.form.fields] == ["cut", "size", "unit"]


async def test_click_on_the_image_cuts_there_and_the_url_says_so(archive: Archive) -> None:
    page = await open_newest_image(archive)
    page.figure._trigger_event(Tap(page.figure, x=200.0, y=300.0))
    await page.settled()
    expected = await archive.cutouts.cutout(page.image, "pixel 200 300")
    assert expected.ra_deg is not None
    ra, dec = (float(word) for word in page.cut.split())
    assert (ra, dec) == pytest.approx((expected.ra_deg, expected.dec_deg), abs=1e-6)
    pixels = data_of(page.cutout.figure, "image")["image"][0]
    assert np.array_equal(pixels, expected.data, equal_nan=True)
    assert parse_qs(write_query(page, page.url_params).lstrip("?"))["cut"] == [page.cut]
    assert page.cutout.form.values["cut"] == page.cut


async def test_url_restores_the_cutout(archive: Archive) -> None:
    page = await open_newest_image(archive, cut="pixel 100 120", cut_size="2", cut_unit="arcmin")
    expected = await archive.cutouts.cutout(page.image, "pixel 100 120", width=2, unit="arcmin")
    assert np.array_equal(data_of(page.cutout.figure, "image")["image"][0], expected.data, equal_nan=True)
    assert page.cutout.form.values == {"cut": "pixel 100 120", "size": "2", "unit": "arcmin"}


async def test_outline_on_the_picture_is_what_was_cut(archive: Archive) -> None:
    page = await open_newest_image(archive, cut="pixel 100 120", cut_size="21", cut_unit="pixel")
    outline = data_of(page.figure, "cutout_outline")
    assert outline["xs"][0].tolist() == [89.5, 110.5, 110.5, 89.5, 89.5]
    assert outline["ys"][0].tolist() == [109.5, 109.5, 130.5, 130.5, 109.5]
    page.cut = ""
    await page.settled()
    assert data_of(page.figure, "cutout_outline")["xs"] == []
    assert page.cutout.figure is None


async def test_links_lead_to_the_same_cutout(archive: Archive) -> None:
    page = await open_newest_image(archive, cut="pixel 100 120", cut_size="1.5", cut_unit="arcmin")
    links = links_of(page)
    assert set(links) == {"Download", "For print", "For scripts"}
    query = {key: values[0] for key, values in parse_qs(urlsplit(links["Download"]).query).items()}
    assert urlsplit(links["Download"]).path.endswith(f"images/{page.image.id}/cutout")
    again = await archive.cutouts.cutout(page.image, f"{query['ra']} {query['dec']}", width=1.5, unit="arcmin")
    shown = await archive.cutouts.cutout(page.image, "pixel 100 120", width=1.5, unit="arcmin")
    assert (query["width"], query["unit"], query["format"]) == ("1.5", "arcmin", "fits")
    assert again.box == shown.box


async def test_position_outside_is_said_in_place_and_the_page_lives(archive: Archive) -> None:
    page = await open_newest_image(archive, cut="pixel -5000 10")
    assert "wholly outside the image" in page.cutout.slot.notice.text
    assert page.viewer.slot.content is not None
    page._ask_cutout("pixel 50 50", 30.0, "pixel")
    await page.settled()
    assert page.cutout.slot.notice.text == ""
    assert page.cutout.figure is not None


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"cut": "nowhere"}, "cut"),
        ({"cut": "pixel 5 5", "size": "big"}, "size"),
        ({"cut": "pixel 5 5", "size": "-1"}, "size"),
    ],
)
async def test_malformed_values_are_said_at_their_field(archive: Archive, values: dict[str, str], field: str) -> None:
    page = await open_newest_image(archive, cut="pixel 100 120")
    figure = page.cutout.figure
    page.cutout._submit(values)
    await page.settled()
    assert set(page.cutout.form.errors) == {field}
    assert page.cutout.figure is figure


async def test_a_source_is_cut_out_by_its_name(archive: Archive) -> None:
    page = await open_newest_image(archive)
    name = (await archive.provenance.of_image(page.image)).measured.rows[0][0]
    place = await archive.names.resolve(name)
    page.cutout._submit({"cut": f"  {name} ", "size": "30", "unit": "arcsec"})
    await page.settled()
    assert page.cut == name
    expected = await archive.cutouts.cutout(page.image, f"{place.ra_deg!r} {place.dec_deg!r}", width=30)
    assert np.array_equal(data_of(page.cutout.figure, "image")["image"][0], expected.data, equal_nan=True)
    items = {item["label"]: item["cell"] for group in page.cutout.facts.groups for item in group["items"]}
    assert (items["Name"]["t"], items["Name"]["n"]) == (place.name, place.origin)
    again = await open_newest_image(archive, cut=name, cut_size="30")
    assert np.array_equal(data_of(again.cutout.figure, "image")["image"][0], expected.data, equal_nan=True)


async def test_an_unknown_name_is_said_at_the_field_and_in_the_place_of_the_cutout(archive: Archive) -> None:
    page = await open_newest_image(archive, cut="pixel 100 120")
    page.cutout._submit({"cut": "Betelgeuse"})
    await page.settled()
    assert "No calibrator or source of this archive is called 'Betelgeuse'" in page.cutout.form.errors["cut"]
    assert page.cut == "pixel 100 120"
    page.cutout._submit({"cut": "pixel 50 60"})
    await page.settled()
    assert (page.cutout.form.errors, page.cut) == ({}, "pixel 50 60")
    from_url = await open_newest_image(archive, cut="Betelgeuse")
    assert "is called 'Betelgeuse'" in from_url.cutout.slot.notice.text


async def test_a_name_of_several_places_lists_them(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    page = await open_newest_image(archive)

    async def find(_spellings: list[str]) -> FoundNames:
        places = tuple(NamedPlace("twin", ra, 54.0, "calibrator list") for ra in (10.0, 20.0))
        return FoundNames(places, ())

    monkeypatch.setattr(archive.names._names, "find", find)
    page.cutout._submit({"cut": "twin"})
    await page.settled()
    assert "more than one place: twin at 00:40:00" in page.cutout.form.errors["cut"]
    assert page.cut == ""


async def test_refresh_keeps_the_figure_of_an_unchanged_file(archive: Archive) -> None:
    page = await open_newest_image(archive, cut="pixel 100 120")
    figure = page.cutout.figure
    await page.refresh()
    assert page.cutout.figure is figure


async def test_partly_outside_is_said(archive: Archive) -> None:
    page = await open_newest_image(archive, cut="pixel 0 0", cut_size="20", cut_unit="pixel")
    assert "75 % of the cutout lies outside" in page.cutout.slot.content[0].text


async def test_source_leads_to_the_cutout_on_its_newest_image(archive: Archive) -> None:
    image_page = await open_newest_image(archive)
    source_id = (await archive.provenance.of_image(image_page.image)).measured.rows[0][0]
    detail = await archive.sources.get(source_id)
    page = SourcePage(Session(archive, prepared=detail, path_params={"source_id": source_id}))
    page.__panel__()
    await page.load()
    items = {item["label"]: item["cell"] for group in page.facts.groups for item in group["items"]}
    link = urlsplit(items["Cutout"]["h"])
    image = await archive.images.get(link.path.rsplit("/", 1)[-1])
    cutout = await archive.cutouts.cutout(image, parse_qs(link.query)["cut"][0])
    assert cutout.outside_fraction < 1


async def test_the_cutout_and_its_picture_have_the_colours_of_the_page(archive: Archive) -> None:
    query = {"stretch": "log", "limits": "zscale", "colours": "blue-red", "invert": "1"}
    page = await open_newest_image(archive, cut="pixel 100 120", **query)
    whole, cutout = (figure.select_one({"name": "colours"}) for figure in (page.figure, page.cutout.figure))
    assert cutout.palette == whole.palette
    href = links_of(page)["For print"]
    asked = {key: values[0] for key, values in parse_qs(href.partition("?")[2]).items()}
    assert asked.items() >= {
        "stretch": "log", "limits": "zscale", "colormap": "blue-red", "invert": "1", "format": "png",
    }.items()  # fmt: skip
    before = page.cutout.figure
    page.param.update(limits="hand", low=-0.001, high=0.002, colours="grey", invert=False)
    await page.settled()
    assert page.cutout.figure is before
    assert (cutout.low, cutout.high) == (-0.001, 0.002)
    asked = {key: values[0] for key, values in parse_qs(links_of(page)["For print"].partition("?")[2]).items()}
    assert asked.items() >= {"low": "-0.001", "high": "0.002", "colormap": "grey", "invert": "1"}.items()
    facts = [item for group in page.facts.groups for item in group["items"]]
    whole_png = next(item["cell"]["h"] for item in facts if item["label"] == "Picture for print")
    assert "low=-0.001" in whole_png


@pytest.mark.parametrize("theme", ["dark", "light", "red"])
@pytest.mark.parametrize("colours", COLOUR_MAPS)
@pytest.mark.parametrize("invert", [False, True])
def test_the_picture_for_print_has_the_colour_map_of_the_page(theme: str, colours: str, invert: bool) -> None:
    scale = ColourScale(colours=colours, invert=invert)
    query = picture_query(scale, theme)
    look = PictureLook(palette=query["colormap"], invert=query.get("invert") == "1")
    assert look.colours == scale.palette(get_theme(theme))
