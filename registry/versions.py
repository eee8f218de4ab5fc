"""Versions: fitted, registered models, their description in the catalogue and their files."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from common.errors import StateError
from common.files import FileStore
from model_zoo.candidate import Candidate

if TYPE_CHECKING:
    from model_zoo.model import Model

BLEND_FAMILY = "blend"
READING = ("encoder.json", "encoder.skops", "normal.json")
"""Files of a model that say how it reads rows; two models with the same ones read them alike."""


@dataclass(frozen=True)
class Version:
    """A registered model. ``line`` is the id of its first ancestor: updates and refits of a model stay in its line.

    ``origin`` is how it came about (see ``Origin``), ``updates`` how often it was continued since it was last fitted
    from scratch; ``manifest`` names the stored file that lists its artefacts. A blend has no model of its own: its
    ``params`` hold the weights of other versions.
    """

    id: str
    number: int
    line: str
    parent: str | None
    generation: int
    family: str
    variant: str
    params: Mapping[str, Any]
    window: int | None
    masked: bool
    guarded: bool
    origin: str
    updates: int
    first_batch: int
    last_batch: int
    rows: int
    threshold: float
    manifest: str
    bytes: int
    fit_seconds: float

    @property
    def is_blend(self) -> bool:
        """Whether it is a mixture of other versions."""
        return self.family == BLEND_FAMILY

    @property
    def candidate(self) -> Candidate:
        """How its model learns."""
        return Candidate(self.family, self.variant, self.params, self.window, self.masked, self.guarded)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Version":
        """Return the version that a row of the versions table describes."""
        return cls(**{field.name: row[field.name] for field in fields(cls)})


def version_row(version: Version) -> dict[str, Any]:
    """Return the row of the versions table for a version."""
    return {**asdict(version), "params": dict(version.params)}


def name_version(family: str, number: int) -> str:
    """Return the id of a version.

    >>> name_version("lightgbm", 7)
    'lightgbm-0007'
    """
    return f"{family}-{number:04d}"


def save_parts(files: FileStore, parts: Mapping[str, bytes]) -> tuple[str, int]:
    """Store a dumped model and the manifest that lists its files; return the manifest's name and the total bytes."""
    stored = {name: files.save(content, _suffix(name)) for name, content in parts.items()}
    manifest = files.save(json.dumps(stored, sort_keys=True).encode(), ".json")
    return manifest, sum(map(len, parts.values()))


def save_weights(files: FileStore, weights: Mapping[str, float]) -> tuple[str, int]:
    """Store the weights of a blend, by version, and return the name and the size of the file."""
    content = json.dumps(dict(weights), sort_keys=True).encode()
    return files.save(content, ".json"), len(content)


def load_model(files: FileStore, version: Version) -> "Model":
    """Return a version's model; every artefact's hash is checked before anything is constructed from it."""
    return ModelShelf(files).load(version)


class ModelShelf:
    """Models of versions, each loaded once; those that read rows alike share one encoder and guard."""

    def __init__(self, files: FileStore) -> None:
        self.files = files
        self._loaded: dict[str, Model] = {}
        self._readers: dict[tuple[str | None, ...], Model] = {}

    def load(self, version: Version) -> "Model":
        """Return a version's model. Raises StateError where it cannot be loaded."""
        if version.id not in self._loaded:
            self._loaded[version.id] = self._load(version)
        return self._loaded[version.id]

    def _load(self, version: Version) -> "Model":
        from model_zoo.model import Model

        manifest: dict[str, str] = json.loads(self.files.load(version.manifest))
        key = tuple(manifest.get(name) for name in READING)
        reader = self._readers.get(key)
        wanted = {name: stored for name, stored in manifest.items() if reader is None or name not in READING}
        parts = {name: self.files.load(stored) for name, stored in wanted.items()}
        try:
            model = Model.load(parts, reader)
        except ValueError as error:
            raise StateError(f"The version '{version.id}' cannot be loaded: {error}; update Switchyard.") from error
        self._readers.setdefault(key, model)
        return model


def _suffix(name: str) -> str:
    return "." + name.rpartition("/")[2].partition(".")[2]
