"""What the Measurement Sets and the calibration tables have in common: opening, and the shared subtables."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from casacore import tables

from data_access.demo.array import (
    CHANNEL_WIDTH_HZ,
    DISH_DIAMETER_M,
    N_ANT,
    N_CHAN,
    N_SPW,
    antenna_names,
    channel_frequencies_hz,
    itrf_positions_m,
)
from data_access.demo.plan import TILE_S, Tile

UNIX_TO_MJD_S = 40587.0 * 86400.0
"""Time columns of casacore tables count seconds from MJD 0."""
TOPOCENTRIC = 5
"""Code of the frame TOPO in MEAS_FREQ_REF."""


def remove_table(path: Path) -> None:
    """Remove a table that an interrupted run may have left behind."""
    shutil.rmtree(path, ignore_errors=True)


def open_for_writing(path: Path) -> Any:
    """Return the casacore table at `path`, writable."""
    return tables.table(str(path), readonly=False, ack=False)


def fill_table(path: Path, columns: dict[str, Any], n_rows: int) -> None:
    """Append `n_rows` to the table at `path` and fill `columns`, each with one value per row."""
    with open_for_writing(path) as table:
        table.addrows(n_rows)
        for name, values in columns.items():
            table.putcol(name, values)


def fill_antennas(path: Path) -> None:
    """Fill the ANTENNA subtable at `path` with the whole array."""
    fill_table(
        path,
        {
            "NAME": antenna_names(),
            "STATION": [f"DSA-{number:03d}" for number in range(1, N_ANT + 1)],
            "TYPE": ["GROUND-BASED"] * N_ANT,
            "MOUNT": ["ALT-AZ"] * N_ANT,
            "POSITION": itrf_positions_m(),
            "OFFSET": np.zeros((N_ANT, 3)),
            "DISH_DIAMETER": np.full(N_ANT, DISH_DIAMETER_M),
            "FLAG_ROW": np.zeros(N_ANT, bool),
        },
        N_ANT,
    )


def fill_spectral_windows(path: Path) -> None:
    """Fill the SPECTRAL_WINDOW subtable at `path`; the highest frequency comes first."""
    frequency = channel_frequencies_hz()
    width = np.full(frequency.shape, CHANNEL_WIDTH_HZ)
    fill_table(
        path,
        {
            "NAME": [f"sb{4 * number:02d}-sb{4 * number + 3:02d}" for number in range(N_SPW)],
            "NUM_CHAN": np.full(N_SPW, N_CHAN, np.int32),
            "CHAN_FREQ": frequency,
            "CHAN_WIDTH": width,
            "EFFECTIVE_BW": np.abs(width),
            "RESOLUTION": np.abs(width),
            "REF_FREQUENCY": frequency[:, 0].copy(),
            "TOTAL_BANDWIDTH": np.full(N_SPW, abs(CHANNEL_WIDTH_HZ) * N_CHAN),
            "MEAS_FREQ_REF": np.full(N_SPW, TOPOCENTRIC, np.int32),
            "NET_SIDEBAND": np.full(N_SPW, -1, np.int32),
            "IF_CONV_CHAIN": np.zeros(N_SPW, np.int32),
            "FREQ_GROUP": np.zeros(N_SPW, np.int32),
            "FREQ_GROUP_NAME": [""] * N_SPW,
            "FLAG_ROW": np.zeros(N_SPW, bool),
        },
        N_SPW,
    )


def fill_field(path: Path, tile: Tile, name: str) -> None:
    """Fill the FIELD subtable at `path` with the one phase centre of `tile`."""
    direction = np.radians([[[tile.ra_deg, tile.dec_deg]]])
    fill_table(
        path,
        {
            "NAME": [name],
            "CODE": [""],
            "TIME": np.array([tile.start_unix + UNIX_TO_MJD_S]),
            "NUM_POLY": np.zeros(1, np.int32),
            "DELAY_DIR": direction,
            "PHASE_DIR": direction,
            "REFERENCE_DIR": direction,
            "SOURCE_ID": np.zeros(1, np.int32),
            "FLAG_ROW": np.zeros(1, bool),
        },
        1,
    )


def fill_observation(path: Path, tile: Tile) -> None:
    """Fill the OBSERVATION subtable at `path`."""
    start = tile.start_unix + UNIX_TO_MJD_S
    fill_table(
        path,
        {
            "TELESCOPE_NAME": ["DSA-110"],
            "OBSERVER": ["demo"],
            "PROJECT": ["synthetic"],
            "SCHEDULE_TYPE": [""],
            "TIME_RANGE": np.array([[start, start + TILE_S]]),
            "RELEASE_DATE": np.zeros(1),
            "FLAG_ROW": np.zeros(1, bool),
        },
        1,
    )
