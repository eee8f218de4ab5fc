"""Commands as a user of one state types them, to be copied out of a page or a terminal."""

import shlex
from dataclasses import dataclass

from pointsman.common.config import DEFAULT_NAME, Config, name_state_dir
from pointsman.common.program import CHECKOUT


@dataclass(frozen=True)
class Typed:
    """What stands behind every command on a state, so that it finds it; only ``update`` needs a configuration."""

    behind_update: str = ""
    behind_others: str = ""

    def update(self, more: str = "") -> str:
        """Return the command that takes the next batch.

        >>> Typed().update(), Typed(" --config claims.yaml").update("-file X.csv")
        ('python run.py update', 'python run.py update -file X.csv --config claims.yaml')
        """
        return f"{CHECKOUT} update{f' {more}' if more else ''}{self.behind_update}"

    def other(self, words: str) -> str:
        """Return any other command.

        >>> Typed("", " state_dir=b").other("models rebuild tree-0001")
        'python run.py models rebuild tree-0001 state_dir=b'
        """
        return f"{CHECKOUT} {words}{self.behind_others}"


def name_place(config: Config) -> Typed:
    """Return what leads commands to the state of a configuration: nothing where it is that of ``config.yaml``.

    >>> config = Config.model_validate({"name": "claims", "schema": {"time": "day", "target": "paid"}})
    >>> name_place(config.written_in("configs/monthly.yaml"))
    Typed(behind_update=' --config configs/monthly.yaml', behind_others=' state_dir=state-claims')
    """
    is_default = config.state_dir == name_state_dir(DEFAULT_NAME)
    is_own = config.state_dir == name_state_dir(config.name)
    place = shlex.quote(f"state_dir={config.state_dir}")
    found = f"{DEFAULT_NAME}.yaml"  # is read where no other is named
    # A state whose last update was one of an earlier release knows its configuration by the stream's name alone.
    file = config.file or f"{config.name}.yaml"
    stated = "" if file == found else f" --config {shlex.quote(file)}"
    return Typed(stated if is_own else f"{stated} {place}", "" if is_default else f" {place}")
