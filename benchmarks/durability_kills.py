"""Kills: commands die at random moments, and the catalogue stays that of a run which nobody disturbed.

Two states take the same steps: updates, inferences, labels, rollbacks, promotions and collections of garbage. In one of
them processes are killed (SIGKILL to the whole process group) at random moments of a step, which is then taken again.
After every kill the catalogue has to be that of before or of after the step, and every file it names there and whole;
then its file is destroyed, with all that SQLite keeps beside it, and what copy and journal have has to be the same, or
that of after the step. The next command is the step again, or the next one. Files of answers are compared too.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import pointsman.pipeline.lifecycle.catalogue  # noqa: F401  (registers every table)
from benchmarks.catalogue_digests import compute_catalogue_digests
from benchmarks.durability_stream import BATCHES, Place, find_broken_file
from pointsman.common.errors import PointsmanError
from pointsman.common.seeding import random_generator
from pointsman.common.storage.files import compute_digest
from pointsman.common.storage.state import open_state
from pointsman.registry.generations import load_generation

ACTIONS = ("update", "inference", "feedback", "promotion", "rollback", "gc")
ODDS = (0.3, 0.2, 0.2, 0.12, 0.12, 0.06)
LABELS = 5
"""Labels of one file."""
KILLS_A_STEP = 2
LATEST = 1.05
"""Moments are uniform up to this multiple of what the undisturbed step took, so that some kills come too late."""


@dataclass(frozen=True)
class Kill:
    """One kill: of what, when, whether the step had become visible before, and what was wrong after, '' for nothing."""

    action: str
    seconds: float
    committed: bool
    wrong: str


Digests = dict[str, str]


def plan_steps(place: Place, generator: np.random.Generator) -> Iterator[tuple[str, ...]]:
    """Yield the words of one command after the other, two updates first, so that there is a state to go back to.

    Every update, rollback and promotion makes one generation. Labels are of rows of the newest answered file.
    """
    batches = [0]  # of each generation
    number = 0
    while True:
        action = "update" if len(batches) < 3 else str(generator.choice(ACTIONS, p=ODDS))
        if action == "update" and batches[-1] < BATCHES:
            batches.append(batches[-1] + 1)
            yield (action,)
        elif action == "feedback" and (answered := sorted((place.folder / place.state / "predictions").glob("*"))):
            number += 1
            chosen = answered[int(generator.integers(len(answered)))]
            yield action, "-file", str(write_labels(place.folder / f"labels-{number}.csv", chosen, generator))
        elif action == "promotion":
            batches.append(batches[-1])
            yield "models", "promote", find_promoted(place), "--why", "durability"
        elif action == "gc":
            yield "models", action
        elif action == "rollback":
            target = int(generator.integers(1, len(batches) - 1))
            batches.append(batches[target])
            yield "models", action, "--to", str(target), "--why", "durability"
        else:
            yield "inference", "-file", str(place.request)


def write_labels(file: Path, answered: Path, generator: np.random.Generator) -> Path:
    """Write labels of some rows of an answered file, by their ids, and return the file."""
    rows = pd.read_csv(answered, dtype=str)
    taken = rows.iloc[sorted(generator.choice(len(rows), LABELS, replace=False).tolist())]
    taken[["predict_id", "CLAIM_PAID"]].to_csv(file, index=False)
    return file


def find_promoted(place: Place) -> str:
    """Return what to promote: a version, or 'auto' where one is promoted already."""
    with open_state(place.config) as state:
        generation = load_generation(state)
        return "auto" if generation.pinned else generation.versions[0].id


def kill(calm: Place, disturbed: Place, kills: int, seed: int, per_step: int = KILLS_A_STEP) -> Iterator[Kill]:
    """Yield one kill after the other until there were ``kills`` of them; steps go on as long as it takes."""
    steps, moments = plan_steps(calm, random_generator(seed, "steps")), random_generator(seed, "moments")
    done, before, words = 0, read_digests(disturbed), next(steps)
    with ThreadPoolExecutor(1) as executor:  # the undisturbed run is a step ahead, on the other core
        undisturbed = executor.submit(take_step, calm, words)
        while done < kills:
            after, seconds = undisturbed.result()
            coming = next(steps)
            undisturbed = executor.submit(take_step, calm, coming)
            committed = False
            for _ in range(min(per_step, kills - done)):
                moment = float(moments.uniform(0, LATEST) * seconds)
                if committed or not kill_once(disturbed, words, moment):
                    break
                done += 1
                committed, wrong = examine(disturbed, before, after)
                if disturbed.catalogue is None:  # a server keeps its own
                    destroy(disturbed)
                    # What was visible has to be there again; of a transaction that was about to be, all or nothing.
                    committed, lost = examine(disturbed, after if committed else before, after)
                    wrong = wrong or lost
                yield Kill(words[1] if words[0] == "models" else words[0], moment, committed, wrong)
            finish(disturbed, words, after, committed)
            before, words = after, coming


def take_step(place: Place, words: Sequence[str]) -> tuple[Digests, float]:
    """Run a step undisturbed; return the digests of the catalogue after it and the seconds it took."""
    started = time.perf_counter()
    done = place.run(*words)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"'{' '.join(words)}' failed where nobody disturbed it: {done.stderr}")
    return read_digests(place), seconds


def kill_once(place: Place, words: Sequence[str], moment: float) -> bool:
    """Start a step and kill it after ``moment`` seconds; return False where it was done before."""
    process = place.start(*words)
    try:
        process.communicate(timeout=moment)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    return process.returncode == -signal.SIGKILL  # a command that ended before is no kill


def examine(place: Place, before: Digests, after: Digests) -> tuple[bool, str]:
    """Return whether a killed step is visible, and what is wrong with the state, '' for nothing."""
    try:
        digests = read_digests(place)
        with open_state(place.config) as state:
            broken = find_broken_file(state)
    except PointsmanError as error:
        return False, str(error)
    if broken or digests in (before, after):
        return digests == after, broken
    return False, f"neither before nor after the step: {', '.join(name_differing(digests, before))}"


def destroy(place: Place) -> None:
    """Delete the catalogue and all that SQLite keeps beside it, but not its copy and journal."""
    for ending in ("", "-wal", "-shm"):
        (place.folder / place.state / f"catalogue.db{ending}").unlink(missing_ok=True)


def finish(place: Place, words: Sequence[str], after: Digests, committed: bool) -> None:
    """Take a step to its end unless it was; RuntimeError where it does not lead to where it led undisturbed."""
    if read_digests(place) != after and not committed:
        done = place.run(*words)
        if done.returncode:
            raise RuntimeError(f"'{' '.join(words)}' failed after a kill: {done.stderr}")
    if differing := name_differing(read_digests(place), after):
        raise RuntimeError(f"'{' '.join(words)}' after a kill led to other rows in {', '.join(differing)}")


def name_differing(digests: Digests, others: Digests) -> list[str]:
    """Return the names of tables that differ."""
    return [table for table in others if digests.get(table) != others[table]]


def read_digests(place: Place) -> Digests:
    """Return the digest of every table."""
    with open_state(place.config) as state:
        return compute_catalogue_digests(state.engine)


def read_answers(place: Place) -> Digests:
    """Return the digest of every answered file, by its name."""
    folder = place.folder / place.state / "predictions"
    return {path.name: compute_digest(path.read_bytes()) for path in sorted(folder.glob("*"))}
