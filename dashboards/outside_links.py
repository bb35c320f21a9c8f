"""Addresses of other people's services for a place on the sky: followed by readers, never asked by us.

The only module that names outside hosts: nothing is loaded from them, and every page works without them.
"""

from __future__ import annotations

from urllib.parse import urlencode


def sky_links(ra_deg: float, dec_deg: float, *, radius_arcsec: float) -> tuple[tuple[str, str], ...]:
    """Return (service, address) for a position (ICRS) and a radius."""
    place = f"{ra_deg:.6f} {dec_deg:+.6f}"
    arcmin = f"{radius_arcsec / 60:.4f}"
    return (
        (
            "SIMBAD",
            "https://simbad.cds.unistra.fr/simbad/sim-coo?"
            + urlencode({"Coord": place, "CooFrame": "ICRS", "Radius": f"{radius_arcsec:g}",
                         "Radius.unit": "arcsec"}),
        ),
        (
            "NED",
            "https://ned.ipac.caltech.edu/conesearch?"
            + urlencode({"search_type": "Near Position Search", "coordinates": f"{ra_deg:.6f}d {dec_deg:+.6f}d",
                         "in_csys": "Equatorial", "in_equinox": "J2000", "radius": arcmin}),
        ),
        (
            "VizieR",
            "https://vizier.cds.unistra.fr/viz-bin/VizieR-4?"
            + urlencode({"-c": place, "-c.eq": "J2000", "-c.rs": f"{radius_arcsec:g}", "-sort": "_r"}),
        ),
        (
            "Aladin",
            "https://aladin.cds.unistra.fr/AladinLite/?"
            + urlencode({"target": place, "fov": f"{max(4 * radius_arcsec / 3600, 0.05):.3f}"}),
        ),
    )  # fmt: skip
