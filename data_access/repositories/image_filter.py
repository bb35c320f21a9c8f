"""Which images are wanted: what SQL can test, and what is left to test row by row."""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from data_access.analysis.cones import Cone, box_of
from data_access.analysis.qa import Grade, grade_dynamic_range, grade_image_noise, thresholds, worst
from data_access.analysis.times import format_mjd_utc
from data_access.layout import Table
from data_access.records import Image, ImagePlace
from data_access.records.images import NOT_OF_SKY
from data_access.repositories.base import Where

NOT_JUDGED = "not judged"
GRADES = ("good", "suspect", "bad", NOT_JUDGED)
_ROWS_AT_ONCE = 500
_STAMPED = "*[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]*"
_MINUTE_MJD = 1.0 / 1440.0
_MOST_DATES = 31


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """Which images are wanted; empty fields do not filter.

    Attributes
    ----------
    text : str
        Part of the path or of the field name.
    type : str
        Exactly this type.
    after_mjd, before_mjd : float
        Of the observation, UTC; both ends belong to the range. Images without an epoch do not match.
    cone : Cone
        Holds the position (see `Image.position`).
    dec_min_deg, dec_max_deg : float
        Of the position.
    noise_min_jy, noise_max_jy : float
    beam_min_arcsec, beam_max_arcsec : float
        Of the major axis.
    grade : str
        One of `GRADES`: the worse one of the recorded noise and dynamic range, or `NOT_JUDGED` where neither can be,
        or where the image is not of the sky.
    verdict : str
        What the pipeline wrote into ``image_qa.overall_quality``.
    """

    text: str = ""
    type: str = ""
    after_mjd: float | None = None
    before_mjd: float | None = None
    cone: Cone | None = None
    dec_min_deg: float | None = None
    dec_max_deg: float | None = None
    noise_min_jy: float | None = None
    noise_max_jy: float | None = None
    beam_min_arcsec: float | None = None
    beam_max_arcsec: float | None = None
    grade: str = ""
    verdict: str = ""

    @property
    def needs_rows(self) -> bool:
        """True when SQL alone cannot tell which images match."""
        return self.cone is not None or self.has_times

    @property
    def has_times(self) -> bool:
        """True when the time of the observation matters."""
        return self.after_mjd is not None or self.before_mjd is not None


def image_grade(image: Image) -> Grade:
    """Return the grade of what is recorded for an image: the worse one of noise and dynamic range."""
    if not image.is_of_sky:
        text = f"An image of type '{image.type}' is not judged: the thresholds are for images of the sky"
        return Grade("not applicable", text)
    return worst((grade_image_noise(image.noise_jy), grade_dynamic_range(image.dynamic_range)))


@dataclass(frozen=True, slots=True)
class WhenAndWhere:
    """What is tested row by row: the epoch (MJD, UTC) and the position."""

    mjd: float | None
    place: ImagePlace


async def matching(wanted: ImageFilter, facts: Iterable[WhenAndWhere]) -> list[bool]:
    """Return which rows pass the tests that SQL cannot make; other work gets its turn between hundreds."""
    found: list[bool] = []
    rest = iter(facts)
    while some := list(itertools.islice(rest, _ROWS_AT_ONCE)):
        found += _matching(wanted, some)
        await asyncio.sleep(0)
    return found


def _matching(wanted: ImageFilter, facts: Sequence[WhenAndWhere]) -> list[bool]:
    inside = [True] * len(facts)
    if wanted.cone is not None:
        inside = wanted.cone.contains([f.place.ra_deg for f in facts], [f.place.dec_deg for f in facts]).tolist()
    return [ok and _is_in_time(wanted, one.mjd) for ok, one in zip(inside, facts, strict=True)]


def _is_in_time(wanted: ImageFilter, mjd: float | None) -> bool:
    if not wanted.has_times:
        return True
    if mjd is None:
        return False
    low, high = wanted.after_mjd, wanted.before_mjd
    return (low is None or mjd >= low) and (high is None or mjd <= high)


def where_images(
    wanted: ImageFilter, table: Table, places: tuple[str, str], mid_mjd: str, quality: Table | None
) -> Where:
    """Return the conditions for SQL: with `needs_rows` they let more pass than is wanted, never less.

    Parameters
    ----------
    places : (str, str)
        SQL of right ascension and declination.
    mid_mjd : str
        SQL of the middle of the observation, as ``ms_index`` has it.
    quality : Table, optional
        ``image_qa`` in the same database.
    """
    column = functools.partial(table.column, alias="i")
    ra, dec = places
    where = Where()
    if wanted.text.strip():
        where.contains(f"({column('path')} || ' ' || coalesce({column('field_name')}, ''))", wanted.text)
    if wanted.type:
        where.add(f"{column('type')} = ?", wanted.type)
    strip = f"coalesce({column('center_dec_deg')}, {dec})"
    where.between(strip, wanted.dec_min_deg, wanted.dec_max_deg)
    where.between(column("noise_jy"), wanted.noise_min_jy, wanted.noise_max_jy)
    where.between(column("beam_major_arcsec"), wanted.beam_min_arcsec, wanted.beam_max_arcsec)
    _add_numbers_only(where, wanted, column("noise_jy"), column("beam_major_arcsec"), strip)
    if wanted.has_times:
        _add_times(where, wanted, column("path"), mid_mjd)
    if wanted.cone is not None:
        _add_box(where, wanted.cone, ra, dec)
    if wanted.grade:
        _add_grade(where, wanted.grade, column("noise_jy"), column("dynamic_range"), column("type"))
    if wanted.verdict:
        _add_verdict(where, wanted.verdict, column("path"), quality)
    return where


def _add_numbers_only(where: Where, wanted: ImageFilter, noise: str, beam: str, dec: str) -> None:
    """Text sorts above every number in SQLite: without an upper bound it would pass a lower one."""
    lower = ((noise, wanted.noise_min_jy), (beam, wanted.beam_min_arcsec), (dec, wanted.dec_min_deg))
    for expression, low in lower:
        if low is not None:
            where.add(f"typeof({expression}) <> 'text'")


def _add_times(where: Where, wanted: ImageFilter, path: str, mid_mjd: str) -> None:
    """Leave out what lies elsewhere by its Measurement Set, and by the days (or months) written into its path.

    Both are cheap for every row, where taking the time out of the name costs 20 microseconds in SQL.
    """
    low, high = wanted.after_mjd, wanted.before_mjd
    if mid_mjd != "NULL":
        for bound, sign, shift in ((low, ">=", -1.0), (high, "<=", 1.0)):
            if bound is not None:
                where.add(f"({mid_mjd} IS NULL OR {mid_mjd} {sign} ?)", bound + shift)
    if low is not None and high is not None and (dates := _dates(low, high)):
        written = " OR ".join([f"instr({path}, ?) > 0"] * len(dates))
        where.add(f"({written} OR {path} NOT GLOB ?)", *dates, _STAMPED)


def _dates(low_mjd: float, high_mjd: float) -> list[str]:
    """Return the days of a range as paths have them, the months of a longer one; empty for a very long one."""
    first, last = int(low_mjd - _MINUTE_MJD), int(high_mjd + _MINUTE_MJD)
    if last - first > _MOST_DATES * 31:
        return []
    days = [text for mjd in range(first, last + 1) if (text := format_mjd_utc(mjd, seconds=False)[:10])]
    if len(days) <= _MOST_DATES:
        return days
    return list(dict.fromkeys(day[:8] for day in days))


def _add_box(where: Where, cone: Cone, ra: str, dec: str) -> None:
    box = box_of(cone)
    where.between(dec, box.dec_low_deg, box.dec_high_deg)
    if box.ra_spans:
        # Right ascensions are also written from -180 to 180.
        turned = f"(CASE WHEN {ra} < 0 THEN {ra} + 360 ELSE {ra} END)"
        spans = " OR ".join([f"{turned} BETWEEN ? AND ?"] * len(box.ra_spans))
        where.add(f"({spans})", *(edge for span in box.ra_spans for edge in span))


def _add_grade(where: Where, grade: str, noise: str, dynamic_range: str, kind: str) -> None:
    """Add the conditions of `image_grade`: impossible values (text, infinities, a noise of zero) have no say."""
    is_of_sky = f"lower(coalesce({kind}, '')) NOT IN ({','.join('?' * len(NOT_OF_SKY))})"
    limits = thresholds()
    noise_limit, range_limit = limits["image_noise"], limits["dynamic_range"]
    has_noise = f"(typeof({noise}) IN ('real', 'integer') AND {noise} > 0 AND {noise} < 9e999)"
    has_range = (
        f"(typeof({dynamic_range}) IN ('real', 'integer') AND {dynamic_range} >= 0 AND {dynamic_range} < 9e999)"
    )
    beyond = f"(({has_noise} AND {noise} > ?) OR ({has_range} AND {dynamic_range} < ?))"
    bad, suspect = (noise_limit.bad, range_limit.bad), (noise_limit.suspect, range_limit.suspect)
    if grade == NOT_JUDGED:
        where.add(f"NOT ({is_of_sky} AND ({has_noise} OR {has_range}))", *NOT_OF_SKY)
        return
    where.add(is_of_sky, *NOT_OF_SKY)
    if grade == "bad":
        where.add(beyond, *bad)
    elif grade == "suspect":
        where.add(f"({beyond} AND NOT {beyond})", *suspect, *bad)
    else:
        where.add(f"(({has_noise} OR {has_range}) AND NOT {beyond})", *suspect)


def _add_verdict(where: Where, verdict: str, path: str, quality: Table | None) -> None:
    if quality is None:
        where.add("0")
        return
    where.add(
        f'{path} IN (SELECT {quality.column("image_path")} FROM "{quality.name}" '
        f"WHERE {quality.column('overall_quality')} = ?)",
        verdict,
    )
