"""Concurrent readers for a while, and the figures that follow from it."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

Question = Callable[[int], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Load:
    """What concurrent readers achieved: answers per second, and the time of every answer in milliseconds."""

    per_second: float
    times_ms: tuple[float, ...]

    def percentile_ms(self, percent: float) -> float:
        """Return the time within which `percent` of the answers came."""
        ordered = sorted(self.times_ms)
        return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


async def load(questions: Sequence[Question], *, n_readers: int, seconds: float) -> Load:
    """Let `n_readers` ask one question after the other; each begins at another place of the list."""
    times_ms: list[float] = []
    began = time.perf_counter()
    end = began + seconds

    async def reader(number: int) -> None:
        step = number
        while time.perf_counter() < end:
            asked = time.perf_counter()
            await questions[step % len(questions)](step)
            times_ms.append(1e3 * (time.perf_counter() - asked))
            step += n_readers + 1

    await asyncio.gather(*(reader(number) for number in range(n_readers)))
    return Load(len(times_ms) / (time.perf_counter() - began), tuple(times_ms))


async def time_ms(question: Callable[[], Awaitable[Any]], *, repeat: int) -> float:
    """Return the median time of one answer, milliseconds."""
    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        await question()
        times.append(1e3 * (time.perf_counter() - began))
    return sorted(times)[len(times) // 2]


def both_ways(n_runs: int) -> list[tuple[str, str]]:
    """Return who goes first in each run: A B, B A, A B ... so that a drift of the machine favours nobody."""
    return [("ours", "peer") if run % 2 == 0 else ("peer", "ours") for run in range(n_runs)]
