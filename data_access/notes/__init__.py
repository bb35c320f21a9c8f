"""What people write: our own database, beside and never inside the pipeline's folders.

`NotesDatabase` opens it, `migrations` holds its tables; the SQL of its questions is in the repositories.
"""

from data_access.notes.database import NotesDatabase, NotesState
from data_access.notes.schema import HEAD, REVISIONS

__all__ = ["HEAD", "REVISIONS", "NotesDatabase", "NotesState"]
