"""A version as a folder that other tools can keep and load: its files as they are stored, and MLflow's description.

Nothing in it is pickled. The manifest lists the version's files by the hashes that they are stored under, so whoever
holds the folder can tell whether any of them was altered.
"""

import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from common.errors import ConfigError, StateError
from common.files import FileStore, compute_digest
from registry.versions import Version, version_row

LOADER = "pipeline.mlflow_model"
"""The module by which ``mlflow.pyfunc`` loads the folder, where Switchyard can be imported."""
PARTS = "parts"


@dataclass(frozen=True)
class Publication:
    """A version with its files; ``reading`` is what turns rows of the stream into its features, as JSON."""

    version: Version
    manifest: bytes
    parts: Mapping[str, bytes]
    reading: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """The hash of everything that decides what the version answers."""
        return compute_digest(self.manifest + _to_json(self.reading))

    def pack(self) -> dict[str, bytes]:
        """Return the folder: its files by their paths."""
        return {
            "MLmodel": describe_flavors(self.version).encode(),
            "version.json": _to_json(version_row(self.version)),
            "reading.json": _to_json(self.reading),
            "manifest.json": self.manifest,
            **{f"{PARTS}/{name}": content for name, content in self.parts.items()},
        }


def collect(files: FileStore, version: Version, reading: Mapping[str, Any]) -> Publication:
    """Return a stored version as it is published. Raises ConfigError for a blend, which has no model of its own."""
    if version.is_ensemble:
        members = ", ".join(version.params["weights"])
        raise ConfigError(f"'{version.id}' is a blend and has no model of its own; publish a member: {members}.")
    manifest = files.load(version.manifest)
    parts = {name: files.load(stored) for name, stored in json.loads(manifest).items()}
    return Publication(version, manifest, parts, json.loads(_to_json(reading)))


def unpack(read: Callable[[str], bytes], where: str) -> Publication:
    """Return what a folder holds, ``read`` by paths in it; ``where`` names it in messages.

    Raises StateError where a file is missing, altered, or lies outside the folder; nothing was constructed then.
    """
    try:
        manifest = read("manifest.json")
        version = Version.from_row(json.loads(read("version.json")))
        reading = json.loads(read("reading.json"))
        parts = {name: _read_part(read, name, stored, where) for name, stored in json.loads(manifest).items()}
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise StateError(
            f"The model at {where} is not one that Switchyard published ({type(error).__name__}: {error}); "
            "publish a version again with 'python run.py models publish VERSION'."
        ) from error
    return Publication(version, manifest, parts, reading)


def _read_part(read: Callable[[str], bytes], name: str, stored: str, where: str) -> bytes:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise StateError(f"The manifest at {where} names '{name}', which is no file of its folder; nothing was loaded.")
    content = read(f"{PARTS}/{name}")
    if compute_digest(content) != stored.partition(".")[0]:
        raise StateError(f"The file '{name}' at {where} was altered since it was published; publish the version again.")
    return content


def describe_flavors(version: Version) -> str:
    """Return MLflow's description of the folder."""
    lines = [
        "flavors:",
        "  python_function:",
        f"    loader_module: {LOADER}",
        f"    python_version: {platform.python_version()}",
        "  switchyard:",
        f"    version: {version.id}",
        f"    family: {version.family}",
    ]
    return "\n".join(lines) + "\n"


def _to_json(described: Mapping[str, Any]) -> bytes:
    return json.dumps(described, sort_keys=True).encode()
