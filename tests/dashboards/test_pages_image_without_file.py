"""The page of an image whose file is gone, and comes back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from dashboards.components.facts import Facts
from data_access import open_archive
from tests.dashboards.image_page_samples import open_image, write_archive_of


def texts(facts: Facts) -> dict[str, str]:
    return {item["label"]: item["cell"]["t"] for group in facts.groups for item in group["items"]}


async def test_without_its_file_an_image_has_one_warning_and_no_controls_that_cannot_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSA110_DASHBOARD_CACHE", str(tmp_path / "cache"))
    path = write_archive_of(tmp_path, fits.PrimaryHDU(np.ones((30, 40), np.float32)))
    hidden = path.rename(path.with_suffix(".hidden"))
    async with open_archive(tmp_path) as archive:
        page = await open_image(archive, 1, cut="pixel 3 4", cut_unit="pixel", quality="on")
        failed = [slot.label for slot in page.slots.values() if slot.failure is not None and slot.label != "links"]
        assert failed == ["image"]
        assert not any(slot.notice.text.startswith("Loading") for slot in page.slots.values())
        assert len(page._controls) == 0
        assert not {"File", "Picture for print"} & set(texts(page.facts))
        assert [type(one).__name__ for one in page._left] == ["Column", "Notice"]
        assert page._left[1].text.startswith("Zoom, cutouts, regions")

        hidden.rename(path)
        await page.refresh()
        assert page.figure is not None
        assert texts(page.header_slot.content)["Shape"] == "30 × 40"
        assert len(page._controls) == 1
        assert page.cutout.figure is not None
        assert "File" in texts(page.facts)
