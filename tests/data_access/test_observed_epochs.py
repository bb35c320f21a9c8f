"""Images without a time in their names: the list, the page of a source and the sums say the same observation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from sqlite3 import Connection, connect

import pytest

from data_access import Archive, open_archive
from data_access.analysis.times import unix_to_mjd

PROCESSED_UNIX = 1764000000.0
PROCESSED_MJD = unix_to_mjd(PROCESSED_UNIX)
MOSAIC = "/mosaics/mosaic_grp7_1764000000.fits"
# source -> image path, mosaic path, the epoch and its origin
MEASURED = {
    "by its image": ("/img/field1.img.fits", None, 60000.02, "ms_index"),
    "by a product beside it": ("/img/field2.img.pbcor.fits", None, 60001.02, "ms_index"),
    "by the root of its MS": ("/img/field3.img-MFS-image-pb.fits", None, 60002.02, "ms_index"),
    "by the name of its MS": ("/img/field4.img.fits", None, 60974.125, "MS name"),  # 2025-10-26 03:00 UTC
    "on a mosaic": (MOSAIC, MOSAIC, 60961.015, "mosaics"),
    "in a mosaic": ("/img/tile.fits", MOSAIC, 60961.015, "mosaics"),
    "nobody knows": ("/img/other.img.fits", None, PROCESSED_MJD, "processing time"),
    "registered without a time": ("/img/field5.img.fits", None, PROCESSED_MJD, "processing time"),
}


@contextmanager
def _products(folder: Path) -> Iterator[Connection]:
    (folder / "state").mkdir()
    with closing(connect(folder / "state" / "products.sqlite3")) as db:
        db.execute("CREATE TABLE ms_index (path TEXT PRIMARY KEY, start_mjd REAL, mid_mjd REAL, imagename TEXT)")
        db.execute("CREATE TABLE images (id INTEGER PRIMARY KEY, path TEXT, ms_path TEXT)")
        db.execute("CREATE TABLE mosaics (id INTEGER PRIMARY KEY, path TEXT, start_mjd REAL, end_mjd REAL)")
        db.execute(
            "CREATE TABLE photometry (id INTEGER PRIMARY KEY, source_id TEXT, image_path TEXT, mosaic_path TEXT, "
            "peak_jyb REAL, peak_err_jyb REAL, mjd REAL, measured_at REAL)"
        )
        yield db
        db.commit()


def _measure(db: Connection, source_id: str, image: str, mosaic: str | None = None) -> None:
    db.execute(
        "INSERT INTO photometry (source_id, image_path, mosaic_path, peak_jyb, peak_err_jyb, mjd, measured_at) "
        "VALUES (?, ?, ?, 0.1, 0.01, ?, ?)",
        (source_id, image, mosaic, PROCESSED_MJD, PROCESSED_UNIX),
    )


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    with _products(tmp_path) as db:
        sets = [
            ("/ms/a.ms", 60000.0, 60000.02, None), ("/ms/b.ms", 60001.02, None, None),
            ("/ms/c.ms", 60002.0, 60002.02, "/img/field3.img"), ("/ms/e.ms", None, None, "/img/field5.img"),
        ]  # fmt: skip
        db.executemany("INSERT INTO ms_index VALUES (?, ?, ?, ?)", sets)
        images = [
            ("/img/field1.img.image", "/ms/c.ms"), ("/img/field1.img.fits", "/ms/gone.ms"),
            ("/img/field1.img.fits", "/ms/a.ms"), ("/img/field2.img.image", "/ms/b.ms"),
            ("/img/field4.img.pb", "/ms/2025-10-26T03:00:00.ms"), ("/img/field5.img.fits", "/ms/e.ms"),
        ]  # fmt: skip
        db.executemany("INSERT INTO images (path, ms_path) VALUES (?, ?)", images)
        db.execute("INSERT INTO mosaics (path, start_mjd, end_mjd) VALUES (?, 60961.0, 60961.03)", (MOSAIC,))
        db.execute("INSERT INTO mosaics (path, start_mjd) VALUES (?, 60900.0)", (MOSAIC,))
        for name, (image, mosaic, _, _) in MEASURED.items():
            _measure(db, name, image, mosaic)
    async with open_archive(tmp_path / "state") as opened:
        yield opened


@pytest.mark.parametrize("name", MEASURED)
async def test_a_light_curve_has_the_epoch_of_the_observation_and_says_where_it_stands(
    archive: Archive, name: str
) -> None:
    curve = await archive.sources.get_light_curve(name)
    *_, mjd, origin = MEASURED[name]
    assert curve.origin == (origin,)
    assert curve.mjd.tolist() == pytest.approx([mjd], abs=1e-9)
    assert bool(curve.problems) == (origin == "processing time")


async def test_the_list_of_sources_and_its_export_have_the_same_epochs(archive: Archive) -> None:
    newest, spans = await archive.curves.newest(tuple(MEASURED)), await archive.curves.spans(tuple(MEASURED))
    expected = {name: pytest.approx(mjd, abs=1e-9) for name, (_, _, mjd, _) in MEASURED.items()}
    assert {name: curve[0].mjd for name, curve in newest.items()} == expected
    assert {name: last for name, (_, last) in spans.items()} == expected


async def test_the_sums_of_all_sources_have_the_same_epochs(archive: Archive) -> None:
    table = await archive.variability.table()
    last = dict(zip(table.source_id.tolist(), table.last_mjd.tolist(), strict=True))
    assert last == {name: pytest.approx(mjd, abs=1e-9) for name, (_, _, mjd, _) in MEASURED.items()}
    processed = set(table.source_id[table.last_processed].tolist())
    assert processed == {name for name, (*_, origin) in MEASURED.items() if origin == "processing time"}


async def test_however_many_images_a_source_has_none_of_its_epochs_is_a_processing_time(tmp_path: Path) -> None:
    with _products(tmp_path) as db:
        for night in range(300):
            middle = 60000.0 + night
            db.execute("INSERT INTO ms_index VALUES (?, NULL, ?, NULL)", (f"/ms/obs{night}.ms", middle))
            db.execute(
                "INSERT INTO images (path, ms_path) VALUES (?, ?)", (f"/img/obs{night}.fits", f"/ms/obs{night}.ms")
            )
            _measure(db, "J1", f"/img/obs{night}.fits")
    settings = tmp_path / "settings.toml"
    settings.write_text("row_cap = 310\n")
    async with open_archive(tmp_path / "state", config=settings) as archive:
        curve = await archive.sources.get_light_curve("J1")
        spans = await archive.curves.spans(("J1",))
    assert curve.mjd.tolist() == [60000.0 + night for night in range(300)]
    assert set(curve.origin) == {"ms_index"}
    assert spans == {"J1": (60000.0, 60299.0)}
