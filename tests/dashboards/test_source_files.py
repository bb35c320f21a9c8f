"""The whole result as a file: read back with astropy and pyarrow, compared with the truth of the real archive."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow.parquet
import pytest
from astropy.io import fits
from astropy.io.votable import parse as parse_votable
from astropy.table import Table

from dashboards.pages.source_metrics import analyse
from data_access import Archive, open_archive
from data_access.analysis.table_files import WRITERS, FileColumn, FileTable
from data_access.records.source_columns import COLUMNS, CURVE_METRIC_NAMES, CURVE_METRICS

ONE_SECOND_DAYS = 1 / 86_400
FORMATS = ("csv", "votable", "fits", "parquet")


TRUTH_OF = {
    "eta": "eta_peak", "v": "v_peak", "eta_int": "eta_int", "v_int": "v_int",
    "mean": "mean_peak_jy", "min": "min_peak_jy", "max": "max_peak_jy",
}  # fmt: skip


@pytest.fixture
async def archive(real_archive_split: Path) -> AsyncIterator[Archive]:
    async with open_archive(real_archive_split) as opened:
        yield opened


def read(kind: str, body: bytes) -> tuple[dict[str, Any], dict[str, str], dict[str, str], str]:
    """Return the columns, units and definitions by name, and all facts as text."""
    if kind == "parquet":
        table = pyarrow.parquet.read_table(io.BytesIO(body))
        about = {f.name: {k.decode(): v.decode() for k, v in f.metadata.items()} for f in table.schema}
        columns = {name: table[name].to_pylist() for name in table.column_names}
        units = {name: facts["unit"] for name, facts in about.items()}
        return columns, units, {n: f["description"] for n, f in about.items()}, str(table.schema.metadata)
    if kind == "votable":
        votable = parse_votable(io.BytesIO(body))
        made = votable.get_first_table().to_table()
        facts = " ".join(f"{info.name}: {info.value}" for info in votable.resources[0].infos)
    elif kind == "fits":
        made = Table.read(io.BytesIO(body), format="fits")
        header = fits.open(io.BytesIO(body))[1].header
        for i, name in enumerate(made.colnames, start=1):
            made[name].description = header[f"TCOMM{i}"]
        facts = str(header["COMMENT"])
    else:
        made = Table.read(body.decode(), format="ascii.ecsv")
        facts = json.dumps(dict(made.meta))
    columns = {name: made[name].tolist() for name in made.colnames}
    units = {name: str(made[name].unit or "") for name in made.colnames}
    return columns, units, {name: made[name].description for name in made.colnames}, facts


def number(value: Any) -> float:
    return np.nan if value is None else float(value)


@pytest.mark.parametrize("kind", FORMATS)
async def test_an_export_has_the_true_numbers_of_every_light_curve(
    http: httpx.AsyncClient, real_archive_split: Path, kind: str
) -> None:
    truth = json.loads((real_archive_split / "truth.json").read_text())["sources"]
    answer = await http.get(
        "sources/export", params={"format": kind, "n_rows": "1..", "sort": "eta", "order": "desc"}
    )
    assert answer.status_code == 200
    columns, units, definitions, facts = read(kind, answer.content)
    names = [name.decode() if isinstance(name, bytes) else str(name) for name in columns["source_id"]]
    assert sorted(names) == sorted(truth)
    for i, name in enumerate(names):
        known = truth[name]
        assert columns["n"][i] == known["n_valid"]
        for column, key in TRUTH_OF.items():
            expected = number(known[key])
            np.testing.assert_allclose(number(columns[column][i]), expected, rtol=1e-9, err_msg=f"{name} {column}")
        span = number(columns["span_d"][i])
        assert abs(span - (known["end_mjd"] - known["start_mjd"])) < 2.4 * ONE_SECOND_DAYS, name
    eta = np.array([number(value) for value in columns["eta"]])
    assert (np.diff(eta[np.isfinite(eta)]) <= 0).all()
    # columns that are made for who asks: the file waits for them
    has_vs = np.isfinite([number(value) for value in columns["vs"]])
    np.testing.assert_array_equal(has_vs, np.array([truth[name]["n_valid"] > 1 for name in names]))
    assert "empty columns" not in facts
    assert units["mean"].replace(" ", "") == "Jy/beam"
    assert units["neighbour_arcsec"] == "arcsec"
    assert {c.name: c.definition for c in COLUMNS}.items() <= definitions.items()
    assert "n_rows: 1.." in facts
    assert "n_rows=1..&sort=eta&order=desc" in facts.replace("\n", "")
    assert f"{len(truth)}" in facts
    assert "photometry as of" in facts


@pytest.mark.parametrize("kind", FORMATS)
async def test_an_export_has_the_numbers_that_the_page_of_every_source_shows(
    http: httpx.AsyncClient, archive: Archive, kind: str
) -> None:
    asked = {"format": kind, "n_rows": "1..", "von_neumann": "0..", "sort": "leave_one_out", "order": "desc"}
    columns, units, *_ = read(kind, (await http.get("sources/export", params=asked)).content)
    names = [name.decode() if isinstance(name, bytes) else str(name) for name in columns["source_id"]]
    largest = [number(value) for value in columns["leave_one_out"]]
    assert largest == sorted(largest, reverse=True)
    assert len(names) > 10
    for i, name in enumerate(names):
        detail = await archive.sources.get(name)
        for flux, suffix in (("peak", ""), ("integrated", "_int")):
            shown = analyse(detail, flux).every  # type: ignore[arg-type]
            for column, metric in (
                ("leave_one_out", shown.largest_leave_one_out), ("von_neumann", shown.metrics.von_neumann)
            ):  # fmt: skip
                found = number(columns[f"{column}{suffix}"][i])
                np.testing.assert_allclose(found, number(metric.value), rtol=1e-9, err_msg=f"{name} {column}{suffix}")
    assert {units[f"{column}{suffix}"] for column in CURVE_METRIC_NAMES for suffix in ("", "_int")} == {""}


async def test_a_file_says_which_columns_are_empty_because_they_are_not_made(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object, **__: object) -> bool:
        return False

    monkeypatch.setattr("data_access.services.source_search.SourceSearchService.curve_metrics_made", never)
    monkeypatch.setattr(
        "data_access.services.source_search.SourceSearchService.follow_curve_metrics",
        lambda *_: ("Vs, m and z are being made: 7 rows are counted (3%).", True),
    )
    monkeypatch.setattr("data_access.services.source_search.SourceSearchService._need", never)
    answer = await http.get("sources/export", params={"format": "csv"})
    columns, _, _, facts = read("csv", answer.content)
    assert f"{', '.join(CURVE_METRICS)}: Vs, m and z are being made: 7 rows are counted (3%)." in facts
    assert not np.isfinite([number(value) for value in columns["vs"]]).any()


async def test_the_export_of_a_page_is_the_whole_list_and_not_the_page(http: httpx.AsyncClient) -> None:
    answer = await http.get("sources/export", params={"format": "csv", "rows": "25"})
    columns, *_ = read("csv", answer.content)
    assert len(columns["source_id"]) == 202
    assert answer.headers["content-disposition"].endswith('.ecsv"')


@pytest.mark.parametrize(
    ("asked", "words"),
    [("format=xls", "csv, votable"), ("eta=large", "not a number"), ("sort=colour", "cannot be sorted"),
     ("radius=9q", "radius")],
)  # fmt: skip
async def test_an_export_that_makes_no_sense_is_refused_in_words(
    http: httpx.AsyncClient, asked: str, words: str
) -> None:
    answer = await http.get(f"sources/export?{asked}")
    assert answer.status_code == 400
    assert words in answer.text


async def test_an_empty_result_is_an_empty_table_in_every_format(http: httpx.AsyncClient) -> None:
    for kind in FORMATS:
        answer = await http.get("sources/export", params={"format": kind, "text": "nobody"})
        columns, *_ = read(kind, answer.content)
        assert columns["source_id"] == []
        assert "eta" in columns
        if kind == "parquet":
            made = Table.read(io.BytesIO(answer.content), format="parquet")
            assert (len(made), made["ese"].dtype.kind, str(made["span_d"].unit)) == (0, "U", "d")


async def test_a_parquet_file_is_read_by_astropy_with_units_definitions_and_facts(http: httpx.AsyncClient) -> None:
    answer = await http.get("sources/export", params={"format": "parquet", "n_rows": "1.."})
    columns, units, definitions, _ = read("parquet", answer.content)
    made = Table.read(io.BytesIO(answer.content), format="parquet")
    assert made["source_id"].tolist() == columns["source_id"]
    assert "" in made["ese"].tolist()
    np.testing.assert_array_equal(made["eta"], [number(value) for value in columns["eta"]])
    assert {name: str(made[name].unit or "").replace(" ", "") for name in made.colnames} == units
    assert {name: made[name].description for name in made.colnames} == definitions
    assert made.meta["query"] == "n_rows: 1.."


@pytest.mark.parametrize("kind", FORMATS)
def test_awkward_values_survive_the_way_through_a_file(kind: str) -> None:
    names = np.array(['a,"b"\n<c>', "κ é", ""])
    numbers = np.array([1.0 / 3.0, np.nan, np.inf])
    table = FileTable(
        (FileColumn("name", "", 'is "it" <so>', names), FileColumn("x", "mJy", "x", numbers),
         FileColumn("n", "", "n", np.array([3.0, np.nan, 2.0**53]), whole=True)),
        {"query": "text: <κ> & \x01"},
    )  # fmt: skip
    out = io.BytesIO()
    WRITERS[kind](table, out)  # type: ignore[index]
    columns, units, definitions, _ = read(kind, out.getvalue())
    shown = columns["name"][:2]
    if kind == "fits":
        assert shown == ['a,"b"\\x0a<c>', "\\u03ba \\xe9"]
    else:
        assert shown == list(names[:2])
    assert number(columns["x"][0]) == 1.0 / 3.0
    assert np.isnan([number(value) for value in columns["x"][1:]]).all()
    assert (columns["n"][0], columns["n"][1], columns["n"][2]) == (3, None, 2**53)
    assert definitions["name"] == 'is "it" <so>'
    assert units["x"] == "mJy"
    if kind == "parquet":
        by_astropy = Table.read(out, format="parquet")
        assert by_astropy["name"].tolist() == list(names)
        assert dict(by_astropy.meta) == {"query": "text: <κ> & \x01"}
