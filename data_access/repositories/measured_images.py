"""How photometry and images find each other where both name another product of the same observation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os.path import commonprefix

from data_access.analysis.observed_epochs import PATHS_AT_ONCE, ROWS_AN_IMAGE, names_to_ask, observed_epochs
from data_access.analysis.times import path_to_stamp, stamp_in_name
from data_access.layout import Layout, Table
from data_access.records import Epoch
from data_access.records.variability import EpochQuestion

Asked = tuple[Table, EpochQuestion]
OBSERVATION_TABLES = ("images", "ms_index", "mosaics")

_PRODUCTS = 50
_LAST_CHARACTER = "\U0010ffff"


async def find_measured_path(photometry: Table, image_path: str) -> str:
    """Return the path under which photometry knows an image: its own, or that of a product of its observation.

    Photometry names the FITS file, while the pipeline registers the CASA directories beside it. Of several products
    the one with the most similar name counts. Without any, it is the path itself.
    """
    column, name = photometry.column("image_path"), photometry.name
    if column == "NULL":
        return image_path
    own = await photometry.fetch(f'SELECT 1 FROM "{name}" WHERE {column} = ? LIMIT 1', (image_path,))
    start = path_to_stamp(image_path)
    if own.rows or start is None:
        return image_path
    sql = f'SELECT DISTINCT {column} FROM "{name}" WHERE {column} >= ? AND {column} < ? LIMIT {_PRODUCTS}'
    found = await photometry.fetch(sql, (start, start + _LAST_CHARACTER))
    products = [str(row[0]) for row in found.rows if stamp_in_name(str(row[0])) == stamp_in_name(image_path)]
    return max(products, key=lambda path: len(commonprefix((path, image_path))), default=image_path)  # noqa: RUF071  names by characters


def observation_questions(images: Table | None, index: Table | None, mosaics: Table | None) -> list[Asked]:
    """Return what tells when images were observed, and the table to ask, the best first.

    No layout has an index of the paths: each goes through its table once.
    """
    asked = (_by_image(images, index), _by_image_root(index), _by_mosaic(mosaics))
    return [question for question in asked if question is not None]


def _by_image(images: Table | None, index: Table | None) -> Asked | None:
    if images is None or not {"ms_path", "path"} <= images.columns:
        return None
    source, middle = f'"{images.name}" i', "NULL"
    if index is not None and index.database is images.database and "path" in index.columns:
        source += f' LEFT JOIN "{index.name}" m ON m.path = i.ms_path'
        middle = _middle_of_set(index, "m")
    select = f"SELECT i.path, i.ms_path, {middle}, 'ms_index' FROM {source} WHERE i.path IN"
    return images, EpochQuestion(select, f"ORDER BY {images.key('id', 'i')} DESC")


def _by_image_root(index: Table | None) -> Asked | None:
    if index is None or not {"imagename", "path"} <= index.columns:
        return None
    select = f"SELECT imagename, path, {_middle_of_set(index)}, 'ms_index' FROM \"{index.name}\" WHERE imagename IN"
    return index, EpochQuestion(select, "ORDER BY path DESC")


def _by_mosaic(mosaics: Table | None) -> Asked | None:
    if mosaics is None or not {"path", "start_mjd", "end_mjd"} <= mosaics.columns:
        return None
    select = f"SELECT path, NULL, (start_mjd + end_mjd) / 2.0, 'mosaics' FROM \"{mosaics.name}\" WHERE path IN"
    return mosaics, EpochQuestion(select, f"ORDER BY {mosaics.key('id')} DESC")


def _middle_of_set(index: Table, alias: str = "") -> str:
    return f"coalesce({index.column('mid_mjd', alias)}, {index.column('start_mjd', alias)})"


async def find_observation_epochs(layout: Layout, paths: Iterable[str]) -> dict[str, Epoch]:
    """Return when images were observed whose names carry no time, by their paths; those that nothing tells of lack.

    The middle of the Measurement Set of the image, or of another product of its observation; of a mosaic the middle
    of its own times.
    """
    wanted = list(dict.fromkeys(paths))
    if not wanted:
        return {}
    tables = [await layout.find_or_none(name) for name in OBSERVATION_TABLES]
    found: dict[str, Epoch] = {}
    for asked in observation_questions(*tables):
        await _add_epochs(asked, [path for path in wanted if path not in found], found)
    return found


async def _add_epochs(asked: Asked, wanted: Sequence[str], found: dict[str, Epoch]) -> None:
    table, question = asked
    at_once = max(1, min(PATHS_AT_ONCE, table.database.row_cap // ROWS_AN_IMAGE))
    for start in range(0, len(wanted), at_once):
        some = wanted[start : start + at_once]
        names = names_to_ask(some)
        answer = await table.fetch(question.sql(len(names)), names, slow=True)
        found.update(observed_epochs(some, answer.rows))
