"""What changes with the measurements of a source, so that what was computed of them is kept until then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from data_access.layout import Table
from data_access.repositories.measurement_quality import is_unflagged_sql

# Rows of one question for checksums. Counts come from the index, checksums need the rows: of 200 sources with 200
# epochs they take 0.14 s, the counts 2 ms.
MOST_ROWS = 20_000
_PATIENCE_S = 30.0
# Steps below which a change is not seen: 1e-12 Jy, 1e-9 days, 1e-6 seconds.
_STEPS_PER_UNIT: Mapping[str, str] = {
    "peak_jyb": "1e12", "peak_err_jyb": "1e12", "peak_flux_jy": "1e12", "flux_jy": "1e12", "flux_err_jy": "1e12",
    "mjd": "1e9", "measured_at": "1e6",
}  # fmt: skip
_PRIME = 999_983


class CurveVersion(NamedTuple):
    """Measurements of a source: how many, the newest row number, and a checksum of fluxes, errors, times and faults.

    The checksum is 0 for a source with more than `MOST_ROWS` measurements: only new ones are seen there.
    """

    n: int
    newest: int
    checksum: float = 0.0


async def find_versions(table: Table, names: Sequence[str]) -> dict[str, CurveVersion]:
    """Return the versions of sources: they change with every epoch, and when rows are written anew in place."""
    if not names:
        return {}
    one = f'(SELECT {{}} FROM "{table.name}" p WHERE p.source_id = n.name)'
    newest = one.format(f"max({table.key('id', 'p')})")
    sql = (
        f"WITH n(name) AS (VALUES {','.join(['(?)'] * len(names))}) "
        f"SELECT n.name, {one.format('count(*)')}, {newest} FROM n LIMIT {len(names)}"
    )
    found = await table.fetch(sql, names)
    versions = {str(name): CurveVersion(int(n or 0), int(last or 0)) for name, n, last in found.rows}
    for part in _parts(versions):
        sums = await table.fetch(*_checksums(table, part), slow=True, deadline_s=_PATIENCE_S)
        checksums = {str(name): float(checksum) for name, checksum in sums.rows}
        versions |= {name: versions[name]._replace(checksum=checksums.get(name, 0.0)) for name in part}
    return versions


def _parts(versions: Mapping[str, CurveVersion]) -> Iterator[list[str]]:
    """Yield names in parts of at most `MOST_ROWS` rows, without those that have none or more."""
    part: list[str] = []
    n_rows = 0
    for name, version in versions.items():
        if not 0 < version.n <= MOST_ROWS:
            continue
        if n_rows + version.n > MOST_ROWS:
            yield part
            part, n_rows = [], 0
        part.append(name)
        n_rows += version.n
    if part:
        yield part


def _checksums(table: Table, names: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return the question for the checksums of sources, and its parameters.

    Every number counts by its remainder, weighted with its row and column: a plain sum is the same after two
    measurements were exchanged, and an infinite or a huge one would hide all others.
    """
    row = " + ".join(
        f"{k} * coalesce(CAST({steps} * {table.column(name)} AS INTEGER) % {_PRIME}, -1)"
        for k, (name, steps) in enumerate(_STEPS_PER_UNIT.items(), start=2)
    )
    sql = (
        f"SELECT source_id, total({table.key('id')} * ({row} + ({is_unflagged_sql(table)}))) "
        f'FROM "{table.name}" WHERE source_id IN ({",".join("?" * len(names))}) '
        f"GROUP BY source_id ORDER BY source_id LIMIT {len(names)}"
    )
    return sql, names
