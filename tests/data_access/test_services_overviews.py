"""Parts of images at every resolution: right, blank where blank, kept on disk, and never of an older file."""

from __future__ import annotations

import os
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from data_access import Archive, open_archive
from data_access.analysis.blocks import FIRST, first_blocks, halved
from data_access.errors import FileMissing, ValidationError
from data_access.readers.overview import Shape
from data_access.services.overviews import OverviewService

N_Y, N_X = 3001, 2503


def sky() -> np.ndarray:
    """Return noise with a blank corner, a blank pixel, an infinite one and one bright pixel."""
    data = np.random.default_rng(110).normal(0, 1e-3, (N_Y, N_X)).astype(np.float32)
    data[:100, :200] = np.nan
    data[700, 800] = np.nan
    data[701, 900] = np.inf
    data[1234, 567] = 5.0
    return data


def blocks_by_hand(data: np.ndarray, factor: int, reduce: str) -> np.ndarray:
    n_y, n_x = -(-data.shape[0] // factor), -(-data.shape[1] // factor)
    whole = np.full((n_y * factor, n_x * factor), np.nan)
    whole[: data.shape[0], : data.shape[1]] = np.where(np.isfinite(data), data, np.nan)
    blocks = whole.reshape(n_y, factor, n_x, factor)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # blocks without a finite pixel
        return np.asarray((np.nanmean if reduce == "mean" else np.nanmax)(blocks, axis=(1, 3)))


@pytest.fixture
async def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Archive]:
    monkeypatch.setenv("DSA110_DASHBOARD_CACHE", str(tmp_path / "cache"))
    images = tmp_path / "stage" / "images"
    images.mkdir(parents=True)
    (tmp_path / "state").mkdir()
    fits.writeto(images / "field.fits", sky())
    async with open_archive(tmp_path / "state") as opened:
        yield opened


def image_of(archive: Archive, name: str = "field.fits") -> str:
    return str(archive.settings.state_dir.parent / "stage" / "images" / name)


def kept(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").rglob("*.overview"))


@pytest.mark.parametrize("levels", [0, 1, 3])
def test_blocks_of_every_size_have_mean_and_maximum_of_their_finite_pixels(levels: int) -> None:
    data = sky()[690:893, 790:1120]
    blocks = first_blocks(data)
    for _ in range(levels):
        blocks = halved(blocks)
    factor = FIRST * 2**levels
    np.testing.assert_allclose(blocks.mean, blocks_by_hand(data, factor, "mean"), rtol=2e-5, atol=1e-8)
    np.testing.assert_array_equal(blocks.maximum, blocks_by_hand(data, factor, "max").astype(np.float32))


async def test_the_whole_field_fits_the_screen_and_keeps_the_only_bright_pixel(archive: Archive) -> None:
    view = await archive.overviews.view(image_of(archive), max_size=512, reduction="max")
    assert (view.factor, view.data.shape) == (8, (376, 313))
    assert view.data[1234 // 8, 567 // 8] == 5.0


@pytest.mark.parametrize(("box", "factor"), [((500, 1200, 600, 1300), 1), ((1, 1, 1001, 1001), 2)])
async def test_a_closer_view_is_made_of_the_pixels_themselves(
    archive: Archive, box: tuple[int, int, int, int], factor: int
) -> None:
    view = await archive.overviews.view(image_of(archive), box, max_size=600)
    assert view.factor == factor
    x0, y0, x1, y1 = view.box
    assert x0 <= box[0]
    assert x1 >= box[2]
    expected = blocks_by_hand(sky()[y0:y1, x0:x1], factor, "mean")
    np.testing.assert_allclose(view.data, expected, rtol=2e-5, atol=1e-8)


async def test_a_part_of_a_coarse_view_lies_where_it_belongs(archive: Archive) -> None:
    view = await archive.overviews.view(image_of(archive), (401, 1003, 2100, 2950), max_size=500)
    x0, y0, x1, y1 = view.box
    assert view.factor == 4
    expected = blocks_by_hand(sky()[y0:y1, x0:x1], 4, "mean")
    np.testing.assert_allclose(view.data, expected, rtol=2e-5, atol=1e-8)


@pytest.mark.parametrize("form", [".fits.gz", ".fz", "int16"])
async def test_compressed_and_scaled_files_give_the_same(archive: Archive, form: str) -> None:
    path = image_of(archive, f"other{form if form != 'int16' else '.fits'}")
    data = np.nan_to_num(sky()[:1500, :1100], posinf=0)
    if form == ".fz":
        hdu = fits.CompImageHDU(data, compression_type="GZIP_2", quantize_level=0)
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    else:
        hdu = fits.PrimaryHDU(data.astype(np.float32))
        if form == "int16":
            hdu.scale("int16", bscale=2e-4, bzero=1.0)
        hdu.writeto(path)
    view = await archive.overviews.view(path, max_size=300, reduction="max")
    expected = blocks_by_hand(data, 4, "max")
    np.testing.assert_allclose(view.data, expected, atol=2e-4 if form == "int16" else 0)


async def test_the_second_view_is_read_from_the_cache_folder(archive: Archive, tmp_path: Path) -> None:
    first = await archive.overviews.view(image_of(archive), max_size=512)
    (file,) = kept(tmp_path)
    with file.open("r+b") as writer:
        writer.seek(Shape(N_X, N_Y).offset(8, "mean"))
        writer.write(np.float32(42).tobytes())
    second = await archive.overviews.view(image_of(archive), max_size=512)
    assert second.data[0, 0] == 42
    np.testing.assert_array_equal(first.data[1:], second.data[1:])


async def test_an_image_that_is_replaced_gets_a_new_overview(archive: Archive, tmp_path: Path) -> None:
    await archive.overviews.view(image_of(archive), max_size=512)
    before = (await archive.files.state(image_of(archive))).modified_at or 0.0
    fits.writeto(tmp_path / "new.fits", np.full((N_Y, N_X), 7, dtype=np.float32))
    os.utime(tmp_path / "new.fits", (before, before))
    (tmp_path / "new.fits").replace(image_of(archive))
    view = await archive.overviews.view(image_of(archive), max_size=512)
    assert (view.data == 7).all()
    assert len(kept(tmp_path)) == 1


async def test_a_cut_or_foreign_file_in_the_cache_is_made_anew(archive: Archive, tmp_path: Path) -> None:
    first = await archive.overviews.view(image_of(archive), max_size=512)
    (file,) = kept(tmp_path)
    file.write_bytes(file.read_bytes()[:9000])
    second = await archive.overviews.view(image_of(archive), max_size=512)
    np.testing.assert_array_equal(first.data, second.data)


async def test_overviews_that_were_not_used_make_room_for_new_ones(archive: Archive, tmp_path: Path) -> None:
    service = _service(archive, limit_bytes=2 * Shape(N_X, N_Y).n_bytes + 100)
    for i in range(3):
        fits.writeto(image_of(archive, f"{i}.fits"), sky())
        await service.view(image_of(archive, f"{i}.fits"), max_size=512)
        for n, file in enumerate(sorted(kept(tmp_path), key=lambda one: one.stat().st_mtime)):
            os.utime(file, (1000 + n, 1000 + n))
    assert len(kept(tmp_path)) == 2


async def test_without_a_cache_folder_views_are_the_same_and_nothing_is_written(
    archive: Archive, tmp_path: Path
) -> None:
    def refused() -> Path:
        raise ValidationError("inside the pipeline's folders")

    service = _service(archive, find_folder=refused)
    view = await service.view(image_of(archive), max_size=512)
    expected = await archive.overviews.view(image_of(archive), max_size=512)
    np.testing.assert_array_equal(view.data, expected.data)
    assert len(kept(tmp_path)) == 1


async def test_a_folder_that_cannot_be_written_does_no_harm(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    view = await archive.overviews.view(image_of(archive), max_size=512)
    assert view.data.shape == (376, 313)


async def test_a_missing_file_and_a_box_beside_the_image_are_errors_in_words(archive: Archive) -> None:
    with pytest.raises(FileMissing):
        await archive.overviews.view(image_of(archive, "gone.fits"))
    with pytest.raises(ValidationError, match="holds no pixel"):
        await archive.overviews.view(image_of(archive), (9000, 0, 9100, 100))


async def test_a_casa_image_is_seen_at_every_resolution(real_archive_split: Path, tmp_path: Path) -> None:
    folder = next(path for path in (real_archive_split / "stage" / "images").glob("*.im*") if path.is_dir())
    async with open_archive(real_archive_split) as archive:
        service = _service(archive, find_folder=lambda: tmp_path)
        header = await archive.files.image_header(str(folder))
        job_view = await service._levels(str(folder), header, 0)
        whole = await service.view(str(folder), max_size=2048)
        level = job_view.read(4, "mean", (0, 0, *reversed(job_view.shape.size(4))))
    np.testing.assert_allclose(level, blocks_by_hand(whole.data, 4, "mean"), rtol=1e-4, atol=1e-7)
    assert list((tmp_path / "overviews").glob("*.overview"))


def _service(archive: Archive, **options: object) -> OverviewService:
    find = options.pop("find_folder", archive._cache_folder)
    made = archive.overviews
    return OverviewService(made._files, made._cutouts, made._roots, made._offload, find, **options)  # type: ignore[arg-type]
