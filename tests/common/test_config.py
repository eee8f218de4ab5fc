"""A configuration is refused in one sentence with its fix, or it means what its file and its overrides say."""

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from common.config import Config, known_keys, load_config
from common.errors import ConfigError

MINIMAL = "schema: {time: begin, target: y}\n"
KEYS = sorted(key for key, is_section in known_keys(Config).items() if not is_section)


@pytest.fixture
def load(tmp_path):
    """Return a function that writes a file and loads it with overrides."""

    def write_and_load(text, *overrides):
        path = tmp_path / "config.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_config(path, overrides)

    return write_and_load


class TestFiles:
    def test_what_a_file_does_not_state_is_the_default(self, load):
        assert load(MINIMAL) == Config.model_validate({"schema": {"time": "begin", "target": "y"}})

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "The key 'schema' is compulsory and missing from"),
            ("# nothing\n", "The key 'schema' is compulsory and missing from"),
            ("schema: {time: begin}", r"The key 'schema\.target' is compulsory.*as schema\.target=\.\.\."),
            ("- schema", "holds a list; it must hold keys and values"),
            ("seed", "holds a str; it must hold keys and values"),
            ("schema: [time", "is not valid YAML: .*line 1, column"),
            ("schema:\n\ttime: begin", "is not valid YAML: .*line 2, column 1"),
            ("!!python/object:os.system {}", "is not valid YAML: could not determine a constructor"),
            (b"schema: {time: begin, target: \xe9}", "cannot be read: 'utf-8' codec can't decode byte 0xe9"),
            (MINIMAL + "seed: 1\nbatch: {rows: 5}\nseed: 2", "the key 'seed' stands in line 2 and in line 4; keep one"),
            (MINIMAL + "search:\n  trials: 5\n  finalists: 2\n  trials: 6", "'trials' stands in line 3 and in line 5;"),
            (MINIMAL + "quality: {ranges: [{column: a, min: 1, min: 2}]}", "key 'min' stands in line 2 and in line 2"),
            (MINIMAL + "2020-01-01: 5", "cannot be read: Incompatible key type 'date'"),
            (MINIMAL + "state_dir: ${nowhere}", "cannot be read: Interpolation key 'nowhere' not found"),
        ],
    )
    def test_a_file_that_cannot_be_used_says_why_in_one_line(self, load, text, words):
        with pytest.raises(ConfigError, match=words) as refusal:
            load(text)
        assert "config.yaml'" in str(refusal.value)
        assert "\n" not in str(refusal.value)

    def test_a_key_of_one_section_may_stand_in_another(self, load):
        config = load(MINIMAL + "seed: 1\nsource: {demo: {seed: 2, rows: 100}}\nbatch: {rows: 9}")
        assert (config.seed, config.source.demo.seed, config.source.demo.rows, config.batch.rows) == (1, 2, 100, 9)

    def test_a_section_may_take_over_keys_and_state_some_of_them_anew(self, load):
        ranges = "quality: {ranges: [&seats {column: seats, min: 1}, {<<: *seats, min: 2}, {<<: *seats, max: 9}]}"
        rules = load(MINIMAL + ranges).quality.ranges
        assert [(rule.column, rule.min, rule.max) for rule in rules] == [
            ("seats", 1, None), ("seats", 2, None), ("seats", 1, 9)]  # fmt: skip

    def test_a_file_that_is_not_there_or_is_a_folder_is_named(self, tmp_path):
        with pytest.raises(ConfigError, match=r"absent\.yaml' does not exist; name another with --config"):
            load_config(tmp_path / "absent.yaml")
        with pytest.raises(ConfigError, match=r"cannot be read: .*Is a directory"):
            load_config(tmp_path)

    def test_a_configuration_cannot_be_changed_once_loaded(self, load):
        config = load(MINIMAL)
        with pytest.raises(ValidationError, match="frozen"):
            config.search.trials = 99


class TestKeys:
    @pytest.mark.parametrize(
        ("text", "nearest"),
        [
            ("search: {trails: 5}", r"'search\.trails' in '.*config\.yaml'; did you mean 'search\.trials'"),
            ("serach: {trials: 5}", r"'serach\.trials' in .*; did you mean 'search\.trials'"),
            ("Seed: 5", "'Seed' in .*; did you mean 'seed'"),
            ("schema_: {time: begin}", r"'schema_\.time' in .*; did you mean 'schema\.time'"),
            ("training: {costs: {false_positiv: 2}}", r"did you mean 'training\.costs\.false_positive'"),
            ("1: 2", "Unknown key '1'"),
            ("selection: {foo: 1}", r"'selection\.foo' in .*; did you mean 'selection\.\w+'"),
        ],
    )
    def test_an_unknown_key_is_refused_with_the_nearest(self, load, text, nearest):
        with pytest.raises(ConfigError, match=nearest):
            load(MINIMAL + text)

    @given(st.sampled_from(KEYS), st.integers(0, 40))
    @settings(max_examples=60, deadline=None)
    def test_a_letter_left_out_leads_back_to_the_key(self, tmp_path_factory, key, position):
        position = position % len(key)
        wrong = key[:position] + key[position + 1 :]
        assume(wrong not in known_keys(Config))
        path = tmp_path_factory.getbasetemp() / "minimal.yaml"
        path.write_text(MINIMAL)
        with pytest.raises(ConfigError, match=re.escape(f"'{wrong}' in the command line; did you mean '{key}'?")):
            load_config(path, [f"{wrong}=1"])

    @pytest.mark.parametrize("key", ["training.max_rows", "search.max_rows"])
    def test_limits_of_rows_are_auto_or_a_number(self, load, key):
        section, name = key.split(".")
        told = {"auto": "auto", "20000": 20_000, "50": 50}
        assert {one: getattr(getattr(load(MINIMAL, f"{key}={one}"), section), name) for one in told} == told
        for wrong in ("many", "-5", "true"):
            with pytest.raises(ConfigError, match=rf"{key}'.*write auto, or a whole number from 50 on"):
                load(MINIMAL, f"{key}={wrong}")
        with pytest.raises(ConfigError, match=rf"{key}'.*50"):
            load(MINIMAL, f"{key}=49")

    @pytest.mark.parametrize("infinite", [".inf", "-.inf", ".nan", "1e999"])
    @pytest.mark.parametrize(
        "key",
        ["training.max_mb", "training.costs.false_positive", "promotion.budget.mb", "selection.half_life",
         "selection.temperature", "storage.max_mb", "search.seconds", "search.trials", "drift.false_alarms"],
    )  # fmt: skip
    def test_no_number_is_infinite(self, load, key, infinite):
        with pytest.raises(ConfigError, match=rf"The key '{key}' .*must be a (finite|whole) number"):
            load(MINIMAL, f"{key}={infinite}")

    @pytest.mark.parametrize("gap", ["30", "30.5", "null", "true", "[30D]", "P30D"])
    def test_what_is_no_duration_is_told_how_to_write_one(self, load, gap):
        with pytest.raises(ConfigError, match=r"'training\.gap'.* is no duration; write a number and D, h, min or s"):
            load(MINIMAL, f"training.gap={gap}")

    def test_a_rule_has_no_infinite_bound(self, load):
        with pytest.raises(ConfigError, match=r"'quality\.ranges\.0\.max'.*must be a finite number; write one, or"):
            load(MINIMAL + "quality: {ranges: [{column: seats, max: .inf}]}")

    def test_a_wrong_key_inside_a_rule_is_refused(self, load):
        with pytest.raises(ConfigError, match=r"quality\.ranges\.0\.mni'.*\(found 2\)"):
            load(MINIMAL + "quality: {ranges: [{column: seats, mni: 2}]}")


class TestCells:
    @pytest.mark.parametrize(
        ("override", "words"),
        [
            ("search.trials=many", r"'search\.trials'.*a whole number.*\(found 'many'\)"),
            ("search.trials=2.5", r"'search\.trials'.*\(found 2\.5\)"),
            ("search.trials=", r"'search\.trials'.*\(found None\)"),
            ("search.trials=0", r"greater than or equal to 1 \(found 0\)"),
            ("search.trials=true", r"'search\.trials'.*it must be a number \(found True\)"),
            ("seed=no", r"'seed'.*it must be a number \(found False\)"),
            ("batch.rows=true", r"'batch\.rows'.*it must be a number \(found True\)"),
            ("search.seconds=true", r"'search\.seconds'.*it must be a number \(found True\)"),
            ("training.costs.false_positive=true", r"false_positive'.*must be a number \(found True\)"),
            ("quality.ranges=[{column: seats, min: true}]", r"'quality\.ranges\.0\.min'.*must be a number"),
            ("training.validation=loo", r"'training\.validation'.*'time_ordered', 'foremost', 'holdout' or 'kfold'"),
            ("search=5", r"'search'.*must hold keys and values \(found 5\)"),
            ("batch=5", r"'batch'.*must hold keys and values \(found 5\)"),
            ("search.families=linear", r"'search\.families'.*must be a list, such as \[a, b\] \(found 'linear'\)"),
            ("features.durations=never", r"'features\.durations' in .*: write auto, or a list .*\(found 'never'\)"),
            ("features.durations=null", r"'features\.durations' in .*: write auto, or a list such as .*\(found None\)"),
            ("features.durations=[5]", r"'features\.durations\.0' in .*: it must hold keys and values \(found 5\)"),
            ("features.durations=[{start: a}]", r"'features\.durations\.0\.end' is compulsory .*; state it there\.$"),
            ("schema.positive=[1]", r"'schema\.positive' in .*\(found \[1\]\)"),
            ("quality.severity.DQ021=loud", r"'quality\.severity\.DQ021'.*'off', 'info', 'warning', 'quarantine' or"),
            ("quality.associations.most=-1", r"'quality\.associations\.most'.*greater than or equal to 0"),
            ("quality.min_validity=1.5", r"less than or equal to 1 \(found 1\.5\)"),
            ("quality.min_validity=.nan", r"'quality\.min_validity'.*\(found nan\)"),
            ("selection.half_life=.nan", r"must be a finite number.*\(found nan\)"),
            ("promotion.confidence=0.5", r"greater than 0\.5 \(found 0\.5\)"),
            ("training.decision=profit", r"'f1', 'accuracy' or 'cost' \(found 'profit'\)"),
            ("training.gap=30", "'30' is no duration; write a number and D, h, min or s, such as 30D"),
            ("training.gap=30 days", "'30 days' is no duration; write a number and D, h, min or s, such as 30D"),
            ("training.gap=-1D", "'-1D' is no duration"),
            ("schema.target=null", r"'schema\.target'.*\(found None\)"),
            ("features.date_parts.begin=[fortnight]", r"'features\.date_parts\.begin\.0'.*\(found 'fortnight'\)"),
            ("source.kind=sql", r"source\.url and source\.query must both be set"),
            ("source.kind=files", r"source\.paths must name at least one path"),
            ("quality.ranges=[{min: 1, min: 2}]", "An override cannot be read: .* found duplicate key min"),
            ("search.trials=[1", "cannot be read: while parsing a flow sequence"),
            ("search.trials", r"'search\.trials' is no override; write key=value"),
            ("=5", "'=5' is no override; write key=value"),
        ],
    )
    def test_a_cell_that_cannot_be_is_refused_with_what_was_found(self, load, override, words):
        with pytest.raises(ConfigError, match=words):
            load(MINIMAL, override)

    @pytest.mark.parametrize("gap", ["0D", "30D", "1.5D", "12 h", "10min", "5s"])
    def test_a_gap_is_a_duration_of_any_unit(self, load, gap):
        assert load(MINIMAL, f"training.gap={gap}").training.gap == gap

    @pytest.mark.parametrize("validation", ["time_ordered", "foremost", "holdout", "kfold"])
    def test_a_type_of_validation_is_named(self, load, validation):
        assert load(MINIMAL, f"training.validation={validation}").training.validation == validation

    def test_shuffled_folds_are_two_at_least(self, load):
        with pytest.raises(ConfigError, match=r"training\.folds must be 2 or more: one fold learns nothing"):
            load(MINIMAL, "training.validation=kfold", "training.folds=1")
        assert load(MINIMAL, "training.validation=holdout", "training.folds=1").training.folds == 1


class TestOverrides:
    def test_an_override_wins_over_the_file_and_leaves_its_neighbours(self, load):
        config = load(MINIMAL + "search: {trials: 5, finalists: 4}", "search.trials=9", "seed=3", "search.trials=11")
        assert (config.search.trials, config.search.finalists, config.seed) == (11, 4, 3)

    def test_lists_and_texts_are_read_as_in_yaml(self, load):
        config = load(
            MINIMAL, "source.kind=files", "source.paths=a.csv", "search.families=[linear, knn]",
            "schema.positive='> 0'", "features.date_parts.begin=[month, hour]",
            "quality.ranges=[{column: seats, min: 1}]",
        )  # fmt: skip
        assert config.source.paths == ("a.csv",)
        assert config.search.families == ("linear", "knn")
        assert config.schema_.positive == "> 0"
        assert config.features.date_parts == {"begin": ("month", "hour")}
        assert (config.quality.ranges[0].min, config.quality.ranges[0].max) == (1.0, None)

    @pytest.mark.parametrize(
        ("stated", "overrides", "rows", "period"),
        [
            ("", [], 5_000, None),
            ("batch: {min_rows: 3}", [], 5_000, None),
            ("batch: {period: month}", [], None, "month"),
            ("batch: {rows: 8}", ["batch.period=month"], None, "month"),
            ("batch: {period: month}", ["batch.rows=9"], 9, None),
            ("batch: {period: month}", ["batch.min_rows=9"], None, "month"),
        ],
    )
    def test_batches_are_cut_one_way_and_the_override_chooses(self, load, stated, overrides, rows, period):
        batch = load(MINIMAL + stated, *overrides).batch
        assert (batch.rows, batch.period) == (rows, period)

    @pytest.mark.parametrize(
        ("stated", "overrides"),
        [("batch: {rows: 8, period: month}", []), ("", ["batch.rows=8", "batch.period=month"])],
    )
    def test_two_ways_to_cut_at_once_are_refused(self, load, stated, overrides):
        with pytest.raises(ConfigError, match=r"batch\.rows and batch\.period are both set; set one of them to null"):
            load(MINIMAL + stated, *overrides)


class TestQuality:
    def test_a_check_is_switched_off_in_a_file_or_on_the_command_line(self, load):
        """YAML reads a bare off as false."""
        config = load(MINIMAL + "quality: {severity: {DQ021: off, DQ022: error}}", "quality.severity.DQ018=off")
        assert config.quality.severity == {"DQ021": "off", "DQ022": "error", "DQ018": "off"}

    def test_what_is_null_is_learned_and_a_number_fixes_it(self, load):
        assert load(MINIMAL).quality.min_validity is None
        assert load(MINIMAL, "quality.min_validity=0.7").quality.min_validity == 0.7

    def test_a_pattern_has_to_be_a_regular_expression(self, load):
        with pytest.raises(ConfigError, match=r"'quality\.patterns\.0\.pattern'.*'\[A' is no regular expression"):
            load(MINIMAL + "quality: {patterns: [{column: a, pattern: '[A'}]}")


class TestColumnNames:
    """YAML takes yes, no, on and off for truth values, and 2024 for a number."""

    @pytest.mark.parametrize(("key", "word"), [
        ("target", "yes"), ("time", "on"), ("id", "no"), ("target", "true"), ("positive", "yes"), ("positive", "off"),
        ("missing_target", "no"), ("categorical", "[make, yes]"), ("drop", "[off]"),
    ])  # fmt: skip
    def test_a_bare_word_that_yaml_takes_for_a_truth_value_has_to_be_quoted(self, load, key, word):
        stated = {"time": "begin", "target": "y", key: word}
        text = "schema: {" + ", ".join(f"{name}: {cell}" for name, cell in stated.items()) + "}\n"
        with pytest.raises(ConfigError, match=rf"schema\.{key}.* quote it: {key}: '(yes|no)'"):
            load(text)
        bare = word.strip("[]").split(", ")[-1]
        quoted = getattr(load(text.replace(word, word.replace(bare, f"'{bare}'"))).schema_, key)
        assert quoted == bare or quoted[-1] == bare

    def test_a_number_is_a_name(self, load):
        schema = load("schema: {time: 2023, target: 2024, numeric: [2022, age], missing_values: [-999, '']}\n").schema_
        assert (schema.time, schema.target, schema.numeric) == ("2023", "2024", ("2022", "age"))
        assert schema.missing_values == ("-999", "")


class TestSource:
    def test_an_encoding_that_does_not_exist_is_refused(self, load):
        assert load(MINIMAL, "source.encoding=cp1251").source.encoding == "cp1251"
        with pytest.raises(ConfigError, match=r"source\.encoding.*must be an encoding of text.*\(found 'ansi1251'\)"):
            load(MINIMAL, "source.encoding=ansi1251")

    def test_a_sheet_is_a_name_or_a_number_from_one(self, load):
        assert [load(MINIMAL, f"source.sheet={sheet}").source.sheet for sheet in ("Data", 2)] == ["Data", 2]
        for sheet in (0, -1, "true"):
            with pytest.raises(ConfigError, match=r"source\.sheet.*name of a sheet or its number, counted from 1"):
                load(MINIMAL, f"source.sheet={sheet}")
