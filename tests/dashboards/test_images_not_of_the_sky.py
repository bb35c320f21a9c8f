"""Models, beams and maps of the noise: their figures are none of the sky, wherever they are shown."""

from __future__ import annotations

from pathlib import Path

from dashboards.pages.image import ImagePage
from dashboards.pages.images import ImagesPage
from dashboards.session import Session
from data_access import Archive, open_archive
from data_access.records import PageRequest
from data_access.records.images import NOT_OF_SKY
from data_access.repositories.images import ImageFilter
from tests.data_access.database_samples import make_database


def archive_of(folder: Path) -> Archive:
    """One ordinary image a minute and one image of each other type, whose noise would stand out."""
    rows = [f"('/i/2025-10-13T13:{i:02d}:00.fits', '5min', {0.001 + i * 1e-5}, 100.0)" for i in range(20)]
    rows += [f"('/i/2025-10-13T14:{i:02d}:00-{t}.fits', '{t}', 5.0, 1.0)" for i, t in enumerate(NOT_OF_SKY)]
    make_database(
        folder / "products.sqlite3",
        "CREATE TABLE images (id INTEGER PRIMARY KEY, path TEXT, type TEXT, noise_jy REAL, dynamic_range REAL)",
        f"INSERT INTO images (path, type, noise_jy, dynamic_range) VALUES {', '.join(rows)}",
    )
    return open_archive(folder)


async def test_they_are_not_graded_and_their_noise_is_no_outlier(tmp_path: Path) -> None:
    async with archive_of(tmp_path) as archive:
        page = ImagesPage(Session(archive))
        page.__panel__()
        await page.load()
        await page.settled()
    words = {row["cells"][2]["t"]: row["cells"] for row in page.table.rows}
    assert set(NOT_OF_SKY) < set(words)
    for kind in NOT_OF_SKY:
        noise, grade = words[kind][5], words[kind][8]
        assert (noise["t"], noise["u"]) == ("5", "as recorded")
        assert "no noise of the sky" in noise["title"]
        assert (grade["t"], grade.get("s")) == ("—", None)
    drawn = page.charts.trend.source.data
    assert len(drawn["value"]) == 20
    assert max(drawn["value"]) < 2.0


async def test_the_page_of_one_says_what_its_noise_is_not(tmp_path: Path) -> None:
    async with archive_of(tmp_path) as archive:
        model = (await archive.images.find(ImageFilter(type="model"), PageRequest(5))).rows[0]
        prepared = await ImagePage.prepare(archive, {"image_id": str(model.id)}, {})
        page = ImagePage(Session(archive, path_params={"image_id": str(model.id)}, prepared=prepared))
        page.__panel__()
        await page.load()
        await page.settled()
        cells = {item["label"]: item["cell"] for item in page.heading.items}
    assert cells["noise"]["u"] == "as recorded"
    assert cells["grade"]["t"] == "not applicable"


async def test_a_list_without_a_value_has_words_instead_of_an_empty_frame(tmp_path: Path) -> None:
    async with archive_of(tmp_path) as archive:
        page = ImagesPage(Session(archive, query={"type": "model"}))
        page.__panel__()
        await page.load()
        await page.settled()
        assert page.charts.trend is None
        assert page.charts.trend_slot.content.name == "empty"
        page.param.update(type="")
        await page.settled()
        assert page.charts.trend_slot.content is page.charts.trend.figure
        page.param.update(type="rms")
        await page.settled()
        assert page.charts.trend_slot.content.name == "empty"
