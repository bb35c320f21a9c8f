"""How the services of the pipeline and our own parts are worded on /status."""

from __future__ import annotations

from collections.abc import Mapping

from dashboards.components.cells import State, cell
from dashboards.components.record_table import Column, Row, row
from data_access.records import PartState, ServiceState

SERVICE_COLUMNS: list[Column] = [
    {"name": "name", "label": "Service"},
    {"name": "port", "label": "Port", "align": "right"},
    {"name": "state", "label": "State"},
    {"name": "took", "label": "Answered in", "unit": "ms", "align": "right"},
    {"name": "problem", "label": "What is wrong"},
]
PART_COLUMNS: list[Column] = [
    {"name": "name", "label": "Part"},
    {"name": "state", "label": "State"},
    {"name": "detail", "label": "What it says"},
]
_SERVICE_STATES: Mapping[str, State] = {"running": "ok", "stopped": "off", "error": "bad"}
_PART_STATES: Mapping[str, State] = {"working": "ok", "idle": "off", "broken": "bad"}


def service_row(service: ServiceState) -> Row:
    """Return the row of one service."""
    cells = [
        cell(service.name),
        cell(str(service.port)),
        cell(service.state, state=_SERVICE_STATES[service.state]),
        cell(service.response_ms, digits=2),
        cell(service.problem or None),
    ]
    return row(f"{service.name}-{service.port}", cells)


def part_row(part: PartState) -> Row:
    """Return the row of one part."""
    return row(part.name, [cell(part.name), cell(part.state, state=_PART_STATES[part.state]), cell(part.detail)])
