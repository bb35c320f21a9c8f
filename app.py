"""Command line and composition root: serve the dashboard, make a demo archive, check what can be read.

python app.py serve --state-dir /data/dsa110-contimg/state
python app.py demo
python app.py check --json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from data_access.errors import ArchiveError, FileMissing

if TYPE_CHECKING:
    from data_access.archive import Archive
    from data_access.records import DatabaseState, UnusedTable
    from data_access.services.health import HealthReport

_NAMED_COLUMNS = 4
DEMO_FOLDER = Path(__file__).resolve().parent / ".demo"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(argv)
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.INFO,
        format="%(asctime)s %(levelname)-8s [%(name)s] %(message)s",
    )
    for chatty in ("aiosqlite", "bokeh", "watchfiles"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except ArchiveError as err:
        print(f"{err.message}\n{err.remedy}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `check | head`: the reader has seen enough; what is left in the buffer goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="app.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="log in detail")
    commands = parser.add_subparsers(required=True)

    serve = commands.add_parser("serve", help="serve an archive")
    _archive_options(serve)
    _server_options(serve)
    serve.set_defaults(run=_serve)

    demo = commands.add_parser("demo", help="serve a demo archive that keeps growing; written first if there is none")
    demo.add_argument("--out", type=Path, default=DEMO_FOLDER, help="folder of the demo archive (default: .demo)")
    demo.add_argument("--layout", choices=("split", "unified"), default="split", help="database layout")
    demo.add_argument("--still", action="store_true", help="do not let the archive grow")
    _server_options(demo)
    demo.set_defaults(run=_demo)

    check = commands.add_parser(
        "check", help="report every database, table and folder; status 0 if the pages can work"
    )
    _archive_options(check)
    check.add_argument("--json", action="store_true", help="machine-readable report")
    check.set_defaults(run=_check)
    return parser


def _archive_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--state-dir", type=Path, help="state folder of the pipeline, or the archive that contains it"
    )
    parser.add_argument("--config", type=Path, help="TOML file with settings (see the table in README.md)")


def _server_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--address", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=5006, help="port (0: any free one; default: 5006)")
    parser.add_argument("--prefix", default="", help="path below which everything is served, e.g. /dsa110")
    parser.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="further host a browser may come from",
    )


def _serve(options: argparse.Namespace) -> int:
    from data_access.archive import open_archive

    archive = open_archive(options.state_dir, config=options.config)
    archive.check_own_folders()
    _run_server(archive, options)
    return 0


def _demo(options: argparse.Namespace) -> int:
    from data_access.demo import grow, write_demo

    out: Path = options.out
    if not _is_whole_demo(out, options.layout):
        print(f"Writing a demo archive to {out} (some seconds) ...", flush=True)
        write_demo(out, layout=options.layout)
    stop = threading.Event()
    pipeline = threading.Thread(target=grow, args=(out,), kwargs={"stop": stop}, name="demo pipeline", daemon=True)
    if not options.still:
        pipeline.start()
    try:
        _run_server(_demo_archive(out), options)
    finally:
        stop.set()
        if pipeline.is_alive():
            pipeline.join(timeout=10)
    return 0


def _is_whole_demo(out: Path, layout: str) -> bool:
    """Return whether a demo archive is there that was written to its end, in this layout."""
    from data_access.demo import load_archive

    try:
        return load_archive(out).layout == layout
    except FileMissing:
        return False


def _demo_archive(out: Path) -> Archive:
    """Return the demo archive; what people write about it never gets among their notes about real sources."""
    from data_access.archive import Archive
    from data_access.settings import load_settings

    return Archive(replace(load_settings(state_dir=out), data_dir=(out / "notes").absolute()))


def _run_server(archive: Archive, options: argparse.Namespace) -> None:
    from dashboards.server import serve_async

    async def run() -> None:
        async with archive:
            archive.offload.warm_up()
            await serve_async(
                archive,
                address=options.address,
                port=options.port,
                prefix=options.prefix,
                allowed_origins=options.allow_origin,
                ready=lambda url: print(f"Dashboard: {url}", flush=True),
            )

    with suppress(KeyboardInterrupt):
        asyncio.run(run())


def _check(options: argparse.Namespace) -> int:
    from data_access.archive import open_archive

    async def ask() -> HealthReport:
        async with open_archive(options.state_dir, config=options.config) as archive:
            archive.check_own_folders()
            return await archive.health.report(with_unused=True)

    report = asyncio.run(ask())
    print(json.dumps({**asdict(report), "ok": report.ok}, indent=2) if options.json else _report_text(report))
    return 0 if report.ok else 1


def _report_text(report: HealthReport) -> str:
    lines = [f"layout: {report.layout}", f"state folder: {report.state_dir}"]
    for database in report.databases:
        lines += _database_lines(database, time.time())
    if not report.databases:
        lines.append("no database found: give --state-dir, --config or the pipeline's environment variables")
    if report.complaint:
        lines.append(report.complaint)
    lines += [f"{f.setting}: {'readable' if f.readable else 'NOT READABLE'}  {f.path}" for f in report.folders]
    lines.append("versions: " + ", ".join(f"{name} {number}" for name, number in report.versions.items()))
    if report.absent and report.databases:
        lines.append("tables that no database has, and what would show them:")
        lines += [f"    {name:<22} {pages}" for name, pages in report.absent.items()]
    if report.missing:
        lines.append(f"The main pages cannot work without: {', '.join(report.missing)}")
    return "\n".join(lines)


def _database_lines(database: DatabaseState, now: float) -> list[str]:
    from data_access.analysis.times import age_words, format_utc

    if not database.ok:
        return [f"{database.role}: FAILED  {database.path}", f"    {database.error}", f"    {database.remedy}"]
    written = format_utc(database.last_write_at)
    age = f"{written} UTC, {age_words(now - database.last_write_at)} ago" if database.last_write_at else "unknown"
    lines = [f"{database.role}: {database.mode}, {database.journal}, last write {age}  {database.path}"]
    for table in database.tables:
        if table.error:
            lines.append(f"    {table.physical_name:<22} NOT READABLE: {table.error}")
            continue
        names = table.missing_columns
        more = f" and {len(names) - _NAMED_COLUMNS} more" if len(names) > _NAMED_COLUMNS else ""
        missing = f"  missing columns: {', '.join(names[:_NAMED_COLUMNS])}{more}" if names else ""
        lines.append(f"    {table.name:<22} {table.rows:>12} rows{missing}")
    return lines + [_unused_line(table) for table in database.unused]


def _unused_line(table: UnusedTable) -> str:
    size = f"{'view':>17}" if table.kind == "view" else f"{table.rows:>12} rows"
    state = f"NOT READABLE: {table.error}" if table.error else f"{size}  {table.n_columns} columns"
    return f"    {table.name:<22} {state}  (not used by the dashboard)"


if __name__ == "__main__":
    sys.exit(main())
