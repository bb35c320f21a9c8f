from __future__ import annotations

import pickle
import tracemalloc

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from data_access.errors import FileMissing, FITSError
from data_access.readers.fits import read_fits_header, read_fits_preview

SKY = {
    "CTYPE1": "RA---SIN", "CRVAL1": 150.0, "CDELT1": -1e-3, "CRPIX1": 21.0, "CUNIT1": "deg",
    "CTYPE2": "DEC--SIN", "CRVAL2": 16.0, "CDELT2": 1e-3, "CRPIX2": 16.0, "CUNIT2": "deg",
}  # fmt: skip


def make_header(cards):
    header = fits.Header()
    for key, value in cards.items():
        header[key] = value
    return header


def write_fits(path, data, cards=SKY, history=()):
    header = make_header(cards)
    for line in history:
        header.add_history(line)
    fits.writeto(path, data, header)
    return str(path)


def sky_image(ny=30, nx=40):
    return np.random.default_rng(1).normal(size=(ny, nx)).astype(np.float32)


def renumbered(cards, numbers):
    return {key[:-1] + str(numbers[int(key[-1])]): value for key, value in cards.items()}


# ---- axes and orientation
def test_source_in_the_north_east_is_at_the_top_left_of_the_preview(tmp_path):
    data = np.zeros((400, 400), dtype=np.float32)
    cards = SKY | {"CRPIX1": 201.0, "CRPIX2": 201.0}
    east_north = SkyCoord(150.1, 16.15, unit="deg", frame="icrs")
    x, y = (int(v) for v in np.round(WCS(make_header(cards)).world_to_pixel(east_north)))
    data[y, x] = 16.0
    preview = read_fits_preview(write_fits(tmp_path / "a.fits", data, cards), max_size=100)
    row, column = np.unravel_index(np.argmax(preview.data), preview.data.shape)
    assert row > 50, "north is up: row 0 of the preview is the south"
    assert column < 50, "east is left: the right ascension falls with x"
    assert (preview.statistics.peak_x, preview.statistics.peak_y) == (x, y)


@pytest.mark.parametrize("numbers", [{1: 2, 2: 3}, {1: 1, 2: 3}, {1: 2, 2: 1}, {1: 3, 2: 1}])
def test_sky_axes_are_found_wherever_they_are(tmp_path, numbers):
    plane = sky_image()
    spare = ({1, 2, 3} - set(numbers.values())).pop()
    cards = renumbered(SKY, numbers) | {f"CTYPE{spare}": "FREQ", f"CRVAL{spare}": 1.4e9, f"CDELT{spare}": 1e6}
    cube = np.stack([plane, plane + 100])
    order = np.argsort([-spare, -numbers[2], -numbers[1]])
    path = write_fits(tmp_path / "a.fits", np.transpose(cube, order), cards)
    preview = read_fits_preview(path, plane=1)
    assert preview.header.shape == (2, 30, 40)
    assert preview.header.axes == ("FREQ", "DEC--SIN", "RA---SIN")
    np.testing.assert_array_equal(preview.data, plane + 100)
    wcs = WCS(preview.header.wcs_header, naxis=2)
    np.testing.assert_allclose(wcs.wcs_pix2world(5, 7, 0), WCS(make_header(SKY)).wcs_pix2world(5, 7, 0))


@pytest.mark.parametrize("n_axes", [2, 3, 4, 5])
def test_plane_of_any_number_of_axes_is_read(tmp_path, n_axes):
    shape = (*(2, 3, 2)[: n_axes - 2], 30, 40)
    data = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    path = write_fits(tmp_path / "a.fits", data)
    last = int(np.prod(shape[:-2])) - 1
    preview = read_fits_preview(path, plane=last)
    assert (preview.header.shape, preview.header.n_planes) == (shape, last + 1)
    np.testing.assert_array_equal(preview.data, data.reshape(-1, 30, 40)[last])


def test_box_is_cut_from_the_image_and_says_where(tmp_path):
    plane = sky_image()
    preview = read_fits_preview(write_fits(tmp_path / "a.fits", plane), box=(-5, 20, 12, 99))
    assert (preview.origin_x, preview.origin_y, preview.factor) == (0, 20, 1)
    np.testing.assert_array_equal(preview.data, plane[20:, :12])


def test_image_without_sky_axes_is_still_an_image(tmp_path):
    preview = read_fits_preview(write_fits(tmp_path / "a.fits", sky_image(), {"CTYPE1": "RA", "CTYPE2": "X"}))
    assert (preview.header.wcs_header, preview.header.frame, preview.data.shape) == ({}, "unknown", (30, 40))


def test_third_axis_that_wcslib_rejects_does_not_cost_the_sky(tmp_path):
    bad = {"CTYPE3": "FREQ", "CUNIT3": "no unit at all", "CDELT3": 0.0, "CRVAL3": 1.4e9, "PC3_3": 0.0}
    path = write_fits(tmp_path / "a.fits", sky_image()[None], SKY | bad)
    with pytest.raises(Exception, match="CUNIT3"):
        WCS(fits.getheader(path)).wcs.set()
    header = read_fits_header(path)
    assert WCS(header.wcs_header, naxis=2).wcs_pix2world(20, 15, 0)[0] == pytest.approx(150.0)


def test_units_in_capitals_are_understood(tmp_path):
    header = read_fits_header(write_fits(tmp_path / "a.fits", sky_image(), SKY | {"CUNIT1": "DEG", "CUNIT2": "DEG"}))
    assert WCS(header.wcs_header, naxis=2).wcs_pix2world(20, 15, 0)[1] == pytest.approx(16.0)


def test_sky_that_wcslib_rejects_is_a_remark_not_a_failure(tmp_path):
    cards = {key: value for key, value in SKY.items() if key != "CDELT1"} | {"CDELT1": 0.0}
    header = read_fits_header(write_fits(tmp_path / "a.fits", sky_image(), cards))
    assert header.wcs_header == {}
    assert "sky coordinates cannot be used" in header.problems[0]


@pytest.mark.parametrize(
    "matrix",
    [
        {"CD1_1": -8e-4, "CD1_2": 6e-4, "CD2_1": 6e-4, "CD2_2": 8e-4},
        {"PC1_1": 0.8, "PC1_2": -0.6, "PC2_1": 0.6, "PC2_2": 0.8},
        {"CROTA2": 36.87},
        {"LONPOLE": 170.0, "PV2_1": 0.01, "PV2_2": 0.02},
    ],
)
def test_rotation_and_projection_parameters_survive_renumbering(tmp_path, matrix):
    flat = SKY | matrix
    swap = str.maketrans("12", "23")
    moved = {key if "POLE" in key else key.split("_")[0].translate(swap)
             + ("_" + (key.split("_")[1].translate(swap) if key[:2] != "PV" else key.split("_")[1])
                if "_" in key else ""): value for key, value in flat.items()}  # fmt: skip
    path = write_fits(tmp_path / "a.fits", np.zeros((30, 40, 2), dtype=np.float32), moved | {"CTYPE1": "STOKES"})
    wcs = WCS(read_fits_header(path).wcs_header, naxis=2)
    np.testing.assert_allclose(wcs.wcs_pix2world(3, 4, 0), WCS(make_header(flat)).wcs_pix2world(3, 4, 0), rtol=1e-12)


# ---- frames
@pytest.mark.parametrize(
    ("cards", "frame", "astropy_frame"),
    [
        ({}, "icrs", "icrs"),
        ({"EQUINOX": 2000.0}, "fk5", "fk5"),
        ({"EPOCH": 1950.0}, "fk4", "fk4"),
        ({"EQUINOX": "J2000"}, "fk5", "fk5"),
        ({"RADESYS": "FK4", "EQUINOX": 1950.0}, "fk4", "fk4"),
        ({"RADECSYS": "FK5"}, "fk5", "fk5"),
        ({"RADESYS": "ICRS", "EQUINOX": 2000.0}, "icrs", "icrs"),
        ({"CTYPE1": "GLON-CAR", "CTYPE2": "GLAT-CAR"}, "galactic", "galactic"),
        ({"CTYPE1": "ELON-SIN", "CTYPE2": "ELAT-SIN"}, "ecliptic", None),
        ({"CTYPE1": "SLON-SIN", "CTYPE2": "SLAT-SIN"}, "supergalactic", None),
        ({"RADESYS": "FK4-NO-E"}, "fk4-no-e", "fk4noeterms"),
        ({"CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN"}, "unknown", None),
        ({"CTYPE1": "HLON-SIN", "CTYPE2": "HLAT-SIN"}, "unknown", None),
        ({"RADESYS": "GAPPT"}, "unknown", None),
    ],
)
def test_frame_is_the_native_one(tmp_path, cards, frame, astropy_frame):
    header = read_fits_header(write_fits(tmp_path / "a.fits", sky_image(), SKY | cards))
    assert header.frame == frame
    assert any("is not known here" in problem for problem in header.problems) == (frame == "unknown")
    if astropy_frame:
        assert WCS(header.wcs_header, naxis=2).pixel_to_world(1, 1).frame.name == astropy_frame


# ---- pixels
def test_scaled_integers_with_blanks_become_fluxes_and_nan(tmp_path):
    raw = np.arange(1200, dtype=np.int16).reshape(30, 40)
    raw[3, 4] = -32768
    header = make_header(SKY)
    hdu = fits.PrimaryHDU(raw, header)
    hdu.header["BSCALE"], hdu.header["BZERO"], hdu.header["BLANK"] = 0.5, 100.0, -32768
    hdu.writeto(tmp_path / "a.fits")
    preview = read_fits_preview(str(tmp_path / "a.fits"))
    assert np.isnan(preview.data[3, 4])
    assert preview.data[29, 39] == pytest.approx(1199 * 0.5 + 100)
    assert preview.statistics.nan_fraction == pytest.approx(1 / 1200)


@pytest.mark.parametrize("name", ["a.fits.gz", "a.fits.fz", "a.fits"])
def test_packed_files_give_the_same_pixels_as_plain_ones(tmp_path, name):
    data = np.stack([sky_image(300, 200), sky_image(300, 200) + 1])
    path = tmp_path / name
    if name.endswith(".fz"):
        tiles = {"compression_type": "GZIP_2", "tile_shape": (1, 64, 200), "quantize_level": 0}
        fits.CompImageHDU(data, make_header(SKY), **tiles).writeto(path)
    else:
        write_fits(path, data)
    preview = read_fits_preview(str(path), plane=1)
    np.testing.assert_array_equal(preview.data, data[1])
    assert preview.header.frame == "icrs"


def test_preview_of_a_large_file_needs_less_memory_than_one_plane(tmp_path):
    n, path = 6000, tmp_path / "large.fits"
    header = make_header({"SIMPLE": True, "BITPIX": -32, "NAXIS": 2, "NAXIS1": n, "NAXIS2": n} | SKY)
    start = len(header.tostring())
    with path.open("wb") as file:  # a sparse file: the pixels that are not written are zeros
        file.write(header.tostring().encode())
        file.truncate(start + -(-n * n * 4 // 2880) * 2880)
        file.seek(start + 4 * (n * 4000 + 123))
        file.write(np.array(7.0, dtype=">f4").tobytes())
    read_fits_header(str(path))
    tracemalloc.start()
    try:
        preview = read_fits_preview(str(path))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (preview.statistics.peak, preview.statistics.peak_x, preview.statistics.peak_y) == (7.0, 123, 4000)
    assert peak_bytes < 0.25 * n * n * 4


# ---- facts
def test_beam_of_the_header_is_in_arcsec(tmp_path):
    path = write_fits(tmp_path / "a.fits", sky_image(), SKY | {"BMAJ": 0.01, "BMIN": 0.005, "BPA": 30.0})
    beam = read_fits_header(path).beam
    assert (beam.major_arcsec, beam.minor_arcsec, beam.pa_deg, beam.origin) == (36.0, 18.0, 30.0, "header")


@pytest.mark.parametrize(("unit", "angle"), [("arcsec", "deg"), ("deg", "deg"), ("rad", "rad"), ("deg", "rad")])
def test_first_beam_of_a_table_is_given_with_a_remark(tmp_path, unit, angle):
    scale = {"arcsec": 1.0, "deg": 1 / 3600, "rad": np.radians(1 / 3600)}[unit]
    turn = np.radians(1) if angle == "rad" else 1.0
    columns = [
        fits.Column("BMAJ", "E", unit=unit, array=np.array([0.0, 6.0, 7.0]) * scale),
        fits.Column("BMIN", "E", unit=unit, array=np.array([0.0, 5.0, 5.0]) * scale),
        fits.Column("BPA", "E", unit=angle, array=np.array([0.0, 20.0, 21.0]) * turn),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="BEAMS")
    image = fits.PrimaryHDU(np.zeros((3, 30, 40), dtype=np.float32), make_header(SKY))
    fits.HDUList([image, table]).writeto(tmp_path / "a.fits")
    header = read_fits_header(str(tmp_path / "a.fits"))
    assert header.beam.origin == "BEAMS table"
    assert header.beam.major_arcsec == pytest.approx(6.0)
    assert header.beam.pa_deg == pytest.approx(20.0)
    assert "changes from plane to plane" in header.problems[0]


@pytest.mark.parametrize("missing", [("BPA",), ("BMIN",), ("BMIN", "BPA")])
def test_what_the_header_does_not_say_of_its_beam_is_not_invented(tmp_path, missing):
    cards = {key: value for key, value in {"BMAJ": 0.01, "BMIN": 0.005, "BPA": 30.0}.items() if key not in missing}
    header = read_fits_header(write_fits(tmp_path / "a.fits", sky_image(), SKY | cards))
    assert header.beam.major_arcsec == 36.0
    assert header.beam.pa_deg == (None if "BPA" in missing else 30.0)
    assert header.beam.minor_assumed == ("BMIN" in missing)
    assert header.beam.has_outline == ("BMIN" not in missing and "BPA" not in missing)
    assert bool(header.problems) == ("BMIN" in missing)


def test_an_angle_that_miriad_did_not_write_is_not_zero(tmp_path):
    history = ["RESTOR: Using gaussian beam fwhm of 7.1 by 5.5 arcsec."]
    beam = read_fits_header(write_fits(tmp_path / "a.fits", sky_image(), SKY, history)).beam
    assert (beam.major_arcsec, beam.minor_arcsec, beam.pa_deg) == (7.1, 5.5, None)


def cube_with_beams(path, stokes_first):
    """Write 2 polarisations of 3 channels; the beam of channel c and polarisation p is 10 + c + 100 p arcsec."""
    axes = ("FREQ", "STOKES") if stokes_first else ("STOKES", "FREQ")
    shape = (2, 3, 30, 40) if stokes_first else (3, 2, 30, 40)
    places = [(c, p) for p in (1, 0) for c in (2, 0, 1)]
    columns = [
        fits.Column("BMAJ", "E", "arcsec", array=[10.0 + c + 100 * p for c, p in places]),
        fits.Column("BMIN", "E", "arcsec", array=[5.0] * 6),
        fits.Column("BPA", "E", "deg", array=[np.nan if (c, p) == (1, 1) else 20.0 for c, p in places]),
        fits.Column("CHAN", "J", array=[c for c, _ in places]),
        fits.Column("POL", "J", array=[p for _, p in places]),
    ]
    cards = SKY | {"CTYPE3": axes[0], "CTYPE4": axes[1], "CASAMBM": True}
    image = fits.PrimaryHDU(np.zeros(shape, dtype=np.float32), make_header(cards))
    fits.HDUList([image, fits.BinTableHDU.from_columns(columns, name="BEAMS")]).writeto(path)
    return str(path)


@pytest.mark.parametrize("stokes_first", [True, False])
def test_every_plane_of_a_cube_has_its_own_beam(tmp_path, stokes_first):
    path = cube_with_beams(tmp_path / "a.fits", stokes_first)
    header = read_fits_header(path)
    expected = [10, 11, 12, 110, 111, 112] if stokes_first else [10, 110, 11, 111, 12, 112]
    assert [header.of_plane(n).beam.major_arcsec for n in range(6)] == expected
    assert [read_fits_preview(path, plane=n).header.beam.major_arcsec for n in range(6)] == expected
    assert header.of_plane(expected.index(111)).beam.pa_deg is None
    assert pickle.loads(pickle.dumps(header)) == header


def test_one_beam_for_all_channels_is_that_of_every_plane(tmp_path):
    columns = [fits.Column(name, "E", unit, array=[value]) for name, unit, value in
               (("BMAJ", "arcsec", 9.0), ("BMIN", "arcsec", 8.0), ("BPA", "deg", 1.0))]  # fmt: skip
    image = fits.PrimaryHDU(np.zeros((3, 30, 40), dtype=np.float32), make_header(SKY | {"CTYPE3": "FREQ"}))
    fits.HDUList([image, fits.BinTableHDU.from_columns(columns, name="BEAMS")]).writeto(tmp_path / "a.fits")
    header = read_fits_header(str(tmp_path / "a.fits"))
    assert [header.of_plane(n).beam.major_arcsec for n in range(3)] == [9.0, 9.0, 9.0]


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        (["AIPS   CLEAN BMAJ=  1.0000E-02 BMIN=  5.0D-03 BPA=  60.19",
          "AIPS   CLEAN BMAJ=  2.0000E-02 BMIN=  5.0E-03 BPA= -10.00"], (72.0, 18.0, -10.0)),
        (["restoration: 0.9 by 0.7 (arcsec) at pa -40.8 (deg)"], (0.9, 0.7, -40.8)),
        (["RESTOR: Using gaussian beam fwhm of 7.1 by 5.5 arcsec.", "RESTOR: Position angle: 31.9 degrees."],
         (7.1, 5.5, 31.9)),
    ],
)  # fmt: skip
def test_last_beam_of_the_history_is_found(tmp_path, history, expected):
    beam = read_fits_header(write_fits(tmp_path / "a.fits", sky_image(), SKY, history)).beam
    assert beam.origin == "HISTORY"
    np.testing.assert_allclose((beam.major_arcsec, beam.minor_arcsec, beam.pa_deg), expected)


@pytest.mark.parametrize(
    ("cards", "freq_hz"),
    [
        ({"CTYPE3": "FREQ", "CRVAL3": 1.4, "CUNIT3": "GHz"}, 1.4e9),
        ({"CTYPE3": "STOKES", "CRVAL3": 1.0, "RESTFRQ": 1.3e9}, 1.3e9),
        ({"CTYPE3": "STOKES", "CRVAL3": 1.0}, None),
    ],
)
def test_frequency_is_that_of_the_frequency_axis(tmp_path, cards, freq_hz):
    assert read_fits_header(write_fits(tmp_path / "a.fits", sky_image()[None], SKY | cards)).freq_hz == freq_hz


def test_all_cards_are_listed_and_text_is_kept_as_it_is(tmp_path):
    cards = SKY | {"OBJECT": "<b>3C48</b>", "BUNIT": "JY/BEAM", "DATE-OBS": "19930417"}
    header = read_fits_header(write_fits(tmp_path / "a.fits", sky_image(), cards, ["made by hand"]))
    assert (header.object_name, header.bunit, header.date_obs) == ("<b>3C48</b>", "JY/BEAM", "19930417")
    assert ("HISTORY", "made by hand", "") in header.cards


def test_first_image_with_two_axes_is_taken_from_an_extension(tmp_path):
    hdus = [fits.PrimaryHDU(), fits.ImageHDU(np.zeros(5)), fits.ImageHDU(sky_image(), make_header(SKY))]
    fits.HDUList(hdus).writeto(tmp_path / "a.fits")
    assert read_fits_header(str(tmp_path / "a.fits")).shape == (30, 40)


def test_preview_survives_the_trip_from_a_worker(tmp_path):
    preview = read_fits_preview(write_fits(tmp_path / "a.fits", sky_image()))
    assert pickle.loads(pickle.dumps(preview)).header == preview.header


# ---- what cannot be read
def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileMissing, match=r"gone\.fits is not on disk"):
        read_fits_header(str(tmp_path / "gone.fits"))


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"SIMPLE  =                    T", bytes(9000)])
def test_other_content_is_an_error_with_a_remedy(tmp_path, content):
    path = tmp_path / "odd.fits"
    path.write_bytes(content)
    with pytest.raises(FITSError, match=r"odd\.fits") as caught:
        read_fits_preview(str(path))
    assert "fitsverify" in caught.value.remedy


@pytest.mark.parametrize("read", [read_fits_header, read_fits_preview])
@pytest.mark.parametrize("name", ["short.fits", "short.fits.fz"])
def test_truncated_file_is_an_error_not_a_plane_of_zeros(tmp_path, read, name):
    path = tmp_path / name
    if name.endswith("fz"):
        fits.CompImageHDU(sky_image(200, 200), make_header(SKY), compression_type="GZIP_1").writeto(path)
    else:
        write_fits(path, sky_image(200, 200))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(FITSError, match="truncated"):
        read(str(path))


def test_truncated_gzip_is_an_error(tmp_path):
    path = tmp_path / "short.fits.gz"
    write_fits(path, sky_image(200, 200))
    path.write_bytes(path.read_bytes()[:50_000])
    with pytest.raises(FITSError, match=r"short\.fits\.gz"):
        read_fits_preview(str(path))


def test_file_of_tables_only_is_refused(tmp_path):
    table = fits.BinTableHDU.from_columns([fits.Column("A", "E", array=[1.0])])
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / "t.fits")
    with pytest.raises(FITSError, match="no image"):
        read_fits_header(str(tmp_path / "t.fits"))


def test_directory_is_refused(tmp_path):
    with pytest.raises(FITSError, match="directory"):
        read_fits_header(str(tmp_path))
