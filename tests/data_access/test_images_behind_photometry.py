"""What was measured on which registered image, both ways, and which batch items worked on a Measurement Set."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from data_access import Archive, open_archive
from data_access.analysis.times import mjd_of_stamp

STAMP = "2026-01-02T03:04:05"
OTHER = "2026-01-02T03:09:14"


@contextmanager
def _products(folder: Path) -> Iterator[sqlite3.Connection]:
    """A database of products with the tables of Measurement Sets and images, open for what else it shall hold."""
    (folder / "state").mkdir()
    with closing(sqlite3.connect(folder / "state" / "products.sqlite3")) as db:
        db.execute("CREATE TABLE ms_index (path TEXT PRIMARY KEY, mid_mjd REAL)")
        db.execute("CREATE TABLE images (id INTEGER PRIMARY KEY, path TEXT, ms_path TEXT)")
        yield db
        db.commit()


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    """Two observations; of the first the CASA directory and the corrected FITS file are registered."""
    with _products(tmp_path) as db:
        db.execute(
            "CREATE TABLE batch_job_items (id INTEGER PRIMARY KEY, batch_id INTEGER, ms_path TEXT, status TEXT)"
        )
        middle = (mjd_of_stamp(STAMP) or 0.0) + 155 / 86400
        db.execute("INSERT INTO ms_index VALUES (?, ?)", (f"/ms/{STAMP}.ms", middle))
        db.execute("INSERT INTO ms_index VALUES (?, NULL)", (f"/ms/{OTHER}.ms",))
        images = [
            (f"/images/{STAMP}.img.image", f"/ms/{STAMP}.ms"),
            (f"/images/{STAMP}.img.pbcor.fits", f"/ms/{STAMP}.ms"),
            (f"/images/{OTHER}.img.image", f"/ms/{OTHER}.ms"),
        ]
        db.executemany("INSERT INTO images (path, ms_path) VALUES (?, ?)", images)
        items = [f"/ms/{STAMP}.ms", f"/ms/{STAMP}.ms:10.0:54.5", f"/ms/{STAMP}.msx", "all_sources"]
        db.executemany("INSERT INTO batch_job_items (batch_id, ms_path) VALUES (1, ?)", [(i,) for i in items])
    async with open_archive(tmp_path / "state") as opened:
        yield opened


async def test_the_image_with_the_same_path_counts_first(archive: Archive) -> None:
    path = f"/images/{STAMP}.img.pbcor.fits"
    assert (await archive.images.find_behind([path]))[path].path == path


async def test_else_an_image_of_the_same_observation_counts(archive: Archive) -> None:
    path = f"/elsewhere/{STAMP}.img.fits"
    assert STAMP in (await archive.images.find_behind([path]))[path].path


async def test_an_image_whose_set_has_no_time_is_found_by_its_path(archive: Archive) -> None:
    path = f"/images/{OTHER}.img.image"
    assert (await archive.images.find_behind([path]))[path].path == path


@pytest.mark.parametrize("path", ["/images/2026-01-02T03:04:59.img.fits", "/images/no time.fits", ""])
async def test_no_image_is_guessed(archive: Archive, path: str) -> None:
    assert await archive.images.find_behind([path]) == {}


async def test_batch_items_of_a_set_include_those_with_a_position_and_no_others(archive: Archive) -> None:
    items = await archive.jobs.find_batch_items_of(f"/ms/{STAMP}.ms")
    assert [item.ms_path for item in items] == [f"/ms/{STAMP}.ms:10.0:54.5", f"/ms/{STAMP}.ms"]


NAMELESS = "/images/3C286_field.img.fits"


@pytest.fixture
async def measured(tmp_path: Path) -> AsyncIterator[Archive]:
    """Photometry names FITS files; registered are the CASA directories beside them, and an image without a time."""
    with _products(tmp_path) as db:
        db.execute("INSERT INTO ms_index VALUES ('/ms/3C286_field.ms', 60950.01)")
        for path, ms in ((f"/images/{STAMP}.img.image", f"/ms/{STAMP}.ms"), (NAMELESS, "/ms/3C286_field.ms")):
            db.execute("INSERT INTO images (path, ms_path) VALUES (?, ?)", (path, ms))
        db.execute(
            "CREATE TABLE photometry (id INTEGER PRIMARY KEY, source_id TEXT, image_path TEXT, ra_deg REAL, "
            "dec_deg REAL, peak_jyb REAL, peak_err_jyb REAL, mjd REAL, measured_at REAL)"
        )
        rows = [
            ("A", f"/images/{STAMP}.img.pbcor.fits", 61009.4, 1765000000.0),
            ("B", f"/images/{STAMP}.5.img.fits", 61009.4, 1765000000.0),
            ("C", NAMELESS, 61009.4537, 1765014400.0),
            ("D", "/images/nobody knows.fits", 60950.2, None),
        ]
        db.executemany(
            "INSERT INTO photometry (source_id, image_path, mjd, measured_at, ra_deg, dec_deg, peak_jyb) "
            "VALUES (?, ?, ?, ?, 10.0, 54.5, 0.01)",
            rows,
        )
    async with open_archive(tmp_path / "state") as opened:
        yield opened


async def test_what_was_measured_on_another_product_of_an_observation_is_found_from_the_image(
    measured: Archive,
) -> None:
    image = await measured.images.get(1)
    made = await measured.provenance.of_image(image)
    assert [name for name, *_ in made.measured.rows] == ["A"]  # not that of the observation half a second later
    assert made.measured.path == f"/images/{STAMP}.img.pbcor.fits"
    layers = await measured.overlays.layers(image, ["detections"])
    assert [one.name for one in layers[0].objects] == ["A"]


async def test_an_image_without_a_time_in_its_name_has_that_of_its_measurement_set(measured: Archive) -> None:
    light_curve = await measured.sources.get_light_curve("C")
    assert light_curve.mjd.tolist() == [60950.01]
    assert light_curve.origin == ("ms_index",)
    assert light_curve.is_observed.all()
    assert light_curve.problems == ()


async def test_an_epoch_that_only_the_mjd_column_tells_says_so(measured: Archive) -> None:
    light_curve = await measured.sources.get_light_curve("D")
    assert light_curve.origin == ("mjd column",)
    assert "1 of 1 epochs are those of the mjd column" in light_curve.problems[0]
