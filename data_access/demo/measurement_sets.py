"""Measurement Sets of the simulated sky, with flags that look like a real night's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from casacore import tables

from data_access.demo.array import (
    ACTIVE,
    DEAD,
    N_CHAN,
    N_SPW,
    Instrument,
    baseline_uvw_m,
    channel_frequencies_hz,
)
from data_access.demo.casa_tables import (
    UNIX_TO_MJD_S,
    fill_antennas,
    fill_field,
    fill_observation,
    fill_spectral_windows,
    fill_table,
    open_for_writing,
    remove_table,
)
from data_access.demo.images import field_name
from data_access.demo.photometry import Measurement
from data_access.demo.plan import INTEGRATION_S, TILE_S, Tile

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

N_TIME = 3
N_CORR = 2
CORR_XX_YY = (9, 12)
"""Codes of XX and YY in CORR_TYPE."""
SPEED_OF_LIGHT_M_S = 299792458.0
VISIBILITY_NOISE_JY = 0.9
RFI_CHANNELS = ((1, 4), (1, 5), (3, 9))
"""(spectral window, channel) lost to interference."""
RFI_FLAGGED = 0.97
UNCLOCKED = range(77, 102)
"""0-based antennas without data in the last integration."""
SIDEREAL_DEG_S = 360.98564736629 / 86400.0
_FIXED_DIRECT = 5
"""casacore column option: values of one shape, stored in the row itself."""


@dataclass(frozen=True, slots=True)
class WrittenSet:
    """What was put into one Measurement Set; the fraction counts visibilities."""

    path: Path
    n_rows: int
    n_baselines: int
    flag_fraction: float


def write_measurement_set(
    path: Path, tile: Tile, measurements: Sequence[Measurement], instrument: Instrument, *, seed: int
) -> WrittenSet:
    """Write the Measurement Set of one tile: three integrations, 96 antennas, 4 windows of 12 channels, XX and YY.

    Rows are ordered by time, baseline, spectral window. DATA holds the sources of the field as the instrument
    distorts them, without calibration.
    """
    remove_table(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _create(path)
    ant1, ant2 = _baselines()
    rng = np.random.default_rng([seed, tile.draw, 9])
    n_bl = ant1.size
    first_s = TILE_S / 2 - INTEGRATION_S * (N_TIME - 1) / 2
    seconds = first_s + INTEGRATION_S * np.arange(N_TIME)
    uvw = np.stack([_uvw_at(ant1, ant2, tile, second) for second in seconds])
    data = np.stack(
        [
            _visibilities(tile, measurements, instrument, (ant1, ant2), uvw[index], float(second), rng)
            for index, second in enumerate(seconds)
        ]
    )
    flag = _flags(ant1, ant2, rng)
    per_row = (N_TIME, n_bl, N_SPW)
    n_rows = N_TIME * n_bl * N_SPW
    time = np.broadcast_to((tile.start_unix + UNIX_TO_MJD_S + seconds)[:, None, None], per_row).ravel()
    with open_for_writing(path) as main:
        main.addrows(n_rows)
        main.putcol("DATA", data.reshape(n_rows, N_CHAN, N_CORR))
        main.putcol("FLAG", flag.reshape(n_rows, N_CHAN, N_CORR))
        main.putcol("UVW", np.repeat(uvw.reshape(-1, 3), N_SPW, axis=0))
        main.putcol("TIME", time)
        main.putcol("TIME_CENTROID", time)
        main.putcol("ANTENNA1", np.broadcast_to(ant1[None, :, None], per_row).ravel().astype(np.int32))
        main.putcol("ANTENNA2", np.broadcast_to(ant2[None, :, None], per_row).ravel().astype(np.int32))
        main.putcol("DATA_DESC_ID", np.tile(np.arange(N_SPW, dtype=np.int32), N_TIME * n_bl))
        for name in ("WEIGHT", "SIGMA"):
            main.putcol(name, np.ones((n_rows, N_CORR), np.float32))
        for name in ("EXPOSURE", "INTERVAL"):
            main.putcol(name, np.full(n_rows, INTEGRATION_S))
        main.putcol("SCAN_NUMBER", np.ones(n_rows, np.int32))
        main.putcol("FLAG_ROW", np.zeros(n_rows, bool))
        for name in ("ARRAY_ID", "FEED1", "FEED2", "FIELD_ID", "OBSERVATION_ID", "PROCESSOR_ID", "STATE_ID"):
            main.putcol(name, np.zeros(n_rows, np.int32))
    _fill_subtables(path, tile)
    return WrittenSet(path, n_rows, n_bl, float(flag.mean()))


def _create(path: Path) -> None:
    shape = [N_CHAN, N_CORR]
    description = tables.required_ms_desc("MAIN")
    data = tables.makearrcoldesc(
        "DATA",
        0j,
        shape=shape,
        valuetype="complex",
        datamanagertype="TiledColumnStMan",
        datamanagergroup="TiledData",
        options=_FIXED_DIRECT,
    )
    flag = tables.makearrcoldesc(
        "FLAG",
        False,
        shape=shape,
        valuetype="boolean",
        datamanagertype="TiledColumnStMan",
        datamanagergroup="TiledFlag",
        options=_FIXED_DIRECT,
    )
    description["DATA"] = data["desc"]
    description["FLAG"] = flag["desc"]
    for name in ("WEIGHT", "SIGMA"):
        column = tables.makearrcoldesc(name, 0.0, shape=[N_CORR], valuetype="float", options=_FIXED_DIRECT)
        description[name] = column["desc"]
    # Values that repeat from row to row cost nothing in the incremental storage manager, but one that changes with
    # every baseline makes it 60 times slower than the standard one (casacore 3.7).
    for name, column in description.items():
        if not name.startswith("_") and name not in ("DATA", "FLAG", "ANTENNA2", "DATA_DESC_ID"):
            column["dataManagerType"] = "IncrementalStMan"
            column["dataManagerGroup"] = "Repeating"
    tables.default_ms(str(path), description).close()


def _baselines() -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    first, second = np.triu_indices(len(ACTIVE), k=1)
    active = np.array(ACTIVE)
    return active[first], active[second]


def _uvw_at(ant1: npt.NDArray[np.intp], ant2: npt.NDArray[np.intp], tile: Tile, second: float) -> FloatArray:
    hour_angle_deg = (second - TILE_S / 2) * SIDEREAL_DEG_S
    return baseline_uvw_m(ant1, ant2, hour_angle_deg, tile.dec_deg)


def _visibilities(
    tile: Tile,
    measurements: Sequence[Measurement],
    instrument: Instrument,
    baselines: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]],
    uvw_m: FloatArray,
    second: float,
    rng: np.random.Generator,
) -> npt.NDArray[np.complex64]:
    """Return visibilities of one integration, shape (n_bl, n_spw, n_chan, n_corr)."""
    ant1, ant2 = baselines
    per_wavelength = channel_frequencies_hz().ravel() / SPEED_OF_LIGHT_M_S
    model = np.zeros((ant1.size, per_wavelength.size), np.complex64)
    for measured in measurements:
        l_m = np.sin(np.radians([measured.east_deg, measured.north_deg]))
        direction = np.array([*l_m, np.sqrt(1.0 - l_m @ l_m) - 1.0])
        turns = (uvw_m @ direction)[:, None] * per_wavelength
        model += np.float32(measured.peak_jyb) * np.exp(-2j * np.pi * turns).astype(np.complex64)
    gains = instrument.gains(second - TILE_S / 2).astype(np.complex64)
    data = gains[ant1] * gains[ant2].conj() * model.reshape(ant1.size, N_SPW, N_CHAN, 1)
    noise = rng.standard_normal((*data.shape, 2), dtype=np.float32) * np.float32(VISIBILITY_NOISE_JY)
    if tile.is_disturbed:
        noise *= np.float32(2.5)
    for spw, channel in RFI_CHANNELS:
        data[:, spw, channel] *= np.float32(40.0)
        noise[:, spw, channel] *= np.float32(40.0)
    is_dead = np.isin(ant1, DEAD) | np.isin(ant2, DEAD)
    data[is_dead] = 0.0
    return np.asarray(data + noise.view(np.complex64)[..., 0])


def _flags(ant1: npt.NDArray[np.intp], ant2: npt.NDArray[np.intp], rng: np.random.Generator) -> BoolArray:
    """Return flags, shape (n_time, n_bl, n_spw, n_chan, n_corr)."""
    n_bl = ant1.size
    flag = np.zeros((N_TIME, n_bl, N_SPW, N_CHAN, N_CORR), bool)
    flag |= (rng.uniform(size=flag.shape[:-1]) < 0.01)[..., None]
    for spw, channel in RFI_CHANNELS:
        flag[:, :, spw, channel] |= (rng.uniform(size=(N_TIME, n_bl)) < RFI_FLAGGED)[..., None]
    # The edges of the band roll off.
    flag[:, :, 0, 0] = True
    flag[:, :, -1, -1] = True
    # During the last integration the far half of the north-south arm lost its clock.
    flag[-1, np.isin(ant1, UNCLOCKED) | np.isin(ant2, UNCLOCKED)] = True
    flag[:, np.isin(ant1, DEAD) | np.isin(ant2, DEAD)] = True
    # One polarisation of one antenna is broken.
    flag[:, (ant1 == ACTIVE[5]) | (ant2 == ACTIVE[5]), :, :, 1] = True
    return flag


def _fill_subtables(path: Path, tile: Tile) -> None:
    fill_antennas(path / "ANTENNA")
    fill_spectral_windows(path / "SPECTRAL_WINDOW")
    fill_field(path / "FIELD", tile, field_name(tile))
    fill_observation(path / "OBSERVATION", tile)
    polarization: dict[str, Any] = {
        "NUM_CORR": np.array([N_CORR], np.int32),
        "CORR_TYPE": np.array([CORR_XX_YY], np.int32),
        "CORR_PRODUCT": np.array([[[0, 0], [1, 1]]], np.int32),
        "FLAG_ROW": np.zeros(1, bool),
    }
    fill_table(path / "POLARIZATION", polarization, 1)
    description: dict[str, Any] = {
        "SPECTRAL_WINDOW_ID": np.arange(N_SPW, dtype=np.int32),
        "POLARIZATION_ID": np.zeros(N_SPW, np.int32),
        "FLAG_ROW": np.zeros(N_SPW, bool),
    }
    fill_table(path / "DATA_DESCRIPTION", description, N_SPW)
