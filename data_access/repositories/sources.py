"""The source list and everything the pipeline recorded about one source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from data_access.database import Rows
from data_access.errors import RecordNotFound, ValidationError
from data_access.layout import Layout, Table
from data_access.read_only_connection import Statement
from data_access.records import (
    Count,
    Cursor,
    EseCandidate,
    LightCurve,
    PageRequest,
    RecordPage,
    Source,
    SourceDetail,
    StoredVariability,
    TransientCandidate,
)
from data_access.repositories.base import (
    Listing,
    RowReader,
    Segment,
    Where,
    ask_together,
    count_rows,
    listing_segments,
    read_page,
)
from data_access.repositories.photometry import PhotometryRepository
from data_access.repositories.source_rows import (
    ESE_COLUMNS,
    MONITORING_COLUMNS,
    NO_POSITION,
    REGISTERED_COLUMNS,
    STATS_COLUMNS,
    TRANSIENT_COLUMNS,
    Position,
    SourceFacts,
    to_candidate,
    to_monitoring,
    to_registered,
    to_source,
    to_stored,
    to_transient,
)

_NAME_COLUMNS = {
    "photometry": "source_id",
    "variability_stats": "source_id",
    "monitoring_sources": "source_id",
    "ese_candidates": "source_id",
    "sources": "id",
}
STORED_SORTS = ("eta_metric", "chi2_nu", "sigma_deviation", "n_obs", "mean_flux_mjy", "last_mjd", "dec_deg", "ra_deg")


@dataclass(frozen=True, slots=True)
class SourceFilter:
    """Which sources are wanted; empty fields do not filter. Metrics are the pipeline's stored ones."""

    text: str = ""
    eta_min: float | None = None
    n_obs_min: float | None = None
    sigma_min: float | None = None
    dec_min_deg: float | None = None
    dec_max_deg: float | None = None
    ese_status: str = ""

    @property
    def needs_stored(self) -> bool:
        """True when only sources with stored statistics can match."""
        bounds = (self.eta_min, self.n_obs_min, self.sigma_min, self.dec_min_deg, self.dec_max_deg)
        return any(b is not None for b in bounds)


class SourceRepository:
    """Sources: every name that occurs in photometry, statistics, monitoring, candidates or the table of sources."""

    def __init__(self, layout: Layout, photometry: PhotometryRepository, *, count_deadline_s: float) -> None:
        self._layout = layout
        self._photometry = photometry
        self._count_deadline_s = count_deadline_s

    async def get(self, source_id: str) -> SourceDetail:
        """Return everything recorded about a source; raise `RecordNotFound` when no table knows it."""
        light_curve = await self._photometry.get_light_curve(source_id)
        (source,) = await self.describe((source_id,))
        candidates = await self.find_ese_candidates(source_id=source_id)
        transients = await self.find_transients(source_id=source_id)
        is_listed = source.stored or source.monitoring or source.is_registered
        if not (light_curve.n_epoch or is_listed or candidates or transients):
            raise RecordNotFound(f"There is no source '{source_id}'", table="photometry", key=source_id)
        return SourceDetail(source, light_curve, candidates, transients)

    async def get_light_curve(self, source_id: str) -> LightCurve:
        """Return the light curve of a source; raise `RecordNotFound` when no table knows the name.

        A source that is known and was never measured has an empty one.
        """
        light_curve = await self._photometry.get_light_curve(source_id)
        return light_curve if light_curve.n_epoch else (await self.get(source_id)).light_curve

    async def find(self, wanted: SourceFilter, request: PageRequest) -> RecordPage[Source]:
        """Return one page of sources.

        In the order of a stored statistic, sources without stored statistics come last.
        """
        sort = request.sort or "source_id"
        if sort not in ("source_id", *STORED_SORTS):
            raise ValidationError(f"Sources cannot be sorted by '{sort}'")
        if wanted.ese_status:
            segments: tuple[Segment, ...] = (await self._candidate_segment(wanted),)
        elif sort == "source_id" and not wanted.needs_stored:
            segments = (await self._names_segment(wanted),)
        else:
            segments = await self._stored_segments(wanted, sort)
        page = await read_page(segments, request, tuple)
        read = {str(row[0]): to_stored(row) for row in page.rows if len(row) > 1}
        described = await self.describe([str(row[0]) for row in page.rows], read)
        return RecordPage(described, page.next_cursor, page.previous_cursor, page.note)

    async def count(self, wanted: SourceFilter) -> Count:
        """Return how many sources match: counted where the statistics allow it, else an honest word."""
        if wanted.ese_status:
            table = await self._layout.find("ese_candidates")
            inner = (
                f'(SELECT DISTINCT source_id FROM "{table.name}" '
                f"WHERE {table.column('status')} = ? AND source_id IS NOT NULL)"
            )
            where = Where(values=[wanted.ese_status])
            return await count_rows(table, inner, where, deadline_s=self._count_deadline_s)
        if wanted.needs_stored:
            table = await self._layout.find("variability_stats")
            return await count_rows(
                table, f'"{table.name}" v', await self._stored_where(wanted, table), deadline_s=self._count_deadline_s
            )
        if not wanted.text.strip() and (many := await self._count_stored()).kind == "at least":
            return many
        table = await self._layout.find("photometry")
        names = await self._name_tables(table)
        walk = _names_sql(names, after=False, descending=False)
        where = Where()
        await self._add_name(where, "id", wanted.text, table)
        return await count_rows(table, f"({walk})", where, deadline_s=self._count_deadline_s)

    async def _count_stored(self) -> Count:
        """Return how many names have statistics: walking 10,000 names costs 90 ms, counting these 1 ms at most."""
        table = await self._layout.find_or_none("variability_stats")
        if table is None or "source_id" not in table.columns:
            return Count(0)
        distinct = "" if table.primary_key == "source_id" else "DISTINCT"
        names = f'(SELECT {distinct} source_id FROM "{table.name}" WHERE source_id IS NOT NULL)'
        return await count_rows(table, names, Where(), deadline_s=self._count_deadline_s)

    async def find_ese_candidates(
        self, *, source_id: str = "", limit: int = 100, required: bool = False
    ) -> tuple[EseCandidate, ...]:
        """Return the pipeline's ESE candidates, newest first, with the largest value their epochs allow.

        Without the table there are none; `required` raises `TableMissing` instead, for whoever counts them. Without
        any database it is raised in either case.
        """
        table = await self._layout.find_optional("ese_candidates")
        if table is None and required:
            await self._layout.find("ese_candidates")
        if table is None:
            return ()
        condition = f"WHERE {table.column('source_id')} = ?" if source_id else ""
        sql = (
            f'SELECT {", ".join(table.select(ESE_COLUMNS))} FROM "{table.name}" {condition} '
            f"ORDER BY {table.column('flagged_at')} DESC LIMIT {int(limit)}"
        )
        found = await table.fetch(sql, (source_id,) if source_id else ())
        epochs, stored = await self._count_epochs(tuple({str(row[1]) for row in found.rows}))
        return tuple(to_candidate(row, epochs, stored) for row in found.rows)

    async def count_ese_candidates(self, *, status: str) -> Count:
        """Return how many ESE candidates have this status; raise `TableMissing` without their table."""
        table = await self._layout.find("ese_candidates")
        where = Where()
        where.add(f"{table.column('status')} = ?", status)
        return await count_rows(table, f'"{table.name}"', where, deadline_s=self._count_deadline_s)

    async def find_known(self, names: Sequence[str]) -> frozenset[str]:
        """Return which of these names (at most 200) are sources: alerts also name things that are not."""
        wanted = tuple(dict.fromkeys(names))[:200]
        if not wanted:
            return frozenset()
        facts = await self._facts(wanted, {})
        return frozenset().union(facts.stored, facts.monitored, facts.registered, facts.n_epochs)

    async def find_transients(self, *, source_id: str = "", limit: int = 100) -> tuple[TransientCandidate, ...]:
        """Return the transient candidates, newest first, all or those of a source; none when the table is absent.

        Without any database `TableMissing` is raised: then nothing is known, and not that there are none.
        """
        table = await self._layout.find_optional("transient_candidates")
        if table is None:
            return ()
        condition = f"WHERE {table.column('source_name')} = ?" if source_id else ""
        sql = (
            f'SELECT {", ".join(table.select(TRANSIENT_COLUMNS))} FROM "{table.name}" {condition} '
            f"ORDER BY {table.column('detected_at')} DESC LIMIT {int(limit)}"
        )
        found = await table.fetch(sql, (source_id,) if source_id else ())
        return tuple(to_transient(row) for row in found.rows)

    async def _name_tables(self, anchor: Table) -> tuple[tuple[str, str], ...]:
        names = []
        for logical, column in _NAME_COLUMNS.items():
            table = await self._layout.find_or_none(logical)
            if table is not None and table.database is anchor.database and column in table.columns:
                names.append((table.name, column))
        return tuple(names)

    async def _names_segment(self, wanted: SourceFilter, *, without_stored: bool = False) -> Segment:
        anchor = await self._layout.find("photometry")
        names = await self._name_tables(anchor)
        where = Where()
        await self._add_name(where, "w.id", wanted.text, anchor)
        if without_stored:
            where.add('NOT EXISTS (SELECT 1 FROM "variability_stats" v WHERE v.source_id = w.id)')

        async def segment(after: Cursor | None, descending: bool, limit: int) -> Rows:
            walk = _names_sql(names, after=after is not None, descending=descending)
            sql = f"SELECT NULL, w.id, w.id FROM ({walk}) w{where.sql()} LIMIT {limit}"
            start = [str(after.key)] * len(names) if after is not None else []
            return await anchor.fetch(sql, [*start, *where.values], slow=bool(wanted.text))

        return Segment(segment)

    async def _stored_segments(self, wanted: SourceFilter, sort: str) -> tuple[Segment, ...]:
        table = await self._layout.find("variability_stats")
        sorts = {"source_id": "v.source_id", **{name: table.column(name, "v") for name in STORED_SORTS}}
        key = table.key("source_id", "v")
        columns = ("v.source_id", *table.select(STATS_COLUMNS[1:], "v"))
        listing = Listing(table, f'"{table.name}" v', columns, key, sorts, "source_id")
        segments = listing_segments(listing, await self._stored_where(wanted, table), sort)
        if wanted.needs_stored:
            return segments
        return (*segments, await self._names_segment(wanted, without_stored=True))

    async def _stored_where(self, wanted: SourceFilter, table: Table) -> Where:
        where = Where()
        where.add("v.source_id IS NOT NULL")
        await self._add_name(where, "v.source_id", wanted.text, table)
        where.between(table.column("eta_metric", "v"), wanted.eta_min, None)
        where.between(table.column("n_obs", "v"), wanted.n_obs_min, None)
        where.between(table.column("sigma_deviation", "v"), wanted.sigma_min, None)
        where.between(table.column("dec_deg", "v"), wanted.dec_min_deg, wanted.dec_max_deg)
        return where

    async def _add_name(self, where: Where, expression: str, text: str, anchor: Table) -> None:
        """Add 'its name, or another one that a table has for it, contains this text'."""
        if not text.strip():
            return
        conditions = [f"instr(lower({expression}), lower(?)) > 0"]
        for logical in ("monitoring_sources", "sources"):
            table, key = await self._layout.find_or_none(logical), _NAME_COLUMNS[logical]
            if table is not None and table.database is anchor.database and {key, "name"} <= table.columns:
                named = f'SELECT "{key}" FROM "{table.name}" WHERE instr(lower(name), lower(?)) > 0'
                conditions.append(f"{expression} IN ({named})")
        where.add(f"({' OR '.join(conditions)})", *[text.strip()] * len(conditions))

    async def _candidate_segment(self, wanted: SourceFilter) -> Segment:
        table = await self._layout.find("ese_candidates")
        where = Where()
        where.add("e.source_id IS NOT NULL")
        where.add(f"{table.column('status', 'e')} = ?", wanted.ese_status)
        await self._add_name(where, "e.source_id", wanted.text, table)
        source = f'(SELECT DISTINCT source_id, status FROM "{table.name}") e'
        listing = Listing(table, source, ("e.source_id",), "e.source_id", {"source_id": "e.source_id"}, "source_id")
        return listing_segments(listing, where, "source_id")[0]

    async def describe(
        self, names: Sequence[str], read: Mapping[str, StoredVariability] = MappingProxyType({})
    ) -> tuple[Source, ...]:
        """Return what the tables say of these sources (at most a page of them), in this order.

        Parameters
        ----------
        read : mapping of name to StoredVariability
            Statistics that were read already.
        """
        if not names:
            return ()
        facts = await self._facts(names, read)
        measured = await self._positions([name for name in names if None in facts.place_of(name)])
        return tuple(to_source(name, facts, measured.get(name, NO_POSITION)) for name in names)

    async def _facts(self, names: Sequence[str], read: Mapping[str, StoredVariability]) -> SourceFacts:
        wanted = (
            ("variability_stats", STATS_COLUMNS, [name for name in names if name not in read]),
            ("monitoring_sources", MONITORING_COLUMNS, names),
            ("sources", REGISTERED_COLUMNS, names),
            ("ese_candidates", ("source_id", "status"), names),
        )
        asked = [await self._by_name(*one) for one in wanted]
        stored, monitored, registered, flagged, epochs = await ask_together([*asked, await self._epochs_of(names)])
        return SourceFacts(
            {**read, **{str(row[0]): to_stored(row) for row in stored}},
            {str(row[0]): to_monitoring(row) for row in monitored},
            {str(row[0]): to_registered(row) for row in registered},
            {str(name): str(status) for name, status in flagged if status is not None},
            {str(name): int(n) for name, n in epochs if n},
        )

    async def _by_name(
        self, logical: str, columns: Sequence[str], names: Sequence[str]
    ) -> tuple[Table | None, Statement]:
        table = await self._layout.find_or_none(logical)
        if table is None or not names or columns[0] not in table.columns:
            return None, ("", ())
        sql = (
            f'SELECT {", ".join(table.select(columns))} FROM "{table.name}" '
            f"WHERE {columns[0]} IN ({','.join('?' * len(names))}) LIMIT 5000"
        )
        return table, (sql, names)

    async def _epochs_of(self, names: Sequence[str]) -> tuple[Table | None, Statement]:
        table = await self._layout.find_or_none("photometry")
        if table is None or not names:
            return None, ("", ())
        # One count a name is twice as fast as GROUP BY over all of them.
        sql = (
            f"WITH n(name) AS (VALUES {','.join(['(?)'] * len(names))}) SELECT name, "
            f'(SELECT count(*) FROM "{table.name}" p WHERE p.source_id = n.name) FROM n LIMIT {len(names)}'
        )
        return table, (sql, names)

    async def _count_epochs(self, names: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
        """Return how many measurements sources have in the photometry, and by their stored statistics."""
        statistics = await self._by_name("variability_stats", ("source_id", "n_obs"), names)
        counted, stored = await ask_together([await self._epochs_of(names), statistics])
        return (
            {str(name): int(n) for name, n in counted if n},
            {str(name): n for name, n in stored if isinstance(n, int) and n > 0},
        )

    async def _positions(self, names: Sequence[str]) -> dict[str, Position]:
        table = await self._layout.find_or_none("photometry")
        if table is None or not names:
            return {}
        ids = ",".join("(?)" for _ in names)
        one = f'(SELECT {{}} FROM "{table.name}" p WHERE p.source_id = n.name LIMIT 1)'
        sql = (
            f"WITH n(name) AS (VALUES {ids}) SELECT n.name, {one.format(table.column('ra_deg', 'p'))}, "
            f"{one.format(table.column('dec_deg', 'p'))} FROM n LIMIT {len(names)}"
        )
        found = await table.fetch(sql, list(names))
        rows = [RowReader(("name", "ra_deg", "dec_deg"), row) for row in found.rows]
        return {row.text("name") or "": (row.real("ra_deg"), row.real("dec_deg")) for row in rows}


def _names_sql(tables: Sequence[tuple[str, str]], *, after: bool, descending: bool) -> str:
    """Return SQL that walks the distinct names in order, one index seek per name (a loose index scan)."""
    pick, sign = ("max", "<") if descending else ("min", ">")

    def nearest(condition: str) -> str:
        parts = " UNION ALL ".join(
            f'SELECT {pick}("{column}") AS x FROM "{name}"{condition.format(column=column)}'
            for name, column in tables
        )
        return f"(SELECT {pick}(x) FROM ({parts}))"

    first = nearest(f' WHERE "{{column}}" {sign} ?' if after else "")
    then = nearest(f' WHERE "{{column}}" {sign} s.id')
    return (
        f"WITH RECURSIVE s(id) AS (SELECT {first} UNION ALL SELECT {then} FROM s WHERE s.id IS NOT NULL) "
        "SELECT id FROM s WHERE id IS NOT NULL"
    )
