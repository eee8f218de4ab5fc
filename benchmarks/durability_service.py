"""Services that are killed while they take labels and take over a generation: no label that they answered is lost."""

import json
import os
import signal
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import sqlalchemy as sa

from benchmarks.durability_kills import Kill, destroy, find_promoted
from benchmarks.durability_stream import Place, find_broken_file
from pointsman.common.errors import PointsmanError
from pointsman.common.seeding import random_generator
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import open_state
from pointsman.meta.label_tables import labels_table
from pointsman.registry.generations import load_generation

SECONDS = 8.0
"""Moments of kills are uniform up to this many seconds after the service answers."""
ROWS = 3


@dataclass
class Asker:
    """Asks a service for answers and sends their labels until it is gone; ``acknowledged`` are rows of labels taken."""

    url: str
    rows: list[dict[str, Any]]
    label: str
    acknowledged: list[tuple[str, int]] = field(default_factory=list)

    def run(self) -> None:
        """Go on until the service answers no more."""
        try:
            while True:
                answered = self._post("/predict", {"rows": self.rows})
                ids = [row["id"] for row in answered["rows"]]
                self._post("/feedback", {"labels": [{"id": one, "label": self.label} for one in ids]})
                self.acknowledged += [(one.rpartition("-")[0], int(one.rpartition("-")[2])) for one in ids]
        except (OSError, ValueError):
            return

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        asked = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(asked, timeout=60) as response:
            return json.loads(response.read())


def kill_services(place: Place, kills: int, seed: int) -> Iterator[Kill]:
    """Yield one kill of a service after the other, on a state that has learned some batches.

    Beside each a model is promoted or given back, so that the service takes over a generation. ``committed`` says
    whether it had acknowledged labels.
    """
    moments = random_generator(seed, "services")
    rows = pd.read_csv(place.request, dtype=str).drop(columns="CLAIM_PAID").head(ROWS).fillna("").to_dict("records")
    with open_state(place.config) as state:
        schema = load_generation(state).schema
        assert schema is not None
    taken: list[tuple[str, int]] = []
    for _ in range(kills):
        service = place.start("serve", "service.port=0", "service.poll_seconds=0.2")
        assert service.stdout is not None
        asker = Asker(service.stdout.readline().strip(), rows, schema.classes[0])
        asking = threading.Thread(target=asker.run)
        asking.start()
        promoting = place.start("models", "promote", find_promoted(place), "--why", "durability")
        moment = float(moments.uniform(0, SECONDS))
        time.sleep(moment)
        os.killpg(service.pid, signal.SIGKILL)
        service.communicate()
        asking.join()
        promoting.communicate()
        taken += asker.acknowledged
        destroy(place)
        yield Kill("service", moment, bool(asker.acknowledged), find_lost(place, taken, promoting.returncode))


def find_lost(place: Place, taken: list[tuple[str, int]], promoted: int) -> str:
    """Return what is wrong with a state whose catalogue was destroyed, '' where all that was acknowledged is there."""
    try:
        with open_state(place.config) as state:
            stored = read_rows(state.engine, sa.select(labels_table.c.request, labels_table.c.position))
            broken = find_broken_file(state)
    except PointsmanError as error:
        return str(error)
    lost = set(taken) - {(row["request"], row["position"]) for row in stored}
    if promoted:
        return "the promotion beside it failed"
    return f"{len(lost)} of {len(taken)} labels are lost" if lost else broken
