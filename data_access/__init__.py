"""Async, read-only access to the products of the DSA-110 continuum imaging pipeline."""
