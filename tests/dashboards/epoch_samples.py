"""A small archive with images of a source at every epoch, whose brightness is known, and with a dip.

Ten epochs, three days apart, of a source of 100 mJy/beam and twelve steady neighbours. Epochs 4, 5 and 6 are at
40 mJy; the image of epoch 2 is gone, epoch 3 does not cover the source, epoch 8 is forced and epoch 9 flagged. The
images of epoch 7 are all 20 % too faint: that is the flux scale, and the neighbours say so.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
from astropy.io import fits

from data_access.analysis.times import mjd_of_stamp
from data_access.demo.schema import create_database

NAME = "DSA J100000+500000"
RA_DEG, DEC_DEG = 150.0, 50.0
N_EPOCH = 10
N_NEIGHBOUR = 12
STEADY_MJY, DIP_MJY = 100.0, 40.0
PIXEL_ARCSEC = 6.0
BAD_SCALE = 0.8
STAMPS = tuple(f"2026-03-{1 + 3 * k:02d}T08:00:00" for k in range(N_EPOCH))


def peaks_mjy() -> np.ndarray:
    """Return the brightness of the source at every epoch as it is measured."""
    peaks = np.full(N_EPOCH, STEADY_MJY)
    peaks[4:7] = DIP_MJY
    peaks[7] *= BAD_SCALE
    return peaks


def write_epochs(folder: Path) -> Path:
    """Write the archive and return its folder."""
    images = folder / "stage" / "images"
    images.mkdir(parents=True)
    database = folder / "state" / "db" / "products.sqlite3"
    create_database(database, "products")
    with closing(sqlite3.connect(database)) as db, db:
        for k, stamp in enumerate(STAMPS):
            path = images / f"{stamp}.img.pbcor.fits"
            if k != 2:
                _write_image(path, peaks_mjy()[k] / 1e3, away_deg=3.0 if k == 3 else 0.0)
            db.execute(
                "INSERT INTO images (path, ms_path, created_at, type, pbcor) VALUES (?, ?, ?, '5min', 1)",
                (str(path), f"/stage/ms/{stamp}.ms", 1.8e9 + k),
            )
            _measure(db, NAME, k, str(path), peaks_mjy()[k] / 1e3, flags=4 if k == 9 else int(k == 8))
            for n in range(N_NEIGHBOUR):
                _measure(db, f"N{n:02d}", k, str(path), _neighbour_jy(n, k), east_deg=0.05 * (n + 1))
        db.execute(
            "INSERT INTO ese_candidates (source_id, flagged_at, flagged_by, significance, flag_type, status) "
            "VALUES (?, 1.8e9, 'auto', 2.9, 'auto', 'active')",
            (NAME,),
        )
    return folder


def _neighbour_jy(n: int, k: int) -> float:
    return 0.05 * (1 + n) * (BAD_SCALE if k == 7 else 1.0) * (1 + 0.004 * (-1) ** (n + k))


def _measure(
    db: sqlite3.Connection, name: str, k: int, path: str, peak_jy: float, *, flags: int = 0, east_deg: float = 0.0
) -> None:
    mjd = mjd_of_stamp(STAMPS[k])
    db.execute(
        "INSERT INTO photometry (source_id, image_path, ra_deg, dec_deg, peak_jyb, peak_err_jyb, flux_jy, "
        "flux_err_jy, mjd, measured_at, flags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (name, path, RA_DEG + east_deg, DEC_DEG, peak_jy, 0.01 * peak_jy + 2e-4, peak_jy, 0.01 * peak_jy + 2e-4,
         mjd, 1.8e9 + k, flags),
    )  # fmt: skip


def _write_image(path: Path, peak_jy: float, *, away_deg: float) -> None:
    y, x = np.mgrid[0:64, 0:64].astype(float)
    sigma = 30.0 / PIXEL_ARCSEC / 2.3548
    data = peak_jy * np.exp(-((x - 32) ** 2 + (y - 32) ** 2) / (2 * sigma**2))
    hdu = fits.PrimaryHDU(data.astype(np.float32)[None, None])
    hdu.header.update(
        BUNIT="Jy/beam", BMAJ=30 / 3600, BMIN=24 / 3600, BPA=20.0,
        CTYPE1="RA---SIN", CRVAL1=RA_DEG, CRPIX1=33.0, CDELT1=-PIXEL_ARCSEC / 3600, CUNIT1="deg",
        CTYPE2="DEC--SIN", CRVAL2=DEC_DEG + away_deg, CRPIX2=33.0, CDELT2=PIXEL_ARCSEC / 3600, CUNIT2="deg",
        CTYPE3="FREQ", CRVAL3=1.4e9, CRPIX3=1.0, CDELT3=1e8, CTYPE4="STOKES", CRVAL4=1.0, CRPIX4=1.0, CDELT4=1.0,
        RADESYS="ICRS",
    )  # fmt: skip
    hdu.writeto(path)
