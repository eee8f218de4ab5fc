"""Model documentation: every figure is that of the catalogue, in Markdown and in the file of a word processor alike."""

import io
import re
from dataclasses import replace
from datetime import date, datetime

import docx
import pytest
import small_stream
import sqlalchemy as sa
from made_state import MadeState, make_schema

import pointsman.pipeline.summary as summary
from pointsman.common.errors import ConfigError, PointsmanError
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import open_state
from pointsman.common.task import Task
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.reporting.documentation.chapters import document_model
from pointsman.pipeline.reporting.documentation.document import Bullets, Chapter, Document, Paragraph, Table
from pointsman.pipeline.reporting.documentation.markdown import render_markdown
from pointsman.pipeline.reporting.documentation.validity import describe_drift, describe_limits
from pointsman.pipeline.reporting.documentation.word import render_word
from pointsman.pipeline.reporting.first_verdicts import FirstVerdict
from pointsman.pipeline.reporting.formats import format_number
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.printing import find_browser, print_page
from pointsman.pipeline.reporting.sections.drift import AlarmLine, DriftFigures, Suspicion
from pointsman.pipeline.reporting.sections.features import FeatureFigures, say_use
from pointsman.pipeline.validation.tables import scores_table
from pointsman.registry.generations import load_generation
from pointsman.registry.tables import generations_table, versions_table

DATE = datetime(2026, 1, 2, 3, 4)
TABLE = re.compile(r"^(.+):\n\n((?:\|.*\|\n)+)", re.MULTILINE)


def read_tables(markdown):
    """The tables of a Markdown text by their caption: rows of cells by their header."""
    tables = {}
    for caption, lines in TABLE.findall(markdown):
        rows = [re.split(r"(?<!\\)\|", line.strip()[1:-1]) for line in lines.splitlines()]
        cells = [[re.sub(r"\\(.)", r"\1", cell.strip()) for cell in row] for row in rows]
        tables[caption] = [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]
    return tables


@pytest.fixture(scope="module")
def documented(linear_stream):
    """The documentation of a learned state, and what its catalogue holds."""
    config = small_stream.configure(linear_stream, small_stream.LINEAR)
    with open_state(config) as state:
        document = summary.make_documentation(config, state, DATE)
        known = {one: read_rows(state.engine, sa.select(one)) for one in (batches, scores_table, versions_table)}
        known[generations_table] = read_rows(state.engine, sa.select(generations_table))
        return document, known, load_generation(state)


@pytest.fixture(scope="module")
def tables(documented):
    return read_tables(render_markdown(documented[0]))


class TestFigures:
    def test_it_has_what_an_auditor_asks_for(self, documented):
        document, _, generation = documented
        headings = [chapter.heading for chapter in document.chapters]
        assert headings == ["Purpose", "Data", "Features", "Model", "Validation", "Limits", "History"]
        text = render_markdown(document).replace("\\", "")
        assert f"{generation.production.id} is in production" in text
        assert "Written on 2 Jan 2026 03:04 (UTC)" in text

    def test_batches_are_those_of_the_catalogue(self, documented, tables):
        stored = {str(row["number"]): row for row in documented[1][batches]}
        assert [row["batch"] for row in tables["Batches"]] == sorted(stored)
        for row in tables["Batches"]:
            own = stored[row["batch"]]
            assert (row["rows"], row["status"]) == (f"{own['rows']:,}", own["status"])
            assert row["from"] == f"{own['start'].day} {own['start']:%b %Y}"

    def test_inputs_are_those_of_the_schema(self, documented, tables):
        schema = documented[2].schema
        assert [row["column"] for row in tables["Inputs"]] == list(schema.inputs)
        left_out = {row["column"]: row["why"] for row in tables["Columns that models do not read"]}
        assert left_out == schema.unused

    def test_models_are_those_in_production_with_what_they_learned(self, documented, tables):
        production = documented[2].production
        stored = {row["id"]: row for row in documented[1][versions_table]}
        weights = {row["member"]: row["weight"] for row in tables["Members and their weights for clean rows"]}
        assert production.is_ensemble
        for name, share in production.members[0].items():
            assert float(weights.pop(name).rstrip("\u00a0%")) == pytest.approx(100 * share, abs=0.051)
        assert weights == {}
        for row in tables["Fitted models"]:
            own = stored[row["model"]]
            assert row["rows"] == f"{own['rows']:,}"
            assert row["encoding"] == own["variant"]
            assert row["learned"] == f"batches {own['first_batch']} to {own['last_batch']}"

    def test_scores_are_those_that_were_stored_before_a_batch_was_learned(self, documented, tables):
        stored = {
            (str(row["batch"]), row["version"], row["metric"]): row
            for row in documented[1][scores_table]
            if row["kind"] == "prequential"
        }
        shown = tables["Its model on batches that it had not learned"]
        assert len(shown) >= 2
        for row in shown:
            own = stored[row["batch"], row["version"], "log_loss"]
            assert (row["log-loss"], row["rows"]) == (format_number(own["observed"]), f"{own['rows']:,}")
            prior = [one for key, one in stored.items() if key[0] == row["batch"] and key[1].startswith("prior")]
            known = next(one["observed"] for one in prior if one["metric"] == "log_loss")
            assert row["of the prior"] == format_number(known)

    def test_history_is_that_of_the_generations(self, documented, tables):
        stored = documented[1][generations_table]
        shown = tables["Generations"]
        assert [row["generation"] for row in shown] == [str(row["number"]) for row in stored[::-1]]
        assert [row["batch"] for row in shown] == [str(row["batch"]) for row in stored[::-1]]
        assert {row["by"] for row in shown} == {row["who"] for row in stored}

    def test_caveats_are_said_once_for_all_that_they_are_true_of(self, documented):
        limits = next(chapter for chapter in documented[0].chapters if chapter.heading == "Limits")
        sentences = [item.split(": ", 1)[1] for item in limits.blocks[0].items]
        assert len(sentences) == len(set(sentences))
        assert any("fewer than 1,000" in sentence for sentence in sentences)


class TestYoung:
    """What is said while there is little to say it by."""

    def test_what_was_set_aside_speaks_for_a_model_that_no_batch_has_tested(self, tmp_path):
        made = MadeState(tmp_path).add(1)
        with open_state(made.config) as state:
            written = render_markdown(summary.make_documentation(made.config, state, DATE)).replace("\\", "")
        assert "No batch has come since it was first made." in written
        assert "It has no score yet." not in written
        assert "measured on 200 later rows of batch 1, set aside while it learned" in written
        assert "It ranks 71 of 100 pairs rightly." in written
        table = read_tables(written)["All metrics out of fold, on these rows"]
        assert {row["metric"]: row["its model"] for row in table}["ROC-AUC"] == "0.7100"

    def test_one_batch_reads_as_one_and_counts_are_written_in_one_notation(self, tmp_path):
        made = MadeState(tmp_path).add(1)
        with open_state(made.config) as state:
            assert "1 batch came, with 200 rows; it was accepted." in self.tell(made, state)
        made.add(5).reject("every label is missing")
        with open_state(made.config) as state:
            told = self.tell(made, state)
        assert "7 batches came, with 1,400 rows; 6 batches were accepted. Of all rows, 1,170 are learned" in told

    def tell(self, made, state):
        return render_markdown(summary.make_documentation(made.config, state, DATE)).replace("\\", "")

    def test_models_that_a_caveat_is_true_of_are_told_apart_from_what_it_is(self, tmp_path):
        made = MadeState(tmp_path).add(3)
        with open_state(made.config) as state:
            history = History(made.config, state, load_generation(state), DATE)
            found = describe_limits(history, {"a-1": ["It learned."], "b-2": ["It learned."], "c-3": ["It is old."]})[0]
        assert found.items == ("Each of a-1 and b-2: It learned.", "c-3: It is old.")

    COMING = FirstVerdict("data", 9, date(2026, 5, 3)), FirstVerdict("concept", 11, None)

    def tell_drift(self, suspicions=(), alarms=(), coming=()):
        found = DriftFigures(0.01, alarms, (), suspicions, (), 5, (), (), 0, coming)
        return [one.text for one in describe_drift(found, "log-loss a row") if isinstance(one, Paragraph)]

    def test_a_batch_that_was_not_judged_raised_no_verdict(self):
        first, second = self.tell_drift(coming=self.COMING)
        assert first == "Batch 5 is not judged for drift yet."
        assert second.endswith(
            "the first verdict comes at the earliest with batch 9 for data drift (about 3 May 2026, by the stream’s "
            "rhythm) and batch 11 for concept drift."
        )
        assert self.tell_drift() == ["Batch 5 was not judged for drift."]

    def test_no_alarm_is_said_of_what_was_judged_alone(self):
        data, concept = Suspicion(5, "data", 0.5), Suspicion(5, "concept", 0.5)
        assert self.tell_drift((data, concept)) == ["Batch 5 raised no alarm of drift."]
        first, second = self.tell_drift((data,), coming=self.COMING[1:])
        assert first == "Batch 5 raised no alarm of data drift."
        assert second.endswith("comes at the earliest with batch 11 for concept drift.")
        assert self.tell_drift((Suspicion(4, "data", 0.5),)) == ["Batch 5 was not judged for drift."]
        alarm = AlarmLine(5, "data", "age", "mean", 0.001, 0.1, "")
        assert self.tell_drift((data, concept), (alarm,)) == []

    @pytest.mark.parametrize(
        ("measured", "covered", "used", "told"),
        [
            (1, True, True, "yes, measured 1 of 3 times that a verdict takes"),
            (3, True, True, "yes, it does not surely harm"),
            (4, True, False, "no, it surely harms"),
            (4, False, True, "yes, it surely helps"),
            (4, False, False, "not yet, history is too short for its season"),
            (
                2,
                False,
                False,
                "not yet, history is too short for its season (measured 2 of 3 times that a verdict takes)",
            ),
        ],
    )
    def test_whether_a_feature_is_learned_comes_with_what_decides_it(self, measured, covered, used, told):
        # The gain is that of a feature which surely harms by its newest measurement.
        one = FeatureFigures("day_weekday", "", 5, -3579.0, -5833.0, -1326.0, 90, covered, used, measured, 0, 1)
        assert say_use(one) == told

    def test_the_rule_that_decides_on_features_is_said_beside_them(self, tmp_path):
        made = MadeState(tmp_path).add(3)
        with open_state(made.config) as state:
            assert "by the mean of its newest 4 measurements; there have to be 3 at least" in self.tell(made, state)


class TestForms:
    def read_word(self, content):
        written = docx.Document(io.BytesIO(content))
        paragraphs = [(one.style.name, one.text) for one in written.paragraphs]
        return paragraphs, [[[cell.text for cell in row.cells] for row in table.rows] for table in written.tables]

    def test_the_file_of_a_word_processor_says_the_same(self, documented):
        document = documented[0]
        paragraphs, tables = self.read_word(render_word(document))
        blocks = [block for chapter in document.chapters for block in chapter.blocks]
        shown = [block for block in blocks if isinstance(block, Table)]
        assert tables == [[list(row) for row in (table.header, *table.rows)] for table in shown]
        texts = [text for _, text in paragraphs]
        assert [text for style, text in paragraphs if style == "Heading 1"] == [
            one.heading for one in document.chapters
        ]
        for block in blocks:
            if isinstance(block, Paragraph):
                assert block.text in texts
            elif isinstance(block, Bullets):
                assert set(block.items) <= set(texts)

    def test_names_and_cells_are_text_whatever_they_hold(self):
        nasty = "a|b *c* <img src=x> [d](e) `f`\n# g\\ \x00"
        document = Document(nasty, (Chapter(nasty, (Table(nasty, (nasty, "y"), ((nasty, nasty),)), Paragraph(nasty))),))
        written = render_markdown(document)
        assert "<img" not in written.replace("\\<", "")
        assert len([line for line in written.splitlines() if line.startswith("#")]) == 2
        paragraphs, tables = self.read_word(render_word(document))
        assert len(tables[0][0]) == 2
        assert any("<img src=x>" in text for _, text in paragraphs)

    @pytest.mark.parametrize("task", list(Task))
    def test_every_task_is_documented(self, tmp_path, task):
        made = MadeState(tmp_path).add(3)
        with open_state(made.config) as state:
            generation = replace(load_generation(state), schema=make_schema(task))
            history = History(made.config, state, generation, DATE)
            written = render_markdown(document_model(history, {}))
        assert f"({task.value})" in written
        assert ("Its classes are" in written) == task.is_classification
        assert not re.search(r"\bNone\b(?! of)|\bnan\b", written)

    def test_a_single_model_in_production_is_documented_with_its_own_caveats(self, tmp_path):
        made = MadeState(tmp_path).add(3)
        with open_state(made.config) as state:
            production = load_generation(state).production
            document = summary.make_documentation(made.config, state, DATE)
        assert not production.is_ensemble
        limits = next(chapter for chapter in document.chapters if chapter.heading == "Limits")
        assert all(item.startswith(f"{production.id}: ") for item in limits.blocks[0].items)
        fitted = read_tables(render_markdown(document))["Fitted models"]
        assert [row["model"] for row in fitted] == [production.id]


class TestWritten:
    @pytest.fixture
    def config(self, linear_stream):
        return small_stream.configure(linear_stream, small_stream.LINEAR)

    @pytest.mark.parametrize("ending", [".md", ".docx"])
    def test_the_ending_says_what_is_written(self, config, tmp_path, ending):
        out = tmp_path / f"model{ending}"
        assert summary.summarise(config, DATE, out) == out
        assert out.read_bytes()[:2] == {".md": b"# ", ".docx": b"PK"}[ending]

    def test_another_ending_is_refused_before_anything_is_done(self, config, tmp_path):
        with pytest.raises(ConfigError, match=r"'model\.odt' has an ending that summary does not write; use \.html"):
            summary.summarise(config, DATE, tmp_path / "model.odt")

    def test_what_is_missing_is_named_with_the_fix(self, config, tmp_path, monkeypatch):
        monkeypatch.setattr(summary, "has_extra", lambda _extra: False)
        with pytest.raises(ConfigError, match=r"needs python-docx, .* pip install -r requirements-docx\.txt"):
            summary.summarise(config, DATE, tmp_path / "model.docx")
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(ConfigError, match=r"install Chromium or Chrome .* or write -out report\.html"):
            summary.summarise(config, DATE, tmp_path / "report.pdf")

    def test_a_browser_prints_a_page(self):
        try:
            browser = find_browser()
        except ConfigError:
            pytest.skip("there is no browser here")
        page = "<!doctype html><html><title>x</title><body><h1>Printed</h1></body></html>"
        printed = print_page(page.encode(), browser)
        assert printed.startswith(b"%PDF")
        assert len(printed) > 1000

    def test_a_browser_that_does_not_print_is_a_sentence(self, tmp_path):
        broken = tmp_path / "chromium"
        broken.write_text("#!/bin/sh\necho no display >&2\nexit 1\n")
        broken.chmod(0o755)
        with pytest.raises(PointsmanError, match=r"did not print the report \(no display\); write -out report\.html"):
            print_page(b"<html>", str(broken))


@pytest.mark.parametrize("name", ["report.pdf", "model.md", "report.html"])
def test_a_folder_that_is_not_there_is_an_error_that_names_the_way_out(tmp_path, name):
    out = tmp_path / "not" / "there" / name
    with pytest.raises(ConfigError, match=r"there is no folder .*there'; make it \(mkdir -p"):
        summary.summarise(MadeState(tmp_path / "state").config, out=out)
    assert not out.parent.exists()
    (tmp_path / name).mkdir()
    with pytest.raises(ConfigError, match="is a folder; name a file in it"):
        summary.summarise(MadeState(tmp_path / "state").config, out=tmp_path / name)
