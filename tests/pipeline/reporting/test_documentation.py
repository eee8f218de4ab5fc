"""Model documentation: every figure is that of the catalogue, in Markdown and in the file of a word processor alike."""

import io
import re
from dataclasses import replace
from datetime import datetime

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
from pointsman.pipeline.reporting.documentation.word import render_word
from pointsman.pipeline.reporting.formats import format_number
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.printing import find_browser, print_page
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
