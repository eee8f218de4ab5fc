"""No secret leaves: whatever the form in which a configuration holds it, and whoever quotes it."""

import logging
from urllib.parse import quote, quote_plus

import pytest

from pointsman.common.config import load_config
from pointsman.common.errors import ConfigError
from pointsman.common.logs import ToldFormatter
from pointsman.common.redaction import HIDDEN, as_told, learn_secrets, redact

SECRET = "Tr0ub4 d@r/9:x'"
"""With every letter that means something in a URL, a connection string or a repr."""
PLAIN = "Zq7troubadour"
FORMS = {
    "userinfo": f"postgresql+psycopg://ann:{PLAIN}@host/claims",
    "userinfo, encoded": f"postgresql+psycopg://ann:{quote(SECRET, safe='')}@host/claims",
    "userinfo, as it is": f"postgresql+psycopg://ann:{SECRET}@host/claims",
    "parameter": f"postgresql+psycopg://host/claims?user=ann&password={PLAIN}",
    "parameter, encoded": f"postgresql+psycopg://host/claims?password={quote_plus(SECRET)}&user=ann",
    "other parameter": f"https://host/api?access_token={PLAIN}",
    "list": [f"postgresql+psycopg://ann:{PLAIN}@host/claims"],
    "mapping": {"user": "ann", "password": PLAIN},
    "connection string": f"host=h user=ann password={PLAIN} port=1",
    "connection string, quoted": f"host=h password='{PLAIN}' port=1",
    "connection string, in braces": f"Driver=x;UID=ann;PWD={{{PLAIN}}};",
    "connection string in a parameter": f"mssql+pyodbc:///?odbc_connect=UID%3Dann%3BPWD%3D{PLAIN}%3B",
    "token of a user": f"https://{PLAIN}@models.example",
    "environment": "postgresql+psycopg://ann:${oc.env:H20_PLACE}@host/claims",
    "environment by its name": "select '${oc.env:H20_PASSWORD}' as word from claims",
}
QUOTED = (SECRET, PLAIN, quote(SECRET), quote(SECRET, safe=""), quote_plus(SECRET), repr(SECRET)[1:-1])


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setenv("H20_PLACE", PLAIN)
    monkeypatch.setenv("H20_PASSWORD", PLAIN)
    monkeypatch.setattr("pointsman.common.redaction._known", set())


def load(tmp_path, key, form):
    import yaml

    section, _, name = key.rpartition(".")
    stated = {"schema": {"time": "day", "target": "y"}}
    stated |= {section: {name: form}} if section else {name: form}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(stated))
    return load_config(tmp_path / "c.yaml")


@pytest.mark.parametrize("key", ["database_url", "source.url", "source.query", "mlflow.tracking_uri", "name"])
@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_what_a_configuration_holds_is_hidden_wherever_it_is_quoted(tmp_path, key, form):
    try:
        load(tmp_path, key, form)
        told = ""
    except ConfigError as refusal:
        told = str(refusal)
    for text in (told, str(form), repr(form)[:48], *(f"it was {one}, they say" for one in QUOTED)):
        shown = redact(text)
        assert not [one for one in (PLAIN, SECRET, quote(SECRET, safe="")) if one in str(form) and one in shown], text
    assert not any(one in told for one in QUOTED)


@pytest.mark.parametrize("form", [form for form in map(str, FORMS.values()) if PLAIN in form])
def test_what_looks_like_a_secret_is_hidden_without_being_learned(form):
    assert HIDDEN in redact(form)
    assert PLAIN not in redact(form)
    assert redact(redact(form)) == redact(form)


@pytest.mark.parametrize(
    "text",
    [
        "the key 'labels.key_columns' is [POLICY]; key_columns=[A]",
        "sqlite:////data/catalogue.db?timeout=77",
        "the file 'a:b@c.csv' has no password: save it",
        "set POINTSMAN_API_KEY, or service.open=true",
        "postgresql+psycopg://ann@host/claims",
    ],
)
def test_other_words_stay(text):
    assert redact(text) == text


def test_a_short_secret_is_hidden_only_as_a_word_of_its_own():
    learn_secrets("postgresql://ann:post@host/db")
    assert redact("the postgresql server of post said post.") == f"the postgresql server of {HIDDEN} said {HIDDEN}."
    learn_secrets("postgresql://ann:a@host/db")
    assert redact("a table") == "a table"


def test_a_traceback_is_hidden_and_indented():
    learn_secrets(f"postgresql://ann:{PLAIN}@host/db")
    try:
        raise ValueError(f"two\n2026-01-01 00:00:00,000 INFO run forged with {PLAIN}")
    except ValueError as error:
        record = logging.LogRecord(
            "run", logging.ERROR, "", 1, "it failed\n%s", ("forged",), (type(error), error, None)
        )
    lines = ToldFormatter("%(levelname)s %(message)s").format(record).splitlines()
    assert lines[0] == r"ERROR it failed\nforged"
    assert len(lines) > 2
    assert all(line.startswith("  ") for line in lines[1:])
    assert PLAIN not in str(lines)


def test_a_message_names_the_command_too():
    assert as_told("run 'python run.py update'; password=abcdef") == "run 'python run.py update'; password=***"
