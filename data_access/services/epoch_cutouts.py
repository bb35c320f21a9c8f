"""The images behind a light curve: which are there, what they show at the place of the source, on one scale."""

from __future__ import annotations

from collections.abc import Sequence

from data_access.analysis.epoch_scale import common_scale, robust_limits
from data_access.errors import ArchiveError, FileMissing
from data_access.offload import Offload
from data_access.records import Cutout, FileState, Image, LightCurve
from data_access.records.epochs import EpochFiles, EpochFrame, EpochImage, EpochScale
from data_access.repositories.images import ImageRepository
from data_access.services.cutouts import CutoutService, Place, preview_of
from data_access.services.files import FileService

MOST_LOOKED_AT = 2000
MOST_FOR_SCALE = 40
LARGEST_SIDE = 240
_BEHIND_AT_ONCE = 200
# Cutouts at full resolution are in memory together only so many at a time.
_CUT_AT_ONCE = 10


class EpochCutouts:
    """Finds and cuts the images that the measurements of a light curve were made on."""

    def __init__(self, images: ImageRepository, files: FileService, cutouts: CutoutService, offload: Offload) -> None:
        self._images = images
        self._files = files
        self._cutouts = cutouts
        self._offload = offload

    async def files_of(self, curve: LightCurve) -> EpochFiles:
        """Return the epochs whose image is on disk; of very long light curves the newest 2,000 are looked at."""
        first = max(0, curve.n_epoch - MOST_LOOKED_AT)
        paths = {i: path for i in range(first, curve.n_epoch) if (path := curve.image_path[i])}
        states = await self._files.states(list(dict.fromkeys(paths.values())))
        gone = [path for path in paths.values() if states[path].problem]
        images = await self._images_behind(gone)
        others = await self._files.states(sorted({image.path for image in images.values()} - states.keys()))
        instead = {path for path in gone if path in images and not _state(images[path], states, others).problem}
        there = tuple(i for i, path in paths.items() if not states[path].problem or path in instead)
        return EpochFiles(there, curve.n_epoch - first, curve.n_epoch)

    async def locate(self, curve: LightCurve, indices: Sequence[int]) -> tuple[EpochImage, ...]:
        """Return the image behind each of these measurements.

        The file that was measured counts; where it is gone, the registered image of the same observation does.
        """
        paths = {i: curve.image_path[i] for i in indices}
        states = await self._files.states([path for path in dict.fromkeys(paths.values()) if path])
        images = await self._images_behind([path for path in paths.values() if path])
        others = await self._files.states(sorted({image.path for image in images.values()} - states.keys()))
        return tuple(_located(i, path, images.get(path or ""), states, others) for i, path in paths.items())

    async def _images_behind(self, paths: Sequence[str]) -> dict[str, Image]:
        wanted = list(dict.fromkeys(paths))
        found: dict[str, Image] = {}
        for start in range(0, len(wanted), _BEHIND_AT_ONCE):
            found |= await self._images.find_behind(wanted[start : start + _BEHIND_AT_ONCE])
        return found

    async def frames(
        self, curve: LightCurve, indices: Sequence[int], *, size_arcsec: float
    ) -> tuple[EpochFrame, ...]:
        """Return what these epochs show around the source, in their order; one that cannot be cut says why."""
        sources = await self.locate(curve, indices)
        there = [one for one in sources if not one.problem]
        if curve.ra_deg is None or curve.dec_deg is None:
            return tuple(EpochFrame(one, None, problem="the source has no recorded position") for one in sources)
        place = Place(curve.ra_deg, curve.dec_deg)
        made = {one.index: EpochFrame(one, None, problem=one.problem) for one in sources}
        for start in range(0, len(there), _CUT_AT_ONCE):
            part = there[start : start + _CUT_AT_ONCE]
            cut = await self._cutouts.strip([one.path or "" for one in part], place, width=size_arcsec)
            for frame in await self._offload.in_thread(_frames, part, cut):
                made[frame.source.index] = frame
        return tuple(made.values())

    async def cutout(self, path: str | None, place: Place, *, size_arcsec: float) -> Cutout:
        """Return the cutout behind one measurement, by the path that it was recorded with.

        Raises
        ------
        FileError
            When neither that file nor the registered image of the same observation is there.
        ValidationError
            When the place is not on it.
        """
        if path is None:
            raise FileMissing("No image is recorded with this measurement")
        try:
            return await self._cutouts.cutout(path, place, width=size_arcsec)
        except FileMissing:
            image = (await self._images_behind([path])).get(path)
            if image is None or image.path == path:
                raise
            return await self._cutouts.cutout(image.path, place, width=size_arcsec)

    async def scale(self, curve: LightCurve, files: EpochFiles, *, size_arcsec: float) -> EpochScale | None:
        """Return `common_scale` of at most 40 epochs spread over time; None when nothing can be cut."""
        n, most = len(files.indices), min(len(files.indices), MOST_FOR_SCALE)
        chosen = [files.indices[k * (n - 1) // max(1, most - 1)] for k in range(most)]
        frames = await self.frames(curve, chosen, size_arcsec=size_arcsec)
        return common_scale(frames)


def _state(image: Image, *known: dict[str, FileState]) -> FileState:
    return next(states[image.path] for states in known if image.path in states)


def _located(
    index: int, path: str | None, image: Image | None, states: dict[str, FileState], others: dict[str, FileState]
) -> EpochImage:
    if path is None:
        return EpochImage(index, None, None, "no image is recorded with this measurement")
    if not (problem := states[path].problem):
        return EpochImage(index, path, image)
    if image is not None and not _state(image, states, others).problem:
        return EpochImage(index, image.path, image)
    return EpochImage(index, path, image, problem)


def _frames(sources: Sequence[EpochImage], answers: Sequence[Cutout | ArchiveError]) -> list[EpochFrame]:
    return [_frame(source, answer) for source, answer in zip(sources, answers, strict=True)]


def _frame(source: EpochImage, answer: Cutout | ArchiveError) -> EpochFrame:
    if not isinstance(answer, Cutout):
        return EpochFrame(source, None, problem=answer.message)
    limits = robust_limits(answer.data)
    if limits is None:
        return EpochFrame(source, None, problem="every pixel of the cutout is blank")
    preview = preview_of(answer, max_size=LARGEST_SIDE)
    return EpochFrame(source, preview, limits, answer.key, answer.modified_at)
