"""Publishing to MLflow and serving from it: through a real server where Flask is there to run it, and a database."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from small_stream import configure, copy, make_rows, opened

from pointsman.common.errors import ConfigError, StateError
from pointsman.common.storage.catalogue import read_rows
from pointsman.meta.tables import decisions_table
from pointsman.pipeline.explain import explain
from pointsman.pipeline.inference import infer
from pointsman.pipeline.models import models
from pointsman.pipeline.serving.published import REASON, find_address, publish
from pointsman.pipeline.serving.queries import load_prequential
from pointsman.pipeline.update import update
from pointsman.registry import mlflow_registry
from pointsman.registry.generations import load_generation
from pointsman.registry.mlflow_registry import fetch_production

ROOT = Path(__file__).resolve().parents[3]
SERVER = """
import sys
from wsgiref.simple_server import make_server
from mlflow.server import app
make_server("127.0.0.1", int(sys.argv[1]), app).serve_forever()
"""
needs_mlflow = pytest.mark.skipif(importlib.util.find_spec("mlflow") is None, reason="mlflow-skinny is not installed")


def find_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def start_server(folder):
    """MLflow's own tracking server on loopback; mlflow-skinny has its code, but not the Flask that it runs in."""
    if importlib.util.find_spec("flask") is None:
        pytest.skip("flask is not installed, which MLflow's tracking server runs in; the database is tested instead")
    port, store = find_port(), f"sqlite:///{folder / 'server.db'}"
    environment = os.environ | {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "_MLFLOW_SERVER_FILE_STORE": store,
        "_MLFLOW_SERVER_REGISTRY_STORE": store,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(folder / "artifacts"),
    }
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", SERVER, str(port)], env=environment, stdout=log, stderr=log)
    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1)
            return process, f"http://127.0.0.1:{port}"
        except OSError:
            assert process.poll() is None, (folder / "server.log").read_text()
            time.sleep(0.1)
    process.kill()
    raise AssertionError("the server did not start within 30 seconds")


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    make_rows().to_csv(folder / "stream.csv", index=False)
    update(configure(folder, "search.families=[tree,lightgbm]", "promotion.max_active=4"), 2)
    make_rows().tail(30).drop(columns="CLAIM_PAID").to_csv(folder / "request.csv", index=False)
    return folder


@pytest.fixture(scope="module", params=["database", "server"])
def tracked(request, tmp_path_factory, learned):
    """A stream and overrides that name a tracking store, in which its champion is published and then another one."""
    folder = tmp_path_factory.mktemp(request.param)
    process, uri = start_server(folder) if request.param == "server" else (None, f"sqlite:///{folder / 'mlflow.db'}")
    overrides = (f"mlflow.tracking_uri={uri}",)
    stream = copy(learned, folder / "stream")
    generation = load(stream)
    publish(configure(stream, *overrides), generation.champion.id)
    other = next(one for one in generation.versions if one.id != generation.champion.id and one.family != "prior")
    told = publish(configure(stream, *overrides), other.id)
    assert "version 2 of 'pointsman'" in told
    yield stream, overrides, other
    if process:
        process.kill()
        process.wait()


def load(stream):
    with opened(stream) as (_, state):
        return load_generation(state)


def open_client(stream, overrides):
    from mlflow import MlflowClient

    with opened(stream, *overrides) as (config, state):
        address = find_address(config, state)
    return address, MlflowClient(address.tracking_uri, address.registry_uri)


@needs_mlflow
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_registry_has_alias_stage_and_everything_said_of_the_version(tracked):
    stream, overrides, other = tracked
    champion = load(stream).champion
    _, client = open_client(stream, overrides)
    newest, first = (client.get_model_version("pointsman", number) for number in ("2", "1"))
    assert (newest.current_stage, first.current_stage) == ("Production", "Archived")
    assert client.get_model_version_by_alias("pointsman", "production").version == newest.version
    assert client.get_model_version_by_alias("pointsman", "champion").version == first.version
    assert first.tags["pointsman.version"] == champion.id
    run = client.get_run(newest.run_id)
    assert run.data.params["family"] == other.family
    assert "stage_0" in run.data.params
    assert run.data.params["features"].startswith("['")
    assert {"train_f1", "test_weightedPrecision", "overfit", "bytes"} <= set(run.data.metrics)
    assert run.data.tags["pointsman.last_batch"] == "2"


@needs_mlflow
def test_publishing_again_uploads_nothing(tracked):
    stream, overrides, other = tracked
    assert "version 2 of" in publish(configure(stream, *overrides), other.id)
    _, client = open_client(stream, overrides)
    assert len(client.search_model_versions("name = 'pointsman'")) == 2


@needs_mlflow
def test_the_production_model_serves_every_row_and_is_named(tracked):
    stream, overrides, other = tracked
    config = configure(stream, *overrides, "mlflow.serve=true")
    answered = pd.read_csv(infer(config, stream / "request.csv"))
    assert set(answered["predict_model"]) == {other.id}
    assert set(answered["predict_reason"]) == {REASON}
    with opened(stream) as (_, state):
        (decision,) = read_rows(state.engine, sa.select(decisions_table).where(decisions_table.c.version == other.id))
    assert decision["served"] == {f"{other.id}/{REASON}": 30}
    assert "version 2 of 'pointsman'" in decision["reason"]
    assert f"{other.id} served in the place of " in explain(config, decision["id"])
    without = pd.read_csv(infer(configure(stream), stream / "request.csv"))
    assert REASON not in set(without["predict_reason"])


@needs_mlflow
def test_pyfunc_gives_the_same_answers_without_a_pickle(tracked):
    import mlflow.pyfunc
    from mlflow.artifacts import download_artifacts

    stream, overrides, _ = tracked
    address, client = open_client(stream, overrides)
    uri = client.get_model_version_download_uri("pointsman", "2")
    path = download_artifacts(artifact_uri=uri, tracking_uri=address.tracking_uri)
    model = mlflow.pyfunc.load_model(path)
    request = pd.read_csv(stream / "request.csv")
    predicted = model.predict(request)
    served = pd.read_csv(infer(configure(stream, *overrides, "mlflow.serve=true"), stream / "request.csv"))
    assert np.allclose(predicted["predict_proba"], served["predict_proba"])
    assert (predicted["predict"].to_numpy() == served["predict"].to_numpy()).all()
    assert not list(Path(path).rglob("*.pkl"))


@needs_mlflow
def test_an_ensemble_serves_from_the_registry_as_it_does_once_promoted(tracked, tmp_path):
    """Three ways to the same answers: promoted here, fetched by mlflow.serve, and loaded by any tool."""
    import mlflow.pyfunc
    from mlflow.artifacts import download_artifacts

    stream, overrides, _ = tracked
    overrides = (*overrides, "mlflow.model=mixture")
    stream = copy(stream, tmp_path / "stream")
    generation = load(stream)
    ensemble = max(generation.ensembles, key=lambda one: (one.is_routed, len(one.member_ids)))
    assert len(ensemble.member_ids) > 1
    assert "version 1 of 'mixture'" in publish(configure(stream, *overrides), ensemble.id)
    request = pd.read_csv(stream / "request.csv")
    request.loc[::3, "PREMIUM"] = 1e12
    request.loc[1::3, ["PREMIUM", "INSURED_VALUE", "MAKE"]] = np.nan
    request.to_csv(stream / "request.csv", index=False)

    fetched = pd.read_csv(
        infer(configure(stream, *overrides, "mlflow.serve=true"), stream / "request.csv", explain=True)
    )
    assert set(fetched["predict_model"]) == {ensemble.id}
    assert set(fetched["predict_reason"]) == {REASON}
    promote_by_hand(stream, ensemble.id)
    promoted = pd.read_csv(infer(configure(stream), stream / "request.csv"))
    assert set(promoted["predict_model"]) == {ensemble.id}
    address, client = open_client(stream, overrides)
    uri = client.get_model_version_download_uri("mixture", "1")
    path = download_artifacts(artifact_uri=uri, tracking_uri=address.tracking_uri)
    loaded = mlflow.pyfunc.load_model(path).predict(request)
    for others in (promoted, loaded):
        assert np.allclose(fetched["predict_proba"], others["predict_proba"], rtol=0, atol=1e-12)
        assert (fetched["predict"].to_numpy() == others["predict"].to_numpy()).all()
    assert not list(Path(path).rglob("*.pkl"))
    run = client.get_run(client.get_model_version("mixture", "1").run_id)
    assert run.data.params["family"] == "ensemble"
    with opened(stream) as (_, state):
        heir = load_prequential(state, ensemble)
    assert heir["prequential_log_loss"] == run.data.metrics["prequential_log_loss"]


def promote_by_hand(stream, version_id):
    models(configure(stream), ["promote", version_id], why="to compare")


@needs_mlflow
def test_a_model_of_another_tool_altered_or_about_something_else_is_refused(tracked, tmp_path):
    stream, overrides, other = tracked
    if overrides[0].startswith("mlflow.tracking_uri=http"):
        pytest.skip("the files of a server cannot be reached from here")
    stream = copy(stream, tmp_path / "stream")
    with opened(stream, *overrides, "mlflow.model=broken") as (config, state):
        publish(config, other.id)
        address = find_address(config, state)
        number, publication = fetch_production(address)
    assert (number, publication.version) == ("1", other)
    _, client = open_client(stream, (*overrides, "mlflow.model=broken"))
    folder = Path(client.get_model_version_download_uri("broken", "1").removeprefix("file://"))
    reading = json.loads((folder / "reading.json").read_text())
    (folder / "reading.json").write_text(json.dumps({**reading, "quality": {"ranges": []}}))
    with pytest.raises(StateError, match="are not those that were published"):
        fetch_production(address)
    (folder / "parts" / "model.json").write_text("{}")
    with pytest.raises(StateError, match=r"'model.json' at version 1 of 'broken' at '.*' was altered"):
        infer(configure(stream, *overrides, "mlflow.model=broken", "mlflow.serve=true"), stream / "request.csv")
    (folder / "manifest.json").unlink()
    with pytest.raises(StateError, match="not one that Pointsman published"):
        fetch_production(address)


@needs_mlflow
def test_without_a_production_model_or_a_server_one_sentence_says_so(tracked, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    stream, overrides, _ = tracked
    with pytest.raises(StateError, match=r"'none' at .* has no Production version; publish one"):
        infer(configure(stream, *overrides, "mlflow.model=none", "mlflow.serve=true"), stream / "request.csv")
    nowhere = f"mlflow.tracking_uri=http://ann:secret@127.0.0.1:{find_port()}"
    with pytest.raises(StateError, match="does not answer or refuses") as refused:
        infer(configure(stream, nowhere, "mlflow.serve=true"), stream / "request.csv")
    assert "refused" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_what_cannot_be_published_is_one_sentence(learned, monkeypatch):
    config = configure(learned, "mlflow.tracking_uri=sqlite://")
    with pytest.raises(StateError, match="no version 'tree-9999'"):
        publish(config, "tree-9999")
    champion = load(learned).champion.id
    with pytest.raises(ConfigError, match="tracking_uri is null"):
        publish(configure(learned), champion)
    monkeypatch.setattr(mlflow_registry, "has_extra", lambda _: False)
    with pytest.raises(ConfigError, match=r"needs MLflow, .*requirements-mlflow.txt"):
        publish(config, champion)


def test_the_core_never_imports_it():
    code = (
        "import sys; from pointsman import cli; from pointsman.pipeline import inference, update; "
        "from pointsman.pipeline.serving import published; print('mlflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    importing = [
        path.name
        for layer in ("common", "registry", "experiments", "model_zoo", "meta", "pipeline")
        for path in (ROOT / layer).rglob("*.py")
        if "import mlflow" in path.read_text() or "from mlflow" in path.read_text()
    ]
    assert importing == ["mlflow_registry.py"]
