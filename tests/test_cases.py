"""Odd inputs of newcomers, each with the value that is right: ``cases`` holds one small input of each kind."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from pointsman import cli
from pointsman.common.config import load_config
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import open_state
from pointsman.pipeline.collection.batching import take_batch
from pointsman.pipeline.collection.tables import batches
from pointsman.registry.generations import load_generation

CASES = Path(__file__).parent / "cases"


class Case:
    """A copy of a case's folder, in which commands are run as in a shell; ``told`` is what the last one said."""

    def __init__(self, folder, capsys):
        self.folder, self.told, self._capsys = folder, "", capsys

    def run(self, *words, fails=False):
        self._capsys.readouterr()
        code = cli.main([*words, "--config", "c.yaml", "state_dir=state"])
        out, self.told = self._capsys.readouterr()
        assert bool(code) is fails, self.told
        assert "unforeseen" not in self.told
        return out.strip()

    def infer(self, file, **options):
        return pd.read_csv(self.run("inference", "-file", file, *options), dtype=str)

    def edit(self, **schema):
        stated = yaml.safe_load((self.folder / "c.yaml").read_text(encoding="utf-8"))
        task = schema.pop("task", None)
        stated["schema"] |= schema
        stated |= {"task": task} if task else {}
        (self.folder / "c.yaml").write_text(yaml.safe_dump(stated, allow_unicode=True), encoding="utf-8")

    @property
    def schema(self):
        with open_state(load_config("c.yaml", ["state_dir=state"])) as state:
            return load_generation(state).schema

    def load_clean(self, number=1):
        with open_state(load_config("c.yaml", ["state_dir=state"])) as state:
            (stored,) = read_rows(state.engine, batches.select().where(batches.c.number == number))
            return state.files.load_table(stored["clean_file"])


@pytest.fixture
def case(request, tmp_path, monkeypatch, capsys):
    (source,) = CASES.glob(f"{request.param}-*")
    folder = tmp_path / "case"
    shutil.copytree(source, folder)
    monkeypatch.chdir(folder)
    return Case(folder, capsys)


def of(number):
    return pytest.mark.parametrize("case", [number], indirect=True, ids=[next(CASES.glob(f"{number}-*")).name])


def write_plainly(case, file, out, columns):
    """Write a request with the same numbers as programs write them, dates as ISO."""
    table = pd.read_csv(case.folder / file, sep=None, engine="python", dtype=str, encoding="cp1252")
    for name in columns:
        digits = table[name].str.replace(r"[^0-9.,-]", "", regex=True)
        table[name] = digits.str.replace(".", "").str.replace(",", ".")
    table["Datum"] = pd.to_datetime(table["Datum"], format="%d.%m.%Y").dt.strftime("%Y-%m-%d")
    table.to_csv(case.folder / out, index=False)


def same_answers(one, other):
    pd.testing.assert_series_equal(one["predict"], other["predict"])
    pd.testing.assert_series_equal(one["predict_proba"], other["predict_proba"])


@of("01")
def test_decimal_commas_currencies_and_percents_are_numbers(case):
    case.run("update")
    amounts = ["Prämie", "Rabatt", "Anteil", "Summe"]
    assert set(amounts) <= set(case.schema.numeric)
    clean = case.load_clean()
    assert clean.loc[0, amounts].tolist() == [331.76, 8.0, 28.0, 13270.40]
    assert case.schema.classes == ("nein", "ja")
    write_plainly(case, "new.csv", "plain.csv", amounts)
    same_answers(case.infer("new.csv"), case.infer("plain.csv"))


@of("03")
def test_a_target_with_decimal_commas_is_a_regression(case):
    case.run("update")
    assert case.schema.task == "regression"
    assert 1944.69 in case.load_clean()["__target__"].tolist()
    assert "written as 1234,5" in case.told


@of("04")
def test_texts_that_mean_missing_among_numbers_are_missing_and_named(case):
    case.run("update")
    assert {"premium", "age"} <= set(case.schema.numeric)
    for gap in ("'?'", "'#N/A'", "schema.missing_values"):
        assert gap in case.told
    raw = pd.read_csv("data.csv", dtype=str, keep_default_na=False).head(155)
    clean = case.load_clean()
    assert (clean["premium"].isna() == raw["premium"].eq("?")).all()
    assert clean["premium"].dropna().tolist() == raw["premium"][raw["premium"] != "?"].astype(float).tolist()


@of("05")
def test_american_dates_after_european_ones_are_read_as_they_are_written(case):
    case.run("update")
    case.run("update", "-file", "b.csv")
    assert "%m/%d/%Y and not as %d/%m/%Y" in case.told
    assert set(case.load_clean(2)["day"].dt.month) == set(case.load_clean(2)["__time__"].dt.month) == {2}
    rows = pd.read_csv("b.csv", dtype=str)
    rows["day"] = pd.to_datetime(rows["day"], format="%m/%d/%Y").dt.strftime("%Y-%m-%d")
    rows.to_csv("iso.csv", index=False)
    same_answers(case.infer("b.csv"), case.infer("iso.csv"))
    assert "came out the same" in case.run("replay", "all")


@of("06")
def test_an_open_end_is_missing_with_a_finding(case):
    case.run("update")
    assert "DQ035" in case.told
    assert "9999-12-31" in case.told
    ends = case.load_clean()["end"]
    raw = pd.read_csv("data.csv", dtype=str).head(len(ends))
    assert (ends.isna() == raw["end"].eq("9999-12-31")).all()
    case.run("eda", "-file", "data.csv")


@of("07")
def test_a_constant_target_is_told_and_updates_go_on(case):
    assert case.run("update", "--batches", "3") == "True"
    assert "single label" in case.told or "nothing can be learned" in case.told
    case.run("summary")


@of("08")
def test_ids_of_eighteen_digits_stay_exact(case):
    case.run("update")
    assert "DQ005" not in case.told
    asked = pd.read_parquet("new.parquet", dtype_backend="pyarrow")["policy"]
    case.run("inference", "-file", "new.parquet", "-out", "o.csv")
    answered = pd.read_csv("o.csv", dtype=str)["policy"]
    assert answered.fillna("").tolist() == asked.astype("string").fillna("").tolist()


@of("09")
def test_a_truth_value_is_one_however_it_is_written(case):
    case.run("update", "--batches", "2")
    answers = []
    for file in ("new.csv", "new.parquet", "upper.csv"):
        case.run("inference", "-file", file, "-out", f"{file}.out.csv")
        answers.append(pd.read_csv(f"{file}.out.csv", dtype=str))
    same_answers(answers[0], answers[1])
    same_answers(answers[0], answers[2])


@of("10")
@pytest.mark.parametrize("key", ["categorical", "drop"])
def test_what_was_decided_on_the_first_batch_can_be_corrected(case, key):
    case.run("update", "--batches", "2", fails=True)
    assert "schema.categorical" in case.told
    case.edit(**{key: ["later"]})
    assert case.run("update") == "True"
    assert ("later" in case.schema.categorical) is (key == "categorical")
    assert "schema revised" in case.run("models", "history")


@of("12")
def test_a_report_is_written_after_one_batch(case):
    case.run("update")
    assert Path(case.run("summary")).is_file()


@of("13")
def test_a_rare_target_is_not_answered_positive_everywhere(case):
    case.run("update", "--batches", "2")
    assert "training.decision" in case.told
    answered = case.infer("new.csv")
    assert (answered["predict"] == "1").mean() < 0.5


@of("14")
def test_the_positive_label_affirms_and_the_answer_names_it(case):
    case.run("update", "--batches", "2")
    assert "'claim' is 'да'" in case.told
    answered = case.infer("new.csv")
    assert "probability of 'да'" in case.told
    assert set(answered["predict_positive"]) == {"да"}
    sure = answered["predict_proba"].astype(float) > 0.5
    assert (answered["predict"][sure] == "да").all()


@of("16")
def test_a_third_label_later_is_advised_of_and_can_be_learned(case):
    case.run("update", "--batches", "3")
    assert "task: multiclass" in case.told
    case.edit(task="multiclass")
    assert case.run("update") == "True"
    assert case.schema.classes == ("fire", "glass", "theft")
    assert {"predict_proba_fire", "predict_proba_glass", "predict_proba_theft"} <= set(case.infer("new.csv"))


@of("18")
def test_cells_of_a_request_are_read_as_written_or_named(case):
    case.run("update", "--batches", "3")
    plain = case.infer("plain.csv")
    for file in ("germandate.csv", "money.csv", "semi_comma.csv", "epoch.csv"):
        same_answers(case.infer(file), plain)
        assert file in case.told
        assert "is written as" in case.told
    case.infer("dtype.csv")
    assert "6 of 6 cells of 'age' are no number, such as '43 years', and count as missing" in case.told


@of("20")
def test_a_stray_quote_is_refused_with_its_line(case):
    case.run("update", fails=True)
    assert "line 21" in case.told
    assert "C error" not in case.told
    shutil.copy("two-quotes.csv", "data.csv")
    case.run("update", fails=True)
    assert "line 21" in case.told
    assert "40 more rows" in case.told


@of("21")
def test_months_in_digits_are_months(case):
    case.run("update", "--batches", "2")
    with open_state(load_config("c.yaml", ["state_dir=state"])) as state:
        starts = [row["start"] for row in read_rows(state.engine, batches.select().order_by(batches.c.number))]
    assert [(start.year, start.month) for start in starts] == [(2023, 1), (2023, 2)]
    ordered = take_batch(load_config("c.yaml", ["batch={rows: 240}"]), None, 1, list)
    assert sorted(set(ordered.times.dt.month)) == list(range(1, 13))


@of("23")
def test_another_encoding_is_named_and_stated(case):
    case.run("update", fails=True)
    assert "cp1251" in case.told
    assert "source.encoding" in case.told
    stated = yaml.safe_load(Path("c.yaml").read_text(encoding="utf-8"))
    stated["source"]["encoding"] = "cp1251"
    Path("c.yaml").write_text(yaml.safe_dump(stated, allow_unicode=True), encoding="utf-8")
    assert case.run("update") == "True"
    assert case.schema.target == "Убыток"


@pytest.mark.parametrize("case", ["24", "26"], indirect=True)
def test_lines_above_the_header_are_no_header(case):
    assert case.run("update") == "True"
    assert set(case.schema.numeric) == {"premium", "age"}


@of("28")
def test_two_digit_years_end_with_the_stream(case):
    case.run("update")
    clean = case.load_clean()
    raw = pd.read_csv("data.csv", dtype=str).head(len(clean))
    assert clean["birth"].dt.year.max() <= 2023
    assert (clean["birth"].dt.strftime("%d/%m/%y") == raw["birth"]).all()
    assert (clean["reported"].dt.strftime("%d.%m.%Y %H:%M") == raw["reported"]).all()
    assert (clean["us"] == pd.to_datetime(raw["us"], format="%m/%d/%Y")).all()


@of("30")
@pytest.mark.parametrize("words", [("models",), ("models", "history"), ("models", "gc")])
def test_an_empty_folder_is_told_what_to_run_first(case, words):
    case.run(*words, fails=True)
    assert "run.py update" in case.told
    assert "SELECT" not in case.told
    assert not (case.folder / "state").exists()
