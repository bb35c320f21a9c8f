"""Small made-up records for the tests of plots, with answers that are known by construction."""

from __future__ import annotations

from typing import Any

import numpy as np

from data_access.records import (
    AntennaTable,
    BeamShape,
    CaltableDetail,
    ImageHeader,
    ImagePreview,
    ImageStatistics,
    LightCurve,
    MeasurementSetDetail,
    SpectralWindow,
)

SIN_WCS = {
    "CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CRVAL1": 150.0, "CRVAL2": 33.0, "CRPIX1": 20.0, "CRPIX2": 20.0,
    "CDELT1": -3 / 3600, "CDELT2": 3 / 3600, "CUNIT1": "deg", "CUNIT2": "deg", "RADESYS": "ICRS",
}  # fmt: skip
GALACTIC_WCS = {**SIN_WCS, "CTYPE1": "GLON-CAR", "CTYPE2": "GLAT-CAR", "CRVAL1": 30.0, "CRVAL2": 0.0}
GALACTIC_WCS.pop("RADESYS")
SUPERGALACTIC_WCS = {**GALACTIC_WCS, "CTYPE1": "SLON-CAR", "CTYPE2": "SLAT-CAR"}
SOLAR_WCS = {**GALACTIC_WCS, "CTYPE1": "HPLN-CAR", "CTYPE2": "HPLT-CAR"}
ALL_SKY_WCS = {
    **SIN_WCS,
    "CTYPE1": "RA---AIT",
    "CTYPE2": "DEC--AIT",
    "CRVAL1": 0.0,
    "CRVAL2": 0.0,
    "CDELT1": -9.0,
    "CDELT2": 9.0,
}


def make_preview(
    data: Any = None,
    *,
    wcs: dict[str, Any] | None = None,
    frame: Any = "icrs",
    beam: BeamShape | None = None,
    factor: int = 1,
    origin: tuple[int, int] = (0, 0),
    bunit: str = "Jy/beam",
) -> ImagePreview:
    """A preview of 40 x 40 pixels of 3 arcsec unless told otherwise; noise of 0.1 mJy."""
    if data is None:
        data = np.random.default_rng(0).normal(0, 1e-4, (40, 40))
    data = np.asarray(data, dtype=np.float32)
    header = ImageHeader(
        path="/data/2025-10-13T13:28:03.img.fits",
        shape=data.shape,
        axes=(),
        wcs_header=dict(SIN_WCS) if wcs is None else wcs,
        frame=frame,
        bunit=bunit,
        object_name="",
        telescope="",
        date_obs="",
        freq_hz=None,
        beam=beam,
        cards=(),
    )
    blank = float(np.mean(~np.isfinite(data)))
    return ImagePreview(header, data, factor, *origin, 0, ImageStatistics(0, 0, 0, 0, 0, 0, blank, data.size))


def make_light_curve(n: int = 30, **changes: Any) -> LightCurve:
    """A constant source of 20 mJy with 1 mJy noise, one epoch a day from MJD 60900."""
    rng = np.random.default_rng(1)
    error = np.full(n, 1e-3)
    peak = 0.020 + rng.normal(0, 1e-3, n)
    fields: dict[str, Any] = {
        "source_id": "NVSS J123456+334455",
        "mjd": 60900.0 + np.arange(n),
        "origin": ("image name",) * n,
        "peak_jyb": peak,
        "peak_err_jyb": error,
        "flux_jy": 2 * peak,
        "flux_err_jy": 3 * error,
        "snr": peak / error,
        "rms_jy": error,
        "flags": np.zeros(n, dtype=np.int64),
        "is_forced": np.zeros(n, dtype=bool),
        "photometry_id": np.arange(n),
        "image_path": tuple(f"/images/{i}.fits" for i in range(n)),
        "ra_deg": 1.0,
        "dec_deg": 2.0,
        "nvss_flux_mjy": None,
    }
    return LightCurve(**{**fields, **changes})


def make_antennas(n: int = 6, **changes: Any) -> AntennaTable:
    """Antennas 10 m apart on a line east-west, nothing flagged."""
    fields: dict[str, Any] = {
        "names": tuple(f"A{i}" for i in range(n)),
        "east_m": 10.0 * np.arange(n),
        "north_m": np.zeros(n),
        "up_m": np.zeros(n),
        "has_data": np.ones(n, dtype=bool),
        "flag_fraction": np.zeros(n),
    }
    return AntennaTable(**{**fields, **changes})


def make_caltable(
    values: Any, *, kind: str = "B Jones", flag: Any = None, freqs_hz: tuple[Any, ...] | None = None
) -> CaltableDetail:
    """A table around `values` of shape (n_time, n_ant, n_spw, n_chan, n_pol); nothing flagged unless told."""
    values = np.asarray(values)
    n_time, n_ant, n_spw, n_chan, n_pol = values.shape
    flag = np.zeros(values.shape, dtype=bool) if flag is None else np.asarray(flag)
    if freqs_hz is None:
        freqs_hz = tuple(1.3e9 + 1e6 * (np.arange(n_chan) + n_chan * spw) for spw in range(n_spw))
    axes = (0, 2, 3, 4)
    return CaltableDetail(
        path="/cal/x",
        kind=kind,
        parameter="CPARAM" if np.iscomplexobj(values) else "FPARAM",
        ms_name="x.ms",
        n_rows=n_time * n_ant * n_spw,
        values=values,
        flag=flag,
        snr=np.full(values.shape, 10.0),
        times_mjd=60900.0 + np.arange(n_time) / 24,
        pol_names=("X", "Y")[:n_pol],
        antennas=make_antennas(n_ant, flag_fraction=flag.mean(axis=axes) if flag.size else np.full(n_ant, np.nan)),
        spectral_windows=tuple(
            SpectralWindow(i, f"spw{i}", len(freq), np.asarray(freq), 1e6) for i, freq in enumerate(freqs_hz)
        ),
        field_names=("3C286",),
        refants=("A0",),
        fully_flagged=(),
        n_solutions=values.size,
        n_flagged=int(flag.sum()),
        median_snr=10.0,
        median_amplitude=1.0,
    )


def make_ms(n_time: int = 5, n_chan: int = 8) -> MeasurementSetDetail:
    """A Measurement Set whose flags rise with time and with channel."""
    return MeasurementSetDetail(
        path="/ms/x.ms", telescope="DSA-110", n_rows=100, n_baselines=15, n_autocorrelation_rows=0, fields=("f",),
        spectral_windows=(), correlations=("XX", "YY"), data_columns=("DATA",), start_mjd=60900.0, end_mjd=60900.01,
        intervals_s=(12.0,), phase_ra_deg=1.0, phase_dec_deg=2.0, size_bytes=1, antennas=make_antennas(),
        flag_fraction=0.1, times_mjd=60900.0 + np.arange(n_time) / 1440, flag_by_time=np.linspace(0, 1, n_time),
        chan_freq_hz=1.3e9 + 1e6 * np.arange(n_chan), flag_by_channel=np.linspace(0, 0.5, n_chan),
    )  # fmt: skip
