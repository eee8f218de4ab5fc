"""Publishing models to an MLflow registry, single ones and ensembles, and serving its Production model.

An ensemble is published with its members and the reference that tells kinds of rows apart. Where it serves here, its
members answer under names of their own, so that they are never taken for active versions of the same models.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pointsman.common.config import Config
from pointsman.common.errors import ConfigError, StateError
from pointsman.common.schema import Schema
from pointsman.common.storage.state import State, open_state
from pointsman.experiments.leaderboard import flatten_run
from pointsman.meta.estimation.estimator import PerformanceEstimator
from pointsman.meta.flags import RowKind
from pointsman.meta.plan import Plan, Weights, serve_alone
from pointsman.meta.selector_store import load_stored_selector
from pointsman.model_zoo.model import Model
from pointsman.pipeline.serving.queries import load_prequential, load_run
from pointsman.registry.generations import Generation, load_generation
from pointsman.registry.mlflow_registry import Address, Described, fetch_production
from pointsman.registry.mlflow_registry import publish as publish_to_mlflow
from pointsman.registry.publication import Publication, collect, collect_ensemble
from pointsman.registry.settings import load_settings
from pointsman.registry.versions import ModelShelf, Version, find_version, name_kinds

REASON = "mlflow:production"
SAID_OF_RUNS = ("input_columns", "features", "target", "depth", "iterations", "bins")


def publish(config: Config, version_id: str) -> str:
    """Publish a version and make it the registry's Production model; return a sentence that says where it is.

    Raises StateError where there is no such version or MLflow refuses, ConfigError where no server is configured or the
    package is missing.
    """
    with open_state(config, must_exist=True) as state:
        generation = load_generation(state)
        version, address = find_version(state, version_id), find_address(config, state)
        assert generation.schema is not None
        reading = describe_reading(load_settings(config, state, generation), generation.schema)
        publication = collect_files(state, generation, version, reading)
        is_champion = generation.champion is not None and generation.champion.id == version.id
        aliases = ("champion",) if is_champion else ()
        described = describe_version(state, version, generation.schema)
        number = publish_to_mlflow(address, publication, described, aliases)
    return f"{version.id} is version {number} of '{address.model}' at {address}, in Production."


def collect_files(state: State, generation: Generation, version: Version, reading: Mapping[str, Any]) -> Publication:
    """Return the files of a version to publish; an ensemble tells kinds of rows apart as the newest generation does."""
    if not version.is_ensemble:
        return collect(state.files, version, reading)
    members = [find_version(state, name) for name in version.member_ids]
    reference = load_stored_selector(state, generation).reference.to_json()
    return collect_ensemble(state.files, version, members, reference, reading)


def find_address(config: Config, state: State) -> Address:
    """Return the address of the configured server; where that is a database, files lie in the state folder."""
    settings = config.mlflow
    if settings.tracking_uri is None:
        raise ConfigError("mlflow.tracking_uri is null; name the server, such as http://127.0.0.1:5000.")
    served = settings.tracking_uri.startswith(("http://", "https://"))
    artifacts = None if served else (state.folder / "mlflow").resolve().as_uri()
    registry_uri = settings.registry_uri or settings.tracking_uri
    return Address(settings.tracking_uri, registry_uri, settings.experiment, settings.model, artifacts)


def describe_reading(config: Config, schema: Schema) -> dict[str, Any]:
    """Return everything besides a model that turns rows of the stream into its features."""
    keys = config.model_dump(mode="json", include={"quality", "features"})
    return {"schema": schema.to_json(), **keys}


def describe_version(state: State, version: Version, schema: Schema) -> Described:
    """Return the parameters, metrics and tags of a version, as far as its run recorded them."""
    fitted = load_run(state, version.id)
    run = flatten_run(fitted) if fitted else {}
    said = {name: cell for name, cell in run.items() if name in SAID_OF_RUNS or name.startswith("stage_")}
    # An ensemble has neither a window nor a treatment: its members have theirs.
    names = (
        ("family", "variant", "threshold")
        if version.is_ensemble
        else ("family", "variant", "window", "masked", "guarded", "threshold")
    )
    own = {name: getattr(version, name) for name in names}
    params = name_kinds(version.members) if version.is_ensemble else version.params
    # Whole numbers of a run are its batch, its rows and its settings, not measurements; its seconds go as fit_seconds.
    measured = {
        name: float(cell)
        for name, cell in run.items()
        if isinstance(cell, float | bool) and name not in (*SAID_OF_RUNS, "seconds")
    }
    kept = ("line", "parent", "generation", "origin", "first_batch", "last_batch", "rows", "manifest")
    return Described(
        params={**own, **{f"{version.family}.{name}": cell for name, cell in params.items()}, **said},
        metrics={
            **measured,
            **load_prequential(state, version),
            "fit_seconds": version.fit_seconds,
            "bytes": float(version.bytes),
        },
        tags={
            **{f"pointsman.{name}": str(getattr(version, name)) for name in kept},
            "pointsman.task": schema.task.value,
            **{f"pointsman.{name}": made_with for name, made_with in version.environment.items()},
        },
    )


@dataclass(frozen=True)
class Published:
    """The registry's Production model; ``number`` is its number there.

    asked: what answers rows: a version and its model, by the name under which it is asked
    """

    version: Version
    asked: Mapping[str, tuple[Version, Model]]
    number: str
    name: str

    @property
    def answerers(self) -> dict[str, Version]:
        """The version, and of an ensemble its members, by line."""
        return {line: version for line, (version, _) in self.asked.items()} | {self.version.line: self.version}

    @property
    def weights(self) -> tuple[Weights, ...]:
        """By RowKind, the models that answer and their weights."""
        if not self.version.is_ensemble:
            return serve_alone(self.version.line)
        return tuple({name_line(member): share for member, share in kind.items()} for kind in self.version.members)

    @property
    def why(self) -> str:
        """A sentence that says why it serves."""
        return f"mlflow.serve: version {self.number} of '{self.name}' is in Production at the registry"

    def choose_estimators(self, estimators: Mapping[str, PerformanceEstimator]) -> dict[str, PerformanceEstimator]:
        """Return this model's own estimator, if it has one here; the one of what the selector chose does not fit it."""
        return {line: estimator for line, estimator in estimators.items() if line == self.version.line}

    def on_shelf(self, shelf: ModelShelf) -> Callable[[Version], Model]:
        """Return what loads versions: the registry's are loaded already, the others come from the shelf."""

        def load(version: Version) -> Model:
            own = (model for known, model in self.asked.values() if known is version)
            return next(own, None) or shelf.load(version)

        return load

    def take_over(self, plan: Plan) -> Plan:
        """Return the plan with this model in place of the chosen one."""
        return replace(
            plan, model=self.version.line, weights=self.weights, reasons=(REASON,) * len(RowKind), ranking=()
        )


def load_published(config: Config, state: State, schema: Schema) -> Published | None:
    """Return the registry's Production model where ``mlflow.serve`` asks for it.

    Raises StateError where there is none, it cannot be loaded, or it predicts another target.
    """
    if not config.mlflow.serve:
        return None
    address = find_address(config, state)
    number, publication = fetch_production(address)
    where = f"Version {number} of '{address.model}' at {address}"
    models = construct(publication, where)
    asked = Schema.from_json(dict(publication.reading["schema"]))
    if (asked.target, asked.task) != (schema.target, schema.task):
        raise StateError(
            f"{where} predicts '{asked.target}' ({asked.task}) and this stream is about '{schema.target}' "
            f"({schema.task}); name another model under mlflow.model, or set mlflow.serve=false."
        )
    version = publication.version
    members = publication.members or {version.id: version}
    lines = {name: name_line(name) if version.is_ensemble else version.line for name in members}
    return Published(version, {lines[name]: (members[name], models[name]) for name in members}, number, address.model)


def name_line(member: str) -> str:
    """Return the name under which a member of the registry's ensemble is asked."""
    return f"mlflow:{member}"


def construct(publication: Publication, where: str) -> dict[str, Model]:
    """Return the models of files whose hashes were checked, by the versions' ids; nothing is unpickled."""
    files: dict[str, Mapping[str, bytes]] = {name: publication.list_parts(name) for name in publication.members}
    try:
        return {name: Model.load(own) for name, own in (files or {publication.version.id: publication.parts}).items()}
    except ValueError as error:
        raise StateError(f"{where} cannot be loaded: {error}; update Pointsman.") from error


def list_answerers(generation: Generation, published: Published | None) -> Mapping[str, Version]:
    """Return the versions that may answer, by model name."""
    by_line = {version.line: version for version in (*generation.versions, *generation.ensembles)}
    return {**by_line, **published.answerers} if published else by_line
