"""Time scales and epochs: unix seconds, MJD (UTC) and the times that file names carry."""

from __future__ import annotations

import math
import re
import time
from datetime import UTC, datetime
from functools import lru_cache

from data_access.errors import ValidationError
from data_access.records.base import Epoch

MJD_OF_UNIX_EPOCH = 40587.0
SECONDS_PER_DAY = 86400.0
_CLOCK_MARGIN_DAYS = 0.01
# Numbers outside of this are no epochs of observations (1899 to 2132).
EARLIEST_MJD, LATEST_MJD = 15_000.0, 100_000.0

_NAIVE_EPOCH = datetime.fromtimestamp(0, UTC).replace(tzinfo=None)

_STAMP = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}):?(\d{2})(?::?(\d{2}(?:\.\d+)?))?(?!\d)")


def unix_to_mjd(unix: float) -> float:
    """Return MJD (UTC days) of unix seconds."""
    return unix / SECONDS_PER_DAY + MJD_OF_UNIX_EPOCH


def latest_observed_mjd(now: float | None = None) -> float:
    """Return the latest MJD (UTC) at which something can have been observed; what claims to be later is a wrong time.

    Parameters
    ----------
    now : float, optional
        Unix seconds; the clock by default. Clocks differ, so a quarter of an hour is added.
    """
    return unix_to_mjd(time.time() if now is None else now) + _CLOCK_MARGIN_DAYS


def mjd_to_unix(mjd: float) -> float:
    """Return unix seconds of an MJD (UTC days)."""
    return (mjd - MJD_OF_UNIX_EPOCH) * SECONDS_PER_DAY


def unix_to_datetime(unix: float) -> datetime | None:
    """Return the aware UTC datetime of unix seconds; None outside the years 1 to 9999 or when not finite."""
    if not math.isfinite(unix):
        return None
    try:
        return datetime.fromtimestamp(unix, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def format_utc(unix: float | None, *, seconds: bool = True) -> str:
    """Return ``YYYY-MM-DD HH:MM:SS`` (UTC) rounded to the second, or an empty text when there is no such time."""
    when = None if unix is None else unix_to_datetime(round(unix))
    if when is None:
        return ""
    return when.strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def format_mjd_utc(mjd: float | None, *, seconds: bool = True) -> str:
    """Return ``YYYY-MM-DD HH:MM:SS`` (UTC) of an MJD, or an empty text."""
    return "" if mjd is None else format_utc(mjd_to_unix(mjd), seconds=seconds)


def age_words(seconds: float) -> str:
    """Return a span of time in words: ``45 s``, ``12 min``, ``2 h 05 min``, ``3 d``."""
    whole = max(0, round(seconds))
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min"
    if whole < 172_800:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86_400:,} d"


def stamp_in_name(path: str | None) -> str | None:
    """Return the ``YYYY-MM-DDTHH:MM:SS[.f]`` that the last part of a path starts with or contains, else None.

    This is the pipeline's group identifier: the start of the observation, UTC.
    """
    if not path:
        return None
    match = _STAMP.search(path.rstrip("/").rsplit("/", 1)[-1])
    return None if match is None else f"{match[1]}T{match[2]}:{match[3]}:{match[4] or '00'}"


def path_to_stamp(path: str) -> str | None:
    """Return a path up to the end of the time in its last part: what all products of an observation begin with."""
    folder, slash, name = path.rstrip("/").rpartition("/")
    match = _STAMP.search(name)
    return None if match is None else folder + slash + name[: match.end()]


def mjd_of_stamp(stamp: str | None) -> float | None:
    """Return the MJD of a group identifier; None when it is not a possible time."""
    if not stamp:
        return None
    try:
        when = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    if when.tzinfo is None:
        return unix_to_mjd((when - _NAIVE_EPOCH).total_seconds())  # a quarter of the time of `replace`, `timestamp`
    return unix_to_mjd(when.timestamp())


# The same images come with every source measured on them, and with every look at a list.
@lru_cache(maxsize=50_000)
def mjd_in_name(path: str | None) -> float | None:
    """Return the MJD of the group identifier in the last part of a path; None when there is none."""
    return mjd_of_stamp(stamp_in_name(path))


def epoch_of_image(path: str | None, ms_mid_mjd: float | None = None) -> Epoch:
    """Return the epoch of an image: the start of the observation in its name, else the middle of its MS."""
    stamp = mjd_in_name(path)
    if stamp is not None:
        return Epoch(stamp, "image name")
    return Epoch(ms_mid_mjd, "ms_index") if ms_mid_mjd is not None else Epoch(None, "unknown")


def epoch_of_ms(path: str, mid_mjd: float | None, start_mjd: float | None) -> Epoch:
    """Return the epoch of an MS: middle, else start, else the time in its name."""
    known = mid_mjd if mid_mjd is not None else start_mjd
    if known is not None:
        return Epoch(known, "ms_index")
    stamp = mjd_in_name(path)
    return Epoch(stamp, "MS name") if stamp is not None else Epoch(None, "unknown")


def parse_utc(text: str) -> float:
    """Return MJD (UTC) of a date, a date and time (ISO 8601), or an MJD written as a number.

    Raises
    ------
    ValidationError
        Naming the text and the forms that are understood.
    """
    cleaned = text.strip().removesuffix("Z").replace(" ", "T")
    try:
        number = float(cleaned)
    except ValueError:
        pass
    else:
        if 0 < number < 1e6:
            return number
        raise ValidationError(
            f"'{text}' is not a possible MJD",
            remedy="Write an MJD such as 60961.5 or a date such as 2025-10-13.",
        )
    try:
        when = datetime.fromisoformat(cleaned)
    except ValueError as err:
        raise ValidationError(
            f"'{text}' is not a date",
            remedy="Write 2025-10-13, 2025-10-13 13:28 or an MJD such as 60961.5 (UTC).",
        ) from err
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return unix_to_mjd(aware.timestamp())
