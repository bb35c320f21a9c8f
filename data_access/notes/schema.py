"""Which tables our own database has, by revision, and the way from an older revision to the newest one.

Alembic is imported only when something has to be changed: it costs most of a second.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data_access.errors import NotesTooNew

REVISIONS = ("0001", "0002")
HEAD = REVISIONS[-1]
MIGRATIONS = Path(__file__).parent / "migrations"

# Alembic's `context` and `op` are names of the process, not of a connection.
_ONE_AT_A_TIME = threading.Lock()


def read_revision(connection: sqlite3.Connection) -> str:
    """Return the revision of the tables; empty for a file without tables.

    Raises
    ------
    NotesTooNew
        A newer dashboard has written this file.
    """
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone() is None:
        return ""
    row = connection.execute("SELECT version_num FROM alembic_version ORDER BY version_num DESC LIMIT 1").fetchone()
    revision = str(row[0]) if row else ""
    if revision and revision not in REVISIONS:
        raise NotesTooNew(
            f"Our own database is of revision {revision[:40]}; this dashboard knows those up to {HEAD}",
            revision=revision,
        )
    return revision


@contextmanager
def _errors_of_sqlite() -> Iterator[None]:
    """Raise what SQLite said, not what was wrapped around it."""
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except DBAPIError as err:
        raise err.orig or err from err


def upgrade(connection: sqlite3.Connection, target: str = HEAD) -> None:
    """Bring the tables to a revision, all of it or nothing; whoever comes second finds it done.

    Parameters
    ----------
    connection : sqlite3.Connection
        Without a transaction, and with ``isolation_level=None``: the transaction is opened here.

    Raises
    ------
    sqlite3.Error
    NotesTooNew
    """
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with _ONE_AT_A_TIME, _errors_of_sqlite(), engine.connect() as wrapped:
        config.attributes["connection"] = wrapped
        # SQLAlchemy rolls back when it connects, so the transaction begins after that; and the lock is taken before
        # the revision is read: two starts at the same time would both begin at the old one.
        wrapped.exec_driver_sql("BEGIN IMMEDIATE")
        if read_revision(connection) != target:
            command.upgrade(config, target)
        wrapped.commit()
