"""Circles on the sky: the box loses nothing, also at 0h and at the poles; the test is that of the great circle."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from data_access.analysis.cones import Cone, SkyBox, box_of

CONES = [
    Cone(180.0, 0.0, 1.0), Cone(0.1, 54.6, 2.0), Cone(359.95, -30.0, 0.5), Cone(10.0, 89.5, 1.0),
    Cone(200.0, -90.0, 3.0),
    Cone(77.0, 88.0, 1.99999), Cone(300.0, 16.3, 90.0), Cone(5.0, 10.0, 180.0), Cone(0.0, 60.0, 1e-6),
]  # fmt: skip


def in_box(box: SkyBox, ra: float, dec: float) -> bool:
    in_strip = box.dec_low_deg <= dec <= box.dec_high_deg
    return in_strip and (not box.ra_spans or any(low <= ra <= high for low, high in box.ra_spans))


@pytest.mark.parametrize("cone", CONES, ids=str)
def test_the_box_holds_the_whole_edge_of_the_circle(cone: Cone) -> None:
    centre = SkyCoord(cone.ra_deg, cone.dec_deg, unit=u.deg)
    edge = centre.directional_offset_by(np.linspace(0, 360, 721) * u.deg, cone.radius_deg * u.deg)
    box = box_of(cone)
    assert all(in_box(box, ra, dec) for ra, dec in zip(edge.ra.deg, edge.dec.deg, strict=True))


def test_the_box_is_not_the_whole_sky() -> None:
    box = box_of(Cone(0.0, 60.0, 1.0))
    (low, west), (east, high) = box.ra_spans
    assert (low, high) == (0.0, 360.0)
    assert west == pytest.approx(360 - east)
    assert 2.0 < west < 2.01  # 1 degree at +60 is 2 degrees of right ascension


def test_inside_is_what_astropy_says() -> None:
    cone, random = Cone(359.5, 80.0, 5.0), np.random.default_rng(3)
    ra, dec = random.uniform(330, 390, 2000) % 360, random.uniform(70, 90, 2000)
    expected = SkyCoord(ra, dec, unit=u.deg).separation(SkyCoord(359.5, 80.0, unit=u.deg)).deg <= 5.0
    assert np.array_equal(cone.contains(ra.tolist(), dec.tolist()), expected)
    assert 0 < expected.sum() < 2000


def test_a_position_that_is_not_known_is_not_inside() -> None:
    assert Cone(0.0, 0.0, 180.0).contains([None, 10.0], [0.0, 10.0]).tolist() == [False, True]
