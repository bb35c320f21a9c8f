"""The light curve of a source as a file: read back with astropy and compared with what the archive reads."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time

from dashboards.links import Links
from data_access import Archive, open_archive
from data_access.analysis.times import mjd_of_stamp
from data_access.demo.schema import create_database
from tests.conftest import served
from tests.dashboards.test_pages_source import open_source

FORMATS = ("csv", "votable", "fits", "parquet")
AWKWARD = "field/7: κ 3C 286"
PLAIN = "NVSS J095847+653354"
N_EPOCH = 7
FLAG_OF_LAST = -1
UNITS = {"mjd": "d", "peak_jyb": "Jy/beam", "peak_err_jyb": "Jy/beam", "flux_jy": "Jy", "flux_err_jy": "Jy",
         "rms_jy": "Jy/beam"}  # fmt: skip
ACCEPT_OF = {"csv": "ascii.ecsv", "votable": "votable", "fits": "fits", "parquet": "parquet"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sources; the fourth epoch has no time at all, the fifth no errors, the last an odd flag."""
    folder = tmp_path_factory.mktemp("light_curves")
    database = folder / "state" / "db" / "products.sqlite3"
    create_database(database, "products")
    with closing(sqlite3.connect(database)) as db, db:
        db.execute("ALTER TABLE photometry ADD COLUMN quality_flag TEXT")
        db.execute("ALTER TABLE photometry ADD COLUMN local_rms REAL")
        for name in (AWKWARD, PLAIN):
            for k in range(N_EPOCH):
                path = f"/stage/Müller, 100%/2026-03-{9 - k:02d}T08:00:00.img.fits" if k != 3 else "/stage/odd.fits"
                error = None if k == 4 else 0.001
                flags = {2: 1, 5: 4, 6: FLAG_OF_LAST}.get(k, None if k == 1 else 0)
                word = ["good", None, "forced"][k % 3]
                db.execute(
                    "INSERT INTO photometry (source_id, image_path, ra_deg, dec_deg, peak_jyb, peak_err_jyb, "
                    "flux_jy, flux_err_jy, snr, measured_at, flags, quality_flag, local_rms) "
                    "VALUES (?, ?, 149.6958, 65.565, ?, ?, ?, ?, ?, -1e12, ?, ?, ?)",
                    (name, path, 0.1 / 3 + k, error, 0.12 + k, error, 30.0 + k, flags, word, 1e-4 * (k + 1)),
                )
        db.execute("INSERT INTO ese_candidates (source_id, flagged_at, flagged_by, significance, flag_type, status) "
                   "VALUES ('nothing measured', 1.8e9, 'auto', 2.9, 'auto', 'active')")  # fmt: skip
    return folder


@pytest.fixture
async def archive(folder: Path) -> AsyncIterator[Archive]:
    async with open_archive(folder) as opened:
        yield opened


def table_of(kind: str, body: bytes) -> Table:
    return Table.read(body.decode() if kind == "csv" else io.BytesIO(body), format=ACCEPT_OF[kind])


def texts(table: Table, column: str) -> list[str]:
    values = [value.decode() if isinstance(value, bytes) else value for value in table[column].tolist()]
    return ["" if value is None else value for value in values]


def facts_of(kind: str, body: bytes) -> str:
    """Return all facts as text, those of FITS as its comments are joined."""
    if kind == "fits":
        return "".join(str(line) for line in fits.open(io.BytesIO(body))[1].header["COMMENT"])
    if kind == "votable":
        return body.split(b"<TABLE")[0].decode()
    return str(dict(table_of(kind, body).meta))


def numbers(table: Table, column: str) -> np.ndarray[Any, Any]:
    return np.ma.filled(np.ma.asarray(table[column], dtype=float), np.nan)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", [AWKWARD, PLAIN])
async def test_a_light_curve_is_downloaded_whole_and_is_the_one_that_the_archive_reads(
    http: httpx.AsyncClient, archive: Archive, kind: str, name: str
) -> None:
    curve = await archive.sources.get_light_curve(name)
    answer = await http.get(f"sources/{quote(name, safe='')}/light_curve", params={"format": kind})
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "X-Truncated" not in answer.headers
    table = table_of(kind, answer.content)
    assert len(table) == curve.n_epoch == N_EPOCH
    for column in ("mjd", "peak_jyb", "peak_err_jyb", "flux_jy", "flux_err_jy", "snr", "rms_jy"):
        np.testing.assert_array_equal(numbers(table, column), getattr(curve, column), err_msg=column)
    for column, values in (
        ("photometry_id", curve.photometry_id), ("flags", curve.flags), ("forced", curve.is_forced),
        ("flagged", curve.is_flagged), ("upper_limit", curve.is_upper_limit), ("selected", ~curve.is_flagged),
    ):  # fmt: skip
        assert table[column].tolist() == values.astype(int).tolist(), column
    assert FLAG_OF_LAST in table["flags"].tolist()
    assert texts(table, "origin") == list(curve.origin)
    assert texts(table, "quality") == list(curve.quality)
    paths = [path or "" for path in curve.image_path]
    assert texts(table, "image_path") == [path.replace("ü", "\\xfc") if kind == "fits" else path for path in paths]
    known = np.isfinite(curve.mjd)
    times = np.array(texts(table, "time_utc"))
    assert Time(times[known], format="isot", scale="utc").mjd == pytest.approx(curve.mjd[known], abs=1e-8)
    assert times[0] == "2026-03-03T08:00:00.000"
    assert numbers(table, "mjd")[0] == mjd_of_stamp("2026-03-03T08:00:00")
    assert times[~known].tolist() == [""]
    found = {column: str(table[column].unit or "").replace(" ", "") for column in table.colnames}
    assert {column: unit for column, unit in found.items() if unit} == UNITS
    facts = facts_of(kind, answer.content)
    written = name.replace("κ", "\\u03ba") if kind == "fits" else name
    for words in (written, "149.6958000 deg (ICRS)", "65.5650000 deg (ICRS)", "all measurements", "light_curve",
                  "1 of 7 points have no time at all"):  # fmt: skip
        assert words in facts, words


@pytest.mark.parametrize("kind", FORMATS)
async def test_a_source_without_measurements_is_an_empty_light_curve(http: httpx.AsyncClient, kind: str) -> None:
    answer = await http.get("sources/nothing measured/light_curve", params={"format": kind})
    table = table_of(kind, answer.content)
    assert (len(table), str(table["peak_jyb"].unit).replace(" ", "")) == (0, "Jy/beam")


async def test_the_selection_of_the_page_is_a_column_and_in_the_words_of_the_file(
    http: httpx.AsyncClient, archive: Archive
) -> None:
    curve = await archive.sources.get_light_curve(PLAIN)
    number = int(curve.photometry_id[2])
    asked = {"without": str(number), "mjd_to": f"{curve.mjd[4] + 0.01:.4f}", "flagged": "1"}
    view = await open_source(archive, PLAIN, **asked)
    assert [text for text, _ in view.measurements.files] == ["CSV", "VOTable", "FITS", "Parquet"]
    links = dict(view.measurements.files)
    answer = await http.get(links["CSV"].removeprefix("../"))
    table = table_of("csv", answer.content)
    assert len(table) == N_EPOCH
    assert table["selected"].tolist() == [1, 1, 0, 1, 1, 0, 0]
    assert f"without: {number}" in table.meta["query"]
    assert f"without={number}&flagged=1" in table.meta["url"]
    view.flagged, view.without = False, ""
    await view.settled()
    changed = await http.get(dict(view.measurements.files)["CSV"].removeprefix("../"))
    used = ~curve.is_flagged & (curve.mjd <= curve.mjd[4] + 0.01)
    assert table_of("csv", changed.content)["selected"].tolist() == used.astype(int).tolist()


async def test_a_light_curve_that_is_cut_short_says_so_in_the_file(
    http: httpx.AsyncClient, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = archive.sources.get

    async def cut(name: str) -> Any:
        detail = await whole(name)
        return replace(detail, light_curve=replace(detail.light_curve, truncated=True))

    monkeypatch.setattr(archive.sources, "get", cut)
    answer = await http.get(f"sources/{PLAIN}/light_curve")
    assert answer.headers["X-Truncated"] == "the newest 7 measurements"
    assert "only the newest 7 measurements" in table_of("csv", answer.content).meta["cut short"]


async def test_a_light_curve_that_cannot_be_is_refused_in_words(http: httpx.AsyncClient, tmp_path: Path) -> None:
    for path, status, words in (
        ("sources/nobody/light_curve", 404, "There is no source"),
        (f"sources/{PLAIN}/light_curve?format=xls", 400, "csv, votable"),
        (f"sources/{PLAIN}/light_curve?without=x", 400, "Row numbers"),
        (f"sources/{PLAIN}/light_curve?mjd_from=soon", 400, "soon"),
    ):
        answer = await http.get(path)
        assert (answer.status_code, words in answer.text) == (status, True), answer.text
    database = tmp_path / "state" / "db" / "products.sqlite3"
    create_database(database, "products")
    async with open_archive(tmp_path) as archive, served(archive) as client:
        database.unlink()
        assert (await client.get(f"sources/{PLAIN}/light_curve")).status_code == 503


def test_links_to_light_curves_are_escaped() -> None:
    assert Links("../").source_light_curve("a/b:c", format="fits") == "../sources/a%2Fb%3Ac/light_curve?format=fits"
