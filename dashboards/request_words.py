"""What a request says, as text: names in its path, its query, its headers. Any bytes are read, whatever they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dashboards.links import name_in_path


def as_text(value: bytes | str) -> str:
    """Return bytes as text; those that are not UTF-8 become replacement characters."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def header_of(request: Any, name: str) -> str:
    """Return a header of a request, whatever the case of its name; empty when there is none."""
    headers = getattr(request, "headers", None) or {}
    return next((str(v) for k, v in headers.items() if str(k).lower() == name.lower()), "")


def path_params_of(request: Any) -> dict[str, str]:
    """Return the names in the path of a request, by those of its route."""
    return names_of(getattr(request, "route_params", None) or {})


def names_of(segments: Mapping[str, str]) -> dict[str, str]:
    """Return the names that segments of a path stand for."""
    return {key: name_in_path(segment) for key, segment in segments.items()}


def query_of(request: Any) -> dict[str, str]:
    """Return the last value of every query argument."""
    return {k: as_text(v[-1]) for k, v in (request.arguments or {}).items() if v}


def in_utf8(arguments: Mapping[str, Sequence[bytes]]) -> dict[str, list[bytes]]:
    """Return query arguments that Panel can decode: it is strict (panel/config.py looks for a theme of its own)."""
    return {name: [as_text(value).encode() for value in values] for name, values in arguments.items()}
