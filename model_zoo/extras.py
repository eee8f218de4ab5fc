"""Optional libraries: looked for only where they are asked for, and named with the way to get them where absent."""

from importlib.util import find_spec

from common.errors import ConfigError

REQUIREMENTS = {
    "catboost": "catboost", "faiss": "faiss-cpu", "imblearn": "imbalanced-learn", "mlflow": "mlflow-skinny",
    "fastapi": "fastapi", "uvicorn": "uvicorn", "orjson": "orjson", "prometheus_client": "prometheus-client",
}  # fmt: skip
"""The pip requirement of every optional library by the name it is imported under."""


def has_extra(library: str) -> bool:
    """Return whether an optional library is installed, without importing it."""
    return find_spec(library) is not None


def missing_extra(library: str, asker: str) -> ConfigError:
    """Return the refusal of who asked for a library that is not installed; it names the pip requirement.

    >>> str(missing_extra("faiss", "This search"))[:65]
    'This search needs the optional package faiss-cpu, which is not in'
    """
    requirement = REQUIREMENTS[library]
    return ConfigError(
        f"{asker} needs the optional package {requirement}, which is not installed; "
        f"run 'pip install -c requirements-extras.txt {requirement}' or do without."
    )
