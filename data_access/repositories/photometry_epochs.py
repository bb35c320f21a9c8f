"""Epochs of many sources at once: their newest measurements, and the time between the first and the last."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data_access.analysis.times import unix_to_mjd
from data_access.layout import Layout, Table
from data_access.records import Epoch
from data_access.records.measurement_quality import quality_of
from data_access.repositories.flux_columns import peak_sql
from data_access.repositories.measured_images import find_observation_epochs
from data_access.repositories.measurement_quality import has_quality
from data_access.repositories.photometry import epoch_of_measurement, nameless_paths

_ROWS_AT_ONCE = 5_000
_NAMES_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement as a small picture shows it: epoch (MJD, UTC), peak (Jy/beam); limits count as forced."""

    mjd: float
    peak_jyb: float
    is_forced: bool
    is_flagged: bool


class EpochRepository:
    """Measurements of several sources in one question."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    async def newest(self, names: Sequence[str], *, per_source: int = 40) -> dict[str, list[Measurement]]:
        """Return the measurements recorded last of each source (at most 200 of them), in order of observation."""
        table = await self._layout.find("photometry")
        wanted = tuple(dict.fromkeys(names))[:_NAMES_AT_ONCE]
        if not wanted:
            return {}
        key, inner = table.key("id", "p"), table.key("id", "q")
        columns = (
            "n.name", *_epoch_columns(table), peak_sql(table, "p"),
            table.column("flags", "p"), table.column("quality_flag", "p"),
        )  # fmt: skip
        sql = (
            f"WITH n(name) AS (VALUES {','.join(['(?)'] * len(wanted))}) SELECT {', '.join(columns)} FROM n "
            f'CROSS JOIN "{table.name}" p ON {key} IN (SELECT {inner} FROM "{table.name}" q '
            f"WHERE {table.column('source_id', 'q')} = n.name ORDER BY {inner} DESC LIMIT {int(per_source)}) "
            "LIMIT 20000"
        )
        found = await table.fetch(sql, wanted, slow=True)
        observed = await self._observed(found.rows)
        curves: dict[str, list[Measurement]] = {}
        for name, *rest in found.rows:
            made = _measurement(rest, observed, has_words=has_quality(table))
            if made is not None:
                curves.setdefault(str(name), []).append(made)
        for curve in curves.values():
            curve.sort(key=lambda m: m.mjd)
        return curves

    async def spans(self, names: Sequence[str]) -> dict[str, tuple[float, float]]:
        """Return the first and the last epoch (MJD, UTC) of each source: of the observation wherever it is recorded.

        Reads every measurement of these sources; ask for few, or for sources with few.
        """
        table = await self._layout.find("photometry")
        spans: dict[str, tuple[float, float]] = {}
        for start in range(0, len(names), _NAMES_AT_ONCE):
            await self._add_spans(table, names[start : start + _NAMES_AT_ONCE], spans)
        return spans

    async def _add_spans(self, table: Table, names: Sequence[str], spans: dict[str, tuple[float, float]]) -> None:
        key, name = table.key("id", "p"), table.column("source_id", "p")
        columns = (name, *_epoch_columns(table), key)
        known: dict[tuple[Any, ...], float] = {}
        after: Any = None
        while True:
            more = "" if after is None else f"AND {key} > ?"
            sql = (
                f'SELECT {", ".join(columns)} FROM "{table.name}" p WHERE {name} IN ({",".join("?" * len(names))}) '
                f"{more} ORDER BY {key} LIMIT {_ROWS_AT_ONCE}"
            )
            values = [*names, *([] if after is None else [after])]
            found = await table.fetch(sql, values, slow=True)
            observed = await self._observed(found.rows)
            for source_id, *rest, _ in found.rows:
                place = tuple(rest)
                if place not in known:
                    known[place] = _mjd(rest, observed)
                mjd = known[place]
                if not math.isnan(mjd):
                    first, last = spans.get(str(source_id), (mjd, mjd))
                    spans[str(source_id)] = (min(first, mjd), max(last, mjd))
            if len(found.rows) < _ROWS_AT_ONCE:
                return
            after = found.rows[-1][-1]

    async def _observed(self, rows: Sequence[Sequence[Any]]) -> dict[str, Epoch]:
        """Return what is recorded of the images without a time in their names; the columns of time come second."""
        nameless = nameless_paths((row[1], row[2]) for row in rows)
        return await find_observation_epochs(self._layout, nameless)


def _epoch_columns(table: Table) -> tuple[str, ...]:
    return tuple(table.column(name, "p") for name in ("image_path", "mosaic_path", "mjd", "measured_at"))


def _mjd(values: Sequence[Any], observed: Mapping[str, Epoch]) -> float:
    image, mosaic, mjd, measured = values
    return epoch_of_measurement(image, mosaic, _number(mjd), unix_to_mjd(_number(measured)), observed)[0]


def _measurement(values: Sequence[Any], observed: Mapping[str, Epoch], *, has_words: bool) -> Measurement | None:
    *place, peak, flags, quality = values
    mjd, flux = _mjd(place, observed), _number(peak)
    if math.isnan(mjd) or not math.isfinite(flux):
        return None
    bits = flags if isinstance(flags, int) else 0
    said = quality_of(quality)
    forced = said in ("forced", "limit") if has_words else bool(bits & 1)
    return Measurement(mjd, flux, forced, (bits & ~int(forced)) != 0 or said == "bad")


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
