"""MLflow: publishes versions to a tracking server and model registry, and gets the Production one back.

The one module that imports MLflow, and only when it is asked for something.
"""

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointsman.common.errors import StateError, first_line
from pointsman.common.extras import has_extra, missing_extra
from pointsman.common.redaction import redact
from pointsman.registry.publication import Publication, unpack

if TYPE_CHECKING:
    from mlflow import MlflowClient

FOLDER = "model"
PRODUCTION = "production"
STAGE = "Production"
"""Stages are older than aliases and deprecated; there are still tools that read nothing else."""
DIGEST_TAG, VERSION_TAG = "pointsman.digest", "pointsman.version"
FORMER_TAGS = {DIGEST_TAG: "switchyard.digest", VERSION_TAG: "switchyard.version"}
"""The same tags on what was published when the product had its former name."""
LONGEST_PARAM = 6_000
"""Characters of a parameter that MLflow keeps."""
MANNERS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""Settings of MLflow's client unless the environment says otherwise: by default it retries for minutes, and prints."""


@dataclass(frozen=True)
class Address:
    """Where runs and models are kept: two URIs, the experiment and the registered model.

    artifacts: where a new experiment keeps its files; None leaves it to the server
    """

    tracking_uri: str
    registry_uri: str
    experiment: str
    model: str
    artifacts: str | None = None

    def __str__(self) -> str:
        """The registry as messages may show it: without secrets."""
        return f"'{redact(self.registry_uri)}'"


@dataclass(frozen=True)
class Described:
    """What is said of a version beside its files."""

    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


def read_tag(tags: Mapping[str, str], name: str) -> str | None:
    """Return a tag of a published version, by its present or its former name; None where it has neither.

    >>> read_tag({"switchyard.version": "linear-0007"}, VERSION_TAG), read_tag({}, DIGEST_TAG)
    ('linear-0007', None)
    """
    return tags.get(name, tags.get(FORMER_TAGS[name]))


def publish(address: Address, publication: Publication, described: Described, aliases: Sequence[str] = ()) -> str:
    """Return the number under which a version stands in the registry now, in stage Production and with its aliases.

    What was in Production before is archived. A version that was published before, unchanged, is not uploaded again.
    Raises StateError where the server cannot be reached or refuses.
    """
    with _client(address) as client:
        number = _find_published(client, address, publication) or _upload(client, address, publication, described)
        for alias in (PRODUCTION, *aliases):
            client.set_registered_model_alias(address.model, alias, number)
        client.transition_model_version_stage(address.model, number, STAGE, archive_existing_versions=True)
        return number


def fetch_production(address: Address) -> tuple[str, Publication]:
    """Return the number and the files of the registry's Production model, every hash checked.

    That is the one with the alias production or, where another tool set no alias, the newest one in the stage. Raises
    StateError where there is none, it was altered, or the server cannot be reached.
    """
    with _client(address) as client, tempfile.TemporaryDirectory(prefix="pointsman-mlflow-") as folder:
        found = _find_production(client, address)
        if found is None:
            raise StateError(
                f"The registered model '{address.model}' at {address} has no Production version; "
                "publish one with 'python run.py models publish VERSION', or set mlflow.serve=false."
            )
        where = f"version {found.version} of '{address.model}' at {address}"
        from mlflow.artifacts import download_artifacts

        uri = client.get_model_version_download_uri(address.model, found.version)
        path = Path(download_artifacts(artifact_uri=uri, dst_path=folder, tracking_uri=address.tracking_uri))
        publication = unpack(lambda name: (path / name).read_bytes(), where)
        if (read_tag(found.tags, DIGEST_TAG) or publication.digest) != publication.digest:
            raise StateError(f"The files of {where} are not those that were published; publish the version again.")
        return str(found.version), publication


def _find_production(client: "MlflowClient", address: Address) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version_by_alias(address.model, PRODUCTION)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
    try:
        newest = client.get_latest_versions(address.model, stages=[STAGE])
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
    return newest[0] if newest else None


def _find_published(client: "MlflowClient", address: Address, publication: Publication) -> str | None:
    known = client.search_model_versions(f"name = '{address.model}'", max_results=1_000)
    same = [
        one
        for one in known
        if read_tag(one.tags, DIGEST_TAG) == publication.digest
        and read_tag(one.tags, VERSION_TAG) == publication.version.id
    ]
    return max((str(one.version) for one in same), key=int, default=None)


def _upload(client: "MlflowClient", address: Address, publication: Publication, described: Described) -> str:
    version = publication.version
    tags = {**described.tags, VERSION_TAG: version.id, DIGEST_TAG: publication.digest}
    run = client.create_run(_find_experiment(client, address), run_name=version.id, tags=tags)
    for name, setting in described.params.items():
        client.log_param(run.info.run_id, name, str(setting)[:LONGEST_PARAM])
    for name, number in described.metrics.items():
        client.log_metric(run.info.run_id, name, number)
    with tempfile.TemporaryDirectory(prefix="pointsman-mlflow-") as folder:
        for name, content in publication.pack().items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        client.log_artifacts(run.info.run_id, folder, FOLDER)
    client.set_terminated(run.info.run_id)
    if not client.search_registered_models(f"name = '{address.model}'"):
        client.create_registered_model(address.model, description="Versions that Pointsman published")
    source = f"{run.info.artifact_uri}/{FOLDER}"
    return str(client.create_model_version(address.model, source, run.info.run_id, tags=tags).version)


def _find_experiment(client: "MlflowClient", address: Address) -> str:
    known = client.get_experiment_by_name(address.experiment)
    if known is not None:
        return str(known.experiment_id)
    return str(client.create_experiment(address.experiment, artifact_location=address.artifacts))


@contextmanager
def _client(address: Address) -> Iterator["MlflowClient"]:
    """Yield a client; what MLflow raises inside becomes one sentence, and its warnings about stages are not shown."""
    if not has_extra("mlflow"):
        raise missing_extra("mlflow", "The model registry needs MLflow")
    for name, setting in MANNERS.items():
        os.environ.setdefault(name, setting)
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # each retry is a warning there
    import requests
    import sqlalchemy as sa
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield MlflowClient(address.tracking_uri, address.registry_uri)
    except (MlflowException, requests.RequestException, sa.exc.SQLAlchemyError, OSError) as error:
        raise StateError(
            f"MLflow at {address} does not answer or refuses ({_find_reason(error)}); start it, or correct the keys "
            "under mlflow."
        ) from error


def _find_reason(error: BaseException) -> str:
    """Return the message of the error that caused all others: these repeat it at length."""
    while (led_to_it := error.__cause__ or error.__context__) is not None:
        error = led_to_it
    return first_line(error)[:300]
