"""Where browsers find the server: the address to print, the path it is served below, the hosts they may come from."""

from __future__ import annotations

import re

from data_access.errors import ValidationError

_PREFIX = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
_ORIGIN = re.compile(r"([a-z0-9_*.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}|\*))?/?")
_HIGHEST_PORT = "65535"
_DEFAULT_PORTS = {"http": "80", "https": "443"}


def prefix_of(text: str) -> str:
    """Return the path below which everything is served: empty, or with a slash in front and none at the end.

    Raises `ValidationError` for what would have to be escaped in an address.
    """
    prefix = f"/{text.strip('/')}".rstrip("/")
    if not _PREFIX.fullmatch(prefix):
        raise ValidationError(
            f"Cannot serve below the path '{text[:80]}'",
            remedy="Name a path of letters, digits, '-', '_', '.' and '~', for example /dsa110.",
        )
    return prefix


def origin_of(text: str) -> str:
    """Return ``host:port`` as Bokeh compares it with where a browser comes from: without a port, 80 stands there.

    A whole address is understood too; the default port of its scheme is one that browsers leave out. ``*`` stands
    for any host, part of a host or port.

    Raises
    ------
    ValidationError
        That is no host.
    """
    scheme, _, place = text.strip().lower().rpartition("://")
    match = _ORIGIN.fullmatch(place)
    if match is None or (match[2] or "").rjust(5, "0") > _HIGHEST_PORT:
        raise ValidationError(
            f"A browser cannot come from '{text[:80]}'",
            remedy="Name a host as the browser shows it, with its port if it shows one: dash.example.org:8080.",
        )
    if place == "*":
        return place
    port = match[2] if match[2] != _DEFAULT_PORTS.get(scheme) else None
    return f"{match[1]}:{port or 80}"


def host_in_url(address: str) -> str:
    """Return how an address to listen on is written in a URL; this machine for all addresses."""
    if address in ("", "0.0.0.0", "::"):  # noqa: S104
        return "localhost"
    return f"[{address}]" if ":" in address else address
