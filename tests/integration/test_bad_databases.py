"""Databases that are gone, empty, damaged or locked: each page says so where its content would be, the rest works."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dashboards.boundary import Boundary
from data_access import open_archive
from data_access.archive import Archive
from tests.conftest import served
from tests.integration.page_opening import SPECS, Known, cards, open_known, open_view

NO_PAGE_WITHOUT = ("/images/{image_id}", "/sources/{source_id}", "/jobs/{run_id}")
WANTING = ("/images", "/sources", "/jobs", "/ms")
OF_PRODUCTS = ("/images", "/sources", "/variability", "/ese", "/review", "/jobs", "/ms")


@pytest.fixture
def broken(demo: Path, tmp_path: Path) -> Path:
    """A copy of the databases whose files are those of the demo archive; its settings are in config.toml."""
    shutil.copytree(demo / "state", tmp_path / "state")
    settings = f'roots = ["{demo}/stage"]\nbusy_timeout_s = 0.3\n'
    (tmp_path / "config.toml").write_text(settings)
    return tmp_path


@pytest.fixture
def products(broken: Path) -> Path:
    path = broken / "state/db/products.sqlite3"
    with_journal = sqlite3.connect(path)
    with_journal.execute("PRAGMA journal_mode=DELETE")
    with_journal.close()
    return path


def opened(broken: Path) -> Archive:
    return open_archive(broken, config=broken / "config.toml")


def overwrite(path: Path, content: bytes = b"not a database " * 1000) -> None:
    path.write_bytes(content)


@pytest.fixture
def locked(products: Path) -> Iterator[sqlite3.Connection]:
    writer = sqlite3.connect(products, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    yield writer
    writer.close()


_DETAILS = frozenset({"/images/{image_id}", "/sources/{source_id}", "/ms/detail", "/jobs/{run_id}"})

_LINKS = {
    "/images/{image_id}": ("ms/detail", "jobs/"),
    "/ms/detail": ("jobs/", "images/"),
    "/jobs/{run_id}": ("ms/detail", "images/"),
}


async def assert_all_pages_open(broken: Path, known: Known, words: str, *, status: int) -> None:
    """Every page without a key opens and says `words` where products are missing; those of a key answer `status`."""
    async with opened(broken) as archive:
        for route in (route for route in SPECS if route not in NO_PAGE_WITHOUT):
            view = await open_known(archive, route, known)
            said = cards(view)
            assert not view.page_failure.notice.text, route
            assert not any("unexpectedly" in text or text.startswith("Loading") for text in said.values()), route
            assert route not in WANTING or any(words in text for text in said.values()), route
        for route in NO_PAGE_WITHOUT:
            params, query = known.open(route)
            with Boundary(route) as boundary:
                await SPECS[route].load_view().prepare(archive, params, query)
            assert boundary.failure is not None
            assert (boundary.failure.status, words in boundary.failure.message) == (status, True), route


async def test_a_set_on_disk_is_shown_without_its_row(broken: Path, products: Path, known: Known) -> None:
    overwrite(products)
    async with opened(broken) as archive:
        view: Any = await open_known(archive, "/ms/detail", known)
    assert view.detail.n_rows > 0
    assert str(products) in view.note.text


@pytest.mark.parametrize("how", ["no file", "no table"])
@pytest.mark.parametrize(
    ("route", "role", "table"),
    [("/ms/detail", "products", "ms_index"), ("/calibration/detail", "cal_registry", "caltables")],
)
async def test_what_is_on_disk_is_shown_without_its_table_and_says_what_to_do(
    broken: Path, known: Known, route: str, role: str, table: str, how: str
) -> None:
    database = broken / f"state/db/{role}.sqlite3"
    if how == "no file":
        for path in database.parent.glob(f"{role}.sqlite3*"):
            path.unlink()
    else:
        with closing(sqlite3.connect(database)) as writer:
            writer.execute(f"DROP TABLE {table}")
    async with opened(broken) as archive:
        view: Any = await open_known(archive, route, known)
        await view.refresh()
    assert view.detail is not None
    assert "No database has the table" in view.note.text
    assert f"'{table}'" in view.note.text
    assert "what the files say" in view.note.text
    assert "/status" in view.note.remedy


async def test_pages_open_without_the_products_database(broken: Path, known: Known) -> None:
    for path in (broken / "state/db").glob("products.sqlite3*"):
        path.unlink()
    await assert_all_pages_open(broken, known, "No database has the table", status=503)


async def test_a_list_names_a_configured_database_that_is_gone_and_what_to_do(broken: Path) -> None:
    for path in (broken / "state/db").glob("products.sqlite3*"):
        path.unlink()
    gone = broken / "state/db/products.sqlite3"
    config = broken / "config.toml"
    config.write_text(f'state_dir = "state"\n{config.read_text()}[databases]\nproducts = "{gone}"\n')
    async with open_archive(config=config) as archive:
        said = cards(await open_view(archive, "/images"))["images"]
    assert str(gone) in said
    assert "README.md" in said


async def test_pages_open_with_an_empty_file_as_database(broken: Path, products: Path, known: Known) -> None:
    overwrite(products, b"")
    await assert_all_pages_open(broken, known, "No database has the table", status=503)


async def test_pages_open_with_a_file_that_is_no_database(broken: Path, products: Path, known: Known) -> None:
    overwrite(products)
    await assert_all_pages_open(broken, known, str(products), status=500)


async def test_pages_open_with_a_damaged_database(broken: Path, products: Path, known: Known) -> None:
    content = products.read_bytes()  # noqa: ASYNC240
    overwrite(products, content[:4096] + os.urandom(len(content) - 4096))
    await assert_all_pages_open(broken, known, str(products), status=500)


async def test_pages_open_while_a_writer_holds_everything(
    broken: Path, products: Path, known: Known, locked: sqlite3.Connection
) -> None:
    await assert_all_pages_open(broken, known, f"{products} is locked", status=503)


@pytest.mark.parametrize("how", ["no file", "no database"])
@pytest.mark.parametrize("route", sorted(_LINKS))
async def test_without_the_calibration_tables_all_other_links_are_there(
    broken: Path, known: Known, route: str, how: str
) -> None:
    registry = broken / "state/db/cal_registry.sqlite3"
    if how == "no database":
        overwrite(registry)
    else:
        for path in registry.parent.glob("cal_registry.sqlite3*"):
            path.unlink()
    async with opened(broken) as archive:
        view: Any = await open_known(archive, route, known)
    assert view.is_partial == (how == "no file")  # a missing file may come back, a damaged one stays as it is
    groups = view.facts.groups if route.startswith("/jobs") else view.links_slot.content.groups
    cells = [item["cell"] for group in groups for item in group["items"]]
    assert all(link in str(cells) for link in _LINKS[route])
    unknown = [cell["n"] for cell in cells if cell["t"] == "not known"]
    assert unknown
    assert all(("No database has the table" if how == "no file" else str(registry)) in said for said in unknown)


async def test_the_tables_of_a_set_are_shown_without_the_products_and_no_list_is_not_called_empty(
    broken: Path, products: Path, known: Known
) -> None:
    overwrite(products)
    async with opened(broken) as archive:
        view: Any = await open_known(archive, "/calibration/detail", known)
    assert len(view.set_table.rows) > 1
    assert view.users.rows == []
    assert view.users.empty.startswith(f"Not known: The products database {products}")


@pytest.mark.parametrize("role", ["cal_registry", "ingest", "hdf5", "calibrators", "alerts", "data_registry"])
async def test_pages_of_one_thing_are_alive_beside_any_other_damaged_database(
    broken: Path, known: Known, role: str
) -> None:
    """Nothing of an image, a source, a set or a run is lost but what stands in that very database."""
    lost = {"cal_registry": {"/calibration/detail", "/calibration"}}.get(role, set())
    async with opened(broken) as archive:
        healthy = {route: cards(await open_known(archive, route, known)) for route in _DETAILS}
    overwrite(next((broken / "state/db").glob(f"{role}.sqlite3")))
    async with opened(broken) as archive:
        for route in sorted(_DETAILS - lost):
            said = cards(await open_known(archive, route, known))
            assert said.keys() <= healthy[route].keys(), route


async def test_a_list_is_there_again_when_the_lock_is_gone(broken: Path, locked: sqlite3.Connection) -> None:
    async with opened(broken) as archive:
        view: Any = await open_view(archive, "/images")
        assert view.is_waiting
        locked.execute("COMMIT")
        await view.refresh()
        assert not view.is_waiting
        assert len(view.table.rows) == 50


async def assert_lists_answer(broken: Path, status: int) -> None:
    """Every page that lists something of the products answers `status`, and is a page all the same."""
    async with opened(broken) as archive, served(archive) as http:
        for path in OF_PRODUCTS:
            for answer in (await http.get(path), await http.head(path)):
                assert (path, answer.status_code) == (path, status)
                assert answer.request.method == "HEAD" or "bokeh.min.js" in answer.text
        for path in ("/", "/night", "/status", "/calibration", "/jobs?view=raw", "/jobs?view=logs"):
            assert (path, (await http.get(path)).status_code) == (path, 200)


async def test_lists_of_a_file_that_is_gone_answer_503(broken: Path) -> None:
    for path in (broken / "state/db").glob("products.sqlite3*"):
        path.unlink()
    await assert_lists_answer(broken, 503)


async def test_lists_of_a_file_without_tables_answer_503(broken: Path, products: Path) -> None:
    overwrite(products, b"")
    await assert_lists_answer(broken, 503)


async def test_lists_of_a_file_that_is_no_database_answer_500(broken: Path, products: Path) -> None:
    overwrite(products)
    await assert_lists_answer(broken, 500)


async def test_lists_of_tables_without_rows_are_empty_and_answer_200(broken: Path, products: Path) -> None:
    with closing(sqlite3.connect(products)) as writer, writer:
        for table in ("images", "ms_index", "photometry", "ese_candidates", "variability_stats"):
            writer.execute(f"DELETE FROM {table}")
    await assert_lists_answer(broken, 200)


async def test_an_empty_list_speaks_of_filters_only_where_one_is_set(broken: Path, products: Path) -> None:
    with closing(sqlite3.connect(products)) as writer, writer:
        writer.execute("DELETE FROM images")
    async with opened(broken) as archive:
        view: Any = await open_view(archive, "/images")
        assert view.table.empty == "There are no images yet."
        view.text = "nothing like that"
        await view.settled()
        assert "Clear the filters" in view.table.empty


async def test_the_list_of_calibration_tables_answers_with_the_status_of_its_own_database(broken: Path) -> None:
    overwrite(broken / "state/db/cal_registry.sqlite3")
    async with opened(broken) as archive, served(archive) as http:
        assert (await http.get("/calibration")).status_code == 500
        assert (await http.get("/images")).status_code == 200


async def test_an_archive_without_a_table_that_few_write_has_an_empty_list(broken: Path, products: Path) -> None:
    with closing(sqlite3.connect(products)) as writer, writer:
        writer.execute("DROP TABLE batch_jobs")
    async with opened(broken) as archive, served(archive) as http:
        assert (await http.get("/jobs?view=batches")).status_code == 200


async def test_lists_answer_503_without_waiting_for_the_writer_and_200_when_it_is_done(
    broken: Path, locked: sqlite3.Connection
) -> None:
    config = broken / "config.toml"
    config.write_text(config.read_text().replace("busy_timeout_s = 0.3", "busy_timeout_s = 60.0"))
    async with opened(broken) as archive, served(archive) as http:
        for path in OF_PRODUCTS:
            answer = await http.head(path)
            assert (path, answer.status_code, answer.elapsed.total_seconds() < 5) == (path, 503, True)
        locked.execute("COMMIT")
        for path in OF_PRODUCTS:
            assert (path, (await http.get(path)).status_code) == (path, 200)


async def test_the_overview_does_not_claim_that_nothing_failed_when_it_could_not_look(
    broken: Path, products: Path
) -> None:
    overwrite(products)
    async with opened(broken) as archive:
        view: Any = await open_view(archive, "/")
    assert all(str(products) in table.empty for table in (view.images, view.failures))
    words = {tile["title"]: tile["word"] for tile in view.tiles.tiles}
    assert words["Newest image"] == "cannot be read"
    assert words["Waiting"] != "cannot be read"
    assert words["Calibration"] != "cannot be read"


async def test_calibration_is_shown_without_the_transits_that_cannot_be_read(broken: Path, products: Path) -> None:
    overwrite(products)
    async with opened(broken) as archive:
        view: Any = await open_view(archive, "/calibration")
    assert list(cards(view)) == ["calibrator transits"]
    assert len(view.table.rows) == 50
    words = {tile["title"]: tile["word"] for tile in view.tiles.tiles}
    assert words["Transits"] == "cannot be read"
    assert words["Newest active table"] != "cannot be read"


async def test_the_status_page_names_the_broken_database_and_lists_the_folders(
    broken: Path, products: Path, demo: Path
) -> None:
    overwrite(products)
    async with opened(broken) as archive:
        view: Any = await open_view(archive, "/status")
    assert "images" in view.verdict.text
    failed = {row["key"] for row in view.databases.rows if row["cells"][1]["t"] == "failed"}
    assert failed == {"products"}
    assert str(demo / "stage") in [row["cells"][1]["t"] for row in view.folders.rows]
