"""Marks that people give to candidates, every one kept."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table of marks: one row per change, numbered per object."""
    op.execute(
        "CREATE TABLE marks ("
        "id INTEGER PRIMARY KEY AUTOINCREMENT, "
        "kind TEXT NOT NULL, "
        "object_id TEXT NOT NULL, "
        "revision INTEGER NOT NULL CHECK (revision > 0), "
        "who TEXT NOT NULL CHECK (who <> ''), "
        "marked_at REAL NOT NULL, "
        "verdict TEXT NOT NULL DEFAULT '', "
        "tags TEXT NOT NULL DEFAULT '[]', "
        "comment TEXT NOT NULL DEFAULT '', "
        "undoes INTEGER, "
        "UNIQUE (kind, object_id, revision))"
    )
