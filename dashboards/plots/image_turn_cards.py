"""Sky coordinates of an image whose pixels are placed otherwise: the same sky under each of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.wcs import WCS

from dashboards.plots.sky import FloatArray

_OWN_CARDS = re.compile(r"(CRPIX|CDELT|CROTA|CRVAL|CUNIT|NAXIS)[12]|(PC|CD)[12]_[12]")
_COEFFICIENT = re.compile(r"([AB]P?)_(\d)_(\d)")


def turned_cards(
    cards: Mapping[str, Any], wcs: WCS, matrix: FloatArray, shift: FloatArray, size: tuple[int, int]
) -> dict[str, Any]:
    """Return sky cards for pixels at `matrix` @ (x, y) + `shift`; the sky axes keep their order.

    Parameters
    ----------
    cards
        Of the image, of which `wcs` is made.
    matrix : float, shape (2, 2)
        Orthogonal.
    shift : float, shape (2,)
        0-based pixels.
    size : tuple of int
        New number of pixels along x and y.
    """
    wcs.wcs.set()
    found = {key: value for key, value in cards.items() if not _OWN_CARDS.fullmatch(key)}
    pc, steps = wcs.wcs.get_pc() @ matrix.T, wcs.wcs.get_cdelt()
    reference = matrix @ (np.asarray(wcs.wcs.crpix) - 1) + shift + 1
    for i in range(2):
        found |= {
            f"CRPIX{i + 1}": float(reference[i]),
            f"CRVAL{i + 1}": float(wcs.wcs.crval[i]),
            f"CDELT{i + 1}": float(steps[i]),
            f"CUNIT{i + 1}": str(wcs.wcs.cunit[i]),
            **{f"PC{i + 1}_{j + 1}": float(pc[i, j]) for j in range(2)},
        }
    if "NAXIS1" in cards and "NAXIS2" in cards:
        found |= {"NAXIS1": size[0], "NAXIS2": size[1]}
    return _with_distortion(found, matrix)


def _with_distortion(cards: dict[str, Any], matrix: FloatArray) -> dict[str, Any]:
    """Return the cards with SIP polynomials of turned pixel axes.

    With u the pixels from the reference and (A, B)(u) what is added to them (Shupe et al. 2005, ADASS XIV, eq. 1-3),
    turned pixels u' = M u have M (A, B)(M^-1 u'): polynomials of the same order.
    """
    found = {key: value for key, value in cards.items() if not _COEFFICIENT.fullmatch(key)}
    for end in ("", "P"):
        names = f"A{end}", f"B{end}"
        orders = [int(cards[f"{name}_ORDER"]) for name in names if f"{name}_ORDER" in cards]
        if not orders:
            continue
        parts = [_substituted(cards, name, matrix.T) for name in names]
        for i, name in enumerate(names):
            found[f"{name}_ORDER"] = max(orders)
            for power in sorted({*parts[0], *parts[1]}):
                value = sum(float(matrix[i, k]) * parts[k].get(power, 0.0) for k in range(2))
                if value:
                    found[f"{name}_{power[0]}_{power[1]}"] = value
    return found


def _substituted(cards: Mapping[str, Any], name: str, back: FloatArray) -> dict[tuple[int, int], float]:
    """Return the coefficients, by powers of the new pixels, of a polynomial in the old ones, `back` @ new."""
    found: dict[tuple[int, int], float] = {}
    for key, value in cards.items():
        part = _COEFFICIENT.fullmatch(key)
        if part is None or part[1] != name:
            continue
        p, q = int(part[2]), int(part[3])
        product = np.ones(1)
        for factor in [back[0]] * p + [back[1]] * q:
            product = np.convolve(product, factor)
        for n, share in enumerate(product.tolist()):
            power = p + q - n, n
            found[power] = found.get(power, 0.0) + float(value) * share
    return found
