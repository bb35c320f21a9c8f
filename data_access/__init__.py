"""Async, read-only access to the products of the DSA-110 continuum imaging pipeline."""

from data_access.archive import Archive, open_archive
from data_access.errors import ArchiveError

__all__ = ["Archive", "ArchiveError", "open_archive"]
