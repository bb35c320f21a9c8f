"""The README stays true: its settings table, its commands, its example page."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import app
from dashboards.plots.bokeh_models import Figure
from dashboards.routes import ROUTES
from dashboards.session import PageSpec, Session
from data_access import open_archive
from data_access.demo import write_demo
from data_access.settings import settings_table

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_settings_table_lists_every_setting_with_its_variables() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (.*?) \| (.*?) \| (.*?) \|$", README, flags=re.M)
    written = {
        name: (tuple(re.findall(r"`([^`]+)`", variables)), default, about) for name, variables, default, about in rows
    }
    expected = {doc.name: (doc.variables, doc.default, doc.about) for doc in settings_table()}
    assert written == expected


def test_make_commands_of_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M))
    named = set(re.findall(r"\bmake ([a-z]+)\b", "\n".join(re.findall(r"`{1,3}[^`]+`{1,3}", README))))
    assert {"demo", "test", "env", "bench"} <= named <= targets


@pytest.mark.parametrize("line", re.findall(r"^python app\.py (.+?)(?:\s+#.*)?$", README, flags=re.M))
def test_commands_of_the_readme_are_understood(line: str) -> None:
    options = app._parser().parse_args(line.split())
    assert callable(options.run)


def test_ci_calls_the_readme_command() -> None:
    assert re.search(r"^make test$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), flags=re.M)


def test_named_files_of_the_readme_exist() -> None:
    paths = re.findall(r"`((?:dashboards|data_access|docs|benchmarks|tests)/[\w/.]*)`", README)
    missing = [path for path in paths if not (ROOT / path).exists()]
    assert paths
    assert not missing


async def test_example_page_of_the_readme_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    block = re.search(r"   ```python\n(.*?)   ```", README, flags=re.S)
    assert block is not None
    code = "\n".join(line[3:] for line in block[1].splitlines())
    (tmp_path / "pointing_example.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "pointing_example", raising=False)
    spec = PageSpec("/pointing", "Pointing", "pointing", "pointing_example:PointingPage")
    view_class = spec.load_view()
    async with open_archive(write_demo(tmp_path / "demo", nights=1)) as archive:
        view = view_class(Session(archive))
        view.__panel__()
        await view.load()
        assert view.slot.failure is None
        assert isinstance(view.slot.content, Figure)


def test_step_four_of_the_readme_names_a_real_route_form() -> None:
    example = re.search(r"`PageSpec\((.+?)\)`", README)
    assert example is not None
    spec = eval(example[0].strip("`"), {"PageSpec": PageSpec})
    assert spec.path not in {known.path for known in ROUTES}
    assert spec.key
    assert spec.key not in {known.key for known in ROUTES}
