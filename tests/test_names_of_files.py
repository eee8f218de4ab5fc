"""Names of files that are no UTF-8 are answered, in whatever locale."""

import os
import subprocess
import sys

import pytest
from one_stream import ROOT, make_rows, must, write_config

LOCALES = {"UTF-8": {"LC_ALL": "C.UTF-8"}, "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the names of files are text")
def test_a_request_whose_name_is_no_text_is_answered(tmp_path):
    make_rows(1).to_csv(tmp_path / "stream.csv", index=False)
    write_config(tmp_path)
    options = ("--config", "claims.yaml", "state_dir=state")
    must(tmp_path, "update", *options)
    name = b"new-\xff\xf1.csv"
    make_rows(1).drop(columns=["claim", "kind"]).to_csv(tmp_path / "new.csv", index=False)
    os.rename(tmp_path / "new.csv", os.path.join(os.fsencode(tmp_path), name))
    for locale in LOCALES.values():
        command = [sys.executable, str(ROOT / "run.py"), "inference", "-file", name, *options]
        done = subprocess.run(
            command, cwd=tmp_path, env=os.environ | locale, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in (tmp_path / "state" / "pointsman.log").read_text()
    (answered,) = os.listdir(os.fsencode(tmp_path / "state" / "predictions"))
    assert answered.startswith(b"new-\xff\xf1-")
