"""Fills an archive with text that would run, break out, mislead or choke, wherever the pages show text."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from astropy.io import fits
from casacore.tables import table

from data_access.repositories.run_rows import run_id_of

MARKUP = '<img src=x onerror="window.__xss=1">'
BREAKOUT = "</script><script>window.__xss=1</script>"
LINK = "javascript:window.__xss=1"
TEMPLATE = "{{7*7}}${7*7}#{7*7}"
ANSI = "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J"
BACKWARDS = "\u202egnp.lecnac \u2066abc\u2069"
WITH_NUL = "before\x00after"
HANDLER = "x' onmouseover='window.__xss=1' y=\" onfocus=\"window.__xss=1"
ODD = "\ufffe\u200b\u0000\U0001f4a9 Z\u0351\u036b\u0343\u036a\u0302\u0346"
PAYLOADS = (MARKUP, BREAKOUT, LINK, TEMPLATE, ANSI, BACKWARDS, WITH_NUL, HANDLER, ODD)
HUGE = MARKUP + "A" * 1_000_000
NAME = "<img src=x onerror=window.__xss=1>"
"""Markup without a slash and without quotes: good as a file name, too."""
# Changing these would only make pages empty: they are what rows are found by.
KEYS = frozenset(
    {
        "path", "ms_path", "image_path", "source_id", "source_name", "group_id", "base_path", "imagename",
        "mosaic_path", "source_ms_path", "transit_iso", "group_mid_iso", "measurement_date", "artifacts",
    }
)  # fmt: skip


@dataclass(frozen=True)
class HostileKeys:
    """What to open: one of each kind whose key itself is hostile."""

    image_id: int
    source_id: str
    run_id: str
    ms_path: str
    caltable_path: str


def fill_with_hostile_text(root: Path) -> HostileKeys:
    """Change the archive at `root` and return the hostile keys in it."""
    for database in sorted((root / "state/db").glob("*.sqlite3")):
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("PRAGMA synchronous=OFF")
            _fill_columns(connection)
    keys = _rename_keys(root)
    _write_logs(root, keys)
    return keys


def _fill_columns(connection: sqlite3.Connection) -> None:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    for (name,) in tables.fetchall():
        columns = connection.execute(f'PRAGMA table_info("{name}")').fetchall()
        texts = [c[1] for c in columns if "TEXT" in c[2].upper() and not c[5] and c[1] not in KEYS]
        for shift, column in enumerate(texts):
            cases = " ".join(f"WHEN {i} THEN ?" for i in range(len(PAYLOADS)))
            connection.execute(
                f'UPDATE OR IGNORE "{name}" SET "{column}" = CASE (rowid + {shift}) % {len(PAYLOADS)} {cases} END',
                PAYLOADS,
            )
            newest = f'(SELECT max(rowid) - 1 FROM "{name}")'
            connection.execute(f'UPDATE OR IGNORE "{name}" SET "{column}" = ? WHERE rowid = {newest}', (HUGE,))


def _rename_keys(root: Path) -> HostileKeys:
    with closing(sqlite3.connect(root / "state/db/cal_registry.sqlite3")) as registry, registry:
        rows = registry.execute("SELECT path FROM caltables ORDER BY id DESC").fetchall()
        caltable = next(path for (path,) in rows if Path(path).is_dir())
        hostile_caltable = _rename(caltable)
        registry.execute("UPDATE caltables SET path = ? WHERE path = ?", (hostile_caltable, caltable))
    with closing(sqlite3.connect(root / "state/db/products.sqlite3")) as products, products:
        rows = products.execute(
            "SELECT id, path, ms_path FROM images WHERE path IN"
            " (SELECT image_path FROM photometry WHERE source_id IS NOT NULL) ORDER BY id DESC"
        ).fetchall()
        image_id, image, ms = next(r for r in rows if Path(r[1]).is_file() and Path(r[2]).is_dir())
        hostile_image, hostile_ms = _rename(image), _rename(ms)
        products.execute("UPDATE images SET path = ? WHERE path = ?", (hostile_image, image))
        products.execute("UPDATE photometry SET image_path = ? WHERE image_path = ?", (hostile_image, image))
        products.execute("UPDATE ms_index SET path = ? WHERE path = ?", (hostile_ms, ms))
        products.execute("UPDATE images SET ms_path = ? WHERE ms_path = ?", (hostile_ms, ms))
        (source,) = products.execute(
            "SELECT source_id FROM photometry WHERE image_path = ? AND source_id IS NOT NULL", (hostile_image,)
        ).fetchone()
        for name in ("photometry", "variability_stats", "monitoring_sources", "ese_candidates"):
            products.execute(f"UPDATE {name} SET source_id = ? WHERE source_id = ?", (MARKUP, source))
        products.execute("UPDATE ese_candidates SET source_id = ?", (MARKUP,))
        products.execute("UPDATE transient_candidates SET source_name = ?", (BREAKOUT,))
    _spoil_image(hostile_image)
    _spoil_set(hostile_ms)
    _spoil_set(hostile_caltable)
    return HostileKeys(image_id, MARKUP, run_id_of(hostile_ms), hostile_ms, hostile_caltable)


def _rename(path: str) -> str:
    """Put markup into the name of a file or folder, before its endings."""
    old = Path(path)
    stem, dot, endings = old.name.partition(".")
    new = old.with_name(f"{stem}{NAME}{dot}{endings}")
    old.rename(new)
    return str(new)


def _spoil_image(path: str) -> None:
    with fits.open(path, mode="update") as units:
        header = units[0].header
        header["OBJECT"] = (MARKUP, "<b>comment</b>")
        header["OBSERVER"] = BREAKOUT
        header["TELESCOP"] = NAME
        header.add_history(MARKUP)
        header.add_comment(LINK)


def _spoil_set(path: str) -> None:
    with table(f"{path}/ANTENNA", readonly=False, ack=False) as antennas:
        names = [PAYLOADS[i % 4] for i in range(antennas.nrows())]
        antennas.putcol("NAME", names)
    with table(f"{path}/FIELD", readonly=False, ack=False) as fields:
        fields.putcol("NAME", [MARKUP] * fields.nrows())


def _write_logs(root: Path, keys: HostileKeys) -> None:
    logs = root / "state/logs"
    lines = [f"2026-01-01 00:00:00 {level} {text}" for text in PAYLOADS for level in ("INFO", "ERROR")]
    content = "\n".join([HUGE, *lines, f"{keys.run_id} {MARKUP} the end"]) + "\n"
    for path in [*logs.glob("*.log"), logs / f"{keys.run_id}.log", logs / f"{NAME}.log"]:
        with path.open("a", encoding="utf-8", errors="surrogatepass") as file:
            file.write(content)
