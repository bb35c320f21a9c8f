from __future__ import annotations

import pickle

import numpy as np
import pytest
from casacore.tables import makearrcoldesc, makescacoldesc, maketabdesc, table

from data_access.errors import CaltableError, FileMissing
from data_access.readers import caltable
from data_access.readers.caltable import read_caltable
from data_access.readers.solution_times import group_times

START_S = 61000 * 86400.0
# File order is not frequency order; the last window has no solutions.
WINDOWS = (np.array([1.49e9, 1.48e9, 1.47e9]), np.array([1.31e9, 1.30e9]), np.array([1.40e9]))
NAMES = ("101", "", "103")


def subtable(path, name, rows, **columns):
    descriptions = [
        makearrcoldesc(key, 0.0, ndim=1) if np.ndim(values[0]) else makescacoldesc(key, values[0])
        for key, values in columns.items()
    ]
    tab = table(f"{path}/{name}", maketabdesc(descriptions), nrow=rows, ack=False)
    for key, values in columns.items():
        for row, value in enumerate(values):
            tab.putcell(key, row, value)
    tab.close()


def write_caltable(path, rows, *, parameter="CPARAM", snr=True, kind="B Jones"):
    """Write one row per (time in s, antenna, window, reference antenna, values, flags); SNR is 10 everywhere."""
    path = str(path)
    zero = 0j if parameter == "CPARAM" else 0.0
    columns = [makescacoldesc("TIME", 0.0)]
    columns += [makescacoldesc(name, 0) for name in ("ANTENNA1", "ANTENNA2", "SPECTRAL_WINDOW_ID")]
    columns += [makearrcoldesc(parameter, zero, ndim=2), makearrcoldesc("FLAG", False, ndim=2)]
    columns += [makearrcoldesc("SNR", 0.0, ndim=2)] if snr is not None else []
    tab = table(path, maketabdesc(columns), nrow=len(rows), ack=False)
    for row, (time_s, antenna, window, refant, values, flags) in enumerate(rows):
        scalars = {"TIME": START_S + time_s, "ANTENNA1": antenna, "SPECTRAL_WINDOW_ID": window, "ANTENNA2": refant}
        for name, value in scalars.items():
            tab.putcell(name, row, value)
        tab.putcell(parameter, row, np.asarray(values, dtype=type(zero)))
        tab.putcell("FLAG", row, np.asarray(flags, dtype=bool))
        if snr:
            tab.putcell("SNR", row, np.full(np.shape(values), 10.0))
    tab.putkeywords({"VisCal": kind, "MSName": "/data/2025-10-13T13:28:03.ms", "PolBasis": "unknown"})
    tab.close()
    subtable(
        path, "ANTENNA", 3, NAME=NAMES, POSITION=[np.array([-2409761.0 + i, -4478100.0, 3838761.0]) for i in range(3)]
    )
    subtable(path, "SPECTRAL_WINDOW", 3, NAME=("", "", ""), CHAN_FREQ=WINDOWS,
             CHAN_WIDTH=[np.full(len(w), -1e7) for w in WINDOWS])  # fmt: skip
    subtable(path, "FIELD", 1, NAME=("0834+555",))
    return path


def solution(time_s, antenna, window, value=1.0, *, flagged=(), refant=2):
    values = np.full((len(WINDOWS[window]), 2), value, dtype=complex)
    flags = np.zeros(values.shape, dtype=bool)
    for cell in flagged:
        flags[cell] = True
    return time_s, antenna, window, refant, values, flags


ALL = [(i, j) for i in range(3) for j in range(2)]
ROWS = [
    solution(0, 0, 0, 2.0, flagged=[(0, 0)]),
    solution(0, 1, 0, 1e30, flagged=ALL),
    solution(0.4, 0, 1, 3j, refant=0),
    solution(30, 0, 0, 4.0),
    solution(30.3, 0, 1, 5.0, refant=-1),
]


@pytest.fixture
def path(tmp_path):
    return write_caltable(tmp_path / "a.bcal", ROWS)


def test_solutions_are_where_their_time_antenna_and_window_say(path):
    detail = read_caltable(path)
    assert detail.values.shape == (2, 3, 2, 3, 2)
    np.testing.assert_array_equal(detail.values[1, 0, 0], np.full((3, 2), 4.0))
    np.testing.assert_array_equal(detail.values[0, 0, 1, :2], np.full((2, 2), 3j))


def test_what_was_not_solved_is_nan_and_flagged(path):
    detail = read_caltable(path)
    padding, absent = (0, 0, 1, 2), (0, 2)
    for where in (padding, absent):
        assert np.isnan(detail.values[where]).all()
        assert np.isnan(detail.snr[where]).all()
        assert detail.flag[where].all()


def test_flagged_solutions_keep_their_values_and_stay_out_of_the_figures(path):
    detail = read_caltable(path)
    assert detail.values[0, 1, 0, 0, 0] == 1e30
    # 5 of 2.0, 4 of 3.0, 6 of 4.0 and 4 of 5.0 are not flagged.
    assert (detail.median_amplitude, detail.median_snr) == (4.0, 10.0)
    assert (detail.n_solutions, detail.n_flagged, detail.n_rows, detail.n_not_finite) == (26, 7, 5, 0)


def test_unflagged_solutions_that_are_not_finite_are_counted_and_stay_out_of_the_figures(tmp_path):
    path = write_caltable(
        tmp_path / "a", [*ROWS, solution(60, 0, 0, np.nan), solution(60, 1, 0, np.inf, flagged=ALL)]
    )
    with table(path, readonly=False, ack=False) as tab:
        tab.putcell("SNR", 5, np.full((3, 2), 1000.0))
    detail = read_caltable(path)
    assert detail.n_not_finite == 6
    assert any("not finite: 6" in problem for problem in detail.problems)
    assert (detail.median_amplitude, detail.median_snr) == (4.0, 10.0)


def test_fully_flagged_antennas_are_those_with_solutions_and_no_good_one(path):
    detail = read_caltable(path)
    assert detail.fully_flagged == ("#1",)
    assert detail.antennas.has_data.tolist() == [True, True, False]
    np.testing.assert_allclose(detail.antennas.flag_fraction, [1 / 20, 1.0, np.nan])


def test_windows_keep_the_order_and_the_numbers_of_the_file(path):
    windows = read_caltable(path).spectral_windows
    assert [w.spw_id for w in windows] == [0, 1]
    np.testing.assert_array_equal(windows[0].chan_freq_hz, WINDOWS[0])
    assert windows[0].chan_width_hz == -1e7


def test_reference_antennas_come_by_frequency_and_minus_one_is_none(path):
    assert read_caltable(path).refants == ("103", "101")


def test_times_of_one_interval_are_one_time(path):
    np.testing.assert_allclose((read_caltable(path).times_mjd - 61000) * 86400, [0.2, 30.15], atol=1e-4)


def test_facts_come_from_keywords_and_subtables(path):
    detail = read_caltable(path)
    assert (detail.kind, detail.parameter, detail.ms_name) == ("B Jones", "CPARAM", "2025-10-13T13:28:03.ms")
    assert (detail.field_names, detail.pol_names) == (("0834+555",), ("pol 0", "pol 1"))


@pytest.mark.parametrize("snr", [None, False])
def test_table_without_snr_is_read(tmp_path, snr):
    detail = read_caltable(write_caltable(tmp_path / "a", ROWS, snr=snr))
    assert np.isnan(detail.snr).all()
    assert np.isnan(detail.median_snr)
    assert detail.n_solutions == 26


def test_snr_of_some_rows_only_is_kept_for_those(tmp_path):
    path = write_caltable(tmp_path / "a", ROWS, snr=False)
    tab = table(path, readonly=False, ack=False)
    tab.putcell("SNR", 3, np.full((3, 2), 7.0))
    tab.close()
    detail = read_caltable(path)
    assert detail.median_snr == 7.0
    assert np.count_nonzero(np.isfinite(detail.snr)) == 6


def test_delays_are_real_numbers_with_one_frequency_for_each_window(tmp_path):
    rows = [(0, 0, 0, -1, np.array([[2.5, -1.5]]), [[False, False]]), (0, 1, 0, -1, [[9.0, 9.0]], [[True, True]])]
    detail = read_caltable(write_caltable(tmp_path / "a.kcal", rows, parameter="FPARAM", kind="K Jones"))
    assert detail.values.dtype == np.float64
    np.testing.assert_array_equal(detail.values[0, 0, 0, 0], [2.5, -1.5])
    assert (detail.refants, detail.median_amplitude) == ((), 2.0)
    np.testing.assert_allclose(detail.spectral_windows[0].chan_freq_hz, [1.48e9])


def test_offsets_of_antenna_positions_have_axes_in_place_of_polarisations(tmp_path):
    rows = [(0, 0, 0, -1, np.array([[0.01, -0.02, 0.03]]), [[False] * 3])]
    detail = read_caltable(write_caltable(tmp_path / "a", rows, parameter="FPARAM", kind="KAntPos Jones"))
    assert (detail.kind, detail.pol_names) == ("KAntPos Jones", ("x", "y", "z"))


def test_table_too_large_to_draw_is_cut_in_time_but_counted_whole(monkeypatch, path):
    monkeypatch.setattr(caltable, "MAX_CELLS", 40)
    detail = read_caltable(path)
    assert (len(detail.times_mjd), detail.values.shape[0], detail.n_solutions) == (1, 1, 26)
    assert "first 1 of 2 times" in detail.problems[0]


def test_second_solution_of_the_same_moment_is_remarked(tmp_path):
    detail = read_caltable(write_caltable(tmp_path / "a", [solution(0, 0, 0, 1.0), solution(0, 0, 0, 2.0)]))
    assert any("more than one solution" in problem for problem in detail.problems)


def test_table_without_rows_has_no_figures(tmp_path):
    detail = read_caltable(write_caltable(tmp_path / "a", []))
    assert (detail.n_solutions, detail.fully_flagged, len(detail.times_mjd)) == (0, (), 0)
    assert np.isnan([detail.flag_fraction, detail.median_snr, detail.median_amplitude]).all()


def test_detail_survives_the_trip_from_a_worker(path):
    assert pickle.loads(pickle.dumps(read_caltable(path))).n_flagged == 7


# ---- solution intervals
def test_windows_of_one_interval_share_it_although_their_times_differ():
    index, mean_s = group_times(np.array([10.4, 10.0, 70.0, 70.9]), np.array([1, 0, 0, 1]))
    assert index.tolist() == [0, 0, 1, 1]
    np.testing.assert_allclose(mean_s, [10.2, 70.45])


def test_antennas_missing_from_an_interval_do_not_merge_it_with_the_next():
    index, _ = group_times(np.array([0.0, 10.0, 20.0, 30.0, 10.0]), np.array([0, 1, 0, 1, 0]))
    assert index.tolist() == [0, 1, 2, 3, 1]


def test_one_solution_each_an_hour_apart_is_two_intervals():
    index, _ = group_times(np.array([0.0, 3600.0]), np.array([0, 1]))
    assert index.tolist() == [0, 1]


# ---- what cannot be read
def test_missing_table_is_named(tmp_path):
    with pytest.raises(FileMissing, match=r"gone\.bcal"):
        read_caltable(str(tmp_path / "gone.bcal"))


def test_other_table_is_refused(tmp_path):
    table(str(tmp_path / "t"), maketabdesc([makescacoldesc("TIME", 0.0)]), ack=False).close()
    with pytest.raises(CaltableError, match="neither CPARAM nor FPARAM"):
        read_caltable(str(tmp_path / "t"))


def test_solution_of_an_antenna_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(CaltableError, match="names antenna 9"):
        read_caltable(write_caltable(tmp_path / "a", [solution(0, 9, 0)]))


def test_windows_with_solutions_of_several_shapes_are_an_error(tmp_path):
    odd = (0, 1, 0, 2, np.ones((2, 2)), np.zeros((2, 2)))
    with pytest.raises(CaltableError, match="several shapes"):
        read_caltable(write_caltable(tmp_path / "a", [solution(0, 0, 0), odd]))
