"""What Alembic runs to change the tables: on the connection that the caller has opened and locked."""

from alembic import context


def run() -> None:
    """Run the migrations that are due inside the caller's transaction."""
    context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
    context.run_migrations()


run()
