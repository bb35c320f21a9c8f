from __future__ import annotations

import pickle
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import EarthLocation, SkyCoord
from casacore.tables import default_ms, makescacoldesc, maketabdesc, table

from data_access.errors import FileMissing, MeasurementSetError
from data_access.readers import flag_counts
from data_access.readers.casa_tables import local_positions
from data_access.readers.ms import read_measurement_set

START_S = 61000 * 86400.0
POSITION = np.array([-2409761.229, -4478100.499, 3838761.518])
# Two windows of different channel numbers and polarisation setups.
WINDOWS = ((4, (9, 12)), (3, (9, 10, 11, 12)))


def add_rows(path, name, n_rows, **columns):
    tab = table(f"{path}/{name}", readonly=False, ack=False)
    tab.addrows(n_rows)
    for column, values in columns.items():
        for row, value in enumerate(values):
            tab.putcell(column, row, value)
    tab.close()


def write_ms(path, flags, *, frame="J2000", names=("1", "", "3"), interleaved=True):
    """Write one row per entry of `flags`: (time index, antenna 1, antenna 2, window, FLAG_ROW, FLAG)."""
    path = str(path)
    tab = default_ms(path)
    tab.addrows(len(flags))
    for row, (time, ant1, ant2, window, flag_row, flag) in enumerate(flags):
        scalars = {"TIME": START_S + 10 * time, "ANTENNA1": ant1, "ANTENNA2": ant2, "DATA_DESC_ID": window}
        for column, value in (scalars | {"FLAG_ROW": flag_row, "FIELD_ID": 1, "INTERVAL": 10.0}).items():
            tab.putcell(column, row, value)
        tab.putcell("FLAG", row, np.asarray(flag, dtype=bool))
    tab.close()
    positions = [POSITION + offset for offset in ([0, 0, 0], [30, -20, 0], [-30, 20, 0])]
    add_rows(path, "ANTENNA", 3, NAME=names, POSITION=positions)
    freqs = [1.4e9 + 1e9 * i - 1e6 * np.arange(n) for i, (n, _) in enumerate(WINDOWS)]
    add_rows(path, "SPECTRAL_WINDOW", 2, CHAN_FREQ=freqs, CHAN_WIDTH=[np.full(len(f), -1e6) for f in freqs],
             NUM_CHAN=[len(f) for f in freqs])  # fmt: skip
    add_rows(path, "POLARIZATION", 2, NUM_CORR=[len(c) for _, c in WINDOWS],
             CORR_TYPE=[np.array(c) for _, c in WINDOWS])  # fmt: skip
    add_rows(path, "DATA_DESCRIPTION", 2, SPECTRAL_WINDOW_ID=[0, 1], POLARIZATION_ID=[0, 1])
    add_rows(path, "FIELD", 2, NAME=["calibrator", "target"],
             PHASE_DIR=[np.zeros((1, 2)), np.radians([[-90.0, 16.0]])])  # fmt: skip
    add_rows(path, "OBSERVATION", 1, TELESCOPE_NAME=["DSA-110"])
    field = table(f"{path}/FIELD", readonly=False, ack=False)
    field.putcolkeyword("PHASE_DIR", "MEASINFO", {"type": "direction", "Ref": frame})
    field.close()
    return path


def none(window):
    n_chan, correlations = WINDOWS[window]
    return np.zeros((n_chan, len(correlations)), dtype=bool)


def some(window, *cells):
    flag = none(window)
    for cell in cells:
        flag[cell] = True
    return flag


ROWS = [
    (0, 0, 1, 0, False, some(0, (0, 0), (0, 1))),
    (0, 0, 1, 1, False, some(1, (2, 3))),
    (0, 2, 2, 0, False, none(0)),
    (1, 0, 2, 0, True, none(0)),
    (1, 0, 2, 1, False, none(1)),
]
# Visibilities: rows of window 0 have 8, of window 1 have 12. Flagged: 2, 1, 0, 8 (FLAG_ROW), 0.
ALL, FLAGGED = 8 + 12 + 8 + 8 + 12, 2 + 1 + 0 + 8 + 0


@pytest.fixture
def ms_path(tmp_path):
    return write_ms(tmp_path / "a.ms", ROWS)


def test_flag_fraction_counts_flagged_rows_as_a_whole(ms_path):
    assert read_measurement_set(ms_path).flag_fraction == pytest.approx(FLAGGED / ALL)


def test_windows_of_different_shape_keep_their_channels_apart(ms_path):
    detail = read_measurement_set(ms_path)
    np.testing.assert_allclose(detail.flag_by_channel, [4 / 6, 2 / 6, 2 / 6, 2 / 6, 0, 0, 1 / 8])
    np.testing.assert_allclose(detail.chan_freq_hz[[0, 3, 4]], [1.4e9, 1.397e9, 2.4e9])
    assert detail.correlations == ("XX", "YY", "XY", "YX")


def test_flags_by_time_are_those_of_each_integration(ms_path):
    detail = read_measurement_set(ms_path)
    np.testing.assert_allclose(detail.flag_by_time, [3 / 28, 8 / 20])
    np.testing.assert_allclose(detail.times_mjd, [61000, 61000 + 10 / 86400])


def test_cross_correlation_counts_for_both_antennas_and_autocorrelation_once(ms_path):
    antennas = read_measurement_set(ms_path).antennas
    np.testing.assert_allclose(antennas.flag_fraction, [11 / 40, 3 / 20, 8 / 28])
    assert antennas.names == ("1", "#1", "3")


def test_baselines_and_autocorrelations_are_counted(ms_path):
    detail = read_measurement_set(ms_path)
    assert (detail.n_rows, detail.n_baselines, detail.n_autocorrelation_rows) == (5, 3, 1)


def test_a_baseline_counts_once_in_whichever_order_its_antennas_are(tmp_path):
    rows = [(0, 0, 1, 0, False, none(0)), (0, 1, 0, 0, False, none(0)), (0, 2, 2, 0, False, none(0))]
    assert read_measurement_set(write_ms(tmp_path / "a.ms", rows)).n_baselines == 2


def test_the_telescope_has_every_different_name_of_the_observations(ms_path):
    add_rows(ms_path, "OBSERVATION", 3)
    with table(f"{ms_path}/OBSERVATION", readonly=False, ack=False) as tab:
        tab.putcol("TELESCOPE_NAME", ["DSA-110", "", "EVLA", "DSA-110"])
    assert read_measurement_set(ms_path).telescope == "DSA-110, EVLA"


def test_integration_times_are_those_of_each_window_whatever_its_last_row_has(ms_path):
    with table(ms_path, readonly=False, ack=False) as tab:
        tab.putcol("INTERVAL", np.array([10.0, 5.0, 10.000001, 3.0, 5.0]))
    assert read_measurement_set(ms_path).intervals_s == (5.0, 10.0)


def test_result_does_not_depend_on_the_size_of_blocks(monkeypatch, ms_path):
    whole = read_measurement_set(ms_path)
    monkeypatch.setattr(flag_counts, "BLOCK_BYTES", 1)
    rows = read_measurement_set(ms_path)
    np.testing.assert_array_equal(rows.flag_by_channel, whole.flag_by_channel)
    np.testing.assert_array_equal(rows.flag_by_time, whole.flag_by_time)


@pytest.mark.parametrize("shape", [(1, 1, 1), (300, 5, 3), (700, 8, 4), (1, 48, 2)])
def test_fast_counts_equal_plain_sums(shape):
    flags = np.random.default_rng(1).random(shape) < 0.7
    np.testing.assert_array_equal(flag_counts._flagged_per_row(flags), flags.sum(axis=(1, 2)))
    np.testing.assert_array_equal(flag_counts._flagged_per_channel(flags), flags.sum(axis=(0, 2)))


def test_row_cap_is_reported_and_leaves_the_facts_whole(ms_path):
    detail = read_measurement_set(ms_path, max_rows=1)
    assert detail.truncated
    assert (detail.flag_fraction, detail.n_rows, len(detail.times_mjd), detail.n_baselines) == (2 / 8, 5, 2, 3)
    assert np.isnan(detail.flag_by_time[1])


def test_phase_centre_is_that_of_the_field_with_most_rows(ms_path):
    detail = read_measurement_set(ms_path)
    assert (detail.phase_ra_deg, detail.phase_dec_deg) == pytest.approx((270.0, 16.0))
    assert detail.fields == ("calibrator", "target")


def test_phase_centre_of_1950_is_precessed(tmp_path):
    detail = read_measurement_set(write_ms(tmp_path / "a.ms", ROWS, frame="B1950"))
    expected = SkyCoord(270.0, 16.0, unit="deg", frame="fk4", equinox="B1950").icrs
    assert (detail.phase_ra_deg, detail.phase_dec_deg) == pytest.approx((expected.ra.deg, expected.dec.deg))


def test_phase_centre_in_a_moving_frame_is_not_passed_off_as_a_position(tmp_path):
    detail = read_measurement_set(write_ms(tmp_path / "a.ms", ROWS, frame="AZEL"))
    assert detail.phase_ra_deg is None
    assert any("AZEL" in problem for problem in detail.problems)


def test_measurement_set_without_rows_has_facts_but_no_fractions(tmp_path):
    detail = read_measurement_set(write_ms(tmp_path / "a.ms", []))
    assert (detail.n_rows, detail.start_mjd, len(detail.times_mjd)) == (0, None, 0)
    assert np.isnan(detail.flag_fraction)
    assert not detail.antennas.has_data.any()


def test_detail_survives_the_trip_from_a_worker(ms_path):
    detail = pickle.loads(pickle.dumps(read_measurement_set(ms_path)))
    assert (detail.telescope, detail.data_columns, detail.intervals_s) == ("DSA-110", (), (10.0,))


# ---- antennas
def test_local_positions_point_east_north_and_up():
    centre = EarthLocation.from_geodetic(-118.28, 37.23, 1200)
    degree_m = np.radians(1e-3) * 6.371e6
    around = [(-118.28, 37.231, 1200), (-118.28, 37.229, 1200), (-118.279, 37.23, 1200), (-118.281, 37.23, 1200),
              (-118.28, 37.23, 1210), (-118.28, 37.23, 1190)]  # fmt: skip
    places = [EarthLocation.from_geodetic(*place) for place in around]
    local, remarks = local_positions(np.array([[p.to_value(units.m) for p in place.geocentric] for place in places]))
    east = degree_m * np.cos(np.radians(37.23))
    expected = [[0, degree_m, 0], [0, -degree_m, 0], [east, 0, 0], [-east, 0, 0], [0, 0, 10], [0, 0, -10]]
    np.testing.assert_allclose(local, expected, atol=0.01 * degree_m / 2)
    np.testing.assert_allclose(local[4:, 2], [10, -10], atol=0.01)
    assert (remarks, centre.lat.deg) == ((), pytest.approx(37.23))


def test_antenna_without_a_position_does_not_move_the_others():
    local, remarks = local_positions(np.array([POSITION, np.zeros(3), POSITION]))
    np.testing.assert_allclose(local[[0, 2]], 0, atol=1e-6)
    assert np.isnan(local[1]).all()
    assert remarks == ("antennas without a position: 1",)


# ---- what cannot be read
def test_missing_measurement_set_is_named(tmp_path):
    with pytest.raises(FileMissing, match=r"gone\.ms"):
        read_measurement_set(str(tmp_path / "gone.ms"))


def test_file_is_no_measurement_set(tmp_path):
    (tmp_path / "a.ms").write_text("x")
    with pytest.raises(MeasurementSetError, match="a file, not a Measurement Set"):
        read_measurement_set(str(tmp_path / "a.ms"))


def test_other_table_is_refused_by_what_it_lacks(tmp_path):
    table(str(tmp_path / "t"), maketabdesc([makescacoldesc("TIME", 0.0)]), ack=False).close()
    with pytest.raises(MeasurementSetError, match="lacks ANTENNA1, ANTENNA2"):
        read_measurement_set(str(tmp_path / "t"))


def test_flags_of_another_shape_than_the_subtables_say_are_an_error(tmp_path):
    path = write_ms(tmp_path / "a.ms", [(0, 0, 1, 0, False, np.zeros((9, 2), dtype=bool))])
    with pytest.raises(MeasurementSetError, match="4 channels x 2 correlations"):
        read_measurement_set(path)


def test_antenna_that_does_not_exist_is_an_error(tmp_path):
    path = write_ms(tmp_path / "a.ms", [(0, 0, 7, 0, False, none(0))])
    with pytest.raises(MeasurementSetError, match="ANTENNA table of 3"):
        read_measurement_set(path)


def test_missing_data_file_of_the_table_is_an_error(ms_path, tmp_path):
    for file in (tmp_path / "a.ms").glob("table.f*"):
        file.unlink()
    with pytest.raises(MeasurementSetError, match=r"a\.ms"):
        read_measurement_set(ms_path)


# ---- while another process writes
WRITER = """
import sys
from casacore.tables import table
tab = table(sys.argv[1], readonly=False, lockoptions="permanent", ack=False)
print("locked", flush=True)
for line in sys.stdin:
    n = tab.nrows()
    tab.addrows(20000)
    for name in ("ANTENNA1", "ANTENNA2", "DATA_DESC_ID", "FIELD_ID", "TIME", "FLAG_ROW", "FLAG"):
        tab.putcol(name, tab.getcol(name, 0, 1).repeat(20000, axis=0), n, 20000)
    tab.flush()
    print("grown", flush=True)
"""
READER = """
import sys
from casacore.tables import table
from data_access.readers import casa_tables
from data_access.readers.ms import read_measurement_set
class Growing:
    def __call__(self, *args, **options):
        tab = table(*args, **options)
        if args[0] == sys.argv[1]:
            print("opened", flush=True)
            sys.stdin.readline()
        return tab
casa_tables.casa_table = Growing()
print(read_measurement_set(sys.argv[1]).n_rows, flush=True)
"""


@contextmanager
def running(program, path, first_line):
    """A process that has printed its first line; it never outlives the test."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == first_line
        yield process
    finally:
        process.kill()
        process.communicate()


def test_table_that_another_process_holds_locked_is_read(ms_path):
    with running(WRITER, ms_path, "locked\n"), running(READER, ms_path, "opened\n") as reader:
        assert reader.communicate("go\n", timeout=60)[0] == "5\n"


def test_table_that_grows_between_opening_and_reading_is_read_to_its_new_end(tmp_path):
    path = write_ms(tmp_path / "b.ms", [ROWS[0]])
    with running(WRITER, path, "locked\n") as writer, running(READER, path, "opened\n") as reader:
        writer.stdin.write("grow\n")
        writer.stdin.flush()
        assert writer.stdout.readline() == "grown\n"
        assert reader.communicate("go\n", timeout=60)[0] == "20001\n"
