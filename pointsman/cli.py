"""The command line: parse, load the configuration, call one flow, print its answer, set the exit code."""

import argparse
import gc
import io
import logging
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pointsman.common.errors import BatchRejected, ConfigError, NoNewData, SwitchyardError
from pointsman.common.interrupts import INTERRUPTED, DeferredInterrupt
from pointsman.common.logs import log_failure, set_up_logging
from pointsman.common.text import is_text, read_number, shorten

if TYPE_CHECKING:
    from pointsman.common.config import Config

COLLECTED_AT = 50_000
"""New objects after which Python looks for cycles. At its own 700 that takes a tenth of a start: libraries are many
objects, and none of them is garbage."""

MODES = ("update", "inference", "summary")
EXAMPLES = """examples:
  python run.py update                        the next batch of the source through every stage
  python run.py update --batches 5            the next five; 'all' takes every one there is
  python run.py update --config b.yaml --from-state state --batches all state_dir=new   begins a state with the raw
                                              batches of another one, as for another target
  python run.py update -file claims.csv       this labelled file as the next batch
  python run.py inference -file new.csv       writes new.csv with predictions and prints where
  python run.py inference -file new.csv -out answers.parquet   any format by its ending, files of any length
  python run.py inference -file new.csv --explain     adds the three strongest reasons of every row
  python run.py summary                       writes the report and prints where
  python run.py explain 3f2a                  what served the request of that decision, and why
  python run.py feedback -file labels.csv     late labels of served rows (predict_id and the target); counts the new
  python run.py quarantine                    what was refused, and why; then release or discard it:
  python run.py quarantine release 7 --why "..."             batch 7, or its rows: 7:12,7:15
  python run.py quarantine discard 7 --reason "target missing" --why "..."
  python run.py models                        what is active; then history, at a date, rollback and decisions by hand:
  python run.py models at 2017-03-01          what was serving then, and why
  python run.py models rollback --to 12       generation 12 is the live state again; this, too, can be undone
  python run.py models promote lightgbm-0007 --why "..."     it serves until: models promote auto --why "..."
  python run.py replay 12                     computes generation 12 again and compares every decision and artefact
  python run.py eda 7                         explores stored batch 7; without a number all, with -file X.csv a file
  python run.py experiments 7                 best trials and runs of batch 7, or all; -file X.csv exports every one
  python run.py backtest --apply              replays the stream under policies of retraining, configures the best
  python run.py serve service.port=8080       a service answers over HTTP; prints its URL
  python run.py update search.trials=40       any key of the configuration can be overridden

exit codes:
  0 done    1 the run failed    2 wrong usage or configuration
  3 update found nothing new    4 update took a batch that was rejected, and kept it aside
update prints True where it accepted a batch, else False.
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    parser = argparse.ArgumentParser(
        prog="run.py",
        description="Learn from a stream of tabular batches and choose, for every request, which model serves it.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-mode", "--mode", choices=MODES, help="the command, in another form: -mode update")
    parser.add_argument("words", nargs="*", metavar="COMMAND | key=value", help=f"{', '.join(COMMANDS)}; overrides")
    parser.add_argument("-file", "--file", type=Path, help="what to predict or explore, update with, or export to")
    parser.add_argument("-out", "--out", type=Path, help="where inference writes: .csv, .csv.gz, .parquet or .xlsx")
    parser.add_argument("--explain", action="store_true", help="add what moved each row's answer most (inference)")
    parser.add_argument("--batches", default="1", help="how many batches update takes: a number or 'all'")
    parser.add_argument("--from-state", type=Path, help="update: begin with the raw batches of the state there")
    parser.add_argument("--why", default="", help="why quarantine or models decides so, for the record")
    parser.add_argument("--to", help="the generation that models rollback goes back to")
    parser.add_argument("--reason", default="", help="release or discard only the rows kept out for this reason")
    parser.add_argument("--apply", action="store_true", help="write what backtest recommends into the configuration")
    parser.add_argument("--config", help="the configuration (default: config.yaml, else the one kept with the state)")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the returned value is the exit code, and stdout carries the answer alone."""
    gc.set_threshold(COLLECTED_AT)
    for stream in (sys.stdout, sys.stderr):  # a path or a label may have letters that the terminal's encoding has not
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    parsed = build_parser().parse_intermixed_args(arguments)
    command = ""
    try:
        command, subject, overrides = read_command(parsed)
        if (answer := run(command, parsed, subject, overrides)) is not None:
            print(answer, flush=True)
    except SwitchyardError as error:
        return _fail(command, error, error.exit_code, parsed.debug)
    except BrokenPipeError:  # whoever reads the answer, such as head, has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (KeyboardInterrupt, Exception) as error:  # a user gets a sentence; its traceback is in the log
        return _fail(command, error, 1, parsed.debug)
    return 0


def read_command(parsed: argparse.Namespace) -> tuple[str, list[str], list[str]]:
    """Return the command, the words that say what it is about, and overrides; ConfigError for anything else."""
    for word in (*parsed.words, parsed.why, parsed.reason):
        if not is_text(word):
            raise ConfigError(f"{shorten(word)!a} is no text in the terminal's encoding; write it in UTF-8.")
    words = list(parsed.words)
    command = parsed.mode or (words.pop(0) if words and "=" not in words[0] else "")
    if command not in COMMANDS:
        raise ConfigError(f"'{command}' is no command; use one of {', '.join(COMMANDS)} (python run.py --help).")
    if parsed.apply and command != "backtest":
        raise ConfigError(f"--apply is an option of backtest and not of {command}; leave it out.")
    if parsed.from_state and (command != "update" or parsed.file):
        raise ConfigError("--from-state is an option of update without -file; leave one of them out.")
    for option, given in (("--out", parsed.out), ("--explain", parsed.explain)):
        if given and command != "inference":
            raise ConfigError(f"{option} is an option of inference and not of {command}; leave it out.")
    subject = [word for word in words if "=" not in word]
    if subject and command in MODES:
        raise ConfigError(f"'{subject[0]}' is neither a command nor an override; write key=value.")
    return command, subject, [word for word in words if "=" in word]


def run(command: str, parsed: argparse.Namespace, subject: list[str], overrides: list[str]) -> object:
    """Call the flow of a command and return what it answers."""
    is_update = command == "update"
    needs_file = is_update or (command == "backtest" and (parsed.apply or bool(subject)))
    with DeferredInterrupt():
        from pointsman.registry.own_config import choose_config

        config, told = choose_config(parsed.config, overrides, not needs_file, checks_itself=is_update)
    set_up_logging(config.state_dir)
    for sentence in told:
        logging.getLogger("run").warning("%s", sentence)
    return COMMANDS[command](config, parsed, subject)


def run_update(config: "Config", parsed: argparse.Namespace, _subject: list[str]) -> bool:
    """Take the next batch, or several."""
    from pointsman.common.extras import check_extras
    from pointsman.model_zoo import get_family
    from pointsman.pipeline.update import update

    check_extras(config)
    for family in config.search.families:  # one that is unknown is refused before a batch is read
        get_family(family)
    return update(config, read_batches(parsed.batches, parsed.file), parsed.file, parsed.from_state)


def run_inference(config: "Config", parsed: argparse.Namespace, _subject: list[str]) -> Path:
    """Answer a file."""
    if parsed.file is None:
        raise ConfigError("inference needs the file to predict; add -file X.csv.")
    from pointsman.pipeline.inference import infer

    return infer(config, parsed.file, parsed.out, parsed.explain)


def run_summary(config: "Config", _parsed: argparse.Namespace, _subject: list[str]) -> Path:
    """Write the report."""
    from pointsman.pipeline.summary import summarise

    return summarise(config)


def run_explain(config: "Config", _parsed: argparse.Namespace, subject: list[str]) -> str:
    """Say what served a request, and why."""
    if len(subject) != 1:
        raise ConfigError("explain needs the id of a decision, which stands in the name of the answered file.")
    from pointsman.pipeline.explain import explain

    return explain(config, subject[0])


def run_feedback(config: "Config", parsed: argparse.Namespace, _subject: list[str]) -> str:
    """Take labels of rows that were served."""
    if parsed.file is None:
        raise ConfigError("feedback needs the file of labels; add -file labels.csv.")
    from pointsman.pipeline.feedback import receive

    return receive(config, parsed.file)


def run_quarantine(config: "Config", parsed: argparse.Namespace, subject: list[str]) -> str:
    """List what is in quarantine, or release or discard some of it."""
    from pointsman.pipeline.quarantine import quarantine

    return quarantine(config, subject, parsed.why, parsed.reason)


def run_models(config: "Config", parsed: argparse.Namespace, subject: list[str]) -> str:
    """Tell what serves or served, or decide about it."""
    from pointsman.pipeline.models import models

    return models(config, subject, read_generation(parsed.to), parsed.why)


def run_replay(config: "Config", _parsed: argparse.Namespace, subject: list[str]) -> str:
    """Compute a stored generation again and compare."""
    from pointsman.pipeline.replay import replay

    return replay(config, subject)


def run_eda(config: "Config", parsed: argparse.Namespace, subject: list[str]) -> Path:
    """Write the page that explores a batch, the whole store or a file."""
    from pointsman.pipeline.eda import explore

    return explore(config, subject, parsed.file)


def run_backtest(config: "Config", parsed: argparse.Namespace, subject: list[str]) -> str:
    """Hold policies of retraining against each other on the stored stream."""
    if subject not in ([], ["apply"]):
        raise ConfigError(f"backtest knows no '{subject[0]}'; leave it out, or write --apply to configure the winner.")
    from pointsman.pipeline.backtest import backtest

    return backtest(config, Path(parsed.config or "config.yaml") if subject or parsed.apply else None)


def run_serve(config: "Config", _parsed: argparse.Namespace, subject: list[str]) -> None:
    """Answer requests over HTTP until a signal ends it; its URL is printed when it accepts them."""
    if subject:
        raise ConfigError(f"serve knows no '{subject[0]}'; write overrides as service.port=8080.")
    from pointsman.pipeline.serve import serve

    serve(config)


def run_experiments(config: "Config", parsed: argparse.Namespace, subject: list[str]) -> object:
    """Show the leaderboards of a batch or of all, or export every run and trial."""
    from pointsman.pipeline.experiments import show_experiments

    return show_experiments(config, subject, parsed.file)


COMMANDS: dict[str, Callable[["Config", argparse.Namespace, list[str]], object]] = {
    "update": run_update,
    "inference": run_inference,
    "summary": run_summary,
    "explain": run_explain,
    "feedback": run_feedback,
    "quarantine": run_quarantine,
    "models": run_models,
    "replay": run_replay,
    "eda": run_eda,
    "experiments": run_experiments,
    "backtest": run_backtest,
    "serve": run_serve,
}
"""What each command calls: with the configuration, the options, and the words that say what it is about."""


def read_batches(text: str, file: Path | None) -> int | None:
    """Return how many batches to take, None for all; a file is one batch."""
    if text == "all" and file is None:
        return None
    number = read_number(text)
    if not number or (file is not None and text != "1"):
        raise ConfigError(
            f"--batches is '{shorten(text)}'; write a number from 1 or 'all', and leave it out with -file."
        )
    return number


def read_generation(text: str | None) -> int | None:
    """Return the generation that --to names, None without one."""
    if text is None or (number := read_number(text)) is not None:
        return None if text is None else number
    raise ConfigError(f"--to is '{shorten(text)}'; write the number of a generation, which models history lists.")


def _fail(command: str, error: BaseException, exit_code: int, debug: bool) -> int:
    """Say why a run failed: one sentence, on stderr and in the log of the state, and the traceback where it helps."""
    known = isinstance(error, SwitchyardError)
    sentence = INTERRUPTED if isinstance(error, KeyboardInterrupt) else str(error)
    if not known and sentence is not INTERRUPTED:
        sentence = f"{type(error).__name__}: {error}"
    log = log_failure(sentence, None if known else error, expected=isinstance(error, NoNewData))
    if debug:
        traceback.print_exception(error)
    if command == "update" and not isinstance(error, ConfigError):
        print(isinstance(error, BatchRejected) and error.others_accepted, flush=True)
    if not known and sentence is not INTERRUPTED:
        where = f"'{log}' has its traceback" if log else "run again with --debug for its traceback"
        sentence = f"{sentence} (an unforeseen failure; {where})"
    print(sentence if isinstance(error, NoNewData) else f"Error: {sentence}", file=sys.stderr)
    return exit_code
