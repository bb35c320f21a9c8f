"""Entries of the local catalogues near a place: declination strips, pulsars, calibrator lists."""

from __future__ import annotations

import asyncio
import math
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_access.analysis.cones import Cone, SkyBox, box_of
from data_access.analysis.coordinates import separation_arcsec
from data_access.analysis.sky_match import position_angle_deg
from data_access.database import Database
from data_access.errors import DatabaseError, ValidationError
from data_access.records.cross_matches import CatalogueAnswer, CatalogueMatch
from data_access.repositories.catalog_files import MASTER, find_catalog_files

MOST_MATCHES = 200
LARGEST_RADIUS_ARCSEC = 3600.0
_OPEN_FILES = 8
# A strip is at most 12 degrees high: farther away it cannot reach.
_STRIP_HALF_HEIGHT_DEG = 6.5
_STRIP = re.compile(r"_dec([+-]?\d+(?:\.\d+)?)\.(?:sqlite3|db)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Shape:
    """Where a table keeps what we want: of several columns the first that exists counts.

    Attributes
    ----------
    flux_from : tuple of str
        Another table, and the SQL of the flux density in it; used where that table exists.
    scale : float
        From what the table has to mJy.
    notes : tuple of (column, words)
    """

    table: str
    name: tuple[str, ...] = ("name",)
    flux: tuple[str, ...] = ()
    flux_err: tuple[str, ...] = ()
    freq: tuple[str, ...] = ()
    flux_from: tuple[str, str] | None = None
    scale: float = 1.0
    notes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One catalogue: how its files begin, what is in them.

    Attributes
    ----------
    freq_ghz : float or None
        Of its flux densities, where no column says it.
    about : str
        What to keep in mind when comparing.
    """

    name: str
    prefixes: tuple[str, ...]
    shapes: tuple[_Shape, ...]
    freq_ghz: float | None = None
    about: str = ""


_PERIOD, _DM = "period {:.6g} s", "DM {:.5g} pc/cm³"
_STRIP_SHAPE = _Shape(
    "sources", flux=("flux_mjy",), flux_err=("flux_err_mjy",), notes=(("period_s", _PERIOD), ("dm", _DM))
)
_AT_20CM = "(SELECT f.flux_jy FROM fluxes f WHERE f.name = calibrators.name AND f.band = '20cm' LIMIT 1)"
CATALOGUES: tuple[Catalogue, ...] = (
    Catalogue("NVSS", ("nvss",), (_STRIP_SHAPE,), 1.4, "45″ beam, 1993 to 1996"),
    Catalogue("FIRST", ("first",), (_STRIP_SHAPE,), 1.4, "5.4″ beam: resolves what NVSS does not"),
    Catalogue("VLASS", ("vlass",), (_STRIP_SHAPE,), 3.0, "2.5″ beam: extended emission is missing"),
    Catalogue("RACS", ("rax", "racs"), (_STRIP_SHAPE,), 0.8875, "RACS-low, 25″ beam, 2019 to 2020"),
    Catalogue(
        "Master list",
        ("master_sources",),
        (_Shape("sources", name=("source_id",), flux=("s_nvss",), scale=1e3,
                notes=(("alpha", "α {:+.2f}"), ("s_vlass", "VLASS {:.4g} Jy"))),),
        1.4,
        "flux densities of NVSS, put together by the pipeline",
    ),
    Catalogue(
        "Pulsars",
        ("atnf", "psrcat"),
        (
            _Shape(
                "pulsars",
                name=("pulsar_name",),
                flux=("flux_1400mhz_mjy",),
                notes=(("period_s", _PERIOD), ("dm_pc_cm3", _DM)),
            ),
            _STRIP_SHAPE,
        ),
        1.4,
        "ATNF; the mean flux of pulsed emission",
    ),
    Catalogue(
        "VLA calibrators",
        ("vla_calibrators",),
        (_Shape("calibrators", flux_from=("fluxes", _AT_20CM), scale=1e3,
                notes=(("position_code", "position code {}"), ("alt_name", "{}"))),),
        1.4,
    ),
)  # fmt: skip
_OF_PIPELINE = Catalogue(
    "Calibrators of the pipeline",
    (),
    (
        _Shape("bandpass_calibrators", name=("calibrator_name",), flux=("flux_jy",), scale=1e3,
               notes=(("status", "{}"), ("source_catalog", "from {}"))),
        _Shape("vla_calibrators", flux=("flux_jy",), freq=("flux_freq_ghz",), scale=1e3),
        _Shape("calibrator_catalog", flux=("flux_jy",), freq=("flux_freq_ghz",), scale=1e3),
    ),
    1.4,
)  # fmt: skip


class CrossMatchRepository:
    """The catalogue files of the pipeline, opened read-only when they are asked and let go again.

    Parameters
    ----------
    folder, databases_dir : Path or None
        With the files of the surveys; see `find_catalog_files`.
    find_calibrators : coroutine function
        Returns the database with the pipeline's own lists, None when there is none.
    open_database : callable
        Makes the read-only access to one file.
    """

    def __init__(
        self,
        folder: Path | None,
        find_calibrators: Callable[[], Awaitable[Database | None]],
        open_database: Callable[[str, Path], Database],
        *,
        databases_dir: Path | None = None,
    ) -> None:
        self._folder = folder
        self._databases_dir = databases_dir
        self._find_calibrators = find_calibrators
        self._open_database = open_database
        self._opened: OrderedDict[Path, Database] = OrderedDict()
        self._gate = asyncio.Lock()

    async def find_near(self, ra_deg: float, dec_deg: float, radius_arcsec: float) -> tuple[CatalogueAnswer, ...]:
        """Return what every catalogue knows within a radius, the nearest first; one that fails stops no other.

        Raises
        ------
        ValidationError
            For a place that is none, or a radius above a degree.
        """
        if not (abs(dec_deg) <= 90 and math.isfinite(ra_deg) and 0 < radius_arcsec <= LARGEST_RADIUS_ARCSEC):
            raise ValidationError(f"Catalogues are asked within up to {LARGEST_RADIUS_ARCSEC:g}″ of a position")
        async with self._gate:  # few files are open at a time, and nobody closes what another one reads
            files = await asyncio.to_thread(_files_in, self._folder, self._databases_dir)
            place = (ra_deg % 360, dec_deg, radius_arcsec)
            answers = [await self._ask(catalogue, files, *place) for catalogue in CATALOGUES]
            return (*answers, await self._ask_pipeline(*place))

    async def close(self) -> None:
        """Let go of all files."""
        while self._opened:
            await self._opened.popitem()[1].close()

    async def _ask(
        self, catalogue: Catalogue, files: Sequence[Path], ra_deg: float, dec_deg: float, radius_arcsec: float
    ) -> CatalogueAnswer:
        own = [path for path in files if path.name.lower().startswith(catalogue.prefixes)]
        if not own:
            return CatalogueAnswer(catalogue.name, "missing", self._missing(catalogue))
        near = sorted((d, path) for path in own if (d := _distance_deg(path, dec_deg)) < _STRIP_HALF_HEIGHT_DEG)
        found: list[CatalogueMatch] = []
        covered = truncated = False
        try:
            for _, path in near:
                database = await self._file(path)
                covers, matches, cut = await _near(database, catalogue, ra_deg, dec_deg, radius_arcsec)
                covered, truncated = covered or covers, truncated or cut
                found += matches
        except DatabaseError as err:
            return CatalogueAnswer(catalogue.name, "failed", err.message)
        if not covered and not found:
            return CatalogueAnswer(
                catalogue.name, "not covered", f"none of its {len(own)} files reaches declination {dec_deg:+.1f}°"
            )
        return CatalogueAnswer(catalogue.name, "asked", matches=_nearest(found), truncated=truncated)

    async def _ask_pipeline(self, ra_deg: float, dec_deg: float, radius_arcsec: float) -> CatalogueAnswer:
        name = _OF_PIPELINE.name
        calibrators = await self._find_calibrators()
        if calibrators is None:
            return CatalogueAnswer(name, "missing", "no calibrator database is configured")
        try:
            covers, found, cut = await _near(calibrators, _OF_PIPELINE, ra_deg, dec_deg, radius_arcsec)
        except DatabaseError as err:
            return CatalogueAnswer(name, "failed", err.message)
        del covers  # a list of calibrators covers the sky as far as it goes
        return CatalogueAnswer(name, "asked", matches=_nearest(found), truncated=cut)

    def _missing(self, catalogue: Catalogue) -> str:
        if self._folder is None:
            return "no catalogue folder is configured"
        prefix = catalogue.prefixes[0]
        beside = f" or in {self._databases_dir}" if self._databases_dir and MASTER.startswith(prefix) else ""
        return f"no file {prefix}*.sqlite3 in the catalogue folder{beside}"

    async def _file(self, path: Path) -> Database:
        if path in self._opened:
            self._opened.move_to_end(path)
        else:
            self._opened[path] = self._open_database(f"catalogue {path.stem}", path)
            if len(self._opened) > _OPEN_FILES:
                await self._opened.popitem(last=False)[1].close()
        return self._opened[path]


def _files_in(folder: Path | None, databases_dir: Path | None) -> tuple[Path, ...]:
    return tuple(path for path in find_catalog_files(folder, databases_dir) if path.suffix in (".sqlite3", ".db"))


def _distance_deg(path: Path, dec_deg: float) -> float:
    """Return how far the middle of a strip is from a declination; a file that is no strip is everywhere."""
    named = _STRIP.search(path.name)
    return 0.0 if named is None else abs(float(named[1]) - dec_deg)


async def _near(
    database: Database, catalogue: Catalogue, ra_deg: float, dec_deg: float, radius_arcsec: float
) -> tuple[bool, list[CatalogueMatch], bool]:
    """Return whether a file reaches this declination, what it has within the radius, and whether that was cut."""
    schema = await database.schema()
    box = box_of(Cone(ra_deg, dec_deg, radius_arcsec / 3600))
    found: list[CatalogueMatch] = []
    covers = truncated = False
    for shape in catalogue.shapes:
        columns = schema.tables.get(shape.table, ())
        if not {"ra_deg", "dec_deg"} <= set(columns):
            continue
        sql, parameters = _question(shape, columns, box, schema.tables)
        answer = await database.fetch(sql, parameters, cap=MOST_MATCHES)
        matches = [_match(row, shape, catalogue, ra_deg, dec_deg) for row in answer.rows]
        found += [match for match in matches if match is not None and match.separation_arcsec <= radius_arcsec]
        truncated = truncated or answer.truncated
        covers = covers or bool(matches) or await _covers(database, shape.table, dec_deg)
    return covers, found, truncated


def _question(shape: _Shape, columns: Sequence[str], box: SkyBox, tables: Container[str]) -> tuple[str, list[float]]:
    def first(names: Sequence[str]) -> str:
        return next((f'"{name}"' for name in names if name in columns), "NULL")

    wanted = [first(shape.name), "ra_deg", "dec_deg", first(shape.flux), first(shape.flux_err), first(shape.freq)]
    if shape.flux_from is not None and shape.flux_from[0] in tables:
        wanted[3] = shape.flux_from[1]
    wanted += [first((column,)) for column, _ in shape.notes]
    spans = " OR ".join(["ra_deg BETWEEN ? AND ?"] * len(box.ra_spans)) or "1"
    sql = (
        f'SELECT {", ".join(wanted)} FROM "{shape.table}" WHERE dec_deg BETWEEN ? AND ? AND ({spans}) '
        f"ORDER BY dec_deg LIMIT {MOST_MATCHES + 1}"
    )
    return sql, [box.dec_low_deg, box.dec_high_deg, *(bound for span in box.ra_spans for bound in span)]


async def _covers(database: Database, table: str, dec_deg: float) -> bool:
    sql = f'SELECT (SELECT min(dec_deg) FROM "{table}"), (SELECT max(dec_deg) FROM "{table}")'
    (low, high) = (await database.fetch(sql)).rows[0]
    return isinstance(low, int | float) and isinstance(high, int | float) and low <= dec_deg <= high


def _match(
    row: Sequence[Any], shape: _Shape, catalogue: Catalogue, ra_deg: float, dec_deg: float
) -> CatalogueMatch | None:
    name, other_ra, other_dec, flux, flux_err, freq, *notes = row
    ra, dec = _number(other_ra), _number(other_dec)
    if ra is None or dec is None or abs(dec) > 90:
        return None
    told = zip((words for _, words in shape.notes), notes, strict=True)
    said = [words.format(value) for words, value in told if _sayable(words, value)]
    freq_ghz = _number(freq)
    if freq_ghz is not None and freq_ghz > 1e6:
        freq_ghz /= 1e9
    return CatalogueMatch(
        catalogue=catalogue.name,
        name=str(name) if name not in (None, "") else "",
        ra_deg=ra,
        dec_deg=dec,
        separation_arcsec=float(separation_arcsec(ra_deg, dec_deg, ra, dec)),
        position_angle_deg=position_angle_deg(ra_deg, dec_deg, ra, dec),
        flux_mjy=_scaled(flux, shape.scale),
        flux_err_mjy=_scaled(flux_err, shape.scale),
        freq_ghz=freq_ghz if freq_ghz is not None else catalogue.freq_ghz,
        note=", ".join(said),
    )


def _sayable(words: str, value: object) -> bool:
    return isinstance(value, int | float) if ":" in words else value not in (None, "")


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _scaled(value: object, scale: float) -> float | None:
    number = _number(value)
    return None if number is None else number * scale


def _nearest(found: Sequence[CatalogueMatch]) -> tuple[CatalogueMatch, ...]:
    """Return each entry once (strips overlap; lists repeat a name without its flux), the nearest first."""
    kept: dict[tuple[str, float, float], CatalogueMatch] = {}
    for match in sorted(found, key=lambda m: (m.separation_arcsec, m.flux_mjy is None)):
        kept.setdefault((match.name, round(match.ra_deg, 4), round(match.dec_deg, 4)), match)
    return tuple(kept.values())
