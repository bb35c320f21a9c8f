"""The fast questions of a dashboard, asked of the data layer and of the peer."""

from __future__ import annotations

from typing import Any

from benchmarks.archive import BenchArchive
from benchmarks.peer import PeerRepository
from benchmarks.timing import Question
from data_access import Archive
from data_access.records import PageRequest
from data_access.repositories.images import ImageFilter
from data_access.repositories.sources import SourceFilter

PAGE = 50
_STRIDE = 7919  # a prime: one question after the other lands far from the last one


def our_questions(archive: Archive, bench: BenchArchive) -> list[Question]:
    """Return: get an image, a page of images, a page of sources by stored eta, a light curve, get a run."""
    scale = bench.scale

    async def image(step: int) -> Any:
        return await archive.images.get(1 + step * _STRIDE % scale.n_images)

    async def images(_: int) -> Any:
        return await archive.images.find(ImageFilter(), PageRequest(limit=PAGE))

    async def sources(_: int) -> Any:
        return await archive.sources.find(SourceFilter(), PageRequest(limit=PAGE, sort="eta_metric"))

    async def light_curve(step: int) -> Any:
        return await archive.sources.get_light_curve(bench.source_name(step * _STRIDE % scale.n_sources))

    async def run(step: int) -> Any:
        return await archive.jobs.get_run(bench.run_id(step * _STRIDE % scale.n_runs))

    return [image, images, sources, light_curve, run]


def peer_questions(peer: PeerRepository, bench: BenchArchive) -> list[Question]:
    """Return the same questions, in the same order."""
    scale = bench.scale

    async def image(step: int) -> Any:
        return await peer.get_image(1 + step * _STRIDE % scale.n_images)

    async def images(_: int) -> Any:
        return await peer.find_images(limit=PAGE)

    async def sources(_: int) -> Any:
        return await peer.find_sources(limit=PAGE)

    async def light_curve(step: int) -> Any:
        return await peer.get_light_curve(bench.source_name(step * _STRIDE % scale.n_sources))

    async def run(step: int) -> Any:
        return await peer.get_run(bench.run_id(step * _STRIDE % scale.n_runs))

    return [image, images, sources, light_curve, run]
