"""Health as it is monitored: the rules of the report's first screen, judged again and again beside the requests."""

import logging
import time
from collections.abc import Callable, Mapping

from pointsman.common.config import Config
from pointsman.common.errors import first_line
from pointsman.common.storage.catalogue import utc_now
from pointsman.common.storage.state import State
from pointsman.pipeline.reporting.health.finding import Level
from pointsman.pipeline.reporting.health.reading import read_facts
from pointsman.pipeline.reporting.health.rules import apply_rules
from pointsman.registry.generations import Generation

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
"""How often health is judged: it also changes between generations, by requests and by the clock."""
GRADES = {Level.GREEN: 0, Level.AMBER: 1, Level.RED: 2}


class Judgement:
    """What each rule came to when it was last asked: 0 for green, 1 for amber, 2 for red. {} where nothing is known."""

    def __init__(self, config: Config, state: State, clock: Callable[[], float] = time.monotonic) -> None:
        self._config, self._state, self._clock = config, state, clock
        self._judged_at, self._judged = -EVERY_SECONDS, 0

    def judge(self, generation: Generation) -> Mapping[str, int] | None:
        """Return the grade of every rule; None where it is not time to look again."""
        now = self._clock()
        if generation.number == self._judged and now - self._judged_at < EVERY_SECONDS:
            return None
        self._judged_at, self._judged = now, generation.number
        try:
            facts = read_facts(self._state, self._config, generation, utc_now())
            return {name: GRADES[found.level] if found else 0 for name, found in apply_rules(facts).items()}
        except Exception as error:  # whatever the catalogue holds, what is served goes on
            log.warning("health cannot be judged: %s", first_line(error))
            return {}
