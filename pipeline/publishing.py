"""Publishing: versions go out to an MLflow registry, and its Production model comes back to serve."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from common.config import Config
from common.database import read_rows
from common.errors import ConfigError, StateError
from common.schema import Schema
from common.state import State, open_state
from experiments.leaderboard import flatten_run
from experiments.tables import runs_table
from meta.estimation.estimator import Estimator
from meta.flags import RowKind
from meta.plan import Plan, serve_alone
from model_zoo.model import Model
from pipeline.settings import load_settings
from registry.generations import Generation, load_generation
from registry.mlflow_registry import Address, Described, fetch_production
from registry.mlflow_registry import publish as publish_to_mlflow
from registry.publication import Publication, collect
from registry.versions import ModelShelf, Version, find_version

REASON = "mlflow:production"
SAID_OF_RUNS = ("input_columns", "features", "target", "depth", "iterations", "bins")


def publish(config: Config, version_id: str) -> str:
    """Publish a version and make it the registry's Production model; return a sentence that says where it is.

    Raises StateError where there is no such version or MLflow refuses, ConfigError where no server is configured, the
    package is missing or the version is a blend.
    """
    with open_state(config, must_exist=True) as state:
        generation = load_generation(state)
        version, address = find_version(state, version_id), find_address(config, state)
        assert generation.schema is not None
        publication = collect(
            state.files, version, describe_reading(load_settings(config, state, generation), generation.schema)
        )
        is_champion = generation.champion is not None and generation.champion.id == version.id
        aliases = ("champion",) if is_champion else ()
        described = describe_version(state, version, generation.schema)
        number = publish_to_mlflow(address, publication, described, aliases)
    return f"{version.id} is version {number} of '{address.model}' at {address}, in Production."


def find_address(config: Config, state: State) -> Address:
    """Return where the configured server keeps runs and models; one that is a database has its files in the state."""
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
    runs = read_rows(state.engine, sa.select(runs_table).where(runs_table.c.version == version.id))
    run = flatten_run(runs[0]) if runs else {}
    said = {name: cell for name, cell in run.items() if name in SAID_OF_RUNS or name.startswith("stage_")}
    own = {name: getattr(version, name) for name in ("family", "variant", "window", "masked", "guarded", "threshold")}
    measured = {name: float(cell) for name, cell in run.items()
                if isinstance(cell, float | bool) and name not in (*SAID_OF_RUNS, "seconds")}  # fmt: skip
    kept = ("line", "parent", "generation", "origin", "first_batch", "last_batch", "rows", "manifest")
    return Described(
        params={**own, **{f"{version.family}.{name}": cell for name, cell in version.params.items()}, **said},
        metrics={**measured, "fit_seconds": version.fit_seconds, "bytes": float(version.bytes)},
        tags={
            **{f"switchyard.{name}": str(getattr(version, name)) for name in kept},
            "switchyard.task": schema.task.value,
            **{f"switchyard.{name}": made_with for name, made_with in version.environment.items()},
        },
    )


@dataclass(frozen=True)
class Published:
    """The registry's Production model; ``number`` is its number there."""

    version: Version
    model: Model
    number: str
    name: str

    @property
    def why(self) -> str:
        """A sentence that says why it serves."""
        return f"mlflow.serve: version {self.number} of '{self.name}' is in Production at the registry"

    def choose_estimators(self, estimators: Mapping[str, Estimator]) -> dict[str, Estimator]:
        """Return the estimator of this model's line, where it is one of ours; that of the plan is about the plan."""
        return {line: estimator for line, estimator in estimators.items() if line == self.version.line}

    def on_shelf(self, shelf: ModelShelf) -> Callable[[Version], Model]:
        """Return how versions are loaded: this one is, the others come from the shelf."""
        return lambda version: self.model if version is self.version else shelf.load(version)

    def take_over(self, plan: Plan) -> Plan:
        """Return the plan with this model in the place of its members."""
        line = self.version.line
        return replace(plan, model=line, weights=serve_alone(line), reasons=(REASON,) * len(RowKind), ranking=())


def load_published(config: Config, state: State, schema: Schema) -> Published | None:
    """Return the registry's Production model where ``mlflow.serve`` asks for it.

    Raises StateError where there is none, it cannot be loaded or it answers another question.
    """
    if not config.mlflow.serve:
        return None
    address = find_address(config, state)
    number, publication = fetch_production(address)
    where = f"Version {number} of '{address.model}' at {address}"
    model = construct(publication, where)
    asked = Schema.from_json(dict(publication.reading["schema"]))
    if (asked.target, asked.task) != (schema.target, schema.task):
        raise StateError(
            f"{where} predicts '{asked.target}' ({asked.task}) and this stream is about '{schema.target}' "
            f"({schema.task}); name another model under mlflow.model, or set mlflow.serve=false."
        )
    return Published(publication.version, model, number, address.model)


def construct(publication: Publication, where: str) -> Model:
    """Return the model of files whose hashes were checked; nothing is unpickled."""
    try:
        return Model.load(publication.parts)
    except ValueError as error:
        raise StateError(f"{where} cannot be loaded: {error}; update Switchyard.") from error


def list_answerers(generation: Generation, published: Published | None) -> Mapping[str, Version]:
    """Return the versions that may answer, by line."""
    by_line = {version.line: version for version in (*generation.versions, *generation.ensembles)}
    return {**by_line, published.version.line: published.version} if published else by_line
