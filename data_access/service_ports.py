"""Programs of the pipeline that listen on this machine: which ports, and how each is asked whether it works."""

from __future__ import annotations

import re
from dataclasses import dataclass

from data_access.errors import ValidationError

DEFAULT_SERVICES = (
    "Pipeline API 8000 /api/health",
    "Redis 6379 PING",
    "Grafana 3030 /api/health",
    "Prometheus 9090 /-/healthy",
    "Vite 3000 /",
    "MkDocs 8001 /",
    "CARTA 9002 /",
    "PostgreSQL 5433",
)
"""The ports that the pipeline's own monitor looks at, and those of its task queue and its image viewer."""

_SERVICE = re.compile(r"(?P<name>\S.{0,39}?)\s+(?P<port>\d{1,5})(?:\s+(?P<check>PING|/[!-~]{0,200}))?")


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One program: its name, its port on this machine, and the check.

    `check` is a path to ask by HTTP, ``"PING"`` for Redis, or empty: then a connection is enough.
    """

    name: str
    port: int
    check: str


def parse_service(text: str) -> ServicePort:
    """Return the service that a text such as ``Grafana 3030 /api/health`` means; raise `ValidationError`."""
    match = _SERVICE.fullmatch(text.strip())
    if match is None or not 1 <= int(match["port"]) <= 65535:
        raise ValidationError(
            f"'{text[:80]}' is no service",
            remedy="It is a name, a port of this machine, and a path, PING or nothing: Grafana 3030 /api/health",
        )
    return ServicePort(match["name"], int(match["port"]), match["check"] or "")
