"""What all stages of one update share."""

from dataclasses import dataclass

from pointsman.common.config import Config
from pointsman.common.performance import Stopwatch
from pointsman.common.schema import Schema
from pointsman.common.storage.catalogue import Draft
from pointsman.common.storage.state import State
from pointsman.registry.generations import Generation


@dataclass(frozen=True, eq=False)
class UpdateRun:
    """One batch on its way through the stages of an update.

    state:  where its past is read and its files are stored; after a schema revision a copy beside the state's own
    before: the generation that serves while the batch is taken in
    number: of the batch
    watch:  takes the time of every stage; ``draft`` collects the rows that the one commit at the end makes visible
    """

    config: Config
    state: State
    before: Generation
    schema: Schema
    number: int
    watch: Stopwatch
    draft: Draft
