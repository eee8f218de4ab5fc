"""A secret in any form is found nowhere afterwards: not in the state, its log, stdout or stderr."""

import os
import subprocess
import sys
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from one_stream import ROOT, make_rows, write_config

SECRET = "Zq7tr0ub4dour"
ODD = "Zq7 tr0ub@dour/9"
NOWHERE = "127.0.0.1:1/claims"
FAILING = {
    "userinfo": f"postgresql+psycopg://ann:{SECRET}@{NOWHERE}",
    "encoded": f"postgresql+psycopg://ann:{quote(ODD, safe='')}@{NOWHERE}",
    "parameter": f"postgresql+psycopg://{NOWHERE}?user=ann&password={SECRET}",
    "list": f"[postgresql+psycopg://ann:{SECRET}@{NOWHERE}]",
    "connection string": f"host=127.0.0.1 user=ann password={SECRET}",
    "environment": f"postgresql+psycopg://ann:${{oc.env:H20_PLACE}}@{NOWHERE}",
    "no driver": f"oracle+nothing:///?dsn=PWD%3D{SECRET}%3B",
    "SQLite": f"sqlite:///claims.db?password={SECRET}",
}


def run(folder, *words):
    environment = os.environ | {"H20_PLACE": SECRET, "H20_PASSWORD": SECRET, "PGCONNECT_TIMEOUT": "2"}
    command = [sys.executable, str(ROOT / "run.py"), *map(str, words)]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


def list_leaks(folder, done):
    """Return where a secret is: names of files of the state, 'stdout', 'stderr'."""
    forms = {one.encode() for secret in (SECRET, ODD) for one in (secret, quote(secret), quote(secret, safe=""))}
    places = {"stdout": done.stdout.encode(), "stderr": done.stderr.encode()}
    places |= {str(file): file.read_bytes() for file in (folder / "state").rglob("*") if file.is_file()}
    return [name for name, content in places.items() if any(form in content for form in forms)]


@pytest.mark.slow
@pytest.mark.parametrize("form", FAILING.values(), ids=list(FAILING))
@pytest.mark.parametrize("key", ["database_url", "source.url"])
def test_a_refused_address_leaves_no_secret(tmp_path, key, form):
    make_rows(1).to_csv(tmp_path / "stream.csv", index=False)
    source = f"source: {{kind: sql, url: '{form}', query: select 1}}\n".replace("'[", "[").replace("]'", "]")
    stated = write_config(tmp_path, more="state_dir: state\n" if key == "source.url" else f"{key}: {form}\n")
    if key == "source.url":
        stated.write_text(source + stated.read_text().partition("\n")[2])
    (tmp_path / "state").mkdir()
    done = run(tmp_path, "update", "--config", "claims.yaml", "state_dir=state", "--debug")
    # What SQLite does not know in an address it ignores.
    assert (done.returncode, form) == (0, FAILING["SQLite"]) or "Error: " in done.stderr
    assert list_leaks(tmp_path, done) == []


@pytest.mark.slow
def test_a_learned_state_and_all_that_is_told_of_it_holds_no_secret(tmp_path):
    """SQLite passes what it does not know in the address of a file, as other databases take a password there."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'rows.db'}")
    make_rows(2).to_sql("claims", engine, index=False)
    engine.dispose()
    write_config(tmp_path)
    stated = tmp_path / "claims.yaml"
    source = (
        f"source: {{kind: sql, url: 'sqlite:///file:{tmp_path}/rows.db?uri=true&password={SECRET}', "
        "query: \"select *, '${oc.env:H20_PASSWORD}' as word from claims\"}\n"
    )
    stated.write_text(source + stated.read_text().partition("\n")[2].replace("drop: [kind]", "drop: [kind, word]"))
    for words in (["update"], ["update"], ["models"], ["models", "history"], ["summary"], ["quarantine"]):
        done = run(tmp_path, *words, "--config", "claims.yaml", "state_dir=state", "seed=8")
        assert done.returncode == 0, done.stderr
        leaks = list_leaks(tmp_path, done)
        # The word is a cell of the stream, too, so only raw batches may hold it: as what the database answered.
        assert [one for one in leaks if not one.endswith(".parquet")] == [], words
