"""The commands, in the order in which help lists them: what each is for, takes, and calls.

A new command is a line here, a function in flows.py and a file in pipeline/.
"""

from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from pointsman import flows, options

if TYPE_CHECKING:
    from pointsman.common.config import Config
    from pointsman.options import Option

MODES = ("update", "inference", "summary")
"""What -mode can name."""


class Command(NamedTuple):
    """A command.

    purpose:  a line of help
    run:      what it calls: with the configuration, the options, and the words that say what it is about
    examples: what is typed behind the program's name, with what it does
    options:  what it takes beside the options that all commands share
    words:    how help names the words that say what it is about; '' where it takes none
    """

    purpose: str
    run: "Callable[[Config, Namespace, list[str]], object]"
    examples: tuple[tuple[str, str], ...]
    options: "tuple[Option, ...]" = ()
    words: str = ""


COMMANDS: Mapping[str, Command] = {
    "update": Command(
        "learn from the next batch of the source; prints True where it accepted a batch, else False",
        flows.run_update,
        (
            ("update", "the next batch of the source through every stage"),
            ("update --batches 5", "the next five; 'all' takes every one there is"),
            ("update -file claims.csv", "this labelled file as the next batch"),
            ("update --time-limit 60", "within about a minute: what does not fit is left out, and told"),
            ("update search.trials=40", "any key of the configuration can be overridden"),
            (
                "update --config b.yaml --from-state state --batches all state_dir=new",
                "begins a state with the raw batches of another one, as for another target",
            ),
        ),
        (
            options.BATCHES,
            options.TIME_LIMIT,
            options.FILE.about("this labelled file as the next batch"),
            options.FROM_STATE,
        ),
    ),
    "inference": Command(
        "answer a file of rows; prints the path of what it wrote",
        flows.run_inference,
        (
            ("inference -file new.csv", "writes new.csv with predictions and prints where"),
            ("inference -file new.csv -out answers.parquet", "any format by its ending, files of any length"),
            ("inference -file new.csv --explain", "adds the three strongest reasons of every row"),
        ),
        (options.FILE.about("the rows to predict"), options.OUT, options.EXPLAIN),
    ),
    "summary": Command(
        "write the report, or the documentation of the model; prints its path",
        flows.run_summary,
        (
            ("summary", "writes the report and prints where"),
            ("summary -out report.pdf", "the report as PDF, printed by a browser that is here; also .html or .json"),
            ("summary -out model.md", "documents what is in production for an audit; also .docx (an extra)"),
        ),
        (options.OUT.about("where to write instead: .html, .json, .pdf, .md or .docx, by its ending"),),
    ),
    "explain": Command(
        "say what served a request, and why",
        flows.run_explain,
        (("explain 3f2a", "what served the request of that decision, and why"),),
        words="ID",
    ),
    "feedback": Command(
        "take late labels of served rows; prints how many are new",
        flows.run_feedback,
        (("feedback -file labels.csv", "late labels of served rows (predict_id and the target); counts the new"),),
        (options.FILE.about("the labels: predict_id and the target's name, or label"),),
    ),
    "quarantine": Command(
        "list what was refused, release it or discard it",
        flows.run_quarantine,
        (
            ("quarantine", "what was refused, and why; then release or discard it:"),
            ('quarantine release 7 --why "..."', "batch 7, or its rows: 7:12,7:15"),
            ('quarantine discard 7 --reason "target missing" --why "..."', "its rows that were kept out for that"),
        ),
        (options.WHY, options.REASON),
        words="release|discard BATCH",
    ),
    "models": Command(
        "show what serves or served, go back, or decide by hand",
        flows.run_models,
        (
            ("models", "what is active; then history, at a date, rollback and decisions by hand:"),
            ("models history", "every generation: when, by whom, why"),
            ("models at 2017-03-01", "what was serving then, and why"),
            ("models show ensemble-0061", "its model card"),
            ("models rollback --to 12", "generation 12 is the live state again; this, too, can be undone"),
            ('models promote lightgbm-0007 --why "..."', 'it serves until: models promote auto --why "..."'),
            ('models retire knn-0040 --why "..."', "a single model; its ensembles are made anew"),
            ("models rebuild", "fits again what is broken, from raw batches"),
            ("models publish ensemble-0061", "to an MLflow registry, in Production there (an extra)"),
            ("models gc", "removes what nothing needs"),
        ),
        (options.TO, options.WHY),
        words="WORD",
    ),
    "replay": Command(
        "compute a stored generation again and compare",
        flows.run_replay,
        (("replay 12", "computes generation 12 again and compares every decision and artefact; or all"),),
        words="NUMBER|all",
    ),
    "eda": Command(
        "explore stored rows or a file, as one page; prints its path",
        flows.run_eda,
        (("eda 7", "explores stored batch 7; without a number all, with -file X.csv a file"),),
        (options.FILE.about("explore this file instead"),),
        words="BATCH",
    ),
    "experiments": Command(
        "show the best trials and runs, or export every one",
        flows.run_experiments,
        (("experiments 7", "best trials and runs of batch 7, or all; -file X.csv exports every one"),),
        (options.FILE.about("export every run and trial to this file"),),
        words="BATCH",
    ),
    "backtest": Command(
        "replay the stream under policies of retraining, and recommend one",
        flows.run_backtest,
        (("backtest --apply", "replays the stream under policies of retraining, configures the best"),),
        (options.APPLY,),
        words="apply",
    ),
    "check": Command(
        "look whether everything that was stored is what it was; exit code 0, or 1 with a sentence on each finding",
        flows.run_check,
        (
            ("check", "the catalogue, its copy and journal, all files, and the models that serve"),
            ("check --mend", "mends what the state itself can mend, and looks again"),
        ),
        (options.MEND,),
    ),
    "serve": Command(
        "answer requests over HTTP",
        flows.run_serve,
        (("serve service.port=8080", "a service answers over HTTP; prints its URL"),),
    ),
}
