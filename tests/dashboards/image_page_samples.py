"""A demo archive with one image of our own, and its page without a browser."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from bokeh.models import ColumnDataSource

from dashboards.pages.image import ImagePage
from dashboards.session import Session
from data_access import Archive
from data_access.demo.schema import create_database
from data_access.records import PageRequest
from data_access.repositories.images import ImageFilter


def replace_image(folder: Path, data: Any, *, cards: dict[str, Any] | None = None) -> tuple[int, Path]:
    """Put `data` (and cards) in the place of the newest corrected image; return its row number and file."""
    with sqlite3.connect(f"file:{folder}/state/db/products.sqlite3?mode=ro", uri=True) as database:
        rows = database.execute("SELECT id, path FROM images WHERE path LIKE '%.pbcor.fits' ORDER BY id DESC")
        number, path = next((int(n), Path(p)) for n, p in rows if Path(p).is_file())
    header = fits.getheader(path)
    n_y, n_x = np.shape(data)[-2:]
    header.update({"CRPIX1": n_x / 2, "CRPIX2": n_y / 2, **(cards or {})})
    fits.writeto(path, np.asarray(data), header, overwrite=True)
    return number, path


def write_archive_of(folder: Path, hdus: fits.HDUList | fits.PrimaryHDU) -> Path:
    """Write an archive whose only image, number 1, is `hdus`; return its file."""
    path = folder / "stage" / "images" / "2026-01-01T00:00:00.img.fits"
    path.parent.mkdir(parents=True)
    hdus.writeto(path)
    database = folder / "state" / "db" / "products.sqlite3"
    create_database(database, "products")
    with sqlite3.connect(database) as connection:
        connection.execute(
            "INSERT INTO images (path, ms_path, created_at, type) VALUES (?, 'a.ms', 0, '5min')", (str(path),)
        )
    return path


async def open_image(archive: Archive, image_id: int, **query: str) -> ImagePage:
    """Return the page of an image with everything read."""
    prepared = await ImagePage.prepare(archive, {"image_id": str(image_id)}, query)
    page = ImagePage(Session(archive, prepared=prepared, query=query))
    page.__panel__()
    await page.load()
    await page.settled()
    return page


async def image_on_disk(archive: Archive) -> int:
    """Return the row number of the newest corrected image that can be read."""
    images = (await archive.images.find(ImageFilter(text="pbcor"), PageRequest(limit=200))).rows
    states = await archive.files.states([image.path for image in images])
    return next(image.id for image in images if not states[image.path].problem)


async def open_newest_image(archive: Archive, **query: str) -> ImagePage:
    """Return the page of the newest corrected image that can be read."""
    return await open_image(archive, await image_on_disk(archive), **query)


def data_of(figure: Any, name: str) -> dict[str, Any]:
    """Return the columns of a data source of a figure."""
    return dict(figure.select_one({"name": name, "type": ColumnDataSource}).data)


def source_named(page: ImagePage, name: str) -> Any:
    """Return a data source of the picture."""
    assert page.figure is not None
    return page.figure.select_one({"name": name, "type": ColumnDataSource})


async def look_at(
    page: ImagePage, x0: float, y0: float, x1: float, y1: float, *, width: int = 600, height: int = 600
) -> None:
    """Tell the server what a browser would tell it after a zoom."""
    range_and_size = {"x0": x0, "x1": x1, "y0": y0, "y1": y1, "width": width, "height": height}
    source_named(page, "visible").data = {name: [value] for name, value in range_and_size.items()}
    await page.settled()
