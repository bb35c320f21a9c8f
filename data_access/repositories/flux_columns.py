"""Which columns of ``photometry`` hold a peak flux density, as SQL."""

from __future__ import annotations

from data_access.layout import Table


def recorded_peak_sql(table: Table, alias: str = "") -> str:
    """Return the SQL of the peak, Jy/beam: since December 2025 some rows of a table have it in another column."""
    columns = [table.column(name, alias) for name in ("peak_jyb", "peak_flux_jy") if name in table.columns]
    if len(columns) > 1:
        return f"coalesce({', '.join(columns)})"
    return columns[0] if columns else "NULL"


def peak_sql(table: Table, alias: str = "") -> str:
    """Return the SQL of the peak; in a table without peaks the integrated flux stands in."""
    recorded = recorded_peak_sql(table, alias)
    return recorded if recorded != "NULL" else table.column("flux_jy", alias)
