"""Which fields of a Measurement Set have data, and how far apart on the sky they are."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from casacore.tables import table

from dashboards.pages.ms_facts import file_group
from data_access.readers.ms import read_measurement_set
from tests.data_access.test_readers_ms import none, write_ms

ROWS = [(time, 0, 1, 0, False, none(0)) for time in range(4)]


def write_fields(path, directions, field_ids):
    """Write a Measurement Set of these phase centres (degrees), one field for each of its rows."""
    path = write_ms(path, ROWS)
    with table(f"{path}/FIELD", readonly=False, ack=False) as fields:
        fields.addrows(len(directions) - fields.nrows())
        for row, direction in enumerate(directions):
            fields.putcell("NAME", row, f"drift_{row}")
            fields.putcell("PHASE_DIR", row, np.radians([direction]))
    with table(path, readonly=False, ack=False) as main:
        main.putcol("FIELD_ID", np.asarray(field_ids, dtype=np.int32))
    return path


def note_of(detail):
    items = file_group(detail)["items"]
    return next(item["note"] for item in items if item["label"] == "Phase centre RA")


def test_a_drift_over_several_fields_says_of_which_the_centre_is_and_how_far_they_reach(tmp_path):
    directions = [[150.0, 60.0], [150.5, 60.0], [151.0, 60.0]]
    detail = read_measurement_set(write_fields(tmp_path / "a.ms", directions, [0, 1, 1, 2]))
    assert (detail.phase_field, detail.n_fields_with_data) == ("drift_1", 3)
    assert detail.field_span_deg == pytest.approx(0.5, rel=1e-4)  # cos 60 degrees of what the right ascensions say
    assert note_of(detail) == "of field drift_1; 3 fields with data span 0.50 degrees"


def test_a_drift_across_right_ascension_0_is_as_long_as_any_other(tmp_path):
    directions = [[359.75, 0.0], [0.0, 0.0], [0.25, 0.0]]
    detail = read_measurement_set(write_fields(tmp_path / "a.ms", directions, [0, 1, 2, 2]))
    assert detail.field_span_deg == pytest.approx(0.5)


def test_a_field_without_data_counts_for_nothing(tmp_path):
    directions = [[10.0, 0.0], [90.0, 0.0]]
    detail = read_measurement_set(write_fields(tmp_path / "a.ms", directions, [0, 0, 0, 0]))
    assert (detail.n_fields_with_data, detail.field_span_deg) == (1, 0.0)
    assert note_of(detail) == ""


def test_where_the_distance_is_not_known_it_is_left_out(tmp_path):
    directions = [[10.0, 0.0], [11.0, 0.0]]
    detail = read_measurement_set(write_fields(tmp_path / "a.ms", directions, [0, 0, 0, 1]))
    assert note_of(dataclasses.replace(detail, field_span_deg=np.nan)) == "of field drift_0; 2 fields with data"
