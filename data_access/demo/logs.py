"""Log files in the pipeline's text format, and how they are appended to and rotated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from data_access.demo.runs import (
    CALIBRATED_S,
    CONVERTED_S,
    ERRORS,
    IMAGED_S,
    MEASURED_S,
    N_SUBBANDS,
    Outcome,
    Run,
)

ROTATE_BYTES = 4_000_000
"""The pipeline rotates at 50 MB; the demo earlier, so that rotation can be seen and disk use stays small."""
N_ROTATED = 2

CONVERTER = "dsa110_contimg.conversion.streaming"
CALIBRATION = "dsa110_contimg.calibration.solver"
IMAGING = "dsa110_contimg.imaging.worker"
PHOTOMETRY = "dsa110_contimg.photometry.manager"
OWN_FILES = {CONVERTER: "conversion.log", CALIBRATION: "calibration.log", IMAGING: "imaging.log"}

TRACEBACK = """Traceback (most recent call last):
  File "/opt/dsa110-contimg/backend/src/dsa110_contimg/imaging/worker.py", line 412, in process_measurement_set
    image_root = run_imager(ms_path, settings)
  File "/opt/dsa110-contimg/backend/src/dsa110_contimg/imaging/wsclean.py", line 178, in run_imager
    raise RuntimeError(f"wsclean exited with status {status}: {tail}")
RuntimeError: wsclean exited with status 134: std::bad_alloc while gridding"""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One record: unix seconds, level, logger, message (may have several lines) and its context."""

    at: float
    level: str
    logger: str
    message: str
    group_id: str
    stage: str

    def render(self) -> str:
        """Return the text of the pipeline's formatter: UTC time, padded level, context at the end."""
        when = datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        context = f"group_id={self.group_id} pipeline_stage={self.stage}" if self.group_id else ""
        first, _, rest = self.message.partition("\n")
        line = f"{when} {self.level:<8} [{self.logger}] {first} "
        return line + (f"| {context}" if context else "") + (f"\n{rest}" if rest else "")


def stage_lines(run: Run, stage: str, at: float) -> list[LogLine]:
    """Return what the pipeline logs at the end of `stage` of `run`."""

    def line(before_s: float, level: str, logger: str, message: str) -> LogLine:
        return LogLine(at - before_s, level, logger, message, run.group_id, stage)

    tile = run.tile
    if stage == "collecting":
        return [line(0, "INFO", CONVERTER, f"Found {N_SUBBANDS} subbands, group complete")]
    if stage == "converting":
        return [
            line(3, "INFO", CONVERTER, f"Converting {N_SUBBANDS} subbands -> {run.ms_path}"),
            line(2, "DEBUG", CONVERTER, "Phasing 24 integrations to the meridian, UVW recomputed"),
            line(0, "INFO", CONVERTER, f"Wrote {run.ms_path}"),
        ]
    if stage == "calibrating":
        return [
            line(2, "INFO", CALIBRATION, f"Applying 3 calibration tables to {run.ms_path}"),
            line(1, "WARNING", CALIBRATION, "4 antennas have no valid solution: 15, 34, 79, 96"),
            line(0, "INFO", CALIBRATION, "Calibration applied"),
        ]
    if stage == "imaging":
        word = "WARNING" if tile.is_disturbed else "INFO"
        return [
            line(2, "INFO", IMAGING, f"wsclean -size 512 512 -scale 6asec -weight briggs 0.5 -name {run.image_root}"),
            line(1, word, IMAGING, f"RMS {tile.noise_jy * 1e3:.2f} mJy/beam, beam 30.0 x 25.0 arcsec, pa 12 deg"),
            line(0, "INFO", IMAGING, f"Registered {run.fits_path}"),
        ]
    return [line(0, "INFO", PHOTOMETRY, f"Forced photometry at catalogue positions in {Path(run.fits_path).name}")]


def failure_lines(run: Run, outcome: Outcome, at: float) -> list[LogLine]:
    """Return what the pipeline logs when `run` fails."""
    logger, stage = (IMAGING, "imaging") if outcome == "failed_image" else (CONVERTER, "converting")
    message = f"Processing of {run.group_id} failed: {ERRORS[outcome]}"
    if outcome == "failed_image":
        message += "\n" + TRACEBACK
    level = "WARNING" if outcome == "skipped_no_caltables" else "ERROR"
    return [LogLine(at, level, logger, message, run.group_id, stage)]


def run_lines(run: Run) -> list[LogLine]:
    """Return everything that the pipeline logged about `run` so far, in time order."""
    lines = [] if run.outcome == "incomplete" else stage_lines(run, "collecting", run.received_at)
    done = {"failed_image": 2, "in_progress": 2, "skipped_no_caltables": 1, "stuck": 1, "done": 4}.get(run.outcome, 0)
    ends = (
        ("converting", CONVERTED_S),
        ("calibrating", CALIBRATED_S),
        ("imaging", IMAGED_S),
        ("photometry", MEASURED_S),
    )
    for stage, seconds in ends[:done]:
        lines += stage_lines(run, stage, run.stage_ends_at(seconds))
    if run.outcome in ERRORS:
        lines += failure_lines(run, run.outcome, run.stage_ends_at(IMAGED_S))
    return lines


def job_log_path(run: Run) -> Path:
    """Return the log of one run: ``job-<date>-<hhmmss>.log``."""
    return run.root / "state" / "logs" / f"{run.tile.run_id}.log"


def write_run_log(run: Run, lines: Iterable[LogLine]) -> None:
    """Append `lines` to the log of the run."""
    _append(job_log_path(run), "".join(f"{line.render()}\n" for line in lines))


def append_lines(root: Path, lines: Iterable[LogLine]) -> None:
    """Append to the shared logs: all to pipeline.log, each logger to its own file, errors to error.log as well."""
    texts: defaultdict[str, list[str]] = defaultdict(list)
    for line in lines:
        text = line.render() + "\n"
        texts["pipeline.log"].append(text)
        if line.logger in OWN_FILES:
            texts[OWN_FILES[line.logger]].append(text)
        if line.level in ("ERROR", "CRITICAL"):
            texts["error.log"].append(text)
    for name, parts in texts.items():
        path = root / "state" / "logs" / name
        rotate(path)
        _append(path, "".join(parts))


def rotate(path: Path, *, limit_bytes: int = ROTATE_BYTES) -> None:
    """Rename `path` to ``.1`` (and ``.1`` to ``.2``) when it has grown beyond the limit, as the pipeline does."""
    if not path.exists() or path.stat().st_size < limit_bytes:
        return
    for number in range(N_ROTATED, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        newer = path if number == 1 else path.with_name(f"{path.name}.{number - 1}")
        if newer.exists():
            newer.replace(older)


def _append(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def write_archive_logs(root: Path, recent: list[LogLine], older: list[LogLine]) -> None:
    """Write the shared logs of a new archive: `older` lines end up in the rotated files."""
    folder = root / "state" / "logs"
    append_lines(root, sorted(older, key=lambda line: line.at))
    for path in sorted(folder.glob("*.log")):
        path.replace(path.with_name(path.name + ".1"))
    append_lines(root, sorted(recent, key=lambda line: line.at))
    write_terminal_log(folder / "contimg-stream.out")


def write_terminal_log(path: Path) -> None:
    """Write captured terminal output: colours, a progress bar with carriage returns, bytes that are not UTF-8."""
    coloured = "\x1b[32mINFO\x1b[0m", "\x1b[33mWARNING\x1b[0m", "\x1b[31mERROR\x1b[0m"
    parts = [f"{coloured[number % 3]} streaming worker: message {number}\n".encode() for number in range(120)]
    parts.append(b"".join(b"\rconverting %3d%%" % percent for percent in range(0, 101, 5)) + b"\n")
    parts.append(b"site name as sent by the correlator: Owens Valley \xb0\xff\xfe 37.23N\n")
    parts.append("noise 1.2 mJy ± 3 µJy, phase centre α=2h58m δ=+54°\n".encode())
    parts.append(b"last line without an end")
    path.write_bytes(b"".join(parts))
