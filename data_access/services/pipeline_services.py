"""Which programs of the pipeline answer on this machine; asked only when somebody looks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

from data_access.records import ServiceState
from data_access.service_ports import ServicePort

HOST = "127.0.0.1"
"""Never another one: no page asks an outside host, and no server for it."""

_TIMEOUT_S = 3.0
_MOST_BYTES = 4096


class PipelineServices:
    """Asks every service at the same time, each for at most 3 s (the limit of the pipeline's own monitor).

    Parameters
    ----------
    services : sequence of ServicePort
        Empty: nothing is ever asked.
    """

    def __init__(self, services: Sequence[ServicePort]) -> None:
        self._services = tuple(services)

    async def states(self) -> tuple[ServiceState, ...]:
        """Return the state of every service in the order of the settings."""
        return tuple(await asyncio.gather(*(_state(service) for service in self._services)))


async def _state(service: ServicePort) -> ServiceState:
    begun = time.monotonic()
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            problem = await _ask(service)
    except ConnectionRefusedError:
        return ServiceState(service.name, service.port, "stopped", "nothing listens on this port", None)
    except TimeoutError:
        return ServiceState(service.name, service.port, "error", f"no answer within {_TIMEOUT_S:g} s", None)
    except (OSError, asyncio.LimitOverrunError, ValueError) as err:
        return ServiceState(service.name, service.port, "error", str(err) or type(err).__name__, None)
    took_ms = (time.monotonic() - begun) * 1e3
    return ServiceState(service.name, service.port, "error" if problem else "running", problem, took_ms)


async def _ask(service: ServicePort) -> str:
    """Return what is wrong with the answer; empty when nothing is."""
    reader, writer = await asyncio.open_connection(HOST, service.port, limit=_MOST_BYTES)
    try:
        if not service.check:
            return ""
        if service.check == "PING":
            writer.write(b"PING\r\n")
            answer = (await reader.readline()).decode("ascii", "replace").strip()
            return "" if answer.startswith(("+PONG", "-NOAUTH")) else f"it answered '{answer[:60]}' to PING"
        writer.write(f"GET {service.check} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode("ascii"))
        return _problem_of((await reader.readline()).decode("latin-1").strip())
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def _problem_of(status_line: str) -> str:
    protocol, _, rest = status_line.partition(" ")
    status = rest[:3]
    if not protocol.startswith("HTTP/") or not status.isdecimal():
        return "it does not speak HTTP"
    return "" if int(status) < 400 else f"it answered HTTP {status}"
