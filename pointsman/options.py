"""Every option of the command line, stated once; a command takes those that its line in the list of commands names."""

from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple


class Option(NamedTuple):
    """An option: the forms in which it is written, and what is passed to argparse."""

    forms: tuple[str, ...]
    settings: Mapping[str, Any]

    @property
    def takes_value(self) -> bool:
        """Whether a value follows it."""
        return "action" not in self.settings

    def about(self, purpose: str) -> "Option":
        """Return the option with the help that one command gives of it."""
        return Option(self.forms, {**self.settings, "help": purpose})

    def add_to(self, parser: ArgumentParser) -> None:
        """Add it to a parser."""
        parser.add_argument(*self.forms, **self.settings)


FILE = Option(("-file", "--file"), {"type": Path, "metavar": "FILE"})
OUT = Option(
    ("-out", "--out"),
    {"type": Path, "metavar": "FILE", "help": "where to write: .csv, .csv.gz, .parquet or .xlsx, by its ending"},
)
EXPLAIN = Option(("--explain",), {"action": "store_true", "help": "add what moved each row's answer most"})
BATCHES = Option(("--batches",), {"default": "1", "metavar": "N", "help": "how many batches: a number or 'all'"})
TIME_LIMIT = Option(
    ("--time-limit",),
    {"metavar": "SECONDS", "help": "how long each batch may take; what does not fit is left out and told"},
)
FROM_STATE = Option(
    ("--from-state",), {"type": Path, "metavar": "STATE", "help": "begin with the raw batches of the state there"}
)
WHY = Option(("--why",), {"default": "", "metavar": "TEXT", "help": "why you decide so, for the record"})
TO = Option(("--to",), {"metavar": "NUMBER", "help": "the generation that rollback goes back to"})
REASON = Option(
    ("--reason",), {"default": "", "metavar": "REASON", "help": "only the rows that were kept out for this reason"}
)
APPLY = Option(("--apply",), {"action": "store_true", "help": "write what is recommended into the configuration"})

MEND = Option(("--mend",), {"action": "store_true", "help": "mend what the state itself can mend"})

CONFIG = Option(
    ("--config",),
    {"metavar": "PATH", "help": "the configuration (default: config.yaml, else the one kept with the state)"},
)
DEBUG = Option(("--debug",), {"action": "store_true", "help": "show the traceback of an error"})
SHARED = (CONFIG, DEBUG)
"""What every command takes."""

MODE = Option(("-mode", "--mode"), {"metavar": "COMMAND"})
"""The other form in which a command can be named; it belongs to no command."""
