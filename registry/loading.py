"""Loading the models of a generation; one whose files cannot be read goes, and ensembles of it with it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pointsman.common.errors import StateError
from pointsman.model_zoo.model import Model
from pointsman.registry.generations import Generation
from pointsman.registry.versions import ModelShelf, Version

log = logging.getLogger(__name__)


def load_models(shelf: ModelShelf, before: Generation) -> dict[str, Model]:
    """Return the models of active versions by line; one that cannot be loaded is left out, with a warning."""
    models: dict[str, Model] = {}
    for version in before.versions:
        try:
            models[version.line] = shelf.load(version)
        except StateError as error:
            log.warning("%s", error)
    return models


def drop_lost(before: Generation, models: Mapping[str, Model]) -> tuple[Generation, list[Version]]:
    """Return the generation as if it had never had versions that could not be loaded, nor their ensembles; and them.

    Their candidates may then enter again as newcomers.
    """
    lost = [version for version in before.versions if version.line not in models]
    ids = {version.id for version in lost}
    sound = [one for one in before.members if one.version.id not in ids and not ids & set(_list_mixed(one.version))]
    return replace(before, members=tuple(sound)), lost


def _list_mixed(version: Version) -> Sequence[str]:
    return version.member_ids if version.is_ensemble else ()
