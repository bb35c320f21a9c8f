"""The notebook in docs/notebooks runs on the demo archive and draws what it promises."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from data_access.demo import write_demo

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    archive = write_demo(tmp_path_factory.mktemp("notebook") / "archive", nights=1)
    notebook = nbformat.read(ROOT / "docs" / "notebooks" / "plots.ipynb", as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DASHBOARD_ARCHIVE", str(archive))
        client = NotebookClient(
            notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
        )
        return client.execute()


def _results(notebook: nbformat.NotebookNode) -> list[str]:
    cells = (cell for cell in notebook.cells if cell.cell_type == "code")
    return [o.data["text/plain"] for cell in cells for o in cell.outputs if o.output_type == "execute_result"]


def test_notebook_draws_a_light_curve_a_cutout_and_gains(executed: nbformat.NotebookNode) -> None:
    n_epoch, shape, n_solutions, _ = _results(executed)
    assert int(n_epoch) > 1
    assert shape == "(100, 100)"
    assert int(n_solutions) > 0


def test_light_curves_compose_in_the_notebook(executed: nbformat.NotebookNode) -> None:
    assert _results(executed)[-1].count(".Scatter.") == 2
    assert _results(executed)[-1].count(".ErrorBars.") == 2


def test_every_plot_of_the_notebook_reaches_the_reader(executed: nbformat.NotebookNode) -> None:
    drawn = [
        any("application/vnd.bokehjs_exec.v0+json" in o.get("data", {}) for o in cell.outputs)
        for cell in executed.cells
        if cell.cell_type == "code" and "show(" in cell.source and "import" not in cell.source
    ]
    assert drawn == [True, True, True]
