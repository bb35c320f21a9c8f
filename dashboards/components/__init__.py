"""Reusable parts of pages; all of them draw text from data as text, never as markup.

`cell`, `row`, `RecordTable`, `FilterBar`, `Facts`, `Gallery`, `Heading`, `Tiles`, `Switches`, `Notice`,
`LogView`, `Slot`, `plot_pane`, `error_card`, `failure_card`, `BrowserState`.
"""

from dashboards.components.browser_state import BrowserState
from dashboards.components.cells import STATES, Cell, State, cell, safe_href
from dashboards.components.facts import Facts, fact, group
from dashboards.components.filters import Field, FilterBar
from dashboards.components.gallery import Gallery, picture
from dashboards.components.heading import Heading
from dashboards.components.log_view import LogView
from dashboards.components.notice import Notice, error_card, failure_card
from dashboards.components.plot_pane import plot_pane
from dashboards.components.record_table import Column, RecordTable, Row, row
from dashboards.components.slot import Slot
from dashboards.components.switches import Switches, option, switch
from dashboards.components.tiles import Tiles, tile

__all__ = [
    "STATES", "BrowserState", "Cell", "Column", "Facts", "Field", "FilterBar", "Gallery", "Heading", "LogView",
    "Notice", "RecordTable", "Row", "Slot", "State", "Switches", "Tiles", "cell", "error_card", "fact",
    "failure_card", "group", "option", "picture", "plot_pane", "row", "safe_href", "switch", "tile",
]  # fmt: skip
