"""A setting that would let us write beside the pipeline is refused before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

import app
from tests.data_access.database_samples import numbers


@pytest.mark.parametrize("setting", ["data_dir", "cache_dir"])
@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_folder_of_our_own_inside_the_pipelines_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, setting: str
) -> None:
    state = tmp_path / "state"
    numbers(state / "products.sqlite3", 1)
    config = tmp_path / "settings.toml"
    config.write_text(f'state_dir = "{state}"\n{setting} = "{state / "ours"}"\n')
    assert app.main([command, "--config", str(config)]) == 2
    said = capsys.readouterr().err
    assert f"lies inside the pipeline's folder {state}" in said
    assert f"Set `{setting}` to a folder of your own" in said
    assert not (state / "ours").exists()
