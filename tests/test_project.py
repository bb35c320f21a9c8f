"""The house rules a machine can check: dependencies in step, features with tests, small files, no outside hosts."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE_HOST = re.compile(r"https?://(?!(?:127\.0\.0\.1|localhost|www\.w3\.org/2000/svg)\b)[^\s\"')]+")


def _tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


CONDA_NAMES = {"isal": "python-isal"}  # where conda-forge has another name


def test_conda_environment_has_the_same_dependencies_as_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {
        *project["dependencies"],
        *project["optional-dependencies"]["dev"],
        f"python{project['requires-python']}",
    }
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    for name, other in CONDA_NAMES.items():
        wanted = {
            requirement.replace(name, other) if requirement.startswith(name) else requirement
            for requirement in wanted
        }
    assert set(conda["dependencies"]) == wanted


def test_every_feature_names_tests_that_exist() -> None:
    features = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", features)
    assert len(named) > 30
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).is_file() or not re.search(rf"def {name}\(", (ROOT / path).read_text(encoding="utf-8"))
    ]
    assert not missing


def test_every_line_of_the_feature_list_names_a_test() -> None:
    lines = (ROOT / "docs" / "features.md").read_text(encoding="utf-8").splitlines()
    bare = [line for line in lines if line.startswith("- ") and "`tests/" not in line]
    assert not bare


def test_no_file_has_more_than_400_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): n
        for path in _tracked("*.py", "*.js")
        if (n := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert not long


def test_what_is_served_names_no_outside_host() -> None:
    found = {
        str(path.relative_to(ROOT)): OUTSIDE_HOST.findall(path.read_text(encoding="utf-8"))
        for path in _tracked("assets/*")
        if path.suffix in (".js", ".css", ".html", ".svg")
    }
    assert not {path: hosts for path, hosts in found.items() if hosts}


def test_only_one_module_names_outside_hosts_and_only_as_links() -> None:
    vocabulary = re.compile(r"http://www\.ivoa\.net/xml/")  # a namespace of VOTable, nothing that is fetched
    found = {
        str(path.relative_to(ROOT))
        for path in _tracked("dashboards/*.py", "data_access/*.py", "app.py")
        if OUTSIDE_HOST.search(vocabulary.sub("", re.sub(r"https?://\{", "", path.read_text(encoding="utf-8"))))
    }
    assert found == {"dashboards/outside_links.py"}


def test_no_absolute_path_of_a_machine_is_committed() -> None:
    trail = re.compile(r"/(?:work|root|home/\w+)/")
    found = [
        str(path.relative_to(ROOT))
        for path in _tracked("*.py", "*.md", "*.toml", "*.yml", "*.js", "Makefile", ".ci/*")
        if path.name != "test_project.py" and trail.search(path.read_text(encoding="utf-8"))
    ]
    assert not found
