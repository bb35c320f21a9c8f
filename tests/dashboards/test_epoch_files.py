"""Animations and sheets of the epochs of a source, read back: frames, scale, words, status."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import av
import httpx
import numpy as np
import pytest
from PIL import Image as PillowImage

from dashboards.epoch_files import MOST_EPOCHS
from dashboards.plots.epoch_pictures import FRAME_SIDE, SHEET_SIDE
from dashboards.plots.epoch_tiles import colours_of
from data_access import Archive, open_archive
from tests.dashboards.epoch_samples import DIP_MJY, NAME, STEADY_MJY, write_epochs

# epochs 2 and 3 have no picture
N_PICTURES = 8
DIP_FRAME = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_epochs(tmp_path_factory.mktemp("epoch_files") / "archive")


@pytest.fixture
async def archive(folder: Path) -> AsyncIterator[Archive]:
    async with open_archive(folder) as opened:
        yield opened


def brightest_level(picture: np.ndarray) -> int:
    """Return the step of the scale, 0 to 255, that the brightest pixel near the source has."""
    y = picture.shape[0] - 3 * 22 - 14 - FRAME_SIDE // 2 - 6
    middle = picture[y - 40 : y + 40, FRAME_SIDE // 2 - 30 : FRAME_SIDE // 2 + 50].reshape(-1, 3).astype(int)
    scale = colours_of("dark")[:256].astype(int)
    distance = np.abs(middle[:, None] - scale[None]).sum(axis=2)
    return int(distance.argmin(axis=1)[distance.min(axis=1) < 40].max())


async def test_the_gif_has_a_frame_per_epoch_with_an_image_on_one_scale(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"sources/{NAME}/epochs.gif", params={"rate": 5})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/gif")
    movie = PillowImage.open(io.BytesIO(answer.content))
    assert (movie.n_frames, movie.info["duration"], movie.info["loop"]) == (N_PICTURES, 200, 0)
    levels = []
    for number in (0, DIP_FRAME):
        movie.seek(number)
        levels.append(brightest_level(np.asarray(movie.convert("RGB"))))
    assert levels[1] / levels[0] == pytest.approx(DIP_MJY / STEADY_MJY, abs=0.03)


async def test_the_video_has_the_same_frames_at_the_rate_that_is_asked_for(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"sources/{NAME}/epochs.mp4", params={"rate": 4})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "video/mp4")
    with av.open(io.BytesIO(answer.content)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        assert stream.average_rate == 4
    assert len(frames) == N_PICTURES
    ratio = brightest_level(frames[DIP_FRAME]) / brightest_level(frames[0])
    assert ratio == pytest.approx(DIP_MJY / STEADY_MJY, abs=0.06)


async def test_the_sheet_has_every_epoch_and_says_which_have_no_image(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"sources/{NAME}/epochs.png", params={"size": 120, "theme": "light"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    sheet = PillowImage.open(io.BytesIO(answer.content))
    assert sheet.width > 8 * SHEET_SIDE
    assert sheet.height > 2 * SHEET_SIDE
    assert answer.headers["Content-Disposition"].endswith('filename="DSA-J100000+500000_epochs.png"')


async def test_each_its_own_scale_makes_the_dip_as_bright_as_the_rest(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"sources/{NAME}/epochs.gif", params={"scale": "own"})
    movie = PillowImage.open(io.BytesIO(answer.content))
    movie.seek(DIP_FRAME)
    assert brightest_level(np.asarray(movie.convert("RGB"))) > 250


async def test_a_range_of_time_is_kept_and_what_is_cut_is_said(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    # epochs 4 to 6: 13 to 19 March 2026
    answer = await http.get(f"sources/{NAME}/epochs.gif", params={"start": 61112.0, "end": 61119.0})
    assert PillowImage.open(io.BytesIO(answer.content)).n_frames == 3
    assert "X-Truncated" not in answer.headers
    monkeypatch.setattr("dashboards.epoch_files.MOST_EPOCHS", 5)
    cut = await http.get(f"sources/{NAME}/epochs.gif")
    assert PillowImage.open(io.BytesIO(cut.content)).n_frames == 5
    assert cut.headers["X-Truncated"] == "the newest 5 of 9 epochs"
    assert MOST_EPOCHS == 200


async def test_files_have_their_tag_and_refusals_their_status_and_words(http: httpx.AsyncClient) -> None:
    url = f"sources/{NAME}/epochs.png"
    first = await http.get(url)
    assert (await http.get(url, headers={"If-None-Match": first.headers["Etag"]})).status_code == 304
    other = await http.get(f"{url}?unit=Jy", headers={"If-None-Match": first.headers["Etag"]})
    assert other.status_code == 200
    for path, status, words in (
        ("sources/nobody/epochs.gif", 404, "There is no source"),
        ("sources/N03/epochs.gif?start=1&end=2", 400, "between start and end"),
        (f"{url}?rate=1000", 400, "rate"),
        (f"{url}?unit=K", 400, "unit"),
    ):
        answer = await http.get(path)
        assert (answer.status_code, words in answer.text) == (status, True), answer.text


async def test_a_source_without_images_is_refused_in_words(folder: Path, http: httpx.AsyncClient) -> None:
    for image in (folder / "stage" / "images").iterdir():
        image.rename(image.with_suffix(".away"))
    try:
        for kind in ("gif", "mp4", "png"):
            answer = await http.get(f"sources/{NAME}/epochs.{kind}")
            assert answer.status_code == 404
            assert "No image of source" in answer.text
    finally:
        for image in (folder / "stage" / "images").iterdir():
            image.rename(image.with_suffix(".fits"))
