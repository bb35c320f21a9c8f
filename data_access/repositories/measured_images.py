"""How photometry and images find each other where both name another product of the same observation."""

from __future__ import annotations

from collections.abc import Sequence
from os.path import commonprefix

from data_access.analysis.times import path_to_stamp, stamp_in_name
from data_access.layout import Layout, Table

_PRODUCTS = 50
_MANY = 200
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


async def find_observation_epochs(layout: Layout, paths: Sequence[str]) -> dict[str, float]:
    """Return image path -> MJD (UTC) of the middle of its Measurement Set, for images whose names carry no time.

    No layout has an index of the paths, so it is a question for the slow lane; of at most 200 images.
    """
    images, index = await layout.find_or_none("images"), await layout.find_or_none("ms_index")
    wanted = list(dict.fromkeys(paths))[:_MANY]
    if images is None or index is None or index.database is not images.database:
        return {}
    if not {"ms_path", "path"} <= images.columns:
        return {}
    middle = f"coalesce({index.column('mid_mjd', 'm')}, {index.column('start_mjd', 'm')})"
    sql = (
        f'SELECT i.path, {middle} FROM "{images.name}" i '
        f'JOIN "{index.name}" m ON m.path = i.ms_path WHERE i.path IN ({",".join("?" * len(wanted))})'
    )
    found = await images.fetch(sql, wanted, slow=True)
    return {str(path): float(mjd) for path, mjd in found.rows if isinstance(mjd, int | float)}
