"""Every image, Measurement Set and calibration table of the real archive against its measured values."""

from __future__ import annotations

import json

import numpy as np
import pytest
from astropy.wcs import WCS

from data_access.errors import FileError
from data_access.readers.caltable import read_caltable
from data_access.readers.images import read_image_header, read_image_preview
from data_access.readers.ms import read_measurement_set

pytestmark = pytest.mark.real


@pytest.fixture(scope="module", params=["images", "measurement_sets", "caltables"])
def entries(request, real_archive_split):
    """One kind of file: (kind, [(path, truth)])."""
    truth = json.loads((real_archive_split / "truth.json").read_text())
    found = [(str(real_archive_split / path), facts) for path, facts in truth[request.param].items()]
    assert found, "the archive was built without casacore"
    return request.param, found


def differences(found, truth, rel=1e-6):
    """Return what differs, as readable lines; numbers are compared to `rel`."""
    lines = []
    for key, value in found.items():
        expected = truth.get(key)
        if expected is None and isinstance(value, (str, float)):
            # The records have no None for text and figures.
            expected = "" if isinstance(value, str) else np.nan
        if isinstance(expected, float) and isinstance(value, (float, np.floating)):
            same = value == pytest.approx(expected, rel=rel, nan_ok=True)
        else:
            same = value == expected
        if not same:
            lines.append(f"{key}: {value!r} instead of {expected!r}")
    return lines


def image_facts(path, truth):
    preview = read_image_preview(path)
    header, figures = preview.header, preview.statistics
    assert header == read_image_header(path)
    facts = {
        "shape": list(header.shape), "peak": figures.peak, "peak_x": figures.peak_x, "peak_y": figures.peak_y,
        "minimum": figures.minimum, "median": figures.median, "noise": figures.noise,
        "nan_fraction": figures.nan_fraction, "dynamic_range": figures.dynamic_range,
        "object": header.object_name, "telescope": header.telescope, "unit": header.bunit,
        "beam_major_arcsec": header.beam.major_arcsec if header.beam else None,
        "beam_minor_arcsec": header.beam.minor_arcsec if header.beam else None,
        "beam_pa_deg": header.beam.pa_deg if header.beam else None,
    }  # fmt: skip
    if truth["freq_hz"] is not None:
        facts["freq_hz"] = header.freq_hz
    return facts, header


def sky_differences(header, truth, x, y, name):
    position = WCS(header.wcs_header, naxis=2).pixel_to_world(x, y)
    facts = {"frame": header.frame, "lon_deg": position.spherical.lon.deg % 360,
             "lat_deg": position.spherical.lat.deg}  # fmt: skip
    assert position.frame.name == header.frame
    return [f"{name} {line}" for line in differences(facts, truth[name], rel=1e-10)]


def ms_facts(path):
    detail = read_measurement_set(path)
    return {
        "telescope": detail.telescope, "n_rows": detail.n_rows, "n_times": len(detail.times_mjd),
        "start_mjd": detail.start_mjd, "end_mjd": detail.end_mjd, "interval_s": next(iter(detail.intervals_s), None),
        "n_antennas": len(detail.antennas.names), "n_antennas_with_data": int(detail.antennas.has_data.sum()),
        "n_baselines": detail.n_baselines, "n_autocorrelation_rows": detail.n_autocorrelation_rows,
        "n_channels": [w.n_chan for w in detail.spectral_windows], "n_channels_total": len(detail.chan_freq_hz),
        "freq_min_hz": detail.chan_freq_hz.min(), "freq_max_hz": detail.chan_freq_hz.max(),
        "flag_fraction": detail.flag_fraction, "data_columns": list(detail.data_columns),
        "fields": list(detail.fields),
        "pointing_ra_deg": detail.phase_ra_deg, "pointing_dec_deg": detail.phase_dec_deg,
    }  # fmt: skip


def caltable_facts(path, truth):
    detail = read_caltable(path)
    named = zip(truth["fully_flagged_antenna_ids"], truth["fully_flagged_antenna_names"], strict=True)
    assert detail.fully_flagged == tuple(name or f"#{number}" for number, name in named)
    assert detail.values.shape[:3] == (len(detail.times_mjd), len(detail.antennas.names), truth["n_spw"])
    assert np.count_nonzero(~detail.flag) == truth["n_solutions"] - truth["n_flagged"]
    assert truth["start_mjd"] - 1e-9 <= detail.times_mjd[0] <= detail.times_mjd[-1] <= truth["end_mjd"] + 1e-9
    return {
        "type": detail.kind, "parameter": detail.parameter, "ms_name": detail.ms_name, "n_rows": detail.n_rows,
        "n_solutions": detail.n_solutions, "n_flagged": detail.n_flagged, "flag_fraction": detail.flag_fraction,
        "n_antennas": int(detail.antennas.has_data.sum()), "n_spw": len(detail.spectral_windows),
        "median_snr": detail.median_snr, "median_amplitude": detail.median_amplitude,
        "fields": list(detail.field_names), "refant": detail.refants[0] if detail.refants else None,
    }  # fmt: skip


def compare(kind, path, truth):
    if not truth["readable"]:
        with pytest.raises(FileError) as caught:
            read_image_preview(path)
        return [] if path in caught.value.message else ["the error does not name the file"]
    if kind == "measurement_sets":
        return differences(ms_facts(path), truth)
    if kind == "caltables":
        return differences(caltable_facts(path, truth), truth)
    facts, header = image_facts(path, truth)
    centre = ((header.shape[-1] - 1) / 2, (header.shape[-2] - 1) / 2)
    lines = differences(facts, truth)
    lines += sky_differences(header, truth, truth["peak_x"], truth["peak_y"], "peak_sky")
    return lines + sky_differences(header, truth, *centre, "centre_sky")


def test_every_file_gives_its_measured_values(entries):
    kind, files = entries
    wrong = {path: lines for path, truth in files if (lines := compare(kind, path, truth))}
    assert wrong == {}
