"""From the words of the command line to a command and what it was given: one parser a command.

argparse's own subparsers cannot take overrides and options in any order, so the command is found first, and its parser
reads the rest.
"""

import argparse
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple, NoReturn

from pointsman.commands import COMMANDS, MODES, Command
from pointsman.common.errors import ConfigError
from pointsman.common.program import CHECKOUT, as_typed
from pointsman.common.text import is_text, shorten
from pointsman.options import MODE, SHARED, Option

ALL_OPTIONS = (*SHARED, *(option for command in COMMANDS.values() for option in command.options))
WIDEST_EXAMPLE = 50
"""An example of fewer characters has its explanation on the same line."""

MOST_EXAMPLES = 3
"""Examples of each command in the help of all commands; a command's own help shows every one."""

EXIT_CODES = """exit codes:
  0 done    1 the run failed    2 wrong usage or configuration
  3 update found nothing new    4 update took a batch that was rejected, and kept it aside
"""


class Given(NamedTuple):
    """What the command line says: options, the words that say what it is about, and overrides key=value."""

    options: argparse.Namespace
    subject: list[str]
    overrides: list[str]


class Parser(argparse.ArgumentParser):
    """A parser whose errors are plain sentences, as everywhere else, with commands as the user types them."""

    def error(self, message: str) -> NoReturn:
        """Raise ConfigError."""
        raise ConfigError(f"{message[:1].upper()}{message[1:]}; {self.prog} --help shows what it takes.")

    def format_help(self) -> str:
        """Return the help."""
        return as_typed(super().format_help())


def find_command(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Return the command and all other arguments; '' where none is named.

    It is what -mode names, or the first word that is neither an option, nor an option's value, nor an override.

    >>> find_command(["seed=1", "--config", "a.yaml", "models", "history"])
    ('models', ['seed=1', '--config', 'a.yaml', 'history'])
    >>> find_command(["-mode", "inference", "-file", "new.csv"])
    ('inference', ['-file', 'new.csv'])
    """
    rest, first, mode = [], None, ""
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        form, has_value, stated = word.partition("=")
        if form in MODE.forms:
            mode = read_mode(stated if has_value else waiting.pop(0) if waiting else "")
            continue
        if word == "--":
            rest.append(word)
            continue
        # With its value, which would otherwise pass for the command.
        if word.startswith("-") and word != "-":
            rest += [word, *([waiting.pop(0)] if waiting and not has_value and _takes_value(form) else [])]
            continue
        if first is None and "=" not in word:
            first = len(rest)
        rest.append(word)
    if mode or first is None:
        return mode, rest
    return rest.pop(first), rest


def read_mode(named: str) -> str:
    """Return the command that -mode names; ConfigError for any other than the three it can."""
    if named not in MODES:
        raise ConfigError(f"-mode takes {', '.join(MODES[:-1])} or {MODES[-1]}, not '{shorten(named)}'.")
    return named


def _takes_value(form: str) -> bool:
    """Return whether a value follows an option, which may be abbreviated as long as it is unambiguous."""
    exact = [option.takes_value for option in ALL_OPTIONS if form in option.forms]
    cut = [option.takes_value for option in ALL_OPTIONS if any(known.startswith(form) for known in option.forms)]
    return any(exact or cut)


def build_main_parser() -> Parser:
    """Return the parser of what stands before any command: help and the version."""
    from pointsman import __version__

    parser = Parser(
        prog=as_typed(CHECKOUT),
        usage=f"{CHECKOUT} COMMAND [options] [key=value ...]",
        description="Learn from a stream of tabular batches and choose, for every request, which model serves it.",
        epilog=f"{list_commands()}\n\n{list_examples(COMMANDS.values(), MOST_EXAMPLES)}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pointsman {__version__}")
    return parser


def build_parser(name: str) -> Parser:
    """Return the parser of one command."""
    command = COMMANDS[name]
    parser = Parser(
        prog=as_typed(f"{CHECKOUT} {name}"),
        description=f"{command.purpose[0].upper()}{command.purpose[1:]}.",
        epilog=f"{list_examples([command])}\n\nkey=value overrides any key of the configuration.\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    named = f"{command.words} | key=value" if command.words else "key=value"
    parser.add_argument("words", nargs="*", metavar=named, help="what it is about; overrides" if command.words else "")
    for option in (*command.options, *SHARED):
        option.add_to(parser)
    return parser


def list_commands() -> str:
    """Return the commands and what each is for, for help."""
    lines = [f"  {name:<13}{command.purpose}" for name, command in COMMANDS.items()]
    more = f"{CHECKOUT} COMMAND --help shows the options of one, and more examples."
    other = f"{CHECKOUT} -mode COMMAND is another form of {', '.join(MODES[:-1])} and {MODES[-1]}."
    return "\n".join(["commands:", *lines, "", more, other])


def list_examples(commands: Iterable[Command], most: int | None = None) -> str:
    """Return the examples of commands, at most ``most`` of each, for help."""
    lines = ["examples:"]
    for typed, purpose in (example for command in commands for example in command.examples[:most]):
        shown = f"  {CHECKOUT} {typed}"
        fits = len(shown) < WIDEST_EXAMPLE
        lines += [f"{shown:<{WIDEST_EXAMPLE}}{purpose}"] if fits else [shown, f"{'':<{WIDEST_EXAMPLE}}{purpose}"]
    return "\n".join(lines)


def parse(name: str, arguments: Sequence[str]) -> Given:
    """Return what a command was given; ConfigError for what it does not know."""
    if name not in COMMANDS:
        raise refuse_command(name)
    parsed, unknown = build_parser(name).parse_known_intermixed_args(arguments)
    if unknown:
        raise refuse_option(name, unknown[0])
    for word in (*parsed.words, getattr(parsed, "why", ""), getattr(parsed, "reason", "")):
        if not is_text(word):
            raise _refuse_bytes(word)
    if getattr(parsed, "from_state", None) and parsed.file:
        raise ConfigError("--from-state is an option of update without -file; leave one of them out.")
    subject = [word for word in parsed.words if "=" not in word]
    if subject and not COMMANDS[name].words:
        raise ConfigError(f"'{shorten(subject[0])}' is neither a command nor an override; write key=value.")
    overrides = [word for word in parsed.words if "=" in word]
    if (seconds := getattr(parsed, "time_limit", None)) is not None:
        overrides.append(f"update.seconds={read_seconds(seconds)}")
    return Given(parsed, subject, overrides)


def read_seconds(text: str) -> float:
    """Return the seconds that --time-limit states; ConfigError where it states none.

    >>> read_seconds("60")
    60.0
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise ConfigError(f"--time-limit is '{shorten(text)}'; write how many seconds a batch may take, such as 60.")
    return seconds


def refuse_command(name: str) -> ConfigError:
    """Return the error for an unknown command, with the one that was probably meant, or all of them.

    >>> str(refuse_command("updat"))
    "'updat' is no command; did you mean 'update'? (python run.py --help lists all of them)"
    """
    if not is_text(name):
        return _refuse_bytes(name)
    if near := _find_near(name, COMMANDS):
        return ConfigError(f"'{name}' is no command; did you mean '{near}'? ({CHECKOUT} --help lists all of them)")
    said = f"'{shorten(name)}' is no command" if name else "No command is named"
    return ConfigError(f"{said}; use one of {', '.join(COMMANDS)} ({CHECKOUT} --help).")


def refuse_option(name: str, option: str) -> ConfigError:
    """Return the error for an option that a command does not take: whose it is, or which was probably meant.

    >>> str(refuse_option("update", "--apply"))
    '--apply is an option of backtest and not of update; leave it out.'
    """
    form = option.partition("=")[0]
    owners = [other for other, command in COMMANDS.items() if _has(command.options, form)]
    if owners:
        return ConfigError(f"{form} is an option of {' and '.join(owners)} and not of {name}; leave it out.")
    own = [known for one in (*COMMANDS[name].options, *SHARED) for known in one.forms]
    near = _find_near(form, own)
    meant = f"did you mean '{near}'?" if near else f"{CHECKOUT} {name} --help lists those it takes."
    return ConfigError(f"'{shorten(form)}' is no option of {name}; {meant}")


def _has(known: Sequence[Option], form: str) -> bool:
    return any(form in option.forms for option in known)


def _find_near(word: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    return next(iter(get_close_matches(word[:60], list(known), 1)), "")


def _refuse_bytes(word: str) -> ConfigError:
    return ConfigError(f"{shorten(word)!a} is no text in the terminal's encoding; write it in UTF-8.")
