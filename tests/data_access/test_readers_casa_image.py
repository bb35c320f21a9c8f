from __future__ import annotations

import numpy as np
import pytest
from astropy.wcs import WCS
from casacore.tables import makearrcoldesc, maketabdesc, table

from data_access.errors import CasaImageError, FileMissing, ValidationError
from data_access.readers.casa_image import read_casa_header, read_casa_preview
from data_access.readers.images import read_image_header, read_image_preview
from data_access.readers.pixel import read_pixel

ARCSEC = np.pi / 180 / 3600
BEAM = {
    "major": {"value": 0.1, "unit": "arcmin"},
    "minor": {"value": 4.0, "unit": "arcsec"},
    "positionangle": {"value": -8.0, "unit": "deg"},
}


def direction(**changes):
    record = {
        "system": "J2000", "projection": "SIN", "projection_parameters": np.zeros(2), "units": ["rad", "rad"],
        "crval": np.radians([150.0, 16.0]), "cdelt": np.array([-3, 3]) * ARCSEC, "crpix": np.array([20.0, 15.0]),
        "pc": np.eye(2), "longpole": 180.0, "latpole": 16.0, "axes": ["Right Ascension", "Declination"],
    }  # fmt: skip
    return record | changes


def coordinates(sky=(0, 1), **changes):
    others = sorted(set(range(4)) - set(sky))
    return {
        "direction0": direction(**changes), "pixelmap0": np.array(sky),
        "stokes1": {"axes": ["Stokes"], "stokes": ["I"]}, "pixelmap1": np.array(others[:1]),
        "spectral2": {"unit": "GHz", "wcs": {"crval": 1.4}}, "pixelmap2": np.array(others[1:]),
        "telescope": "DSA-110", "obsdate": {"m0": {"value": 61000.5, "unit": "d"}},
    }  # fmt: skip


def write_table(path, column, data, kind):
    description = makearrcoldesc(
        column, data.ravel()[0].item(), ndim=data.ndim, valuetype=kind,
        datamanagertype="TiledCellStMan", datamanagergroup=column,
    )  # fmt: skip
    tab = table(str(path), maketabdesc([description]), nrow=1, ack=False)
    tab.putcell(column, 0, data)
    return tab


def write_image(path, data, coords=None, info=None, mask=None):
    tab = write_table(path, "map", data, "complex" if np.iscomplexobj(data) else "float")
    tab.putkeyword("coords", coordinates() if coords is None else coords)
    tab.putkeyword("imageinfo", {"objectname": "3C48"} | (info or {}))
    tab.putkeyword("units", "Jy/beam")
    if mask is not None:
        write_table(path / "mask0", "PagedArray", mask, "boolean").close()
        tab.putkeyword("Image_defaultmask", "mask0")
        tab.putkeyword("masks", {"mask0": {"isRegion": 1, "name": "LCPagedMask"}})
    tab.close()
    return str(path)


def cube(ny=30, nx=40):
    return np.random.default_rng(1).normal(size=(2, 3, ny, nx)).astype(np.float32)


def test_plane_is_read_with_its_facts(tmp_path):
    data = cube()
    preview = read_casa_preview(write_image(tmp_path / "a.image", data, info={"restoringbeam": BEAM}), plane=4)
    np.testing.assert_array_equal(preview.data, data[1, 1])
    header = preview.header
    assert header.shape == (2, 3, 30, 40)
    assert header.axes == ("FREQ", "STOKES", "DEC--SIN", "RA---SIN")
    assert (header.bunit, header.object_name, header.telescope) == ("Jy/beam", "3C48", "DSA-110")
    assert (header.freq_hz, header.date_obs) == (1.4e9, "2025-11-21T12:00:00.000")
    assert (header.beam.major_arcsec, header.beam.minor_arcsec, header.beam.pa_deg) == (6.0, 4.0, -8.0)


def test_reference_pixel_counts_from_zero_in_casa_and_from_one_in_cards(tmp_path):
    header = read_casa_header(write_image(tmp_path / "a.image", cube()))
    assert header.wcs_header["CRPIX1"] == 21.0
    position = WCS(header.wcs_header, naxis=2).pixel_to_world(20, 15)
    assert (position.ra.deg, position.dec.deg) == pytest.approx((150.0, 16.0))


def test_north_is_up_and_east_is_left(tmp_path):
    header = read_casa_header(write_image(tmp_path / "a.image", cube()))
    centre, left, up = WCS(header.wcs_header, naxis=2).pixel_to_world([20, 10, 20], [15, 15, 25])
    assert left.ra > centre.ra
    assert up.dec > centre.dec


@pytest.mark.parametrize(
    ("system", "frame"),
    [("J2000", "fk5"), ("ICRS", "icrs"), ("B1950", "fk4"), ("GALACTIC", "galactic"), ("ECLIPTIC", "ecliptic")],
)
def test_direction_system_is_not_relabelled(tmp_path, system, frame):
    assert read_casa_header(write_image(tmp_path / "a.image", cube(), coordinates(system=system))).frame == frame


def test_system_that_moves_over_the_sky_gives_no_coordinates(tmp_path):
    header = read_casa_header(write_image(tmp_path / "a.image", cube(), coordinates(system="AZEL")))
    assert (header.wcs_header, header.frame) == ({}, "unknown")
    assert "AZEL" in header.problems[0]


def test_degrees_and_rotation_are_understood(tmp_path):
    turned = {"units": ["deg", "deg"], "crval": np.array([150.0, 16.0]), "cdelt": np.array([-1e-3, 1e-3]),
              "pc": np.array([[0.8, -0.6], [0.6, 0.8]])}  # fmt: skip
    cards = read_casa_header(write_image(tmp_path / "a.image", cube(), coordinates(**turned))).wcs_header
    assert (cards["CRVAL1"], cards["CDELT2"], cards["PC1_2"], cards["PC2_1"]) == (150.0, 1e-3, -0.6, 0.6)


@pytest.mark.parametrize("sky", [(1, 2), (2, 3), (3, 0), (1, 0)])
def test_sky_axes_are_found_wherever_they_are(tmp_path, sky):
    plane = np.random.default_rng(2).normal(size=(30, 40)).astype(np.float32)
    others = sorted(set(range(4)) - set(sky))
    # numpy axis of CASA axis k is 3 - k.
    order = np.argsort([3 - others[1], 3 - others[0], 3 - sky[1], 3 - sky[0]])
    data = np.ascontiguousarray(np.transpose(np.stack([plane, plane + 9])[None], order))
    preview = read_casa_preview(write_image(tmp_path / "a.image", data, coordinates(sky)), plane=1)
    assert preview.header.shape == (1, 2, 30, 40)
    np.testing.assert_array_equal(preview.data, plane + 9)


def test_masked_pixels_are_nan(tmp_path):
    data = cube()
    mask = np.ones(data.shape, dtype=bool)
    mask[0, 0, 3, 5] = False
    preview = read_casa_preview(write_image(tmp_path / "a.image", data, mask=mask))
    assert np.argwhere(np.isnan(preview.data)).tolist() == [[3, 5]]


def test_box_is_cut_and_averaged(tmp_path):
    data = cube(60, 80)
    preview = read_casa_preview(write_image(tmp_path / "a.image", data), box=(10, 20, 70, 999), max_size=30)
    assert (preview.origin_x, preview.origin_y, preview.factor) == (10, 20, 2)
    expected = data[0, 0, 20:, 10:70].reshape(20, 2, 30, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(preview.data, expected, atol=1e-6)


def test_complex_pixels_are_shown_by_their_amplitude(tmp_path):
    preview = read_casa_preview(write_image(tmp_path / "a.image", np.full((1, 1, 4, 4), 3 + 4j, dtype=np.complex64)))
    assert preview.statistics.peak == 5.0
    assert "complex" in preview.header.problems[0]


def test_first_of_many_beams_is_given_with_a_remark(tmp_path):
    wide = BEAM | {"major": {"value": 9.0, "unit": "arcsec"}}
    info = {"perplanebeams": {"nChannels": 2, "nStokes": 1, "*0": BEAM, "*1": wide}}
    header = read_casa_header(write_image(tmp_path / "a.image", cube(), info=info))
    assert header.beam.major_arcsec == pytest.approx(6.0)
    assert "changes from plane to plane" in header.problems[0]


def test_every_plane_has_its_own_beam_channels_run_fastest(tmp_path):
    data = cube()
    n_chan, n_stokes = data.shape[:2]
    beams = {f"*{i}": BEAM | {"major": {"value": 9.0 + i, "unit": "arcsec"}} for i in range(n_chan * n_stokes)}
    info = {"perplanebeams": {"nChannels": n_chan, "nStokes": n_stokes, **beams}}
    path = write_image(tmp_path / "a.image", data, info=info)
    header = read_casa_header(path)
    planes = range(header.n_planes)
    expected = [9.0 + chan + n_chan * stokes for chan in range(n_chan) for stokes in range(n_stokes)]
    assert [header.of_plane(n).beam.major_arcsec for n in planes] == expected
    assert [read_casa_preview(path, plane=n).header.beam.major_arcsec for n in planes] == expected


@pytest.mark.parametrize("missing", ["minor", "positionangle"])
def test_what_is_not_recorded_of_a_beam_is_not_invented(tmp_path, missing):
    beam = {key: value for key, value in BEAM.items() if key != missing}
    header = read_casa_header(write_image(tmp_path / "a.image", cube(), info={"restoringbeam": beam}))
    assert header.beam.minor_assumed == (missing == "minor")
    assert header.beam.pa_deg == (None if missing == "positionangle" else -8.0)


def test_reader_is_chosen_by_what_is_on_disk(tmp_path):
    path = write_image(tmp_path / "looks_like.fits", cube())
    assert read_image_header(path) == read_casa_header(path)
    assert read_image_preview(path, plane=2).plane == 2


def test_other_tables_are_refused(tmp_path):
    write_table(tmp_path / "other", "DATA", cube(), "float").close()
    with pytest.raises(CasaImageError, match="not an image"):
        read_casa_header(str(tmp_path / "other"))


def test_directory_without_a_table_is_refused(tmp_path):
    with pytest.raises(CasaImageError, match=r"without table\.dat"):
        read_image_header(str(tmp_path))


def test_damaged_table_is_refused(tmp_path):
    path = write_image(tmp_path / "a.image", cube())
    (tmp_path / "a.image" / "table.dat").write_bytes(b"nonsense")
    with pytest.raises(CasaImageError, match=r"a\.image cannot be read"):
        read_casa_header(path)


def test_missing_image_is_named(tmp_path):
    with pytest.raises(FileMissing, match=r"gone\.image"):
        read_image_header(str(tmp_path / "gone.image"))


def test_one_pixel_has_the_digits_of_the_file_and_masked_ones_are_blank(tmp_path):
    data = np.full((1, 1, 4, 5), 0.1, dtype=np.float32)
    mask = np.ones(data.shape, dtype=bool)
    mask[0, 0, 2, 3] = False
    path = write_image(tmp_path / "a.image", data, mask=mask)
    assert str(read_pixel(path, 1, 2)) == "0.1"
    assert np.isnan(read_pixel(path, 3, 2))
    with pytest.raises(ValidationError):
        read_pixel(path, 5, 0)
