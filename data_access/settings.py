"""Where the archive is and how it may be read: options, environment, a TOML file, in that order."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from data_access.errors import ValidationError
from data_access.presence import best_place, is_folder
from data_access.service_ports import DEFAULT_SERVICES
from data_access.setting_values import absolute_path, checked_number, checked_secret, checked_services, shown

DEFAULT_STATE_DIR = Path("/data/dsa110-contimg/state")
_DEFAULT_RAW_FOLDER = Path("/data/incoming")
DEFAULT_CACHE_DIR = Path("~/.cache/dsa110-dashboard")
DEFAULT_DATA_DIR = Path("~/.local/share/dsa110-dashboard")


@dataclass(frozen=True, slots=True)
class DatabaseRole:
    """One database of the pipeline: what it is called, how it is found.

    Attributes
    ----------
    variables : tuple of str
        Environment variables that name the file, the first set one wins.
    filenames : tuple of str
        Names looked for in the folders.
    folders : tuple of str
        Below the state folder, the best one first.
    """

    role: str
    variables: tuple[str, ...]
    filenames: tuple[str, ...]
    about: str
    folders: tuple[str, ...] = ("db", ".")


ROLES: tuple[DatabaseRole, ...] = (
    DatabaseRole("pipeline", ("PIPELINE_DB",), ("pipeline.sqlite3",), "everything, unified layout (from 1 Dec 2025)"),
    DatabaseRole(
        "products",
        ("PIPELINE_PRODUCTS_DB", "CONTIMG_PRODUCTS_DB"),
        ("products.sqlite3",),
        "images, photometry, MS index, jobs (split layout)",
    ),
    DatabaseRole(
        "cal_registry",
        ("PIPELINE_CAL_REGISTRY_DB", "CAL_REGISTRY_DB", "CONTIMG_REGISTRY_DB"),
        ("cal_registry.sqlite3",),
        "calibration tables (split layout)",
    ),
    DatabaseRole(
        "ingest",
        ("PIPELINE_INGEST_DB", "PIPELINE_QUEUE_DB", "CONTIMG_QUEUE_DB"),
        ("ingest.sqlite3",),
        "processing queue, pointing (split layout)",
    ),
    DatabaseRole("hdf5", ("PIPELINE_HDF5_DB", "HDF5_DB_PATH"), ("hdf5.sqlite3",), "raw-file index (split layout)"),
    DatabaseRole(
        "raw_index",
        ("DSA110_RAW_INDEX_DB",),
        ("hdf5_file_index.sqlite3",),
        "raw-file index that the indexer keeps beside the raw files",
        ("../incoming",),
    ),
    DatabaseRole(
        "data_registry",
        ("PIPELINE_DATA_REGISTRY_DB", "DATA_REGISTRY_DB"),
        ("data_registry.sqlite3", "data_registry.db"),
        "published data (split layout)",
    ),
    DatabaseRole("calibrators", ("PIPELINE_CALIBRATORS_DB",), ("calibrators.sqlite3",), "calibrator lists"),
    DatabaseRole("alerts", ("PIPELINE_ALERTS_DB",), ("alerts.sqlite3",), "alerts of the alert manager"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings; every field can be given in a TOML file under its own name.

    Attributes
    ----------
    databases : dict of str to Path
        File per role (see `ROLES`); roles without a file are absent.
    expected : dict of str to tuple of Path
        Where the files of the other roles are looked for, the best place first. It follows from `state_dir`.
    roots : tuple of Path
        Folders below which files may be read.
    secret : str
        Signs the sessions; it is never shown, printed or logged.
    """

    state_dir: Path = DEFAULT_STATE_DIR
    databases: Mapping[str, Path] = field(default_factory=dict)
    expected: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    log_roots: tuple[Path, ...] = ()
    roots: tuple[Path, ...] = ()
    catalog_dir: Path | None = None
    cache_dir: Path = DEFAULT_CACHE_DIR
    thumbnail_cache_mb: float = 200.0
    data_dir: Path = DEFAULT_DATA_DIR
    user_header: str = ""
    secret: str = field(default="", repr=False)
    services: tuple[str, ...] = DEFAULT_SERVICES
    lanes: int = 2
    query_deadline_s: float = 5.0
    count_deadline_s: float = 0.25
    busy_timeout_s: float = 5.0
    row_cap: int = 20_000
    read_deadline_s: float = 60.0
    reader_processes: int = 1
    reader_threads: int = 4
    poll_interval_s: float = 0.5
    stale_after_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class SettingDoc:
    """One line of the settings table in README.md."""

    name: str
    variables: tuple[str, ...]
    default: str
    about: str


def settings_table() -> tuple[SettingDoc, ...]:
    """Return every setting with its environment variables: the README shows this and a test compares the two."""
    plain = tuple(
        SettingDoc(name, _VARIABLES.get(name, ()), _default_text(name), about) for name, about in _ABOUT.items()
    )
    databases = tuple(
        SettingDoc(f"databases.{r.role}", r.variables, f"`{r.filenames[0]}` in {_folders_text(r)}", r.about)
        for r in ROLES
    )
    return plain[:1] + databases + plain[1:]


_ABOUT: dict[str, str] = {
    "state_dir": "state folder of the pipeline; databases are looked for in its `db` folder, then in itself",
    "log_roots": "folders with log files",
    "roots": "folders below which images, Measurement Sets and tables may be read",
    "catalog_dir": "folder with catalogue databases; `VLA_CATALOG` names one of its files; `master_sources.sqlite3` "
    "may lie in `<state>/db` instead",
    "cache_dir": "folder for sums and pictures, outside of the pipeline's folders; may be deleted at any time",
    "thumbnail_cache_mb": "thumbnails kept in `cache_dir`, megabytes; the longest unused go first",
    "data_dir": "folder for what people write (marks, comments, lists), never one of the pipeline's; make copies",
    "user_header": "HTTP header with the name of the reader, set by a trusted proxy; empty: people type theirs",
    "secret": "signs the sessions: a random text of 32 characters or more, the same for every process; empty: each "
    "start makes its own",
    "services": "programs of the pipeline that /status asks on this machine alone: name, port, and a path, `PING` or "
    "nothing; `[]` or `none` asks nobody",
    "lanes": "connections per database for fast reads (one more is kept for slow ones)",
    "query_deadline_s": "a query is stopped after this time, seconds",
    "count_deadline_s": "counting rows gives up after this time, seconds",
    "busy_timeout_s": "wait for a writer's lock, seconds",
    "row_cap": "no answer has more rows than this; a cut answer says so",
    "read_deadline_s": "a worker process that reads a table is stopped after this time, seconds",
    "reader_processes": "worker processes for CASA tables",
    "reader_threads": "threads for FITS files and logs",
    "poll_interval_s": "how often the databases are looked at for changes while somebody watches, seconds",
    "stale_after_s": "data are called stale when the newest write is older than this, seconds",
}
_CATALOG_FILE = "VLA_CATALOG"
_VARIABLES: dict[str, tuple[str, ...]] = {
    "state_dir": ("PIPELINE_STATE_DIR", "DSA110_STATE_DIR"),
    "log_roots": ("DSA110_ALLOWED_LOG_ROOTS", "PIPELINE_LOG_DIR"),
    "roots": ("DSA110_ALLOWED_MS_ROOTS",),
    "catalog_dir": ("PIPELINE_CATALOG_DIR", _CATALOG_FILE),
    "cache_dir": ("DSA110_DASHBOARD_CACHE",),
    "data_dir": ("DSA110_DASHBOARD_DATA",),
    "user_header": ("DSA110_DASHBOARD_USER_HEADER",),
    "secret": ("DSA110_DASHBOARD_SECRET",),
    "services": ("DSA110_DASHBOARD_SERVICES",),
}


def _folders_text(role: DatabaseRole) -> str:
    if role.role == "raw_index":
        return f"`<state>/../incoming`; of the default state folder in `{_DEFAULT_RAW_FOLDER}` too"
    return "`state/db` or `state`"


_LISTS = ("roots", "log_roots", "services")
_OF_ARCHIVE = ("state_dir", "databases", "roots", "log_roots", "catalog_dir")
_PATHS = (*_OF_ARCHIVE, "cache_dir", "data_dir")


def _default_text(name: str) -> str:
    special = {
        "state_dir": f"`{DEFAULT_STATE_DIR}`",
        "log_roots": "`<state>/logs`, `<state>/../logs`",
        "roots": "`<state>/../stage`, `/stage/dsa110-contimg`, `/data/dsa110-contimg`",
        "catalog_dir": "`<state>/catalogs`",
        "user_header": "–",
        "secret": "–",
        "services": ", ".join(f"`{service}`" for service in DEFAULT_SERVICES),
    }
    if name in special:
        return special[name]
    return f"`{next(f.default for f in fields(Settings) if f.name == name)}`"


def load_settings(
    *,
    state_dir: str | Path | None = None,
    config: str | Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Return the settings: an explicit `state_dir` wins over the file, the file over the environment.

    Two archives are never mixed: where the file or an explicit folder names the state folder, what the environment
    says about databases, folders and catalogues is not used, nor the databases of a file under an explicit folder.

    Parameters
    ----------
    state_dir : path, optional
        State folder, or the folder that holds it.
    config : path, optional
        TOML file with the names of the settings table.
    environment : mapping, optional
        Defaults to ``os.environ``.

    Raises
    ------
    ValidationError
        For an unreadable file, an unknown name, or a value of the wrong kind.
    """
    environment_says = _from_environment(os.environ if environment is None else environment)
    wanted = _from_file(absolute_path("config", config)) if config is not None else {}
    if state_dir is not None:
        state_folder = _state_folder(absolute_path("state_dir", state_dir))
        wanted = _without(wanted, {"databases"}) | {"state_dir": state_folder}
    if "state_dir" in wanted:
        environment_says = _without(environment_says, _OF_ARCHIVE)
    databases = {**environment_says.get("databases", {}), **wanted.get("databases", {})}
    return _complete({**environment_says, **wanted, "databases": databases})


def _without(given: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in names}


def _state_folder(folder: Path) -> Path:
    """Accept the state folder itself or the archive that contains it."""
    if is_folder(folder / "state") and not any(folder.glob("*.sqlite3")):
        return folder / "state"
    return folder


def _from_environment(env: Mapping[str, str]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, variables in _VARIABLES.items():
        value = _first_set(env, variables, is_path=name in _PATHS)
        if value is not None:
            given[name] = value.split(",") if name in _LISTS else value
    if given.get("catalog_dir") == env.get(_CATALOG_FILE) is not None:
        given["catalog_dir"] = str(Path(given["catalog_dir"]).parent)
    named = {role.role: _first_set(env, role.variables, is_path=True) for role in ROLES}
    databases = {role: path for role, path in named.items() if path is not None}
    if databases:
        given["databases"] = databases
    return given


def _first_set(env: Mapping[str, str], variables: tuple[str, ...], *, is_path: bool) -> str | None:
    values = (env.get(variable, "") for variable in variables)
    return next((value for value in values if (value.strip() if is_path else value)), None)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise ValidationError(f"The settings file {path} cannot be read: {err.strerror}") from err
    except ValueError as err:  # no TOML, no text, or a number of thousands of digits
        raise ValidationError(f"The settings file {path} is not valid TOML: {err}") from err
    except RecursionError as err:
        raise ValidationError(f"The settings file {path} is not valid TOML: it is nested too deeply") from err
    unknown = set(given) - {"databases", *_ABOUT}
    if unknown:
        raise ValidationError(
            f"The settings file {path} has unknown names: {', '.join(sorted(unknown))}",
            remedy="The settings table in README.md lists every name.",
        )
    _check_paths(given)
    return _from_folder(path.parent, given)


def _from_folder(folder: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a file with its paths made absolute: they begin at the file, wherever it is read from.

    A path that is empty counts as not set.
    """

    def absolute(name: str, path: str) -> str:
        return str(absolute_path(name, path, start=folder))

    found = dict(given)
    for name in _PATHS:
        value = found.pop(name, "")
        if isinstance(value, list):
            found[name] = [absolute(name, item) for item in value if item.strip()]
        elif isinstance(value, dict):
            found[name] = {role: absolute(f"{name}.{role}", path) for role, path in value.items() if path.strip()}
        elif value.strip():
            found[name] = absolute(name, value)
    return found


def _check_paths(given: Mapping[str, Any]) -> None:
    databases = given.get("databases", {})
    if not isinstance(databases, dict) or not all(isinstance(path, str) for path in databases.values()):
        raise ValidationError(f"The setting databases must be a table of paths, not {shown(databases)}")
    bad_roles = set(databases) - {role.role for role in ROLES}
    if bad_roles:
        raise ValidationError(f"The settings file names unknown databases: {', '.join(sorted(bad_roles))}")
    for name in ("state_dir", "catalog_dir", "cache_dir", "data_dir", "user_header", "secret"):
        if not isinstance(given.get(name, ""), str):
            raise ValidationError(f"The setting {name} must be text, not of the kind {type(given[name]).__name__}")
    for name in _LISTS:
        value = given.get(name, [])
        if not isinstance(value, str | list) or not all(isinstance(item, str) for item in value):
            raise ValidationError(f"The setting {name} must be a list of texts, not {shown(value)}")


def _complete(given: Mapping[str, Any]) -> Settings:
    state = absolute_path("state_dir", given.get("state_dir", DEFAULT_STATE_DIR))
    values: dict[str, Any] = {"state_dir": state}
    named = {role: absolute_path(f"databases.{role}", path) for role, path in given.get("databases", {}).items()}
    if "state_dir" in given or not named:
        values["expected"] = {role.role: _places(state, role) for role in ROLES if role.role not in named}
    found = {role: best_place(places) for role, places in values.get("expected", {}).items()}
    both = {**named, **{role: path for role, path in found.items() if path is not None}}
    values["databases"] = {role.role: both[role.role] for role in ROLES if role.role in both}
    values["log_roots"] = _folders(given, "log_roots", (state / "logs", state.parent / "logs"))
    standard = (state.parent / "stage", Path("/stage/dsa110-contimg"), Path("/data/dsa110-contimg"))
    values["roots"] = _folders(given, "roots", standard if state != DEFAULT_STATE_DIR else standard[1:])
    folders = {"catalog_dir": state / "catalogs", "cache_dir": DEFAULT_CACHE_DIR, "data_dir": DEFAULT_DATA_DIR}
    values |= {name: absolute_path(name, given.get(name, default)) for name, default in folders.items()}
    values["user_header"] = str(given.get("user_header", "")).strip()
    values["secret"] = checked_secret(str(given.get("secret", "")), variable=_VARIABLES["secret"][0])
    values["services"] = checked_services(given.get("services", DEFAULT_SERVICES))
    defaults = Settings()
    for name in _ABOUT:
        if name in values or name not in given:
            continue
        values[name] = checked_number(name, given[name], getattr(defaults, name))
    return replace(defaults, **values)


def _places(state: Path, role: DatabaseRole) -> tuple[Path, ...]:
    folders = [Path(os.path.normpath(state / folder)) for folder in role.folders]
    if role.role == "raw_index" and state == DEFAULT_STATE_DIR:
        folders.append(_DEFAULT_RAW_FOLDER)
    return tuple(folder / name for folder in folders for name in role.filenames)


def _folders(given: Mapping[str, Any], name: str, default: tuple[Path, ...]) -> tuple[Path, ...]:
    value = given.get(name)
    if value is None:
        return default
    if isinstance(value, str):
        value = [value]
    return tuple(absolute_path(name, item) for item in value if item.strip())
