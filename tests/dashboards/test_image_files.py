"""The URLs of cutouts, pictures and files: status, content, headers."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from PIL import Image as PillowImage

from dashboards.every_answer import HEADERS
from dashboards.image_files import _header_words
from dashboards.server import build_server
from data_access import Archive, open_archive
from data_access.demo import write_demo
from data_access.errors import FileError
from data_access.readers.fits import read_fits_header
from data_access.records import Image, PageRequest
from data_access.records.names import NamedPlace
from data_access.repositories.images import ImageFilter
from tests.data_access.cutout_samples import write_cube_with_beams


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("image_files") / "archive", nights=1)


@pytest.fixture
async def archive(folder: Path) -> AsyncIterator[Archive]:
    async with open_archive(folder) as opened:
        yield opened


async def some_image(archive: Archive, *, directory: bool = False) -> Image:
    """An image that can be read."""
    images = (await archive.images.find(ImageFilter(), PageRequest(limit=300))).rows
    states = await archive.files.states([image.path for image in images])
    for image in images:
        if states[image.path].exists and states[image.path].is_directory == directory:
            with suppress(FileError):
                await archive.files.image_header(image.path)
                return image
    raise AssertionError("the archive has no such image")


async def bright_image(archive: Archive) -> Image:
    """An image with a source far above its noise."""
    images = (await archive.images.find(ImageFilter(), PageRequest(limit=300))).rows
    states = await archive.files.states([image.path for image in images])
    for image in images:
        if states[image.path].exists and image.noise_jy and not states[image.path].is_directory:
            with suppress(FileError):
                if (await brightest(archive, image))[2] > 100 * image.noise_jy:
                    return image
    raise AssertionError("the archive has no such image")


async def gone_image(archive: Archive) -> Image:
    """An image whose file the pipeline has removed."""
    images = (await archive.images.find(ImageFilter(), PageRequest(limit=300))).rows
    states = await archive.files.states([image.path for image in images])
    return next(image for image in images if not states[image.path].exists)


async def brightest(archive: Archive, image: Image) -> tuple[float, float, float]:
    """RA, Dec and value of the brightest pixel."""
    preview = await archive.files.image_preview(image.path)
    figures = preview.statistics
    place = await archive.cutouts.position_of_pixel(image, figures.peak_x, figures.peak_y)
    assert place.ra_deg is not None
    assert place.dec_deg is not None
    return place.ra_deg, place.dec_deg, figures.peak


async def test_fits_cutout_has_the_source_in_its_middle(http: httpx.AsyncClient, archive: Archive) -> None:
    image = await some_image(archive)
    ra, dec, peak = await brightest(archive, image)
    answer = await http.get(f"images/{image.id}/cutout", params={"ra": ra, "dec": dec, "width": 2, "unit": "arcmin"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/fits")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    with fits.open(io.BytesIO(answer.content)) as hdus:
        x, y = WCS(hdus[0].header).world_to_pixel(SkyCoord(ra, dec, unit="deg"))
        middle = np.unravel_index(int(np.nanargmax(hdus[0].data)), hdus[0].data.shape)
        assert hdus[0].data[middle] == pytest.approx(peak)
        assert np.abs(np.array(middle) - (np.array(hdus[0].data.shape) - 1) / 2).max() <= 1
        assert (round(float(y)), round(float(x))) == middle
        assert image.path in "".join(hdus[0].header["HISTORY"]).replace("\n", "")


@pytest.mark.parametrize("kind", ["fits", "png", "py"])
async def test_all_ways_to_say_the_place_give_the_same_cutout(
    http: httpx.AsyncClient, archive: Archive, kind: str
) -> None:
    image = await some_image(archive)
    ra, dec, _ = await brightest(archive, image)
    cutout = await archive.cutouts.cutout(image, f"{ra} {dec}")
    found = []
    for place in ({"ra": ra, "dec": dec}, {"pos": f"{ra:.7f} {dec:+.7f}"}, {"x": cutout.x, "y": cutout.y}):
        answer = await http.get(f"images/{image.id}/cutout", params={**place, "format": kind})
        assert answer.status_code == 200
        found.append(answer.headers["Content-Disposition"])
    assert len(set(found)) == 1


async def test_picture_is_a_png_with_the_source_in_its_middle(http: httpx.AsyncClient, archive: Archive) -> None:
    image = await some_image(archive)
    ra, dec, _ = await brightest(archive, image)
    url = f"images/{image.id}/cutout"
    answer = await http.get(url, params={"ra": ra, "dec": dec, "format": "png", "scale": "linear", "width": 120})
    assert answer.headers["Content-Type"] == "image/png"
    picture = PillowImage.open(io.BytesIO(answer.content))
    assert picture.format == "PNG"
    assert min(picture.size) > 700


async def test_whole_image_is_a_picture(http: httpx.AsyncClient, archive: Archive) -> None:
    image = await some_image(archive)
    answer = await http.get(f"images/{image.id}/png", params={"stretch": "asinh", "colormap": "viridis"})
    assert answer.status_code == 200
    PillowImage.open(io.BytesIO(answer.content)).verify()


async def test_program_makes_the_same_pixels_from_the_url_and_from_a_copy(
    http: httpx.AsyncClient, archive: Archive, tmp_path: Path
) -> None:
    image = await some_image(archive)
    ra, dec, _ = await brightest(archive, image)
    query = {"pos": f"{ra} {dec}", "width": "3", "unit": "arcmin"}
    program = await http.get(f"images/{image.id}/cutout", params={**query, "format": "py"})
    wanted = await http.get(f"images/{image.id}/cutout", params=query)
    (tmp_path / "cut.py").write_text(program.text)
    for number, arguments in enumerate(([], [image.path])):
        done = await asyncio.to_thread(
            subprocess.run, [sys.executable, "cut.py", *arguments], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, (number, done.stderr)
        written = next(path for path in tmp_path.iterdir() if path.suffix == ".fits")  # noqa: ASYNC240
        made, same = fits.open(written), fits.open(io.BytesIO(wanted.content))
        np.testing.assert_array_equal(made[0].data, same[0].data)
        corners = [WCS(hdus[0].header).celestial.wcs_pix2world([(3.0, 4.0)], 0)[0] for hdus in (made, same)]
        assert corners[0] == pytest.approx(corners[1], abs=1e-9)
        written.unlink()


async def test_file_is_sent_as_it_is(http: httpx.AsyncClient, archive: Archive) -> None:
    image = await some_image(archive)
    answer = await http.get(f"images/{image.id}/fits")
    assert answer.headers["Content-Type"] == "application/fits"
    assert zlib.crc32(answer.content) == zlib.crc32(Path(image.path).read_bytes())  # noqa: ASYNC240
    head = await http.head(f"images/{image.id}/fits")
    assert (head.headers["Content-Length"], head.content) == (str(len(answer.content)), b"")


@pytest.mark.real
async def test_casa_image_is_cut_but_its_directory_is_not_sent(real_archive_split: Path) -> None:
    async with open_archive(real_archive_split) as archive:
        image = await some_image(archive, directory=True)
        server = build_server(archive)
        server.start()
        try:
            async with httpx.AsyncClient(base_url=server.url, timeout=60) as http:
                url = f"images/{image.id}/cutout"
                cutout = await http.get(url, params={"x": 20, "y": 20, "width": 9, "unit": "pixel"})
                refused = await http.get(f"images/{image.id}/fits")
        finally:
            await server.stop()
    assert fits.open(io.BytesIO(cutout.content))[0].data.shape == (9, 9)
    assert refused.status_code == 422
    assert "is a CASA image: a directory" in refused.text


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("cutout", 400, "needs a position"),
        ("cutout?ra=10", 400, "is not a position"),
        ("cutout?pos=nowhere", 400, "called 'nowhere', and it is not a position"),
        ("cutout?x=1&y=one", 400, "y: 'one' is not a number"),
        ("cutout?x=1&y=nan", 400, "not a finite number"),
        ("cutout?x=1&y=1&width=0", 400, "width of a cutout cannot be 0"),
        ("cutout?x=1&y=1&unit=mile", 400, "unit: 'mile' is not known"),
        ("cutout?x=1&y=1&format=gif", 400, "fits, png, jpg, py"),
        ("cutout?x=1&y=1&format=jpg&quality=0", 400, "quality: 0 is not possible"),
        ("cutout?x=1&y=1&format=png&limits=some", 400, "limits: 'some' is not known"),
        ("cutout?x=1&y=1&format=png&limits=101", 400, "limits: '101' is not known"),
        ("cutout?x=1&y=1&format=png&invert=yes", 400, "invert: 'yes' is not known"),
        ("cutout?x=1&y=1&plane=7", 400, "plane 7 does not exist"),
        ("cutout?x=1&y=1&plane=-1", 400, "not the number of a plane"),
        ("cutout?x=1&y=1&format=png&stretch=wild", 400, "stretch: 'wild'"),
        ("cutout?x=1&y=1&format=png&low=2&high=1", 400, "is not above low"),
        ("cutout?x=99999&y=1", 400, "wholly outside the image"),
        ("png?plane=5", 400, "plane 5 does not exist"),
        ("png?colormap=rainbow", 400, "colormap: 'rainbow'"),
    ],
)
async def test_what_makes_no_sense_has_its_status_and_words(
    http: httpx.AsyncClient, archive: Archive, path: str, status: int, words: str
) -> None:
    image = await some_image(archive)
    answer = await http.get(f"images/{image.id}/{path}")
    assert answer.status_code == status
    assert words in answer.text
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert {name: answer.headers.get(name) for name in HEADERS} == dict(HEADERS)


async def test_a_cutout_is_found_by_the_name_of_a_source(http: httpx.AsyncClient, archive: Archive) -> None:
    image, place = await image_with_source(archive)
    by_name = await http.get(f"images/{image.id}/cutout", params={"pos": place.name, "format": "fits"})
    position = {"ra": f"{place.ra_deg!r}", "dec": f"{place.dec_deg!r}", "format": "fits"}
    by_position = await http.get(f"images/{image.id}/cutout", params=position)
    assert by_name.status_code == 200
    made, same = (fits.open(io.BytesIO(answer.content))[0] for answer in (by_name, by_position))
    np.testing.assert_array_equal(made.data, same.data)
    assert made.header["CRPIX1"] == same.header["CRPIX1"]
    assert f"around {place.name}, " in "".join(made.header["HISTORY"])
    assert place.name not in "".join(same.header["HISTORY"])
    script = await http.get(f"images/{image.id}/cutout", params={"pos": place.name, "format": "py"})
    assert f"TARGET = '{place.name}, " in script.text


def test_a_picture_says_which_plane_of_a_cube_it_is_and_a_frequency_once(tmp_path: Path) -> None:
    header = read_fits_header(write_cube_with_beams(tmp_path / "a.fits"))
    assert _header_words(header.of_plane(2), 2)[0] == "plane 2, 1.402 GHz"
    assert "GHz" not in _header_words(header.of_plane(2), 2)[1]


async def image_with_source(archive: Archive) -> tuple[Image, NamedPlace]:
    """An image that can be read, and a source on it."""
    for image in (await archive.images.find(ImageFilter(), PageRequest(limit=300))).rows:
        made = await archive.provenance.of_image(image)
        is_measured = made.measured.rows and made.measured.path == image.path
        if is_measured and not (await archive.files.state(image.path)).problem:
            return image, await archive.names.resolve(made.measured.rows[0][0])
    raise AssertionError("the archive has no such image")


async def test_missing_records_and_files_are_not_found(http: httpx.AsyncClient, archive: Archive) -> None:
    gone = await gone_image(archive)
    for image_id in ("99999999", str(gone.id)):
        for path in ("cutout?x=1&y=1", "fits", "png"):
            answer = await http.get(f"images/{image_id}/{path}")
            assert (answer.status_code, answer.headers["Cache-Control"]) == (404, "no-store")


async def test_browser_gets_the_error_as_a_page(http: httpx.AsyncClient, archive: Archive) -> None:
    image = await some_image(archive)
    answer = await http.get(f"images/{image.id}/cutout?pos=%3Cimg%20src=x%3E", headers={"Accept": "text/html"})
    assert answer.status_code == 400
    assert "&lt;img src=x&gt;" in answer.text
    assert 'href="../../assets/page.css' in answer.text


async def test_same_question_again_is_answered_without_a_body_until_the_file_changes(
    http: httpx.AsyncClient, archive: Archive
) -> None:
    image = await some_image(archive)
    for path in ("cutout?x=30&y=30&format=png", "cutout?x=30&y=30", "png", "fits"):
        url = f"images/{image.id}/{path}"
        first = await http.get(url)
        again = await http.get(url, headers={"If-None-Match": first.headers["Etag"]})
        assert first.headers["Last-Modified"].endswith("GMT")
        assert (again.status_code, again.content) == (304, b"")
        if path != "fits":
            changed = f"{url}{'&' if '?' in url else '?'}stretch=log"
            other = await http.get(changed, headers={"If-None-Match": first.headers["Etag"]})
            assert other.status_code == 200


async def test_urls_work_below_a_prefix(archive: Archive) -> None:
    image = await some_image(archive)
    server = build_server(archive, prefix="/dash")
    server.start()
    try:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as http:
            answer = await http.get(f"images/{image.id}/cutout?x=30&y=30&format=py")
    finally:
        await server.stop()
    assert f"/dash/images/{image.id}/cutout?x=30&y=30&format=fits" in answer.text


async def test_thumbnail_is_a_small_picture_that_is_not_sent_twice(http: httpx.AsyncClient, archive: Archive) -> None:
    image = await some_image(archive)
    answer = await http.get(f"images/{image.id}/thumbnail.png")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    assert max(PillowImage.open(io.BytesIO(answer.content)).size) <= 256
    again = await http.get(f"images/{image.id}/thumbnail.png", headers={"If-None-Match": answer.headers["Etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_thumbnail_of_a_file_that_is_gone_says_so(http: httpx.AsyncClient, archive: Archive) -> None:
    image = await gone_image(archive)
    answer = await http.get(f"images/{image.id}/thumbnail.png")
    assert answer.status_code == 404
    assert "is not on disk" in answer.text


async def test_a_contact_sheet_gets_the_words_about_a_broken_picture(
    http: httpx.AsyncClient, archive: Archive
) -> None:
    image = await gone_image(archive)
    answer = await http.get(f"images/{image.id}/thumbnail.png?sheet=1")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert "is not on disk" in answer.text


async def test_a_picture_has_the_limits_and_the_direction_that_are_asked_for(
    http: httpx.AsyncClient, archive: Archive
) -> None:
    image = await bright_image(archive)
    ra, dec, _ = await brightest(archive, image)
    at: dict[str, Any] = {"ra": ra, "dec": dec, "width": 900, "format": "png"}

    async def middle(**query: str) -> int:
        answer = await http.get(f"images/{image.id}/cutout", params={**at, **query})
        assert answer.status_code == 200
        pixels = np.asarray(PillowImage.open(io.BytesIO(answer.content)).convert("L"))
        return int(np.median(pixels[200:500, 300:600]))

    sky = {limits: await middle(limits=limits) for limits in ("minmax", "zscale", "99")}
    assert sky["minmax"] > sky["zscale"]  # faint is white: the noise is lost in the light of the source
    assert sky["minmax"] > sky["99"]
    assert await middle(limits="minmax", invert="1") < 255 - sky["zscale"]


async def test_a_jpeg_is_smaller_the_lower_its_quality_and_a_png_takes_no_notice(
    http: httpx.AsyncClient, archive: Archive
) -> None:
    image = await some_image(archive)

    async def body(**query: str) -> bytes:
        answer = await http.get(f"images/{image.id}/cutout", params={"x": "30", "y": "30", **query})
        assert answer.headers["Content-Type"] == ("image/jpeg" if query["format"] == "jpg" else "image/png")
        return answer.content

    assert len(await body(format="jpg", quality="20")) < len(await body(format="jpg", quality="95"))
    assert await body(format="png", quality="20") == await body(format="png")
