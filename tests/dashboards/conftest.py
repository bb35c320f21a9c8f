"""Fixtures of the page tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_access.demo import write_demo


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo archive of one night that tests only read.

    Every path in it has a blank, a colon, a percent sign and letters outside of ASCII, as nothing forbids them.
    """
    return write_demo(tmp_path_factory.mktemp("pages") / "Müller's 100% données: κ", nights=1)
