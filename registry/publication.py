"""A version as a folder that other tools can keep and load: its files as they are stored, and MLflow's description.

Nothing in it is pickled. The manifest lists the version's files by the hashes that they are stored under, so whoever
holds the folder can tell whether any of them was altered. An ensemble has no files of its own: its parts are those of
its members, in a folder each, the weights by which they are mixed and the reference that tells kinds of rows apart.
"""

import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pointsman.common.errors import StateError
from pointsman.common.storage.files import FileStore, compute_digest
from pointsman.model_zoo.reference import InputReference
from pointsman.registry.versions import Version, load_manifest, version_row

LOADER = "pointsman.pipeline.serving.mlflow_model"
"""The module by which ``mlflow.pyfunc`` loads the folder, where Pointsman can be imported."""
PARTS = "parts"
MIXTURE, REFERENCE, MEMBER = "ensemble.json", "reference.json", "version.json"
"""Parts of an ensemble: how its members are mixed, what tells kinds of rows apart, and what each member is."""


@dataclass(frozen=True)
class Publication:
    """A version with its files; ``reading`` is what turns rows of the stream into its features, as JSON."""

    version: Version
    manifest: bytes
    parts: Mapping[str, bytes]
    reading: Mapping[str, Any]

    @property
    def members(self) -> dict[str, Version]:
        """An ensemble's members by their ids; {} for a single model."""
        return {
            name: Version.from_row(json.loads(self.parts[f"{name}/{MEMBER}"]))
            for name in (self.version.member_ids if self.version.is_ensemble else ())
        }

    def list_parts(self, member: str) -> dict[str, bytes]:
        """Return the files of an ensemble's member, by the names they have in it."""
        inside = f"{member}/"
        return {
            name.removeprefix(inside): content
            for name, content in self.parts.items()
            if name.startswith(inside) and name != f"{member}/{MEMBER}"
        }

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
    """Return a stored single model as it is published."""
    manifest = files.load(version.manifest)
    return Publication(version, manifest, _load_parts(files, version), json.loads(_to_json(reading)))


def collect_ensemble(
    files: FileStore, version: Version, members: Sequence[Version], reference: bytes, reading: Mapping[str, Any]
) -> Publication:
    """Return an ensemble as it is published: with its members, and the reference that tells kinds of rows apart."""
    parts = {MIXTURE: _describe_mixture(version), REFERENCE: reference}
    for member in members:
        parts[f"{member.id}/{MEMBER}"] = _to_json(version_row(member))
        parts |= {f"{member.id}/{name}": content for name, content in _load_parts(files, member).items()}
    listed = {name: f"{compute_digest(content)}.{name.rpartition('.')[2]}" for name, content in parts.items()}
    return Publication(version, _to_json(listed), parts, json.loads(_to_json(reading)))


def _load_parts(files: FileStore, version: Version) -> dict[str, bytes]:
    return {name: files.load(stored) for name, stored in load_manifest(files, version.manifest).items()}


def _describe_mixture(version: Version) -> bytes:
    """Return what decides an ensemble's answers beside its members: a part, so that its hash is checked as well."""
    return _to_json({"id": version.id, "members": version.members, "threshold": version.threshold})


def unpack(read: Callable[[str], bytes], where: str) -> Publication:
    """Return what a folder holds, ``read`` by paths in it; ``where`` names it in messages.

    Raises StateError, before anything is constructed, where a file is missing, altered, or lies outside the folder.
    """
    try:
        manifest = read("manifest.json")
        version = Version.from_row(json.loads(read("version.json")))
        reading = json.loads(read("reading.json"))
        parts = {name: _read_part(read, name, stored, where) for name, stored in json.loads(manifest).items()}
        publication = Publication(version, manifest, parts, reading)
        if version.is_ensemble:
            _check_mixture(publication, where)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateError(
            f"The model at {where} is not one that Pointsman published ({type(error).__name__}: {error}); "
            "publish a version again with 'python run.py models publish VERSION'."
        ) from error
    return publication


def _check_mixture(publication: Publication, where: str) -> None:
    """Raise StateError unless the version is what its parts say, and KeyError where a member is not among them."""
    if publication.parts[MIXTURE] != _describe_mixture(publication.version):
        raise StateError(f"The version at {where} was altered since it was published; publish it again.")
    InputReference.from_json(publication.parts[REFERENCE])
    for name, member in publication.members.items():
        if member.id != name or member.is_ensemble:
            raise StateError(f"The member '{name}' at {where} is another version; publish the ensemble again.")


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
        "  pointsman:",
        f"    version: {version.id}",
        f"    family: {version.family}",
    ]
    return "\n".join(lines) + "\n"


def _to_json(described: Mapping[str, Any]) -> bytes:
    return json.dumps(described, sort_keys=True).encode()
