"""Reference catalogues beside the databases: one SQLite file for each declination strip."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from data_access.demo.plan import STRIPS_DEG
from data_access.demo.schema import create_database
from data_access.demo.sky import Sky


def write_catalogs(root: Path, sky: Sky) -> None:
    """Write the catalogue strips ``nvss_dec<declination>.sqlite3``, without the sources they do not know."""
    for strip_deg in STRIPS_DEG:
        rows = [
            (source.ra_deg, source.dec_deg, source.catalog_flux_jy * 1e3, source.source_id)
            for source in sky.sources
            if source.catalog_flux_jy is not None and abs(source.dec_deg - strip_deg) < 1.0
        ]
        path = root / "state" / "catalogs" / f"nvss_dec{strip_deg:+05.1f}.sqlite3"
        create_database(path, "catalog_strip")
        connection = sqlite3.connect(path)
        try:
            with connection:
                connection.executemany(
                    "INSERT INTO sources (ra_deg, dec_deg, flux_mjy, name) VALUES (?, ?, ?, ?)", rows
                )
                connection.execute("INSERT INTO meta (key, value) VALUES ('dec_center', ?)", (str(strip_deg),))
        finally:
            connection.close()
