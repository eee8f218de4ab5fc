"""The command models: what serves, what served when and why, and what a person decides about it."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pointsman.registry.tables  # noqa: F401  (the catalogue is opened with the tables of the registry)
from pointsman.common.config import Config
from pointsman.common.errors import ConfigError
from pointsman.common.storage.state import State, lock_updates, open_state

log = logging.getLogger(__name__)

USAGE = (
    "write models alone, or with history, history all, at 2017-03-01, show VERSION, rollback --to N, promote VERSION, "
    "promote auto, retire VERSION, rebuild, rebuild VERSION, publish VERSION or gc (promote and retire need --why)"
)


@dataclass(frozen=True)
class ModelsRequest:
    """What a user asked for: the words after ``models`` and their options."""

    words: tuple[str, ...] = ()
    to: int | None = None
    why: str = ""

    @property
    def action(self) -> str:
        """The first word, '' for none."""
        return self.words[0] if self.words else ""

    @property
    def subject(self) -> str:
        """The one word after the action; ConfigError where there is none or more."""
        if len(self.words) != 2:
            raise ConfigError(f"'models {' '.join(self.words)}' is no command; {USAGE}.")
        return self.words[1]


def models(config: Config, words: Sequence[str], to: int | None = None, why: str = "") -> str:
    """Return what a user wants to read, or do what they decide and return a sentence on it.

    Raises ConfigError for words that are no such command, StateError for what the state does not allow. A decision is
    one transaction under the lock of updates, and keeps who made it, when and why.
    """
    wish = ModelsRequest(tuple(words), to, why.strip())
    if wish.action not in ACTIONS:
        raise ConfigError(f"'models {wish.action}' is no command; {USAGE}.")
    if wish.action not in LIGHT:
        import pointsman.pipeline.lifecycle.catalogue  # noqa: F401  (the catalogue is opened with every table that an action may read)
    with open_state(config, must_exist=True) as state:
        return ACTIONS[wish.action](config, state, wish)


def _list(config: Config, state: State, _wish: ModelsRequest) -> str:
    from pointsman.pipeline.lifecycle.history import describe_versions

    return describe_versions(config, state)


def _tell_history(_config: Config, state: State, wish: ModelsRequest) -> str:
    from pointsman.pipeline.lifecycle.history import describe_history

    if wish.words[1:] not in ((), ("all",)):
        raise ConfigError(f"models history knows no '{wish.words[1]}'; write all, or nothing for the newest.")
    return describe_history(state, everything=len(wish.words) > 1)


def _tell_moment(_config: Config, state: State, wish: ModelsRequest) -> str:
    from pointsman.pipeline.lifecycle.history import describe_moment

    return describe_moment(state, wish.subject)


def _roll_back(config: Config, state: State, wish: ModelsRequest) -> str:
    from pointsman.pipeline.lifecycle.rollback import roll_back

    if wish.to is None or len(wish.words) > 1:
        raise ConfigError("models rollback needs the generation to go back to; add --to N (models history lists them).")
    with lock_updates(state):
        return roll_back(config, state, wish.to, wish.why)


def _promote(config: Config, state: State, wish: ModelsRequest) -> str:
    from pointsman.pipeline.lifecycle.manual_promotion import give_back, promote

    subject, why = wish.subject, _need_why(wish)
    with lock_updates(state):
        return give_back(config, state, why) if subject == "auto" else promote(config, state, subject, why)


def _retire(config: Config, state: State, wish: ModelsRequest) -> str:
    from pointsman.pipeline.lifecycle.manual_promotion import retire

    subject, why = wish.subject, _need_why(wish)
    with lock_updates(state):
        return retire(config, state, subject, why)


def _show(config: Config, _state: State, wish: ModelsRequest) -> str:
    from pointsman.common.lean_import import import_without

    import_without("lightgbm", "sklearn")  # a card tells whether the model still answers its golden rows

    from pointsman.pipeline.lifecycle.cards import write_card

    card = write_card(config, wish.subject)
    log.info("the card is %s", card)
    return card.read_text(encoding="utf-8").rstrip()


def _publish(config: Config, _state: State, wish: ModelsRequest) -> str:
    from pointsman.pipeline.serving.published import publish

    return publish(config, wish.subject)


def _rebuild(config: Config, _state: State, wish: ModelsRequest) -> str:
    from pointsman.pipeline.lifecycle.rebuilding import rebuild_versions

    return "\n".join(rebuild_versions(config, wish.words[1:]))


def _collect(config: Config, state: State, wish: ModelsRequest) -> str:
    from pointsman.registry.garbage import MB, collect_garbage

    if len(wish.words) > 1:
        raise ConfigError(f"models gc knows no '{wish.words[1]}'; its budget is storage.max_mb.")
    with lock_updates(state):
        done = collect_garbage(state, config.storage.max_mb, config.storage.keep_generations)
    dropped = f", the models of {len(done.versions)} old versions among them" if done.versions else ""
    return f"{done.files} files removed ({done.bytes / MB:.1f} MB){dropped}; the store holds {done.left / MB:.1f} MB."


def _need_why(wish: ModelsRequest) -> str:
    if not wish.why:
        raise ConfigError(f'A decision needs its reason for the record; add --why "..." to models {wish.action}.')
    return wish.why


ACTIONS: dict[str, Callable[[Config, State, ModelsRequest], str]] = {
    "": _list,
    "history": _tell_history,
    "at": _tell_moment,
    "show": _show,
    "rollback": _roll_back,
    "promote": _promote,
    "retire": _retire,
    "rebuild": _rebuild,
    "publish": _publish,
    "gc": _collect,
}
"""What each word after ``models`` does."""

LIGHT = ("", "history")
"""Actions that read the registry and the newest record alone, and need not wait for the rest to be imported."""
