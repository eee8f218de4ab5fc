"""The settings by which rows are read: those of the generation that serves, whatever the configuration says now.

A model reads features as they were made when it learned. So keys that change what models read take effect with the next
update; until then rows are read by the configuration stored with the newest generation that accepted a batch.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from pointsman.common.config import Config
from pointsman.common.errors import StateError, first_line
from pointsman.common.storage.state import State
from pointsman.registry.commit import load_config_of
from pointsman.registry.generations import Generation
from pointsman.registry.lineage import find_accepting

log = logging.getLogger(__name__)

CLEANING = ("ranges", "allowed")
"""Keys of ``quality`` that change cells."""

SCHEMA = ("task", "schema")
READING = (*SCHEMA, "features", *(f"quality.{key}" for key in CLEANING))

FORMER_DEFAULTS: Mapping[str, Sequence[Any]] = {
    "schema.missing_values": (["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"],)
}
"""Defaults of earlier releases, which they stored with their generations: no user decided them."""


def load_settings(config: Config, state: State, generation: Generation) -> Config:
    """Return the configuration by which a generation reads rows; folders and addresses are those of ``config``.

    It is ``config`` itself before a batch was accepted and, with a warning, where the stored one is broken.
    """
    number = find_accepting(state, generation)
    if number is None:
        return config
    try:
        return load_config_of(state, number, config)
    except (StateError, ValueError) as error:  # ValueError: a key that this release does not know
        reason = first_line(error)
        log.warning("the settings of generation %d cannot be read, so the current ones read rows: %s", number, reason)
        return config


def read_as(config: Config, then: Config) -> Config:
    """Return a configuration that reads rows as ``then`` does, and is ``config`` in everything else."""
    cleaning = {key: getattr(then.quality, key) for key in CLEANING}
    return config.model_copy(
        update={
            "task": then.task,
            "schema_": then.schema_,
            "features": then.features,
            "quality": config.quality.model_copy(update=cleaning),
        }
    )


def list_differing(config: Config, then: Config, sections: Sequence[str] = READING) -> list[str]:
    """Return the keys that change how rows are read and differ between two configurations.

    A key that neither states does not count, even if its default has changed between releases.
    """
    now, before = _list_keys(config, sections), _list_keys(then, sections)
    stated = {f"schema.{name}" for name in config.schema_.model_fields_set}
    return [
        key
        for key, value in now.items()
        if value != before[key] and (key in stated or before[key] not in FORMER_DEFAULTS.get(key, ()))
    ]


def describe_difference(config: Config, then: Config, number: int) -> str:
    """Return the sentence that says whose settings serve, '' where they are those of the configuration.

    >>> one = Config.model_validate({"schema": {"time": "day", "target": "y"}})
    >>> two = one.model_copy(update={"task": "binary"})
    >>> describe_difference(two, one, 7)
    'generation 7 reads rows by its own settings; what differs now takes effect with the next update: task'
    >>> describe_difference(one, one, 7)
    ''
    """
    keys = list_differing(config, then)
    if not keys:
        return ""
    return (
        f"generation {number} reads rows by its own settings; what differs now takes effect with the next update: "
        f"{', '.join(keys)}"
    )


def _list_keys(config: Config, sections: Sequence[str]) -> dict[str, Any]:
    described = config.model_dump(mode="json", by_alias=True)
    keys: dict[str, Any] = {}
    for section in sections:
        found: Any = described
        for part in section.split("."):
            found = found[part]
        is_section = isinstance(found, dict)
        keys |= {f"{section}.{name}": value for name, value in found.items()} if is_section else {section: found}
    return keys
