"""Exploration as the command line calls it: of a batch, of the store, of any file, and of what cannot be explored."""

import re
from pathlib import Path

import pandas as pd
import pytest

from pointsman import cli
from pointsman.common.config import load_config
from pointsman.common.errors import ConfigError, DataError, StateError
from pointsman.common.storage.state import open_state
from pointsman.pipeline.eda import explore
from pointsman.pipeline.update import update

ROOT = Path(__file__).resolve().parent.parent.parent
QUICK = (
    "search.trials=1",
    "search.families=[prior]",
    "source.demo.rows=1500",
    "batch.period=year",
    "response.retrain=never",
)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A configuration whose state holds two batches of the demo stream."""
    config = load_config(ROOT / "config.yaml", [f"state_dir={tmp_path_factory.mktemp('eda')}", *QUICK])
    update(config, 2)
    return config


@pytest.fixture(scope="module")
def second(stored):
    """The page of the second batch."""
    return explore(stored, ["2"]).read_bytes()


def read_text(path: Path) -> str:
    """Return a page's own text, without tags."""
    return strip_tags(path.read_text())


def strip_tags(page: str) -> str:
    own = page[: page.index('<div class="skrub">')]
    return " ".join(re.sub(r"<[^>]+>", " ", own[own.index("<body>") :]).split())


def test_the_store_is_shown_by_batch_and_a_sample_says_how_many_rows_it_shows(stored, monkeypatch):
    monkeypatch.setattr("pointsman.pipeline.eda.SHOWN_ROWS", 100)
    text = read_text(explore(stored))
    assert "All 2 batches" in text
    assert "CLAIM_PAID, batch by batch" in text
    assert "Explained is the share" in text
    assert "a systematic sample of 100 is shown" in text


def test_a_batch_shows_its_rows_its_target_and_its_drift(second):
    text = strip_tags(second.decode())
    assert text.startswith("Pointsman exploration Batch 2")
    assert "all of them shown" in text
    assert "PREMIUM" in text
    assert "Times the noise" in text
    assert b"DateTime64" in second, "dates are dates"


def test_a_file_says_what_it_lacks_and_what_is_new(stored, tmp_path):
    rows = pd.DataFrame({"INSR_BEGIN": ["08-AUG-13"] * 30, "PREMIUM": range(30), "COLOUR": ["red"] * 30})
    rows.to_csv(tmp_path / "part.csv", index=False)
    text = read_text(explore(stored, file=tmp_path / "part.csv"))
    assert "Inputs of the stream that these rows lack: EFFECTIVE_YR" in text
    assert "Columns that the stream does not have: COLOUR." in text
    assert "no target that is known" in text
    assert "8 Aug 2013" in text


def test_a_file_is_explored_before_anything_was_learned(tmp_path):
    rows = pd.DataFrame({"day": pd.date_range("2020-01-01", periods=60), "size": range(60), "sold": ["yes", "no"] * 30})
    rows.to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "c.yaml").write_text("schema: {time: day, target: sold}\n")
    config = load_config(tmp_path / "c.yaml", [f"state_dir={tmp_path / 'state'}"])
    text = read_text(explore(config, file=tmp_path / "rows.csv"))
    assert "types are guessed from these rows" in text
    assert "sold 50.0 % share of &#39;yes&#39;" in text.replace("\xa0", " ")


def test_there_is_a_sentence_for_what_cannot_be_explored(stored, tmp_path):
    fresh, begun = (stored.model_copy(update={"state_dir": tmp_path / name}) for name in ("fresh", "begun"))
    with open_state(begun):
        pass
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("a,b\n")
    for error, sentence, arguments in [
        (StateError, r"no state in '.*fresh' yet; run 'python run.py update'", (fresh,)),
        (StateError, r"no batch in '.*begun' yet; run 'python run.py update'", (begun,)),
        (StateError, "no batch 99 in .*; the stored ones are 1 to 2", (stored, ["99"])),
        (ConfigError, "one batch by its number, not 'seven'", (stored, ["seven"])),
        (ConfigError, "not '1 2'", (stored, ["1", "2"])),
        (ConfigError, "name one of them", (stored, ["1"], tmp_path / "empty.csv")),
        (DataError, "empty.csv' is empty", (stored, [], tmp_path / "empty.csv")),
        (DataError, "header and no rows", (stored, [], tmp_path / "header.csv")),
        (DataError, "does not exist", (stored, [], tmp_path / "absent.csv")),
    ]:
        with pytest.raises(error, match=sentence):
            explore(*arguments)


def test_the_command_prints_the_path_alone_and_the_page_is_the_same_again(stored, second, capsys):
    code = cli.main(["eda", "2", "--config", str(ROOT / "config.yaml"), f"state_dir={stored.state_dir}", *QUICK])
    path = stored.state_dir / "eda" / "batch-2.html"
    assert (code, capsys.readouterr().out) == (0, f"{path}\n")
    assert path.read_bytes() == second
