"""Files as strangers bring them, through the real command line: what is read, what is told, what comes back."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parent.parent
CONFIG = """source: {{kind: files, paths: [{path}]}}
schema: {{time: day, target: claim, id: policy}}
batch: {{rows: 60}}
search: {{trials: 2, families: [linear]}}
training: {{folds: 1}}
workers: {{count: 1}}
"""
FIRST = 900719925474100568


def run(folder, *arguments):
    command = [sys.executable, str(ROOT / "run.py"), *map(str, arguments), "--config", "c.yaml"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, check=False)


def make_rows(rows=120, first=0):
    generator = np.random.default_rng(first)
    premium = generator.normal(500, 100, rows).round(2)
    return pd.DataFrame(
        {
            "day": pd.date_range("2020-01-01", periods=first + rows).strftime("%Y-%m-%d")[first:],
            "policy": [None if row % 10 == 3 else FIRST + row for row in range(first, first + rows)],
            "premium": premium,
            "region": generator.choice(["north", "south"], rows),
            "claim": (premium + generator.normal(0, 50, rows) > 500).astype(int),
        },
        dtype=object,
    )


def write_parquet(table, path):
    kinds = {"policy": pa.int64(), "premium": pa.float64(), "claim": pa.int64()}
    columns = {name: pa.array(table[name].tolist(), kinds.get(name, pa.string())) for name in table}
    pq.write_table(pa.table(columns), path)


def read_policies(path):
    if path.suffix == ".parquet":
        return ["" if cell is None else str(cell) for cell in pq.read_table(path).column("policy").to_pylist()]
    table = pd.read_excel(path, dtype=str) if path.suffix == ".xlsx" else pd.read_csv(path, dtype=str)
    return table["policy"].fillna("").tolist()


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A folder whose stream has long numbers beside missing ones; both of its batches are learned."""
    folder = tmp_path_factory.mktemp("learned")
    write_parquet(make_rows(), folder / "data.parquet")
    (folder / "c.yaml").write_text(CONFIG.format(path="data.parquet"))
    done = run(folder, "update", "--batches", "all")
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
    assert "DQ005" not in done.stderr  # no policy is there twice
    return folder


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet", ".xlsx"])
def test_long_numbers_come_back_with_every_digit(learned, ending):
    rows = make_rows(20, 120)
    write_parquet(rows, learned / "new.parquet")
    done = run(learned, "inference", "-file", "new.parquet", "-out", f"digits{ending}")
    assert done.returncode == 0, done.stderr
    assert read_policies(learned / f"digits{ending}") == ["" if cell is None else str(cell) for cell in rows["policy"]]


def test_an_answered_file_is_answered_again_and_its_newest_ids_take_labels(learned):
    make_rows(20, 140).drop(columns="claim").to_csv(learned / "request.csv", index=False)
    once, twice = learned / "once.csv", learned / "twice.csv"
    assert run(learned, "inference", "-file", "request.csv", "-out", once.name).returncode == 0
    done = run(learned, "inference", "-file", once.name, "-out", twice.name)
    assert done.returncode == 0, done.stderr
    assert "has columns of its own named 'predict', 'predict_proba'" in done.stderr
    first, second = pd.read_csv(once, dtype=str), pd.read_csv(twice, dtype=str)
    pd.testing.assert_frame_equal(second[first.columns], first)
    assert list(second)[first.shape[1] :] == [f"{name}_2" for name in list(first) if name.startswith("predict")]
    assert not set(second["predict_id_2"]) & set(second["predict_id"])
    second.assign(claim="1").to_csv(learned / "labels.csv", index=False)
    assert run(learned, "feedback", "-file", "labels.csv").stdout == "20\n"
    first.assign(claim="1").to_csv(learned / "labels.csv", index=False)
    assert run(learned, "feedback", "-file", "labels.csv").stdout == "20\n"  # these are other rows


def test_a_request_is_found_below_titles_and_on_another_sheet(learned):
    rows = make_rows(20, 160)
    rows.to_csv(learned / "plain.csv", index=False)
    with pd.ExcelWriter(learned / "book.xlsx") as book:
        pd.DataFrame({"Report": ["March"]}).to_excel(book, sheet_name="Intro", index=False)
        rows.astype({"policy": str}).to_excel(book, sheet_name="Claims", index=False, startrow=3)
        book.sheets["Claims"].cell(1, 1, "Claims of March")
    (learned / "titled.xls").write_text("sep=\t\nClaims of March\n" + rows.to_csv(index=False, sep="\t"))
    answers = {}
    for name in ("plain.csv", "book.xlsx", "titled.xls"):
        done = run(learned, "inference", "-file", name, "-out", f"{name}.csv")
        assert done.returncode == 0, done.stderr
        answers[name] = pd.read_csv(learned / f"{name}.csv")["predict_proba"].tolist()
        if name == "book.xlsx":
            assert "has its columns in the sheet 'Claims'" in done.stderr
            assert "stands in row 4" in done.stderr
        if name == "titled.xls":
            assert "is text whatever its ending says" in done.stderr
    assert answers["book.xlsx"] == answers["titled.xls"] == answers["plain.csv"]


def test_renamed_and_new_columns_are_told_once(tmp_path):
    folder = tmp_path / "stream"
    folder.mkdir()
    (folder / "c.yaml").write_text(CONFIG.format(path="data.csv"))
    rows = make_rows(60)
    for place, table in enumerate((rows, make_rows(60, 60), make_rows(60, 120))):
        if place:
            table = table.rename(columns={"premium": "Premium_EUR"}).assign(colour="red")
        table.to_csv(folder / f"{place}.csv", index=False)
        done = run(folder, "update", "-file", f"{place}.csv")
        assert done.returncode == 0, done.stderr
        assert ("has the new column" in done.stderr) == (place == 1)
        assert ("absent from batch" in done.stderr and "renamed to 'Premium_EUR'?" in done.stderr) == (place > 0)
        if place == 1:
            assert "'Premium_EUR' and 'colour', which is not read" in done.stderr
    done = run(folder, "inference", "-file", "2.csv")
    assert "has no column 'premium' (renamed to 'Premium_EUR'?)" in done.stderr
