"""Quality measured on pixels whose truth is known."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from data_access import Archive, open_archive
from data_access.analysis.image_quality import catalog_offsets
from data_access.analysis.image_sky import ImageSky
from data_access.demo.schema import create_database
from data_access.readers.image_quality import _beam_pixels, measure_quality
from data_access.readers.images import read_image_header
from data_access.records.image_quality import Catalog, CatalogSource
from data_access.services.image_quality import quality_grades, residual_names

N, NOISE, SCALE = 320, 2e-4, 3 / 3600
SHIFT_EAST, SHIFT_NORTH, FLUX = 1.5, -0.9, 0.05


def _write(path: Path, data: np.ndarray, **cards: object) -> str:
    header = {
        "CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CRVAL1": 0.02, "CRVAL2": 54.5, "CUNIT1": "deg", "CUNIT2": "deg",
        "CDELT1": -SCALE, "CDELT2": SCALE, "CRPIX1": N / 2, "CRPIX2": N / 2, "BUNIT": "Jy/beam", "BMAJ": 12 / 3600,
        "BMIN": 12 / 3600, "BPA": 0.0, "TELESCOP": "DSA-110", "CTYPE3": "FREQ", "CRVAL3": 1.4e9,
    }  # fmt: skip
    fits.PrimaryHDU(data.astype("f4"), fits.Header(header | cards)).writeto(path, overwrite=True)
    return str(path)


def _noise(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=NOISE, size=(N, N))


def _with_sources(data: np.ndarray, catalog: Catalog) -> np.ndarray:
    """Add a source of 12 arcsec for each of the catalogue, all moved by the same angle."""
    y, x = np.mgrid[:N, :N]
    for source in catalog.sources:
        east = (source.ra_deg - 0.02) * np.cos(np.radians(54.5)) * 3600 + SHIFT_EAST
        north = (source.dec_deg - 54.5) * 3600 + SHIFT_NORTH
        dx, dy = x - (N / 2 - 1 - east / 3), y - (N / 2 - 1 + north / 3)
        data = data + FLUX * np.exp(-4 * np.log(2) * (dx**2 + dy**2) / 4**2)
    return data


@pytest.fixture
def catalog() -> Catalog:
    steps = [(i, j) for i in (-2, -1, 0, 1, 2) for j in (-2, -1, 0, 1, 2)]
    sources = [CatalogSource(0.02 + 0.05 * i, 54.5 + 0.04 * j, 1e3 * FLUX / 1.1) for i, j in steps]
    return Catalog("NVSS", "nvss_dec+54.5.sqlite3", 1.4e9, tuple(sources))


def test_noise_is_robust_against_sources_and_the_worst_region_is_named(tmp_path: Path, catalog: Catalog) -> None:
    data = _with_sources(_noise(), catalog)
    data[240:280, 40:80] += 4 * _noise(2)[240:280, 40:80]
    found = measure_quality(_write(tmp_path / "a.fits", data))
    assert found.noise == pytest.approx(NOISE, rel=0.05)
    assert found.peak == pytest.approx(FLUX, rel=0.05)
    worst = found.noise_map.worst
    assert worst is not None
    assert worst[1] == (40, 240, 80, 280)
    assert worst[0] == pytest.approx(17**0.5 * NOISE, rel=0.2)
    words = {grade.metric: grade for grade in quality_grades(found)}
    assert words["local_noise"].word == "suspect"
    assert words["image_noise"].word == "good"


def test_plain_noise_and_masked_sources_have_no_moments_and_a_bowl_has_its_depth(
    tmp_path: Path, catalog: Catalog
) -> None:
    plain = measure_quality(_write(tmp_path / "a.fits", _with_sources(_noise(), catalog))).residual
    assert plain.origin == "image without its sources"
    assert abs(plain.skewness) < 0.1
    assert abs(plain.kurtosis) < 0.2
    assert plain.bowl < 0.3
    bowl = _noise()
    bowl[80:120, 80:120] -= 2 * NOISE
    assert measure_quality(_write(tmp_path / "b.fits", bowl)).residual.bowl == pytest.approx(2, abs=0.3)


def test_moments_are_those_of_the_residual_image_where_there_is_one(tmp_path: Path) -> None:
    image = _write(tmp_path / "a.fits", _noise())
    residual = _write(tmp_path / "a.residual.fits", np.random.default_rng(3).exponential(size=(N, N)))
    found = measure_quality(image, residual_path=residual).residual
    assert (found.origin, found.path) == ("residual image", residual)
    assert found.skewness == pytest.approx(2.0, abs=0.15)  # of an exponential distribution
    assert found.kurtosis == pytest.approx(6.0, abs=1.2)


def test_moments_of_a_plane_are_those_of_that_plane_of_the_residual_cube(tmp_path: Path) -> None:
    image = _write(tmp_path / "a.fits", np.stack([_noise(), _noise(2)]))
    residuals = np.stack([_noise(4), np.random.default_rng(3).exponential(size=(N, N))])
    residual = _write(tmp_path / "a.residual.fits", residuals)
    first, second = (measure_quality(image, plane=plane, residual_path=residual).residual for plane in (0, 1))
    assert first.skewness == pytest.approx(0.0, abs=0.1)
    assert second.skewness == pytest.approx(2.0, abs=0.15)
    other = _write(tmp_path / "b.residual.fits", residuals[1])
    found = measure_quality(image, plane=1, residual_path=other).residual
    assert (found.origin, found.path) == ("image without its sources", "")


def test_offsets_from_the_catalogue_have_the_shift_that_was_put_in(tmp_path: Path, catalog: Catalog) -> None:
    found = measure_quality(_write(tmp_path / "a.fits", _with_sources(_noise(), catalog)), catalog=catalog).offsets
    assert found is not None
    assert (found.n_expected, found.n_matched) == (25, 25)
    assert found.east_arcsec == pytest.approx(SHIFT_EAST, abs=0.1)
    assert found.north_arcsec == pytest.approx(SHIFT_NORTH, abs=0.1)
    assert found.flux_ratio == pytest.approx(1.1, abs=0.06)


def test_what_has_no_figure_is_not_bad(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.fits", np.full((N, N), np.nan), BUNIT="K", BMAJ=None, BMIN=None, BPA=None)
    grades = quality_grades(measure_quality(path))
    assert {grade.word for grade in grades} <= {"not applicable", "could not compute", "bad"}
    assert [grade.metric for grade in grades if grade.word == "bad"] == ["nan_fraction"]
    assert all(grade.reason for grade in grades)


def _words(path: str) -> dict[str, tuple[str, float | None, str]]:
    return {one.metric: (one.word, one.value, one.reason) for one in quality_grades(measure_quality(path))}


@pytest.mark.parametrize(("unit", "factor"), [("mJy/beam", 1e3), ("uJy/beam", 1e6), ("JY/BEAM", 1.0)])
def test_noise_is_judged_in_jy_per_beam_whatever_the_prefix(tmp_path: Path, unit: str, factor: float) -> None:
    word, value, reason = _words(_write(tmp_path / "a.fits", factor * _noise(), BUNIT=unit))["image_noise"]
    assert word == "good"
    assert value == pytest.approx(NOISE, rel=0.05)
    assert "Jy/beam" in reason


@pytest.mark.parametrize("unit", ["Jy/beam.km/s", "K", "", "Jy/pixel"])
def test_images_that_are_not_in_jy_per_beam_are_not_judged_by_its_thresholds(tmp_path: Path, unit: str) -> None:
    data = _noise()
    data[240:280, 40:80] *= 50
    words = _words(_write(tmp_path / "a.fits", data, BUNIT=unit))
    for metric in ("image_noise", "local_noise", "dynamic_range", "residual_skewness", "residual_kurtosis",
                   "negative_bowl"):  # fmt: skip
        assert words[metric][0] == "not applicable"
        assert (f"'{unit}'" if unit else "not stated") in words[metric][2]
    assert words["nan_fraction"][0] == "good"


@pytest.mark.parametrize(
    ("telescope", "judged"),
    [("DSA-110", True), ("DSA_110", True), ("OVRO_MMA", True), (None, True), ("VLA", False), ("ASKAP", False)],
)
def test_noise_and_dynamic_range_of_another_telescope_are_not_judged(
    tmp_path: Path, telescope: str | None, judged: bool
) -> None:
    words = _words(_write(tmp_path / "a.fits", 20 * _noise(), TELESCOP=telescope))
    for metric in ("image_noise", "dynamic_range"):
        word, value, reason = words[metric]
        assert (word == "not applicable") is not judged
        assert value is not None
        assert judged or str(telescope) in reason
    assert words["local_noise"][0] == "good"
    assert words["nan_fraction"][0] == "good"


def test_the_flux_ratio_counts_the_prefix_of_the_unit(tmp_path: Path, catalog: Catalog) -> None:
    path = _write(tmp_path / "a.fits", 1e3 * _with_sources(_noise(), catalog), BUNIT="mJy/beam")
    found = measure_quality(path, catalog=catalog).offsets
    assert found is not None
    assert found.n_expected == 25
    assert found.flux_ratio == pytest.approx(1.1, abs=0.06)


def test_the_beam_is_judged_against_the_longest_baseline_of_this_telescope_only(tmp_path: Path) -> None:
    def beam_grade(path: str) -> tuple[str, float | None]:
        found = {grade.metric: grade for grade in quality_grades(measure_quality(path))}["beam_size"]
        return found.word, found.value

    ours = beam_grade(_write(tmp_path / "a.fits", _noise(), BMAJ=50 / 3600, BMIN=40 / 3600))
    assert ours[0] == "suspect"
    assert ours[1] == pytest.approx(50 / (206264.8 * 299792458 / 1.4e9 / 2600), rel=1e-4)
    other = beam_grade(_write(tmp_path / "b.fits", _noise(), BMAJ=50 / 3600, TELESCOP="VLA"))
    assert other == ("not applicable", None)


def test_the_beam_is_measured_in_pixels_however_the_image_is_turned(tmp_path: Path) -> None:
    plain = _write(tmp_path / "a.fits", _noise())
    matrix = {"CD1_1": 0.0, "CD1_2": -SCALE, "CD2_1": -SCALE, "CD2_2": 0.0}
    turned = _write(tmp_path / "b.fits", _noise(), CDELT1=None, CDELT2=None, **matrix)
    assert _beam_pixels(read_image_header(turned)) == _beam_pixels(read_image_header(plain)) == 4


def test_each_plane_is_judged_with_its_own_beam(tmp_path: Path) -> None:
    data = np.stack([_noise(), _noise(2)]).astype("f4")
    path = _write(tmp_path / "a.fits", data, BMAJ=None, BMIN=None, BPA=None)
    columns = [fits.Column(name, "E", "arcsec", array=values) for name, values in
               (("BMAJ", [12.0, 48.0]), ("BMIN", [12.0, 12.0]), ("BPA", [0.0, 0.0]))]  # fmt: skip
    fits.append(path, *(lambda t: (t.data, t.header))(fits.BinTableHDU.from_columns(columns, name="BEAMS")))
    grades = [{g.metric: g.value for g in quality_grades(measure_quality(path, plane=n))} for n in (0, 1)]
    assert [one["beam_elongation"] for one in grades] == [1.0, 4.0]


def test_an_assumed_beam_is_not_judged_for_its_elongation(tmp_path: Path) -> None:
    word, value, reason = _words(_write(tmp_path / "a.fits", _noise(), BMIN=None))["beam_elongation"]
    assert (word, value) == ("not applicable", None)
    assert "not recorded" in reason


def test_uncertain_offsets_are_not_judged(tmp_path: Path, catalog: Catalog) -> None:
    found = measure_quality(_write(tmp_path / "a.fits", _with_sources(_noise(), catalog)), catalog=catalog)
    assert {g.metric: g.word for g in quality_grades(found)}["position_offset"] == "bad"
    assert found.offsets is not None
    vague = replace(found, offsets=replace(found.offsets, east_scatter_arcsec=9.0))
    assert {g.metric: g.word for g in quality_grades(vague)}["position_offset"] == "not applicable"


@pytest.mark.parametrize(
    ("name", "residual"),
    [
        ("2026-01-01T00:00:00.img.image", "2026-01-01T00:00:00.img.residual"),
        ("2026-01-01T00:00:00.img.pbcor.fits", "2026-01-01T00:00:00.img.residual.fits"),
        ("2026-01-01T00:00:00.img-image-pb.fits", "2026-01-01T00:00:00.img-residual.fits"),
        ("2026-01-01T00:00:00.img.fits", "2026-01-01T00:00:00.img.residual"),
    ],
)
def test_residual_images_are_looked_for_under_the_names_of_the_imagers(name: str, residual: str) -> None:
    assert residual in residual_names(name)
    assert residual_names(residual) == []


@pytest.fixture
async def archive(tmp_path: Path, catalog: Catalog) -> AsyncIterator[Archive]:
    state = tmp_path / "state"
    image = _write(tmp_path / "2026-01-01T00:00:00.img.fits", _with_sources(_noise(), catalog))
    for name in ("db", "catalogs"):
        (state / name).mkdir(parents=True)
    create_database(state / "db" / "products.sqlite3", "products")
    with sqlite3.connect(state / "db" / "products.sqlite3") as connection:
        connection.execute(
            "INSERT INTO images (path, ms_path, created_at, type, noise_jy) VALUES (?, 'a.ms', 0, '5min', ?)",
            (image, 1e3 * NOISE),
        )
    strip = state / "catalogs" / "nvss_dec+54.6.sqlite3"
    create_database(strip, "catalog_strip")
    with sqlite3.connect(strip) as connection:
        connection.executemany(
            "INSERT INTO sources (ra_deg, dec_deg, flux_mjy) VALUES (?, ?, ?)",
            [(source.ra_deg % 360, source.dec_deg, source.flux_mjy) for source in catalog.sources],
        )
    (state / "catalogs" / "nvss_dec+54.0.sqlite3").write_bytes(b"not a database")
    config = tmp_path / "settings.toml"
    config.write_text(f'state_dir = "{state}"\nroots = ["{tmp_path}"]\n', encoding="utf-8")
    made = open_archive(config=config)
    yield made
    await made.close()


async def test_report_uses_the_catalogue_around_0h_and_says_why_stored_figures_differ(archive: Archive) -> None:
    report = await archive.image_quality.report(await archive.images.get(1))
    assert report.measured.offsets is not None
    assert report.measured.offsets.n_matched == 25
    (stored,) = report.stored
    assert stored.where == "images.noise_jy"
    assert "mJy" in stored.why
    assert report.worst_region is not None


async def test_what_the_row_says_of_the_header_is_compared_each_within_its_tolerance(archive: Archive) -> None:
    image = await archive.images.get(1)
    _write(Path(image.path), _noise(), BMIN=8 / 3600, BPA=33.0)
    report, header = await archive.image_quality.report(image), await archive.files.image_header(image.path)
    sky, (n_y, n_x) = ImageSky.of(header), header.shape[-2:]
    assert sky is not None
    beam = report.measured.beam
    assert beam is not None
    assert beam.pa_deg is not None
    ra, dec = sky.to_icrs(n_x / 2, n_y / 2)
    cell = sky.pixel_size_arcsec(n_x / 2, n_y / 2)[0]
    same = replace(
        image, noise_jy=None, beam_pa_deg=beam.pa_deg - 180.5, center_ra_deg=ra - 360, center_dec_deg=dec,
        imsize_x=n_x, imsize_y=n_y, cellsize_arcsec=1.005 * cell,
    )  # fmt: skip
    stored = (await archive.image_quality.report(same)).stored
    assert [figure.why for figure in stored] == [""] * 6
    other = replace(
        same, beam_pa_deg=beam.pa_deg + 90, center_ra_deg=ra + 0.1, center_dec_deg=dec - 0.1, imsize_x=n_x + 1,
        imsize_y=n_y - 1, cellsize_arcsec=1.05 * cell,
    )  # fmt: skip
    assert all(figure.why for figure in (await archive.image_quality.report(other)).stored)


async def test_a_stored_frequency_is_that_of_the_header_within_a_thousandth(archive: Archive) -> None:
    image = replace(await archive.images.get(1), noise_jy=None)
    _write(Path(image.path), _noise(), RESTFRQ=1.4e9, CTYPE3=None)
    for freq_ghz, is_same in ((1.4005, True), (1.41, False)):
        (stored,) = (await archive.image_quality.report(replace(image, freq_ghz=freq_ghz))).stored
        assert (stored.where, stored.why == "") == ("images.freq_ghz", is_same)


async def test_a_stored_frequency_is_compared_with_that_of_the_plane(archive: Archive) -> None:
    image = replace(await archive.images.get(1), noise_jy=None, freq_ghz=1.5)
    _write(Path(image.path), np.stack([_noise(), _noise(2)]), CRPIX3=1.0, CDELT3=1e8)
    for plane, measured in ((0, 1.4), (1, 1.5)):
        (stored,) = (await archive.image_quality.report(image, plane=plane)).stored
        assert stored.measured == pytest.approx(measured)
        assert (stored.why == "") == (plane == 1)


async def test_stored_and_measured_figures_are_compared_in_jy_per_beam(archive: Archive) -> None:
    image = await archive.images.get(1)
    _write(Path(image.path), 1e6 * _noise(), BUNIT="mJy/beam")
    (stored,) = (await archive.image_quality.report(image)).stored
    assert (stored.unit, stored.stored, stored.why) == ("Jy/beam", 1e3 * NOISE, "")
    assert stored.measured == pytest.approx(1e3 * NOISE, rel=0.05)
    _write(Path(image.path), _noise(), BUNIT="K")
    report = await archive.image_quality.report(image)
    (stored,) = report.stored
    assert (stored.unit, stored.measured) == ("Jy/beam", None)
    assert report.verdict.word == "not applicable"
    assert "'K'" in report.verdict.reason
    assert "'K'" in stored.why


async def test_an_image_of_another_telescope_is_not_good_for_what_is_left_to_judge(archive: Archive) -> None:
    image = await archive.images.get(1)
    _write(Path(image.path), _noise(), TELESCOP="MeerKAT")
    verdict = (await archive.image_quality.report(image)).verdict
    assert verdict.word == "not applicable"
    assert "MeerKAT" in verdict.reason


async def test_a_measured_image_is_measured_again_only_when_its_file_changes(archive: Archive) -> None:
    image = await archive.images.get(1)
    first = (await archive.image_quality.report(image)).measured
    assert (await archive.image_quality.report(image)).measured is first
    _write(Path(image.path), 3 * _noise())
    assert (await archive.image_quality.report(image)).measured.noise == pytest.approx(3 * NOISE, rel=0.05)


def test_one_match_alone_has_no_scatter() -> None:
    one = catalog_offsets("NVSS", 13, np.array([-41.2]), np.array([-60.4]), np.array([0.036]))
    assert (one.east_arcsec, one.n_matched) == (-41.2, 1)
    scatters = (one.east_scatter_arcsec, one.north_scatter_arcsec, one.flux_ratio_scatter)
    assert all(math.isnan(scatter) for scatter in scatters)
    two = catalog_offsets("NVSS", 13, np.array([1.0, 3.0]), np.array([0.0, 0.0]), np.array([1.0, np.nan]))
    assert two.east_scatter_arcsec == pytest.approx(1.4826)
    assert (two.north_scatter_arcsec, math.isnan(two.flux_ratio_scatter)) == (0.0, True)
