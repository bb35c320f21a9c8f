"""The epochs of a source as pictures: order, scale, words, what is missing, and their URLs."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import numpy as np
import pytest
from PIL import Image as PillowImage

from dashboards.components.browser_state import write_query
from dashboards.links import Links
from dashboards.pages.epoch_part import EpochPart
from dashboards.pages.source import SourcePage
from dashboards.pages.source_point import PointPart
from dashboards.plots import epoch_pictures
from dashboards.plots.epoch_mark import MARK, MEANING
from dashboards.plots.epoch_pictures import EpochPictures, sheet_png
from dashboards.plots.epoch_tiles import TILE_PIXELS, colours_of
from dashboards.plots.epoch_words import epoch_words
from dashboards.session import Session
from data_access import Archive, open_archive
from tests.dashboards.epoch_samples import NAME, STAMPS, write_epochs


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_epochs(tmp_path_factory.mktemp("epochs") / "100% α")


@pytest.fixture
async def archive(folder: Path) -> AsyncIterator[Archive]:
    async with open_archive(folder) as opened:
        yield opened


async def open_page(archive: Archive, name: str = NAME, **query: str) -> tuple[SourcePage, EpochPart]:
    path_params = {"source_id": name}
    prepared = await SourcePage.prepare(archive, path_params, query)
    view = SourcePage(Session(archive, path_params=path_params, query=query, links=Links("./"), prepared=prepared))
    view.__panel__()
    await view.load()
    part = next(part for part in view.parts if isinstance(part, EpochPart))
    assert part.slot.failure is None
    return view, part


def without_observation_times(folder: Path, condition: str = "1") -> None:
    """Take the stamp out of the names of images, and the epoch away: what is left is when they were processed."""
    with closing(sqlite3.connect(folder / "state" / "db" / "products.sqlite3")) as db, db:
        db.execute(
            "UPDATE photometry SET mjd = NULL, image_path = '/x/' || id || '.fits' "
            f"WHERE source_id = ? AND {condition}",
            (NAME,),
        )


async def test_times_that_are_only_those_of_the_processing_are_called_so_beside_the_number(tmp_path: Path) -> None:
    own = write_epochs(tmp_path / "archive")
    without_observation_times(own)
    async with open_archive(own) as opened:
        view, part = await open_page(opened, strip_show="all", point="1")
        seen = next(item["cell"] for item in view.heading.items if item["label"] == "last measured")
        assert seen["n"] == "processing time" and "from the processing time" in seen["title"]
        assert part.strip.total == "1-10 of 10 in order of processing time, UTC"
        column = next(c for c in view.measurements.columns if c["name"] == "epoch")
        assert (column["label"], column["unit"]) == ("Processing time", "UTC")
        chosen = next(part for part in view.parts if isinstance(part, PointPart)).facts.groups[0]["items"]
        assert chosen[0]["label"] == "Processing time"


async def test_some_processing_times_among_those_of_observations_are_counted(tmp_path: Path) -> None:
    own = write_epochs(tmp_path / "archive")
    without_observation_times(own, "flags = 4")
    async with open_archive(own) as opened:
        view, part = await open_page(opened, strip_show="all")
        assert part.strip.total == "1-10 of 10 in order of time, UTC (1 processing time)"
        assert next(c for c in view.measurements.columns if c["name"] == "epoch")["label"] == "Time"


async def test_times_of_observations_are_called_so(archive: Archive) -> None:
    view, _ = await open_page(archive)
    seen = next(item["cell"] for item in view.heading.items if item["label"] == "last measured")
    assert "n" not in seen
    assert next(c for c in view.measurements.columns if c["name"] == "epoch")["label"] == "Observed"


def query_of(tile: dict[str, Any]) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(tile["src"]).query).items()}


async def test_every_epoch_is_a_tile_in_order_of_observation(archive: Archive) -> None:
    _, part = await open_page(archive)
    assert [tile["time"] for tile in part.strip.tiles] == [stamp.replace("T", " ") for stamp in STAMPS]
    assert part.strip.total == "1-10 of 10 in order of observation, UTC"


async def test_all_tiles_have_the_colours_of_one_scale_and_it_is_said(archive: Archive) -> None:
    _, part = await open_page(archive)
    scales = {(q["low"], q["high"]) for tile in part.strip.tiles if tile["src"] for q in [query_of(tile)]}
    assert len(scales) == 1
    assert float(scales.pop()[1]) == pytest.approx(0.1, rel=0.01)
    assert "to 100 mJy/beam, linear, robust limits of 8 epochs" in part.strip.note


async def test_each_epoch_on_its_own_scale_says_that_brightness_cannot_be_compared(archive: Archive) -> None:
    _, part = await open_page(archive, strip_scale="own")
    assert not any("low" in query_of(tile) for tile in part.strip.tiles if tile["src"])
    assert "brightness cannot be compared" in part.strip.note


async def test_the_sheet_says_what_is_missing_in_the_words_of_the_page(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []

    def keep(text: str, width: float, size: int) -> list[str]:
        drawn.append(text)
        return [text]

    monkeypatch.setattr(epoch_pictures, "_wrapped", keep)
    _, part = await open_page(archive)
    curve = part.page.detail.light_curve
    frames = await archive.epochs.frames(curve, range(curve.n_epoch), size_arcsec=180.0)
    words = tuple(epoch_words(curve, frame.source.index, "peak", "mJy") for frame in frames)
    sheet_png(EpochPictures(curve.source_id, ("", ""), frames, words, None, "dark"))
    assert "the image is not on disk" in drawn
    assert drawn == [tile["problem"] for tile in part.strip.tiles if not tile["src"]]


async def test_epochs_without_an_image_say_why(archive: Archive) -> None:
    _, part = await open_page(archive)
    gone, away = part.strip.tiles[2], part.strip.tiles[3]
    assert (gone["src"], gone["problem"]) == (None, "the image is not on disk")
    assert f"{STAMPS[2]}.img.pbcor.fits" in gone["title"]
    assert away["src"] is None
    assert "wholly outside the image" in away["problem"]
    assert "9 of 10 epochs have an image on disk" in part.strip.note


async def test_forced_and_flagged_epochs_are_named(archive: Archive) -> None:
    _, part = await open_page(archive)
    kinds = [tile["kind"] for tile in part.strip.tiles]
    assert kinds == ["detection"] * 8 + ["forced", "flagged"]
    assert part.strip.tiles[0]["flux"] == "100.0 ± 1.2 mJy/beam"
    assert part.strip.tiles[0]["snr"] == "SNR 83.3"


async def test_a_tile_leads_to_the_cutout_on_its_image(archive: Archive) -> None:
    _, part = await open_page(archive, strip_size="300")
    assert part.strip.tiles[0]["href"] == "./images/1?cut=150.000000+%2B50.000000&cut_size=300"


async def test_only_epochs_with_an_image_are_shown_when_asked(archive: Archive) -> None:
    view, part = await open_page(archive)
    part._choose("strip_show", "images")
    await view.settled()
    assert len(part.strip.tiles) == 9
    assert write_query(view, view.url_params) == "strip_show=images"


async def test_the_chosen_epoch_is_marked_in_the_light_curve(archive: Archive) -> None:
    view, part = await open_page(archive)
    chosen = part.strip.tiles[5]
    view_with_frame, _ = await open_page(archive, frame=str(chosen["id"]))
    assert view_with_frame.figure is not None
    mark = view_with_frame.figure.select_one({"name": MARK})
    assert (mark.visible, mark.location) == (True, pytest.approx(chosen["ms"]))
    assert view.figure is not None
    assert view.figure.select_one({"name": MARK}).visible is False
    assert [entry[2] for entry in view_with_frame.curve.key.entries].count(MEANING) == 1
    assert MEANING not in [entry[2] for entry in view.curve.key.entries]
    view.figure.select_one({"name": MARK}).visible = True  # the strip in the browser moves it
    assert view.curve.key.entries[-1][2] == MEANING


async def test_a_point_chosen_in_the_light_curve_shows_its_epoch(archive: Archive) -> None:
    view, part = await open_page(archive)
    view.point = part.strip.tiles[4]["id"]
    await view.settled()
    assert part.strip.frame == view.point


async def test_a_new_epoch_appears_and_other_tiles_keep_their_pictures(tmp_path: Path) -> None:
    folder = write_epochs(tmp_path / "archive")
    async with open_archive(folder) as archive:
        view, part = await open_page(archive)
        before, content = part.strip.tiles, part.slot.content
        with closing(sqlite3.connect(folder / "state" / "db" / "products.sqlite3")) as db, db:
            db.execute(
                "INSERT INTO photometry (source_id, image_path, ra_deg, dec_deg, peak_jyb, peak_err_jyb, "
                "measured_at) VALUES (?, '/x/2026-04-02T08:00:00.img.fits', 150, 50, 0.1, 0.001, 1.8e9)",
                (NAME,),
            )
        await view.refresh()
        await view.settled()
        assert part.strip.tiles[:-1] == before
        assert part.strip.tiles[-1]["time"] == "2026-04-02 08:00:00"
        assert "not below a folder" in part.strip.tiles[-1]["problem"]
        assert part.slot.content is content


async def test_a_source_whose_images_are_gone_says_so_and_has_no_downloads(demo_folder: Path) -> None:
    async with open_archive(demo_folder) as archive:
        candidates = await archive.sources.find_ese_candidates()
        _, part = await open_page(archive, candidates[0].source_id, strip_page="7", strip_size="-3")
        assert part.strip.tiles
        assert all(bool(tile["src"]) != bool(tile["problem"]) for tile in part.strip.tiles)
        assert bool(part.strip.downloads) == any(tile["src"] for tile in part.strip.tiles)


async def test_the_picture_of_a_tile_has_the_colour_of_its_flux_on_the_scale(
    http: httpx.AsyncClient, archive: Archive
) -> None:
    _, part = await open_page(archive)
    ladder = {tuple(colour): level for level, colour in enumerate(colours_of("dark")[:256].tolist())}
    levels = []
    for k in (0, 4):
        answer = await http.get(part.strip.tiles[k]["src"])
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
        picture = PillowImage.open(io.BytesIO(answer.content))
        assert picture.size == (TILE_PIXELS, TILE_PIXELS)
        pixels = np.asarray(picture)[100:140, 100:140].reshape(-1, 3).tolist()
        levels.append(max(ladder[tuple(colour)] for colour in pixels))
    assert levels[0] == 255
    assert levels[1] / levels[0] == pytest.approx(0.4, abs=0.02)


async def test_a_tile_may_be_larger_and_have_an_open_cross_around_the_source(
    http: httpx.AsyncClient, archive: Archive
) -> None:
    _, part = await open_page(archive)
    url = part.strip.tiles[0]["src"]
    plain, marked = [
        np.asarray(PillowImage.open(io.BytesIO((await http.get(f"{url}&side=520&mark={mark}")).content)))
        for mark in ("edge", "cross")
    ]
    assert marked.shape[:2] == (520, 520)
    differs = np.argwhere((plain != marked).any(axis=2))
    from_middle = np.abs(differs - 259.5)
    inner = from_middle[from_middle.max(axis=1) < 200]
    assert inner.size
    assert inner.max(axis=1).min() > 0.07 * 520
    assert inner.min(axis=1).max() < 4


async def test_pictures_are_not_sent_twice_and_errors_have_status_and_words(
    http: httpx.AsyncClient, archive: Archive
) -> None:
    _, part = await open_page(archive)
    url = part.strip.tiles[0]["src"]
    first = await http.get(url)
    assert (await http.get(url, headers={"If-None-Match": first.headers["Etag"]})).status_code == 304
    gone = f"sources/{NAME}/epochs/{part.strip.tiles[2]['id']}.png"
    unknown = f"sources/{NAME}/epochs/999999.png"
    for path, status, words in (
        (gone, 404, "is not on disk"),
        (unknown, 404, "no measurement 999999"),
        (f"{gone}?size=1e9", 400, "size"),
        (f"{gone}?low=2&high=1", 400, "not above low"),
        (f"{gone}?side=5000", 400, "side: 5000 pixels"),
        (f"{gone}?mark=arrow", 400, "edge, cross"),
    ):
        answer = await http.get(path)
        assert (answer.status_code, words in answer.text) == (status, True), answer.text
