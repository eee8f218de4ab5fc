"""Optional parts: looked for only where they are asked for, and named with the one command that installs them."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pointsman.common.errors import ConfigError

if TYPE_CHECKING:
    from pointsman.common.config import Config

EXTRAS: dict[str, tuple[str, ...]] = {
    "catboost": ("catboost",),
    "dask": ("dask", "distributed"),
    "docx": ("docx",),
    "faiss": ("faiss",),
    "mlflow": ("mlflow", "alembic"),
    "postgres": ("psycopg",),
    "serve": ("fastapi", "uvicorn", "orjson", "prometheus_client"),
    "smote": ("imblearn",),
}
"""What every extra of pyproject.toml is imported as; requirements-<extra>.txt holds its pins. An extra that is a family
of models has the family's name."""


def has_extra(extra: str) -> bool:
    """Return whether everything that an extra needs is installed, without importing it."""
    return all(_is_there(library) for library in EXTRAS[extra])


def missing_extra(extra: str, asker: str) -> ConfigError:
    """Return the error for an extra that is asked for but not installed, with the command that installs all of it.

    >>> str(missing_extra("faiss", "This search needs faiss"))
    'This search needs faiss, which is not installed; run: pip install -r requirements-faiss.txt'
    """
    return ConfigError(f"{asker}, which is not installed; run: {name_installation(extra)}")


def name_installation(extra: str) -> str:
    """Return the command that installs an extra: the pins that a checkout has, or else that of the package."""
    pins = f"requirements-{extra}.txt"
    is_checkout = (Path(__file__).resolve().parent.parent / pins).is_file()
    return f"pip install -r {pins}" if is_checkout else f"pip install 'pointsman[{extra}]'"


def check_extras(config: "Config") -> None:
    """Raise ConfigError where the configuration names an optional part, for learning, that is not installed."""
    for extra, asker in _list_named(config):
        if not has_extra(extra):
            raise missing_extra(extra, asker)


def _list_named(config: "Config") -> Iterator[tuple[str, str]]:
    for family in config.search.families:
        if family in EXTRAS:
            yield family, f"search.families names {family}"
    if "smote" in config.search.resampling:
        yield "smote", "search.resampling names smote of imbalanced-learn"
    if config.workers.scheduler is not None:
        yield "dask", f"workers.scheduler is '{config.workers.scheduler}', a scheduler of Dask"
    if config.mlflow.serve:
        yield "mlflow", "mlflow.serve is true and asks for MLflow"


def missing_driver(url: str, key: str) -> ConfigError | None:
    """Return the error for a PostgreSQL URL whose driver is missing here; None for any other database.

    >>> str(missing_driver("postgresql+psycopg://host/claims", "database_url"))[:78]
    "database_url 'postgresql+psycopg://host/claims' needs psycopg, which is not in"
    >>> str(missing_driver("postgresql://host/claims", "database_url"))[:75]
    "database_url 'postgresql://host/claims' names no driver that is here; write"
    """
    scheme = url.partition(":")[0]
    if scheme == "postgresql+psycopg":
        return missing_extra("postgres", f"{key} '{url}' needs psycopg")
    if scheme.partition("+")[0] != "postgresql":
        return None
    return ConfigError(
        f"{key} '{url}' names no driver that is here; write postgresql+psycopg:// there, and run: "
        f"{name_installation('postgres')}"
    )


def _is_there(library: str) -> bool:
    try:
        return find_spec(library) is not None
    except ImportError:  # whoever looks for modules may refuse to
        return False
