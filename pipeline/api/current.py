"""Which predictor answers now. A new generation is loaded beside the old one and takes its place by one assignment.

A request holds on to the predictor that it began with, so the old one finishes what is under way and then goes.
"""

import logging
import threading
import time
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from pointsman.common.config import Config
from pointsman.common.errors import StateError, first_line
from pointsman.common.storage.state import State, run_restored, trim_journal
from pointsman.pipeline.api.facts import GenerationFacts, load_facts
from pointsman.pipeline.api.judgement import Judgement
from pointsman.pipeline.api.metrics import Metrics
from pointsman.pipeline.api.reading import Columns
from pointsman.pipeline.serving.predictor import Predictor, load_predictor
from pointsman.pipeline.serving.published import list_answerers
from pointsman.registry.store import find_newest_number

log = logging.getLogger(__name__)

RETRY_SECONDS = 30.0
"""How long a generation that could not be loaded is left alone."""


@dataclass(frozen=True)
class Served:
    """A predictor that was tried, and the columns it knows."""

    predictor: Predictor
    columns: Columns

    @property
    def generation(self) -> int:
        """Its number."""
        return self.predictor.generation.number

    @cached_property
    def versions(self) -> frozenset[str]:
        """Ids of every single model and ensemble that may answer."""
        answerers = list_answerers(self.predictor.generation, self.predictor.published)
        return frozenset(version.id for version in answerers.values())


class Current:
    """Holds what is served, and looks for a new generation every ``service.poll_seconds``."""

    def __init__(self, config: Config, state: State, metrics: Metrics) -> None:
        self.served: Served | None = None
        self.reason = "The service has not looked for a model yet; ask again in a moment."
        self._config, self._state, self._metrics = config, state, metrics
        self._taken: int | None = None
        self._failed: int | None = None
        self._complained: int | str | None = None
        self._retry_at = 0.0
        self._judgement = Judgement(config, state)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)

    def start(self) -> None:
        """Begin to look for new generations in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=1.0)

    def refresh(self) -> bool:
        """Take over the newest generation if there is one that is not served yet; return whether that was done.

        A generation that cannot be loaded is logged once and tried again later; the one that serves stays.
        """
        try:
            newest = run_restored(self._state, self._find_newest)
            trim_journal(self._state)
        except Exception as error:  # a catalogue that is gone or busy ends no service
            self._complain(error, about="catalogue")
            return False
        if newest == self._taken or (newest == self._failed and time.monotonic() < self._retry_at):
            return False
        if newest == 0:
            self.reason = f"There is no model in '{self._state.folder.name}' yet; run 'python run.py update' first."
            if self._complained != newest:
                log.warning("%s Until then predictions are refused with 503", self.reason)
                self._complained = newest
            return False
        try:
            served = self._load(newest)
        except Exception as error:  # whatever stored bytes lead to, what is served goes on
            self._failed, self._retry_at = newest, time.monotonic() + RETRY_SECONDS
            self._complain(error, about=newest)
            return False
        self._taken, self._failed, self._complained = newest, None, None
        self.served = served
        self._metrics.take_over(served.generation, served.versions, self._load_facts(served))
        self._judge()
        log.info("generation %d serves", served.generation)
        return True

    def _find_newest(self) -> int:
        """Return the number of the newest generation, 0 for none; the file of the catalogue is opened anew for it.

        A copy may have taken the place of a damaged catalogue.
        """
        try:
            return find_newest_number(self._state)
        finally:
            self._state.engine.dispose()

    def _load(self, newest: int) -> Served:
        predictor = load_predictor(self._config, self._state)
        if predictor.generation.number < newest and self.served is not None:
            raise StateError(f"Generation {newest} cannot be loaded; the log says why.")
        warm_up(predictor)
        return Served(predictor, Columns.of(predictor.schema, self._config.labels.key_columns))

    def _load_facts(self, served: Served) -> GenerationFacts:
        """Return what is to be monitored of a generation; where it cannot be read, it serves all the same."""
        try:
            return load_facts(self._state, served.predictor.generation)
        except Exception as error:
            log.warning("figures of generation %d cannot be read: %s", served.generation, first_line(error))
            return GenerationFacts()

    def _complain(self, error: Exception, about: int | str) -> None:
        """Log once what is wrong with a generation, or the catalogue."""
        sentence = str(error) if isinstance(error, StateError) else f"{type(error).__name__}: {first_line(error)}"
        self._metrics.load_failures.inc()
        if self.served is None:
            self.reason = sentence
        if self._complained != about:
            kept = f"generation {self.served.generation} goes on serving" if self.served else "nothing serves yet"
            log.error("%s (%s)", sentence.removesuffix("."), kept)
        self._complained = about

    def _watch(self) -> None:
        while not self._stopped.wait(self._config.service.poll_seconds):
            self.refresh()
            self._judge()

    def _judge(self) -> None:
        """Have the health of what serves judged, where it is time to."""
        health = self._judgement.judge(self.served.predictor.generation) if self.served else None
        if health is not None:
            self._metrics.health = health


def warm_up(predictor: Predictor) -> None:
    """Load every version that may be asked and answer rows without cells, so that no request has to wait for it."""
    for version in predictor.generation.versions:
        try:
            predictor.shelf.load(version)
        except StateError as error:  # the others answer without it
            log.warning("%s", error)
    for rows in (predictor.read_rows([{}]), predictor.read(pd.DataFrame(index=range(2)))):
        predictor.answer(rows, predictor.choose(rows))
