"""Versions: fitted, registered models, their description in the catalogue and their files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pointsman.common.environment import describe_changes, describe_environment
from pointsman.common.errors import StateError, first_line
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.files import FileStore
from pointsman.common.storage.rows import make_row, read_record
from pointsman.common.storage.state import State
from pointsman.model_zoo.candidate import Candidate
from pointsman.registry.tables import versions_table
from pointsman.registry.verified import Verified

if TYPE_CHECKING:
    from pointsman.model_zoo.model import Model
    from pointsman.model_zoo.readings import Readings

ENSEMBLE_FAMILY, FORMER_FAMILY = "ensemble", "blend"
"""The family of registered mixtures of other versions, and what earlier releases called it."""
KINDS = ("clean", "sparse", "anomalous")
"""Kinds of rows, for each of which an ensemble holds members."""
READING = ("encoder.json", "encoder.npz", "normal.json")
"""Files of a model that say how it reads rows; two models with the same ones read them alike."""


@dataclass(frozen=True)
class LearnedBatch:
    """A batch's part in what a version learned: how many rows, and the SHA-256 of exactly those."""

    batch: int
    rows: int
    digest: str


@dataclass(frozen=True)
class Version:
    """A registered model. ``line`` is the id of its first ancestor: updates and refits of a model stay in its line.

    ``origin`` is how it came about (see ``Origin``), ``updates`` how often it was continued since it was last fitted
    from scratch; ``manifest`` names the stored file that lists its artefacts. An ensemble has no model of its own: its
    ``params`` hold the weights of other versions, by kind of row, and it learned no rows.

    trained_on:  by batch, oldest first, the rows it learned, those of the versions it continues included
    inputs:      the feature columns that it reads
    predict_us:  microseconds a row for a few hundred rows, encoding included
    seed:        that of its fit
    protocol:    the version of its files' format
    environment: what it was made with: see ``describe_environment``
    untuned:     why its threshold was not tuned; None where it was, or where there is none
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
    trained_on: tuple[LearnedBatch, ...] = ()
    inputs: tuple[str, ...] = ()
    predict_us: float = 0.0
    seed: int = 0
    protocol: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    untuned: str | None = None

    @property
    def is_ensemble(self) -> bool:
        """Whether it is a mixture of other versions."""
        return self.family in (ENSEMBLE_FAMILY, FORMER_FAMILY)

    @property
    def members(self) -> tuple[Mapping[str, float], ...]:
        """The weights of an ensemble's versions, which sum to 1, by kind of row in the order of KINDS."""
        if "weights" in self.params:  # of an earlier release, which answered every row alike
            return (self.params["weights"],) * len(KINDS)
        return tuple(self.params["members"][kind] for kind in KINDS)

    @property
    def is_routed(self) -> bool:
        """Whether an ensemble answers kinds of rows by different members."""
        return any(weights != self.members[0] for weights in self.members)

    @property
    def member_ids(self) -> tuple[str, ...]:
        """The versions that an ensemble mixes, the heaviest first."""
        heaviest: dict[str, float] = {}
        for weights in self.members:
            for version, share in weights.items():
                heaviest[version] = max(share, heaviest.get(version, 0.0))
        return tuple(sorted(heaviest, key=lambda version: (-heaviest[version], version)))

    @property
    def candidate(self) -> Candidate:
        """How its model learns."""
        return Candidate(self.family, self.variant, self.params, self.window, self.masked, self.guarded)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Version":
        """Return the version that a row of the versions table describes."""
        return read_record(cls, row)


def name_kinds(members: Sequence[Mapping[str, float]]) -> dict[str, Mapping[str, float]]:
    """Return the members of an ensemble by the kinds of rows that the same ones answer.

    >>> name_kinds([{"a": 1.0}, {"a": 1.0}, {"a": 1.0}]), name_kinds([{"a": 1.0}, {"b": 1.0}, {"b": 1.0}])
    ({'all rows': {'a': 1.0}}, {'clean rows': {'a': 1.0}, 'sparse and anomalous rows': {'b': 1.0}})
    """
    alike: list[tuple[list[str], Mapping[str, float]]] = []
    for kind, weights in zip(KINDS, members, strict=True):
        known = next((kinds for kinds, before in alike if before == weights), None)
        if known is None:
            alike.append(([kind], weights))
        else:
            known.append(kind)
    return {"all rows" if len(kinds) == len(KINDS) else f"{' and '.join(kinds)} rows": one for kinds, one in alike}


def version_row(version: Version) -> dict[str, Any]:
    """Return the row of the versions table for a version."""
    return make_row(version)


def name_version(family: str, number: int) -> str:
    """Return the id of a version.

    >>> name_version("lightgbm", 7)
    'lightgbm-0007'
    """
    return f"{family}-{number:04d}"


def find_version(state: State, name: str) -> Version:
    """Return a version of the catalogue; StateError where there is none of that name."""
    found = read_rows(state.engine, sa.select(versions_table).where(versions_table.c.id == name))
    if not found:
        raise StateError(f"There is no version '{name}'; python run.py models shows those that are active.")
    return Version.from_row(found[0])


def save_parts(files: FileStore, parts: Mapping[str, bytes], repair: bool = False) -> tuple[str, int]:
    """Store a dumped model and the manifest that lists its files; return the manifest's name and the total bytes.

    With ``repair`` files of the same names that were altered are written again.
    """
    save = files.repair if repair else files.save
    stored = {name: save(content, _suffix(name)) for name, content in parts.items()}
    manifest = save(json.dumps(stored, sort_keys=True).encode(), ".json")
    return manifest, sum(map(len, parts.values()))


def save_members(files: FileStore, params: Mapping[str, Any], repair: bool = False) -> tuple[str, int]:
    """Store the members of an ensemble as its manifest, and return the name and the size of the file."""
    save = files.repair if repair else files.save
    content = json.dumps(params.get("weights", params.get("members")), sort_keys=True).encode()
    return save(content, ".json"), len(content)


def load_manifest(files: FileStore, name: str) -> dict[str, str]:
    """Return the stored files of each part that a manifest lists. Raises StateError where it is not a manifest."""
    try:
        listed = json.loads(files.load(name))
    except (ValueError, RecursionError):  # of what is nested too deeply
        listed = None
    if not isinstance(listed, dict) or not all(isinstance(stored, str) for stored in listed.values()):
        raise StateError(f"The stored file '{name}' does not list the files of a model; restore it from a backup.")
    return listed


def load_model(files: FileStore, version: Version) -> "Model":
    """Return a version's model; see ``ModelShelf``."""
    return ModelShelf(files).load(version)


class ModelShelf:
    """Models of versions, each loaded once, and held against its golden rows once with every set of libraries.

    Those that read rows alike share one encoder and guard, and their golden rows encoded. A shelf that does not trust
    what was found before holds each against its golden rows again.
    """

    def __init__(self, files: FileStore, trusts: bool = True) -> None:
        self.files = files
        self._loaded: dict[str, Model] = {}
        self._readers: dict[tuple[str | None, ...], Model] = {}
        self._golden: dict[str, Readings] = {}
        self._trusts, self._verified = trusts, Verified(files.folder.parent / "verified")

    def load(self, version: Version) -> "Model":
        """Return a version's model. Raises StateError where it cannot be loaded."""
        if version.id not in self._loaded:
            self._loaded[version.id] = self._load(version)
        return self._loaded[version.id]

    def _load(self, version: Version) -> "Model":
        try:
            return self._verify(version, *self._construct(version))
        except StateError as error:
            cause = str(error).removesuffix(".")
        except Exception as error:  # stored bytes may be anything, and any library may choke on them
            cause = first_line(error)
        raise StateError(
            f"The version '{version.id}' cannot be loaded: {cause}; "
            f"'python run.py models rebuild {version.id}' makes it again from the raw batches."
        )

    def _construct(self, version: Version) -> tuple["Model", dict[str, str]]:
        """Return the model and its manifest; every file's hash is checked before anything is made of it."""
        from pointsman.model_zoo.model import Model

        manifest = load_manifest(self.files, version.manifest)
        key = tuple(manifest.get(name) for name in READING)
        reader = self._readers.get(key)
        wanted = {name: stored for name, stored in manifest.items() if reader is None or name not in READING}
        parts = {name: self.files.load(stored) for name, stored in wanted.items()}
        model = Model.load(parts, reader)
        self._readers.setdefault(key, model)
        return model, manifest

    def _verify(self, version: Version, model: "Model", manifest: Mapping[str, str]) -> "Model":
        """Return the model if it answers its golden rows as it did when it was stored; StateError where not."""
        from pointsman.model_zoo.golden import ANSWERS, ROWS, TOLERANCE, find_difference, load_answers, load_rows
        from pointsman.model_zoo.readings import Readings

        known = self._trusts and version.manifest in self._verified
        if known or ROWS not in manifest or ANSWERS not in manifest:
            return model
        if manifest[ROWS] not in self._golden:
            self._golden[manifest[ROWS]] = Readings(load_rows(self.files.load(manifest[ROWS])))
        encoded = self._golden[manifest[ROWS]].of(model)
        difference = find_difference(model.predict_encoded(encoded), load_answers(self.files.load(manifest[ANSWERS])))
        if difference > TOLERANCE:
            raise StateError(
                f"it answers its golden rows {difference:.2g} off what it answered when it was stored, and at most "
                f"{TOLERANCE:g} are allowed ({describe_changes(version.environment, describe_environment())})"
            )
        self._verified.add(version.manifest)
        return model


def _suffix(name: str) -> str:
    return "." + name.rpartition("/")[2].partition(".")[2]
