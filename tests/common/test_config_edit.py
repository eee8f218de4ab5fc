"""Single keys of a configuration file: written in their place, with all else as the user left it."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pointsman.common.config import load_config
from pointsman.common.config_edit import edit_settings, save_settings
from pointsman.common.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent.parent
SCHEMA = "schema: {time: day, target: sold}  # mine\n"
SETTINGS = {"retrain": "every", "every": 4}

TEXTS = {
    "no section": SCHEMA,
    "no section, no end of line": SCHEMA.rstrip(),
    "a block": SCHEMA + "response:\n    # how often\n    retrain: always   # for now\n    every: 3\nseed: 4 # end\n",
    "a part of a block": SCHEMA + "response:\n  worse_by: 0.1   # a tenth\n\n# the rest\nseed: 4\n",
    "one line": SCHEMA + "response: {retrain: always, worse_by: 0.1}  # short\nseed: 4\n",
    "nothing in it": SCHEMA + "response: {}\n",
    "quoted": SCHEMA + 'response: {retrain: "always"}\n',
    "all in one line": "{schema: {time: day, target: sold}, seed: 4}\n",
    "lines of another system": (SCHEMA + "response:\n  retrain: always # now\nseed: 4\n").replace("\n", "\r\n"),
    "the demo": (ROOT / "config.yaml").read_text(),
}


@pytest.mark.parametrize("name", TEXTS)
def test_settings_are_written_and_comments_stay(tmp_path, name):
    path = tmp_path / "c.yaml"
    path.write_bytes(TEXTS[name].encode())
    before = load_config(path)
    save_settings(path, "response", SETTINGS)
    after = load_config(path)
    assert (after.response.retrain, after.response.every) == ("every", 4)
    assert after.response.worse_by == before.response.worse_by
    assert after.model_copy(update={"response": before.response}) == before
    text = path.read_bytes().decode()
    for line in TEXTS[name].splitlines():
        comment = line[line.index("#") :] if "#" in line else ""
        assert comment in text
    untouched = [line for line in TEXTS[name].splitlines() if not line.lstrip("{").startswith(("response", " "))]
    assert name == "all in one line" or [line for line in untouched if line not in text.splitlines()] == []
    assert list(tmp_path.iterdir()) == [path]


def test_only_the_two_lines_of_the_demo_change(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(TEXTS["the demo"])
    save_settings(path, "response", {"retrain": "loss", "worse_by": 0.2})
    pairs = zip(TEXTS["the demo"].splitlines(), path.read_text().splitlines(), strict=True)
    changed = [(old.split("#")[1], new.split("#")[1]) for old, new in pairs if old != new]
    assert len(changed) == 2
    assert all(old == new for old, new in changed)


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9), min_size=1),
    st.booleans(),
    st.booleans(),
    st.dictionaries(st.sampled_from("abcd"), st.integers(10, 99), min_size=1),
)
def test_an_edit_is_what_laying_over_would_be(stated, flow, first, settings):
    block = "part:\n" + "".join(f"  {key}: {setting}  # {key}\n" for key, setting in stated.items())
    section = f"part: {yaml.safe_dump(stated, default_flow_style=True)}" if flow else block
    rest = "other: 1 # kept\n"
    edited = edit_settings(section + rest if first else rest + section, "part", settings)
    assert yaml.safe_load(edited) == {"part": stated | settings, "other": 1}
    assert rest in edited
    assert flow or all(f"  # {key}\n" in edited for key in stated)


@pytest.mark.parametrize("text", [SCHEMA + "response: *x\n", SCHEMA + "response:\n"])
def test_a_file_that_cannot_be_edited_safely_stays_as_it_is(tmp_path, text):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError):
        save_settings(path, "response", SETTINGS)
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real.yaml").write_text(SCHEMA)
    (tmp_path / "link.yaml").symlink_to(tmp_path / "real.yaml")
    save_settings(tmp_path / "link.yaml", "response", SETTINGS)
    assert (tmp_path / "link.yaml").is_symlink()
    assert load_config(tmp_path / "real.yaml").response.every == 4
