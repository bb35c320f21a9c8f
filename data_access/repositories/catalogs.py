"""Reference catalogues: SQLite files of one survey each, most of them for one strip of declination."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from data_access.analysis.cones import Cone, box_of
from data_access.database import Database
from data_access.errors import DatabaseError
from data_access.records.image_quality import Catalog, CatalogSource
from data_access.repositories.base import RowReader, Where
from data_access.repositories.catalog_files import MASTER, find_catalog_files

_STRIP = re.compile(r"(nvss|first|rax|vlass)_dec([+-]\d+(?:\.\d+)?)\.sqlite3", re.IGNORECASE)
_MOST_SOURCES = 1000
# A strip is asked when its middle is this near: the pipeline writes them some degrees wide around a pointing.
_STRIP_REACH_DEG = 6.0
_COLUMNS = ("ra_deg", "dec_deg", "flux_mjy")
# The master list has NVSS fluxes in Jy, the strips have mJy.
_FLUXES = (("flux_mjy", "flux_mjy"), ("s_nvss", "s_nvss * 1000.0"))


@dataclass(frozen=True, slots=True)
class _Survey:
    """A survey: how it is called, where its fluxes are measured, in order of preference."""

    name: str
    freq_hz: float
    rank: int


_SURVEYS = {
    "nvss": _Survey("NVSS", 1.4e9, 0),
    "first": _Survey("FIRST", 1.4e9, 1),
    "master": _Survey("NVSS", 1.4e9, 2),
    "rax": _Survey("RACS", 0.8875e9, 3),
    "vlass": _Survey("VLASS", 3.0e9, 4),
}


class CatalogRepository:
    """The catalogue files; one that cannot be read is passed over for the next one.

    Parameters
    ----------
    folder, databases_dir : Path or None
        See `find_catalog_files`.
    open_database : callable
        Makes the reader of one file.
    """

    def __init__(
        self,
        folder: Path | None,
        open_database: Callable[[str, Path], Database],
        *,
        databases_dir: Path | None = None,
    ) -> None:
        self._folders = (folder, databases_dir)
        self._open = open_database
        self._databases: dict[Path, Database] = {}

    async def find_near(self, ra_deg: float, dec_deg: float, radius_deg: float) -> Catalog | None:
        """Return the sources of the first catalogue that has any in a circle; None when none has.

        NVSS comes first: its fluxes are taken near the frequency of DSA-110. Brightest first, at most 1000.
        """
        cone = Cone(ra_deg, dec_deg, radius_deg)
        for survey, path in await asyncio.to_thread(self._files, dec_deg):
            try:
                sources = await self._find_in(path, cone)
            except DatabaseError:
                continue
            if sources:
                return Catalog(survey.name, path.name, survey.freq_hz, sources)
        return None

    def _files(self, dec_deg: float) -> list[tuple[_Survey, Path]]:
        found: list[tuple[int, float, str, _Survey, Path]] = []
        for path in find_catalog_files(*self._folders):
            if strip := _STRIP.fullmatch(path.name):
                survey, distance = _SURVEYS[strip[1].lower()], abs(float(strip[2]) - dec_deg)
                if distance <= _STRIP_REACH_DEG:
                    found.append((survey.rank, distance, path.name, survey, path))
            elif path.name == MASTER:
                found.append((_SURVEYS["master"].rank, 0.0, path.name, _SURVEYS["master"], path))
        return [(survey, path) for *_, survey, path in sorted(found, key=lambda one: one[:3])]

    async def _find_in(self, path: Path, cone: Cone) -> tuple[CatalogSource, ...]:
        database = self._databases.get(path)
        if database is None:
            database = self._databases[path] = self._open(f"catalogue {path.stem}", path)
        columns = (await database.schema()).tables.get("sources", ())
        flux = next((sql for name, sql in _FLUXES if name in columns), "")
        if not flux or not {"ra_deg", "dec_deg"} <= set(columns):
            return ()
        box, where = box_of(cone), Where()
        where.add("dec_deg BETWEEN ? AND ?", box.dec_low_deg, box.dec_high_deg)
        if box.ra_spans:
            spans = " OR ".join(["ra_deg BETWEEN ? AND ?"] * len(box.ra_spans))
            where.add(f"({spans})", *(value for span in box.ra_spans for value in span))
        sql = f"SELECT ra_deg, dec_deg, {flux} AS flux FROM sources{where.sql()} ORDER BY flux DESC, ra_deg LIMIT ?"
        rows = (await database.fetch(sql, (*where.values, _MOST_SOURCES))).rows
        made = [_to_source(row) for row in rows]
        sources = [source for source in made if source is not None]
        inside = cone.contains([s.ra_deg for s in sources], [s.dec_deg for s in sources])
        return tuple(source for source, is_inside in zip(sources, inside, strict=True) if is_inside)

    async def close(self) -> None:
        """Close all files."""
        for database in self._databases.values():
            await database.close()
        self._databases.clear()


def _to_source(values: tuple[object, ...]) -> CatalogSource | None:
    row = RowReader(_COLUMNS, values)
    ra, dec = row.real("ra_deg", -360, 360), row.real("dec_deg", -90, 90)
    if ra is None or dec is None:
        return None
    return CatalogSource(ra % 360.0, dec, row.real("flux_mjy", 0, 1e9))
