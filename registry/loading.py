"""Loading the models of a generation; one whose files cannot be read is left out with a warning."""

import logging
from collections.abc import Mapping
from dataclasses import replace

from pointsman.common.errors import StateError
from pointsman.model_zoo.model import Model
from pointsman.registry.generations import Generation
from pointsman.registry.versions import ModelShelf, Version

log = logging.getLogger(__name__)


def load_models(shelf: ModelShelf, before: Generation) -> dict[str, Model]:
    """Return the models of active versions by name; one that cannot be loaded is left out, with a warning."""
    models: dict[str, Model] = {}
    for version in before.versions:
        try:
            models[version.line] = shelf.load(version)
        except StateError as error:
            log.warning("%s", error)
    return models


def drop_lost(before: Generation, models: Mapping[str, Model]) -> tuple[Generation, list[Version]]:
    """Return the generation without versions that could not be loaded, and these versions.

    Their candidates may enter again as newcomers. Ensembles stay, since each is fitted anew from the models that are
    left, under the name that a person may have promoted.
    """
    lost = [version for version in before.versions if version.line not in models]
    ids = {version.id for version in lost}
    return replace(before, members=tuple(one for one in before.members if one.version.id not in ids)), lost
