"""The command line: parse, load the configuration, call one flow, print its answer, set the exit code."""

import gc
import io
import logging
import os
import sys
from collections.abc import Sequence

from pointsman.commands import COMMANDS
from pointsman.common.errors import BatchRejected, ConfigError, NoNewData, PointsmanError, Restored
from pointsman.common.interrupts import INTERRUPTED, DeferredInterrupt
from pointsman.common.logs import log_failure, set_up_logging
from pointsman.common.redaction import as_told
from pointsman.common.text import show_line
from pointsman.parsing import Given, build_main_parser, find_command, parse

COLLECTED_AT = 50_000
"""New objects after which Python looks for cycles. At its own 700 that takes a tenth of a start: libraries are many
objects, and none of them is garbage."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the returned value is the exit code, and stdout carries the answer alone."""
    gc.set_threshold(COLLECTED_AT)
    for stream in (sys.stdout, sys.stderr):  # a path or a label may have letters that the terminal's encoding has not
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    words = list(sys.argv[1:] if arguments is None else arguments)
    command, debug = "", "--debug" in words
    try:
        command, rest = find_command(words)
        if not command:
            build_main_parser().parse_known_args(rest)  # prints help or the version, and ends there
        if (answer := run(command, parse(command, rest))) is not None:
            print(as_told(answer) if isinstance(answer, str) else answer, flush=True)
    except PointsmanError as error:
        return _fail(command, error, error.exit_code, debug)
    except BrokenPipeError:  # whoever reads the answer, such as head, has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (KeyboardInterrupt, Exception) as error:  # a user gets a sentence; its traceback is in the log
        return _fail(command, error, 1, debug)
    return 0


def run(command: str, given: Given) -> object:
    """Call the flow of a command and return what it answers."""
    is_update = command == "update"
    needs_file = is_update or (command == "backtest" and (given.options.apply or bool(given.subject)))
    with DeferredInterrupt():
        from pointsman.registry.own_config import choose_config

        config, told = choose_config(given.options.config, given.overrides, not needs_file, checks_itself=is_update)
    set_up_logging(config.state_dir)
    for sentence in told:
        logging.getLogger("run").warning("%s", sentence)
    try:
        return COMMANDS[command].run(config, given.options, given.subject)
    except Restored as restored:
        if command in ("update", "serve"):  # some of its batches may be taken
            raise
        logging.getLogger("run").warning("%s", str(restored).removesuffix("; run this again."))
    return COMMANDS[command].run(config, given.options, given.subject)


def _fail(command: str, error: BaseException, exit_code: int, debug: bool) -> int:
    """Say why a run failed: one sentence, on stderr and in the log of the state, and the traceback where it helps."""
    known = isinstance(error, PointsmanError)
    sentence = INTERRUPTED if isinstance(error, KeyboardInterrupt) else str(error)
    if not known and sentence is not INTERRUPTED:
        sentence = f"{type(error).__name__}: {error}"
    log = log_failure(sentence, None if known else error, expected=isinstance(error, NoNewData))
    if debug:
        import traceback

        print(as_told("".join(traceback.format_exception(error))), end="", file=sys.stderr)
    if command == "update" and not isinstance(error, ConfigError):
        print(isinstance(error, BatchRejected) and error.others_accepted, flush=True)
    if not known and sentence is not INTERRUPTED:
        where = f"'{log}' has its traceback" if log else "run again with --debug for its traceback"
        sentence = f"{sentence} (an unforeseen failure; {where})"
    told = show_line(sentence if isinstance(error, NoNewData) else f"Error: {sentence}")
    print(as_told(told), file=sys.stderr)
    return exit_code
