"""Calibration tables of the simulated instrument, in the layout that CASA writes (NewCalTable)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from casacore import tables

from data_access.demo.array import (
    ACTIVE,
    DEAD,
    N_ANT,
    N_CHAN,
    N_SPW,
    REFERENCE_ANTENNA,
    Instrument,
    channel_frequencies_hz,
)
from data_access.demo.casa_tables import (
    UNIX_TO_MJD_S,
    fill_antennas,
    fill_field,
    fill_observation,
    fill_spectral_windows,
    open_for_writing,
    remove_table,
)
from data_access.demo.plan import TILE_S, Tile

CaltableType = Literal["K", "BP", "GP"]
SUFFIXES: dict[CaltableType, str] = {"K": "_kcal", "BP": "_bpcal", "GP": "_gpcal"}
ORDER: dict[CaltableType, int] = {"K": 10, "BP": 30, "GP": 50}
VISCAL: dict[CaltableType, str] = {"K": "K Jones", "BP": "B Jones", "GP": "G Jones"}

N_GAIN_TIMES = 5
MEDIAN_SNR: dict[CaltableType, float] = {"K": 60.0, "BP": 28.0, "GP": 45.0}
SOLVER_VERSION = "CASA 6.7.2"
_SUBTABLES = ("ANTENNA", "FIELD", "SPECTRAL_WINDOW", "OBSERVATION", "HISTORY")
_OPEN_SHAPE = -1


@dataclass(frozen=True, slots=True)
class Solutions:
    """Rows of one table: every array has n_row rows; `parameter`, `error`, `flag`, `snr` are (n_row, n_chan, 2)."""

    seconds: npt.NDArray[np.float64]
    spw: npt.NDArray[np.int32]
    antenna: npt.NDArray[np.int32]
    parameter: npt.NDArray[Any]
    error: npt.NDArray[np.float64]
    flag: npt.NDArray[np.bool_]
    snr: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WrittenCaltable:
    """What was put into one calibration table."""

    path: Path
    table_type: CaltableType
    n_solutions: int
    n_flagged: int
    metrics: dict[str, float]
    flag_by_spw: tuple[float, ...]


def caltable_path(folder: Path, tile: Tile, table_type: CaltableType) -> Path:
    """Return where the pipeline puts a table: beside the Measurement Set, named by set and field."""
    return folder / f"{tile.group_id}_0{SUFFIXES[table_type]}"


def write_caltable(
    path: Path, table_type: CaltableType, tile: Tile, instrument: Instrument, *, ms_name: str, seed: int
) -> WrittenCaltable:
    """Write one calibration table that was solved from the calibrator observation `tile`."""
    rng = np.random.default_rng([seed, tile.draw, 10, ORDER[table_type]])
    solutions = _solve(table_type, instrument, rng)
    remove_table(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    n_rows = solutions.antenna.size
    parameter_name = "FPARAM" if table_type == "K" else "CPARAM"
    with tables.table(str(path), _description(parameter_name), n_rows, ack=False) as table:
        table.putcol("TIME", tile.start_unix + UNIX_TO_MJD_S + solutions.seconds)
        table.putcol("SPECTRAL_WINDOW_ID", solutions.spw)
        table.putcol("ANTENNA1", solutions.antenna)
        table.putcol("ANTENNA2", np.full(n_rows, REFERENCE_ANTENNA, np.int32))
        table.putcol("INTERVAL", np.full(n_rows, TILE_S / N_GAIN_TIMES if table_type == "GP" else TILE_S))
        for name in ("FIELD_ID", "OBSERVATION_ID"):
            table.putcol(name, np.zeros(n_rows, np.int32))
        table.putcol("SCAN_NUMBER", np.ones(n_rows, np.int32))
        is_delay = table_type == "K"
        table.putcol(parameter_name, solutions.parameter.astype(np.float32 if is_delay else np.complex64))
        table.putcol("PARAMERR", solutions.error.astype(np.float32))
        table.putcol("FLAG", solutions.flag)
        table.putcol("SNR", solutions.snr.astype(np.float32))
        table.putcol("WEIGHT", np.where(solutions.flag, 0.0, solutions.snr**2).astype(np.float32))
        table.putinfo({"type": "Calibration", "subType": VISCAL[table_type], "readme": ""})
        keywords = {
            "ParType": "Float" if is_delay else "Complex",
            "MSName": ms_name,
            "VisCal": VISCAL[table_type],
            "PolBasis": "unknown",
            "CASA_Version": SOLVER_VERSION.removeprefix("CASA "),
        }
        for name, value in keywords.items():
            table.putkeyword(name, value)
    _write_subtables(path, tile)
    return _summary(path, table_type, solutions)


def _solve(table_type: CaltableType, instrument: Instrument, rng: np.random.Generator) -> Solutions:
    """Return the true instrument with the errors that the signal-to-noise ratio implies."""
    if table_type == "K":
        truth: npt.NDArray[Any] = instrument.delay_ns[:, None, :]
        seconds, spw, antenna = np.full(N_ANT, TILE_S / 2), np.zeros(N_ANT), np.arange(N_ANT)
    elif table_type == "BP":
        truth = instrument.bandpass.transpose(1, 0, 2, 3).reshape(N_SPW * N_ANT, N_CHAN, 2)
        seconds = np.full(N_SPW * N_ANT, TILE_S / 2)
        spw, antenna = np.repeat(np.arange(N_SPW), N_ANT), np.tile(np.arange(N_ANT), N_SPW)
    else:
        moments = (np.arange(N_GAIN_TIMES) + 0.5) * TILE_S / N_GAIN_TIMES
        since = (moments - TILE_S / 2)[:, None, None, None]
        phase = instrument.phase_rad + since * instrument.drift_rad_s
        truth = np.exp(1j * np.broadcast_to(phase, (N_GAIN_TIMES, N_SPW, N_ANT, 2))).reshape(-1, 1, 2)
        n_each = N_SPW * N_ANT
        seconds = np.repeat(moments, n_each)
        spw = np.tile(np.repeat(np.arange(N_SPW), N_ANT), N_GAIN_TIMES)
        antenna = np.tile(np.arange(N_ANT), N_GAIN_TIMES * N_SPW)
    quality = MEDIAN_SNR[table_type] * rng.lognormal(0.0, 0.25, (N_ANT, 1, 2))[antenna]
    snr = quality * rng.lognormal(0.0, 0.1, truth.shape)
    # A delay error of 1 / (2 pi bandwidth SNR); a gain error of 1 / SNR.
    scale_ns = 1e9 / (2 * np.pi * 187.5e6)
    error = scale_ns / snr if table_type == "K" else np.abs(truth) / snr
    parameter = truth + error * rng.normal(0.0, 1.0, truth.shape)
    if table_type != "K":
        parameter = parameter + 1j * error * rng.normal(0.0, 1.0, truth.shape)
    flag = _flags(antenna, truth.shape, rng)
    snr = np.where(flag, rng.uniform(0.2, 2.9, truth.shape), snr)
    return Solutions(
        seconds=seconds,
        spw=spw.astype(np.int32),
        antenna=antenna.astype(np.int32),
        parameter=np.where(flag, 1.0 if table_type != "K" else 0.0, parameter),
        error=error,
        flag=flag,
        snr=snr,
    )


def _flags(antenna: npt.NDArray[Any], shape: tuple[int, ...], rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    flag = rng.uniform(size=shape) < 0.015
    # No signal from antennas that are switched off or dead, and only one polarisation of another.
    silent = ~np.isin(antenna, ACTIVE) | np.isin(antenna, DEAD)
    flag[silent] = True
    flag[antenna == ACTIVE[5], :, 1] = True
    return flag


def _description(parameter_name: str) -> dict[str, Any]:
    epoch = {"QuantumUnits": ["s"], "MEASINFO": {"type": "epoch", "Ref": "UTC"}}
    scalars = [
        tables.makescacoldesc("TIME", 0.0, keywords=epoch),
        tables.makescacoldesc("FIELD_ID", 0),
        tables.makescacoldesc("SPECTRAL_WINDOW_ID", 0),
        tables.makescacoldesc("ANTENNA1", 0),
        tables.makescacoldesc("ANTENNA2", 0),
        tables.makescacoldesc("INTERVAL", 0.0, keywords={"QuantumUnits": ["s"]}),
        tables.makescacoldesc("SCAN_NUMBER", 0),
        tables.makescacoldesc("OBSERVATION_ID", 0),
    ]
    kinds = {
        parameter_name: "float" if parameter_name == "FPARAM" else "complex",
        "PARAMERR": "float",
        "FLAG": "boolean",
        "SNR": "float",
        "WEIGHT": "float",
    }
    defaults: dict[str, Any] = {"float": 0.0, "complex": 0j, "boolean": False}
    arrays = [
        tables.makearrcoldesc(name, defaults[kind], ndim=_OPEN_SHAPE, valuetype=kind) for name, kind in kinds.items()
    ]
    description: dict[str, Any] = tables.maketabdesc(scalars + arrays)
    return description


def _write_subtables(path: Path, tile: Tile) -> None:
    for name in _SUBTABLES:
        tables.table(str(path / name), tables.required_ms_desc(name), 0, ack=False).close()
    fill_antennas(path / "ANTENNA")
    fill_spectral_windows(path / "SPECTRAL_WINDOW")
    fill_field(path / "FIELD", tile, "calibrator")
    fill_observation(path / "OBSERVATION", tile)
    with open_for_writing(path) as table:
        for name in _SUBTABLES:
            with tables.table(str(path / name), ack=False) as subtable:
                table.putkeyword(name, subtable)


def _summary(path: Path, table_type: CaltableType, solutions: Solutions) -> WrittenCaltable:
    flag, snr = solutions.flag, solutions.snr
    good = snr[~flag]
    return WrittenCaltable(
        path=path,
        table_type=table_type,
        n_solutions=int(flag.size),
        n_flagged=int(flag.sum()),
        metrics={
            "n_solutions": int(flag.size),
            "flagged_fraction": float(flag.mean()),
            "snr_mean": float(good.mean()),
            "snr_median": float(np.median(good)),
            "snr_min": float(good.min()),
            "snr_max": float(good.max()),
            "n_antennas": int(np.unique(solutions.antenna).size),
            "n_spws": int(np.unique(solutions.spw).size),
        },
        flag_by_spw=tuple(float(flag[solutions.spw == number].mean()) for number in np.unique(solutions.spw)),
    )


def solver_parameters(table_type: CaltableType, ms_path: str) -> str:
    """Return the CASA task arguments as JSON, as the pipeline records them."""
    arguments = {
        "vis": ms_path,
        "refant": str(REFERENCE_ANTENNA + 1),
        "solint": "60s" if table_type == "GP" else "inf",
        "minsnr": 3.0,
        "combine": "scan",
    }
    own = {"K": {"gaintype": "K"}, "BP": {"bandtype": "B"}, "GP": {"gaintype": "G", "calmode": "p"}}
    return json.dumps(arguments | own[table_type])


def spw_statistics(written: WrittenCaltable) -> list[dict[str, Any]]:
    """Return ``per_spw_stats`` of ``calibration_qa``: one entry for each spectral window."""
    n_spw = len(written.flag_by_spw)
    return [
        {
            "spw_id": number,
            "total_solutions": written.n_solutions // n_spw,
            "flagged_solutions": round(fraction * written.n_solutions / n_spw),
            "fraction_flagged": fraction,
            "n_channels": channel_frequencies_hz().shape[1] if written.table_type == "BP" else 1,
            "channels_with_high_flagging": 0,
            "avg_flagged_per_channel": fraction,
            "max_flagged_in_channel": fraction,
            "is_problematic": fraction > 0.8,
        }
        for number, fraction in enumerate(written.flag_by_spw)
    ]
