"""What the values of settings are made of: absolute paths, numbers within limits, a secret, services."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_access.errors import ValidationError
from data_access.service_ports import parse_service

_LEAST_SECRET = 32
_LARGEST = 1_000_000_000
_SHOWN_CHARACTERS = 100


def absolute_path(name: str, path: str | Path, *, start: Path | None = None) -> Path:
    """Return a path without `~`, `.` and `..`, which begins at a folder or at the current one.

    Raises
    ------
    ValidationError
        No file can have this name, or nobody has the home folder in it.
    """
    text = str(path).strip()
    if "\0" in text:
        raise ValidationError(f"The setting {name} has a zero byte, which no path can have: {text!r}")
    try:
        expanded = Path(text).expanduser()
    except RuntimeError as err:
        raise ValidationError(
            f"The setting {name} is in a home folder that cannot be found: {text}",
            remedy="Check the name after `~`, or write the whole path.",
        ) from err
    return Path(os.path.normpath(expanded.absolute() if start is None else start / expanded))


def checked_secret(secret: str, *, variable: str) -> str:
    """Return the secret, which no message repeats; raise `ValidationError` for one that can be guessed."""
    if secret and len(secret.strip()) < _LEAST_SECRET:
        raise ValidationError(
            f"The setting secret ({variable}) is too short: it needs {_LEAST_SECRET} characters",
            remedy="Make one with `openssl rand -hex 32`, or leave it out: then every start makes its own.",
        )
    return secret.strip()


def checked_services(value: str | Sequence[str]) -> tuple[str, ...]:
    """Return the services that are named; raise `ValidationError` for one that makes no sense."""
    texts = [text.strip() for text in ([value] if isinstance(value, str) else value)]
    services = tuple(text for text in texts if text and text.lower() != "none")
    for service in services:
        parse_service(service)
    return services


def checked_number(name: str, value: Any, default: Any) -> Any:
    """Return a positive number of the kind of the default; raise `ValidationError` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValidationError(f"The setting {name} must be a number, not {shown(value)}")
    if not 0 < value <= _LARGEST:
        raise ValidationError(f"The setting {name} must be positive and at most {_LARGEST}, not {shown(value)}")
    if isinstance(default, int) and value != int(value):
        raise ValidationError(f"The setting {name} must be a whole number, not {shown(value)}")
    return type(default)(value)


def shown(value: Any) -> str:
    """Return a value as it stands in a message: not the whole of a long one."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
