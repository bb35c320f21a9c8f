"""The mark that holds now, and a history that nobody rewrites."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the view of the newest marks, and refuse changes and deletions of what was written."""
    op.execute(
        "CREATE VIEW current_marks AS SELECT m.* FROM marks m WHERE m.revision = "
        "(SELECT max(n.revision) FROM marks n WHERE n.kind = m.kind AND n.object_id = m.object_id)"
    )
    for action in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER marks_no_{action.lower()} BEFORE {action} ON marks "
            "BEGIN SELECT RAISE(ABORT, 'marks are kept as they were written'); END"
        )
