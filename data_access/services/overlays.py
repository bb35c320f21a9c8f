"""What to draw over an image: measurements, calibrators, catalogue sources and regions in its field."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from data_access.analysis.cones import Cone
from data_access.analysis.coordinates import separation_arcsec
from data_access.analysis.image_sky import frame_problem
from data_access.analysis.region_geometry import ImageGrid
from data_access.analysis.region_text import checked
from data_access.errors import ArchiveError, ValidationError
from data_access.offload import Offload
from data_access.records import Image, ImageHeader, Region
from data_access.records.overlays import OverlayKind, OverlayLayer, OverlayObject
from data_access.records.regions import Shape
from data_access.repositories.catalogs import CatalogRepository
from data_access.repositories.field_objects import FieldObjects
from data_access.repositories.images import ImageRepository
from data_access.services.files import FileService

MOST_OBJECTS = 500
# In a larger field the nearest strip of a catalogue covers only a part.
_LARGEST_FIELD_DEG = 6.0


class OverlayService:
    """Layers of an image, each asked for by itself; one that cannot be read says so and leaves the others."""

    def __init__(
        self,
        field: FieldObjects,
        catalogs: CatalogRepository,
        images: ImageRepository,
        files: FileService,
        offload: Offload,
    ) -> None:
        self._field, self._catalogs, self._images = field, catalogs, images
        self._files, self._offload = files, offload

    async def layers(self, image: Image, kinds: Iterable[OverlayKind]) -> tuple[OverlayLayer, ...]:
        """Return the wanted layers, in their order; at most `MOST_OBJECTS` places each, brightest first."""
        return tuple([await self._try(image, kind) for kind in kinds])

    async def _try(self, image: Image, kind: OverlayKind) -> OverlayLayer:
        try:
            return await self._layer(image, kind)
        except ArchiveError as err:
            return OverlayLayer(kind, (), 0, err.message)

    async def _layer(self, image: Image, kind: OverlayKind) -> OverlayLayer:
        if kind in ("detections", "forced"):
            objects, total = await self._field.find_measured(image.path, forced=kind == "forced", limit=MOST_OBJECTS)
            return OverlayLayer(kind, objects, total)
        if kind == "regions":
            return _regions(await self._images.find_regions(image))
        header = await self._files.image_header(image.path)
        cone = await self._offload.in_thread(field_of, header)
        if cone is None:
            problem = frame_problem(header.frame, header.wcs_header)
            return OverlayLayer(kind, (), 0, problem or "the image has no sky coordinates")
        if kind == "calibrators":
            calibrators = await self._field.find_calibrators(cone, limit=MOST_OBJECTS)
            return OverlayLayer(kind, calibrators, len(calibrators))
        if cone.radius_deg > _LARGEST_FIELD_DEG:
            return OverlayLayer(kind, (), 0, f"a field of {2 * cone.radius_deg:.0f}° is too wide for a catalogue")
        return await self._catalogue(cone)

    async def _catalogue(self, cone: Cone) -> OverlayLayer:
        catalog = await self._catalogs.find_near(cone.ra_deg, cone.dec_deg, cone.radius_deg)
        if catalog is None:
            return OverlayLayer("catalogue", (), 0, "no catalogue file has sources in this field")
        objects = [
            OverlayObject(catalog.name, source.ra_deg, source.dec_deg, source.flux_mjy, note=catalog.file)
            for source in catalog.sources
        ]
        return OverlayLayer("catalogue", tuple(objects[:MOST_OBJECTS]), len(objects))


def field_of(header: ImageHeader) -> Cone | None:
    """Return the circle around all corners and edges of an image; None without a way to ICRS."""
    grid = ImageGrid.of(header)
    if grid.wcs is None:
        return None
    share = np.linspace(-0.5, 0.5, 9)
    x, y = np.meshgrid((share + 0.5) * grid.n_x - 0.5, (share + 0.5) * grid.n_y - 0.5)
    ra, dec = grid.to_icrs(x, y)
    seen = np.isfinite(ra) & np.isfinite(dec)
    if not seen.any():
        return None
    # the direction of the mean vector is the middle also across 0h and at a pole
    lon, lat = np.radians(ra[seen]), np.radians(dec[seen])
    vector = [np.mean(np.cos(lat) * np.cos(lon)), np.mean(np.cos(lat) * np.sin(lon)), np.mean(np.sin(lat))]
    middle_ra = math.degrees(math.atan2(vector[1], vector[0])) % 360.0
    middle_dec = math.degrees(math.atan2(vector[2], math.hypot(vector[0], vector[1])))
    radius = float(separation_arcsec(middle_ra, middle_dec, ra[seen], dec[seen]).max()) / 3600
    return Cone(middle_ra, middle_dec, min(radius * 1.01, 180.0))


def _regions(rows: Sequence[Region]) -> OverlayLayer:
    objects = []
    for row in rows:
        shape = shape_of_row(row)
        if shape is not None:
            ra, dec = shape.points[0]
            note = " ".join(word for word in ("region", f"by {row.created_by}" if row.created_by else "") if word)
            objects.append(OverlayObject(row.name or "region", ra % 360.0, dec, note=note, shape=shape))
    missing = len(rows) - len(objects)
    problem = f"{missing} of {len(rows)} regions have coordinates that mean nothing here" if missing else ""
    return OverlayLayer("regions", tuple(objects[:MOST_OBJECTS]), len(objects), problem)


def shape_of_row(row: Region) -> Shape | None:
    """Return a row of the table ``regions`` as a shape; None for coordinates that are not of its kind."""
    stored: Any = row.coordinates
    if not isinstance(stored, dict):
        return None
    try:
        if row.type == "polygon":
            corners = tuple((float(ra), float(dec)) for ra, dec in stored["vertices"])
            return checked(Shape("polygon", "icrs", corners, name=row.name or ""))
        middle = ((float(stored["ra_deg"]), float(stored["dec_deg"])),)
        if row.type == "circle":
            size = 2 * 3600 * float(stored["radius_deg"])
            return checked(Shape("circle", "icrs", middle, size, size, name=row.name or ""))
        if row.type == "rectangle":
            width, height = (3600 * float(stored[key]) for key in ("width_deg", "height_deg"))
            angle = float(stored.get("angle_deg") or 0.0)
            return checked(Shape("box", "icrs", middle, width, height, angle, name=row.name or ""))
    except (KeyError, TypeError, ValueError, ValidationError):
        return None
    return None
