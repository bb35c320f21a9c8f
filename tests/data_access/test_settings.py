"""Where the archive is: options before file before environment, both folders of the databases, honest errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from data_access.errors import ValidationError
from data_access.settings import DEFAULT_STATE_DIR, ROLES, Settings, load_settings, settings_table

VARIABLES = [(role.role, variable) for role in ROLES for variable in role.variables]


def _toml(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(("role", "variable"), VARIABLES)
def test_every_variable_of_the_pipeline_names_its_database(role: str, variable: str) -> None:
    settings = load_settings(environment={variable: "/somewhere/x.sqlite3"})
    assert dict(settings.databases) == {role: Path("/somewhere/x.sqlite3")}


@pytest.mark.parametrize("role", [role for role in ROLES if len(role.variables) > 1], ids=lambda role: role.role)
def test_the_first_of_several_variables_wins(role: object) -> None:
    assert hasattr(role, "variables")
    environment = {variable: f"/{number}.sqlite3" for number, variable in enumerate(role.variables)}
    assert list(load_settings(environment=environment).databases.values()) == [Path("/0.sqlite3")]


def test_an_empty_variable_counts_as_not_set() -> None:
    settings = load_settings(environment={"PIPELINE_DB": "", "PIPELINE_STATE_DIR": ""})
    assert (settings.state_dir, dict(settings.databases)) == (DEFAULT_STATE_DIR, {})


@pytest.mark.parametrize("variable", ["PIPELINE_STATE_DIR", "DSA110_STATE_DIR"])
@pytest.mark.parametrize("folder", [".", "db"])
def test_databases_are_found_in_both_folders(tmp_path: Path, variable: str, folder: str) -> None:
    path = tmp_path / folder / "products.sqlite3"
    path.parent.mkdir(exist_ok=True)
    path.touch()
    settings = load_settings(environment={variable: str(tmp_path)})
    assert {role: found.resolve() for role, found in settings.databases.items()} == {"products": path.resolve()}


def test_the_db_folder_wins_over_the_state_folder(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    for folder in (tmp_path, tmp_path / "db"):
        (folder / "products.sqlite3").touch()
    assert load_settings(state_dir=tmp_path).databases["products"] == tmp_path / "db" / "products.sqlite3"


def test_an_empty_file_in_the_db_folder_does_not_hide_a_full_one(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "products.sqlite3").touch()
    (tmp_path / "products.sqlite3").write_bytes(b"content")
    assert load_settings(state_dir=tmp_path).databases["products"] == tmp_path / "products.sqlite3"


def test_where_a_database_is_looked_for_is_known_while_it_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "ingest.sqlite3").touch()
    settings = load_settings(state_dir=tmp_path)
    assert settings.expected["products"] == (tmp_path / "db/products.sqlite3", tmp_path / "products.sqlite3")
    assert "products" not in settings.databases


def test_the_index_of_raw_files_is_found_beside_the_raw_files(tmp_path: Path) -> None:
    (tmp_path / "incoming").mkdir()
    (tmp_path / "state").mkdir()
    (tmp_path / "incoming" / "hdf5_file_index.sqlite3").touch()
    settings = load_settings(state_dir=tmp_path)
    assert settings.databases["raw_index"] == tmp_path / "incoming" / "hdf5_file_index.sqlite3"


def test_the_raw_folder_of_the_telescope_belongs_to_its_own_state_folder_only(tmp_path: Path) -> None:
    of_telescope = load_settings(environment={}).expected.get("raw_index", ())
    assert Path("/data/incoming/hdf5_file_index.sqlite3") in of_telescope
    of_another = load_settings(state_dir=tmp_path).expected["raw_index"]
    assert [path.parent for path in of_another] == [tmp_path.parent / "incoming"]


def test_nothing_is_looked_for_beside_a_database_that_is_named() -> None:
    assert load_settings(environment={"PIPELINE_DB": "/x.sqlite3"}).expected == {}


def test_the_second_name_of_a_database_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "data_registry.db").touch()
    assert load_settings(state_dir=tmp_path).databases["data_registry"] == tmp_path / "data_registry.db"


def test_the_folder_that_holds_the_state_folder_may_be_given(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "pipeline.sqlite3").touch()
    settings = load_settings(state_dir=tmp_path)
    assert settings.state_dir == tmp_path / "state"
    assert settings.roots[0] == tmp_path / "stage"


def test_an_archive_opened_by_name_ignores_the_environment(tmp_path: Path) -> None:
    (tmp_path / "products.sqlite3").touch()
    environment = {
        "PIPELINE_DB": "/other.sqlite3",
        "DSA110_ALLOWED_MS_ROOTS": "/other",
        "PIPELINE_STATE_DIR": "/other",
    }
    settings = load_settings(state_dir=tmp_path, environment=environment)
    assert list(settings.databases) == ["products"]
    assert Path("/other") not in settings.roots


def test_the_file_wins_over_the_environment(tmp_path: Path) -> None:
    config = _toml(tmp_path, 'state_dir = "/from/file"\nroots = ["/a", "/b"]\n[databases]\nproducts = "/f.sqlite3"\n')
    environment = {"PIPELINE_STATE_DIR": "/from/environment", "PIPELINE_PRODUCTS_DB": "/e.sqlite3"}
    settings = load_settings(config=config, environment=environment)
    assert settings.state_dir == Path("/from/file")
    assert settings.databases["products"] == Path("/f.sqlite3")
    assert settings.roots == (Path("/a"), Path("/b"))


def test_an_explicit_state_folder_wins_over_the_file(tmp_path: Path) -> None:
    config = _toml(tmp_path, 'state_dir = "/from/file"\nlanes = 3\n')
    settings = load_settings(state_dir=tmp_path, config=config)
    assert (settings.state_dir, settings.lanes) == (tmp_path, 3)


def test_a_database_named_in_the_environment_is_joined_by_those_of_the_state_folder(tmp_path: Path) -> None:
    (tmp_path / "ingest.sqlite3").touch()
    environment = {"PIPELINE_STATE_DIR": str(tmp_path), "PIPELINE_PRODUCTS_DB": "/p.sqlite3"}
    settings = load_settings(environment=environment)
    assert dict(settings.databases) == {"products": Path("/p.sqlite3"), "ingest": tmp_path / "ingest.sqlite3"}


def test_a_database_of_the_file_joins_those_of_the_environment(tmp_path: Path) -> None:
    config = _toml(tmp_path, '[databases]\ningest = "/i.sqlite3"\n')
    settings = load_settings(config=config, environment={"PIPELINE_PRODUCTS_DB": "/p.sqlite3"})
    assert dict(settings.databases) == {"products": Path("/p.sqlite3"), "ingest": Path("/i.sqlite3")}


OF_ANOTHER_ARCHIVE = {
    "PIPELINE_STATE_DIR": "/other/state",
    "PIPELINE_DB": "/other/p.sqlite3",
    "DSA110_ALLOWED_MS_ROOTS": "/other/ms",
    "PIPELINE_LOG_DIR": "/other/logs",
    "VLA_CATALOG": "/other/c/vla.sqlite3",
    "DSA110_DASHBOARD_CACHE": "/own/cache",
}


def test_a_file_with_a_state_folder_is_never_mixed_with_the_archive_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / "products.sqlite3").touch()
    settings = load_settings(config=_toml(tmp_path, 'state_dir = "."\n'), environment=OF_ANOTHER_ARCHIVE)
    assert dict(settings.databases) == {"products": tmp_path / "products.sqlite3"}
    assert settings == replace(load_settings(state_dir=tmp_path, environment={}), cache_dir=Path("/own/cache"))


def test_an_explicit_state_folder_is_never_mixed_with_the_archive_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "products.sqlite3").touch()
    config = _toml(
        tmp_path,
        'state_dir = "/other"\nroots = "/images"\nlanes = 3\n[databases]\npipeline = "/other/p.sqlite3"\n',
    )
    settings = load_settings(state_dir=tmp_path, config=config, environment=OF_ANOTHER_ARCHIVE)
    alone = load_settings(state_dir=tmp_path, environment={})
    assert settings == replace(alone, lanes=3, roots=(Path("/images"),), cache_dir=Path("/own/cache"))


def test_a_state_folder_comes_with_what_its_own_file_names(tmp_path: Path) -> None:
    config = _toml(
        tmp_path, 'state_dir = "."\nroots = "/ms"\nlog_roots = "/l"\ncatalog_dir = "/c"\n[databases]\nhdf5 = "/h"\n'
    )
    settings = load_settings(config=config, environment=OF_ANOTHER_ARCHIVE)
    assert (settings.roots, settings.log_roots, settings.catalog_dir) == ((Path("/ms"),), (Path("/l"),), Path("/c"))
    assert dict(settings.databases) == {"hdf5": Path("/h")}


def test_a_database_of_the_file_joins_the_state_folder_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / "ingest.sqlite3").touch()
    config = _toml(tmp_path, '[databases]\nproducts = "/p.sqlite3"\n')
    environment = {"PIPELINE_STATE_DIR": str(tmp_path), "DSA110_ALLOWED_MS_ROOTS": "/ms"}
    settings = load_settings(config=config, environment=environment)
    assert dict(settings.databases) == {"products": Path("/p.sqlite3"), "ingest": tmp_path / "ingest.sqlite3"}
    assert settings.roots == (Path("/ms"),)


def test_a_catalogue_of_the_environment_names_the_folder_of_all() -> None:
    variables = {"VLA_CATALOG": "/cat/vla_calibrators.sqlite3"}
    assert load_settings(environment=variables).catalog_dir == Path("/cat")
    both = {**variables, "PIPELINE_CATALOG_DIR": "/other"}
    assert load_settings(environment=both).catalog_dir == Path("/other")


def test_folders_in_the_environment_are_separated_by_commas() -> None:
    settings = load_settings(environment={"DSA110_ALLOWED_LOG_ROOTS": "/a, /b,,", "DSA110_ALLOWED_MS_ROOTS": "/c"})
    assert (settings.log_roots, settings.roots) == ((Path("/a"), Path("/b")), (Path("/c"),))


@pytest.mark.parametrize(
    "text",
    [
        "lanes = 0", "lanes = -1", "lanes = 2.7",
        'lanes = "two"', "lanes = inf", "lanes = nan", "lanes = [1]", "lanes = true",
        "query_deadline_s = nan", "query_deadline_s = inf", "query_deadline_s = 0.0", "row_cap = 1979-05-27",
        "unknown_name = 1", "[databases]\nunknown = 'x'", "databases = 5", "databases = 'x'",
        "[databases]\nproducts = 5", "state_dir = 5", "roots = 5", "roots = [5]", "catalog_dir = []", "= broken",
        "[databases]\nproducts = ['a']", "[expected]\nproducts = '/a'",
        f"lanes = {10**400}", f"query_deadline_s = {10**400}", f"lanes = {'9' * 5000}", f"lanes = 0x{'f' * 5000}",
        "row_cap = 1_000_000_001", f"roots = [0x{'f' * 5000}]", f"roots = {'[' * 20_000}{']' * 20_000}",
        'state_dir = "x\\u0000"', 'roots = ["x\\u0000"]', '[databases]\nproducts = "x\\u0000"',
        'state_dir = "~nosuchuser/x"', 'log_roots = ["~nosuchuser"]', '[databases]\nproducts = "~nosuchuser/x"',
    ],
    ids=lambda text: text[:40],
)  # fmt: skip
def test_a_file_that_makes_no_sense_is_a_validation_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValidationError):
        load_settings(config=_toml(tmp_path, text), environment={})


@pytest.mark.parametrize(
    "variable",
    ["PIPELINE_STATE_DIR", "PIPELINE_PRODUCTS_DB", "PIPELINE_LOG_DIR", "VLA_CATALOG", "DSA110_DASHBOARD_CACHE"],
)
def test_a_home_folder_of_nobody_in_the_environment_is_a_validation_error(variable: str) -> None:
    with pytest.raises(ValidationError, match="home folder that cannot be found: ~nosuchuser"):
        load_settings(environment={variable: "~nosuchuser/x"})


@pytest.mark.parametrize("text", ["~nosuchuser/x", "x\0"])
def test_an_explicit_path_that_nobody_can_have_is_a_validation_error(text: str) -> None:
    with pytest.raises(ValidationError):
        load_settings(state_dir=text, environment={})
    with pytest.raises(ValidationError):
        load_settings(config=text, environment={})


def test_a_path_that_is_empty_counts_as_not_set(tmp_path: Path) -> None:
    config = _toml(tmp_path, 'state_dir = ""\nroots = ""\n[databases]\nproducts = " "\ningest = "/i.sqlite3"\n')
    environment = {"PIPELINE_PRODUCTS_DB": " ", "CONTIMG_PRODUCTS_DB": "/p.sqlite3", "PIPELINE_STATE_DIR": " "}
    settings = load_settings(config=config, environment=environment)
    assert dict(settings.databases) == {"products": Path("/p.sqlite3"), "ingest": Path("/i.sqlite3")}
    assert (settings.state_dir, settings.roots) == (DEFAULT_STATE_DIR, load_settings(environment={}).roots)


@pytest.mark.parametrize("text", [".", "sub/..", "../state"])
def test_relative_folders_of_the_environment_are_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    monkeypatch.chdir(state)
    settings = load_settings(environment={"PIPELINE_STATE_DIR": text, "DSA110_ALLOWED_LOG_ROOTS": "logs,../l"})
    assert (settings.state_dir, settings.roots[0]) == (state, tmp_path / "stage")
    assert settings.log_roots == (state / "logs", tmp_path / "l")
    assert settings.catalog_dir == state / "catalogs"


def test_a_file_that_cannot_be_read_is_a_validation_error(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(ValidationError, match="cannot be read"):
            load_settings(config=path, environment={})


def test_a_file_that_is_not_text_is_a_validation_error(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValidationError, match="not valid TOML"):
        load_settings(config=path, environment={})


def test_paths_of_the_file_begin_at_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")
    text = (
        'state_dir = "state"\nroots = ["ms", "/a"]\nlog_roots = "logs"\ncatalog_dir = "../c"\ncache_dir = "cache"\n'
    )
    settings = load_settings(config=_toml(tmp_path, text + '[databases]\nproducts = "p.sqlite3"\n'), environment={})
    assert settings.state_dir == tmp_path / "state"
    assert settings.roots == (tmp_path / "ms", Path("/a"))
    assert settings.log_roots == (tmp_path / "logs",)
    assert settings.catalog_dir == tmp_path.parent / "c"
    assert settings.cache_dir == tmp_path / "cache"
    assert settings.databases["products"] == tmp_path / "p.sqlite3"


def test_the_home_folder_can_be_meant_in_every_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/h/n")
    text = 'state_dir = "~/s"\nroots = "~/r"\nlog_roots = ["~/l"]\n[databases]\nproducts = "~/p.sqlite3"\n'
    settings = load_settings(config=_toml(tmp_path, text), environment={})
    assert (settings.state_dir, settings.roots, settings.log_roots) == (
        Path("/h/n/s"), (Path("/h/n/r"),), (Path("/h/n/l"),),
    )  # fmt: skip
    assert settings.databases["products"] == Path("/h/n/p.sqlite3")
    of_environment = load_settings(environment={"PIPELINE_PRODUCTS_DB": "~/q.sqlite3"})
    assert of_environment.databases["products"] == Path("/h/n/q.sqlite3")


SECRET = "0123456789abcdef" * 2


def test_a_secret_comes_from_the_file_or_the_environment_and_is_not_shown(tmp_path: Path) -> None:
    of_file = load_settings(config=_toml(tmp_path, f'secret = "{SECRET}"\n'), environment={})
    of_environment = load_settings(state_dir=tmp_path, environment={"DSA110_DASHBOARD_SECRET": f"{SECRET}\n"})
    assert of_file.secret == of_environment.secret == SECRET
    assert SECRET not in repr(of_file)
    assert load_settings(environment={"DSA110_DASHBOARD_SECRET": ""}).secret == ""


@pytest.mark.parametrize("secret", [SECRET[1:], f"{SECRET[1:]} ", " "])
def test_a_short_secret_is_refused_without_repeating_it(secret: str) -> None:
    with pytest.raises(ValidationError, match=r"DASHBOARD_SECRET\) is too short: it needs 32 char") as refusal:
        load_settings(environment={"DSA110_DASHBOARD_SECRET": secret})
    assert SECRET[1:] not in f"{refusal.value.message} {refusal.value.remedy}"


def test_a_secret_that_is_no_text_is_refused_without_repeating_it(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="secret must be text") as refusal:
        load_settings(config=_toml(tmp_path, f'secret = ["{SECRET}"]\n'), environment={})
    assert SECRET not in str(refusal.value)


def test_a_whole_number_may_be_written_with_a_point(tmp_path: Path) -> None:
    assert load_settings(config=_toml(tmp_path, "lanes = 3.0\n"), environment={}).lanes == 3


def test_whole_numbers_are_taken_for_seconds(tmp_path: Path) -> None:
    settings = load_settings(config=_toml(tmp_path, "query_deadline_s = 3\n"), environment={})
    assert (settings.query_deadline_s, type(settings.query_deadline_s)) == (3.0, float)


def test_every_setting_stands_in_the_settings_table() -> None:
    names = {line.name for line in settings_table()}
    plain = set(Settings.__dataclass_fields__) - {"databases", "expected"}
    assert names == plain | {f"databases.{role.role}" for role in ROLES}
    assert all(line.about and line.default for line in settings_table())
