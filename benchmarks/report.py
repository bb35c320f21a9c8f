"""Rows of figures: a table for people, JSON for machines."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

OUT = Path(__file__).resolve().parent / "out"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: medians over the runs, and the ratios that count.

    Attributes
    ----------
    ours, peer : float
        Medians over the runs, in `unit`; peer is None where there is nothing to compare with.
    limit : float or None
        What `ours` must reach, or must not exceed, in the same unit.
    ratio_to_peer : float or None
        Median of ours / peer, taken run by run: both sides of one run saw the same machine.
    ratio_to_limit : float or None
        ours / limit.
    better : {'higher', 'lower'}
    runs : tuple
        (ours, peer) of every run, in order.
    """

    item: str
    unit: str
    ours: float
    peer: float | None
    peer_name: str
    limit: float | None
    limit_name: str
    ratio_to_peer: float | None
    ratio_to_limit: float | None
    better: Literal["higher", "lower"]
    runs: tuple[tuple[float, float | None], ...] = field(default=())

    @property
    def verdict(self) -> str:
        """``"met"`` or ``"MISSED"``; empty without a limit."""
        if self.ratio_to_limit is None:
            return ""
        good = self.ratio_to_limit >= 1 if self.better == "higher" else self.ratio_to_limit <= 1
        return "met" if good else "MISSED"


def make_row(
    item: str,
    unit: str,
    ours: Sequence[float],
    peer: Sequence[float] = (),
    *,
    peer_name: str = "",
    limit: float | None = None,
    limit_to_peer: float | None = None,
    limit_name: str = "",
    better: Literal["higher", "lower"] = "lower",
) -> Row:
    """Return the row of several interleaved runs.

    Parameters
    ----------
    ours, peer : sequence of float
        One value a run; `peer` is empty or as long as `ours`.
    limit : float
        An absolute limit; or
    limit_to_peer : float
        the limit of the ratio to the peer.
    """
    pairs: tuple[tuple[float, float | None], ...] = tuple(
        zip(ours, peer, strict=True) if peer else ((value, None) for value in ours)
    )
    ratio: float | None = None
    if peer:
        ratio = statistics.median(one / other for one, other in zip(ours, peer, strict=True))
    mine = statistics.median(ours)
    theirs = statistics.median(peer) if peer else None
    to_limit = None if limit is None else mine / limit
    if limit_to_peer is not None and theirs is not None and ratio is not None:
        limit, to_limit = limit_to_peer * theirs, ratio / limit_to_peer
    return Row(
        item=item, unit=unit, ours=mine, peer=theirs, peer_name=peer_name, limit=limit, limit_name=limit_name,
        ratio_to_peer=ratio, ratio_to_limit=to_limit, better=better, runs=pairs,
    )  # fmt: skip


def write_rows(name: str, rows: Sequence[Row], *, out: Path = OUT) -> Path:
    """Write the rows of one item as JSON and return the file."""
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{name}.json"
    target.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    return target


def format_rows(rows: Sequence[Row]) -> str:
    """Return the rows as a table of text."""
    head = ("item", "unit", "ours", "peer", "limit", "ours/peer", "ours/limit", "")
    lines = [
        (
            row.item, row.unit, _number(row.ours), _number(row.peer), _number(row.limit), _number(row.ratio_to_peer),
            _number(row.ratio_to_limit), row.verdict,
        )
        for row in rows
    ]  # fmt: skip
    widths = [max(len(line[i]) for line in (head, *lines)) for i in range(len(head))]
    text = [
        "  ".join(v.ljust(w) if i < 2 else v.rjust(w) for i, (v, w) in enumerate(zip(line, widths, strict=True)))
        for line in (head, *lines)
    ]
    names = {f"peer: {row.peer_name}" for row in rows if row.peer_name}
    names |= {f"limit: {row.limit_name}" for row in rows if row.limit_name}
    return "\n".join([*text, *sorted(names)])


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
