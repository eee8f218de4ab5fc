"""What each command does: call one flow with the configuration, the options, and the words that say what it is about.

Each imports its flow when it is called, so that a command waits for no library of another.
"""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from pointsman.common.errors import ConfigError, StateError
from pointsman.common.text import read_number, shorten

if TYPE_CHECKING:
    from pointsman.common.config import Config


def run_update(config: "Config", parsed: Namespace, _subject: list[str]) -> bool:
    """Take the next batch, or several."""
    from pointsman.common.extras import check_extras
    from pointsman.model_zoo.families import get_family
    from pointsman.pipeline.update import update

    check_extras(config)
    for family in config.search.families:  # one that is unknown is refused before a batch is read
        get_family(family)
    return update(config, read_batches(parsed.batches, parsed.file), parsed.file, parsed.from_state)


def run_inference(config: "Config", parsed: Namespace, _subject: list[str]) -> Path:
    """Answer a file."""
    if parsed.file is None:
        raise ConfigError("inference needs the file to predict; add -file X.csv.")
    from pointsman.common.lean_import import import_without
    from pointsman.pipeline.inference import infer

    import_without("lightgbm", "sklearn")

    return infer(config, parsed.file, parsed.out, parsed.explain)


def run_summary(config: "Config", parsed: Namespace, _subject: list[str]) -> Path:
    """Write the report, or the documentation of what is in production."""
    from pointsman.pipeline.summary import summarise

    return summarise(config, out=parsed.out)


def run_explain(config: "Config", _parsed: Namespace, subject: list[str]) -> str:
    """Say what served a request, and why."""
    if len(subject) != 1:
        raise ConfigError("explain needs the id of a decision, which stands in the name of the answered file.")
    from pointsman.pipeline.explain import explain

    return explain(config, subject[0])


def run_feedback(config: "Config", parsed: Namespace, _subject: list[str]) -> str:
    """Take labels of rows that were served."""
    if parsed.file is None:
        raise ConfigError("feedback needs the file of labels; add -file labels.csv.")
    from pointsman.pipeline.feedback import receive

    return receive(config, parsed.file)


def run_quarantine(config: "Config", parsed: Namespace, subject: list[str]) -> str:
    """List what is in quarantine, or release or discard some of it."""
    from pointsman.pipeline.quarantine import quarantine

    return quarantine(config, subject, parsed.why, parsed.reason)


def run_models(config: "Config", parsed: Namespace, subject: list[str]) -> str:
    """Tell what serves or served, or decide about it."""
    from pointsman.pipeline.models import models

    return models(config, subject, read_generation(parsed.to), parsed.why)


def run_replay(config: "Config", _parsed: Namespace, subject: list[str]) -> str:
    """Compute a stored generation again and compare."""
    from pointsman.pipeline.replay import replay

    return replay(config, subject)


def run_eda(config: "Config", parsed: Namespace, subject: list[str]) -> Path:
    """Write the page that explores a batch, the whole store or a file."""
    from pointsman.pipeline.eda import explore

    return explore(config, subject, parsed.file)


def run_backtest(config: "Config", parsed: Namespace, subject: list[str]) -> str:
    """Hold policies of retraining against each other on the stored stream."""
    if subject not in ([], ["apply"]):
        raise ConfigError(f"backtest knows no '{subject[0]}'; leave it out, or write --apply to configure the winner.")
    from pointsman.pipeline.backtest import backtest

    return backtest(config, Path(parsed.config or "config.yaml") if subject or parsed.apply else None)


def run_serve(config: "Config", _parsed: Namespace, _subject: list[str]) -> None:
    """Answer requests over HTTP until a signal ends it; its URL is printed when it accepts them."""
    from pointsman.pipeline.serve import serve

    serve(config)


def run_check(config: "Config", parsed: Namespace, _subject: list[str]) -> str:
    """Look whether a state is what was stored; findings are printed, and fail the command."""
    from pointsman.common.lean_import import import_without
    from pointsman.common.program import as_typed
    from pointsman.pipeline.check import check

    import_without("lightgbm", "sklearn")

    checked = check(config, parsed.mend)
    if not checked.findings:
        return f"The state in '{config.state_dir}' is sound: {checked.seen} were looked at."
    print(as_typed("\n".join(checked.findings)), flush=True)
    found = "There is 1 finding" if len(checked.findings) == 1 else f"There are {len(checked.findings)} findings"
    raise StateError(f"{found} in the state in '{config.state_dir}'; what mends each stands behind it.")


def run_experiments(config: "Config", parsed: Namespace, subject: list[str]) -> object:
    """Show the leaderboards of a batch or of all, or export every run and trial."""
    from pointsman.pipeline.experiments import show_experiments

    return show_experiments(config, subject, parsed.file)


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
