"""What the digest of a generation costs where it is loaded: its rows, and all that has to be read before it can answer.

python benchmarks/durability_loading.py [STATE]    # of the stream of the durability benchmark; by default learned anew
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.durability_stream import Place, write_stream
from pointsman.common.storage.state import open_state
from pointsman.pipeline.serving.predictor import load_predictor
from pointsman.registry.generations import load_generation

TURNS = 300


def time_in_turns(jobs: dict[str, Callable[[], object]], turns: int) -> dict[str, float]:
    """Return the median processor milliseconds of each job; they take turns, so that all meet the same machine."""
    spent: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(turns):
        for name, job in jobs.items():
            started = time.process_time()
            job()
            spent[name].append(1e3 * (time.process_time() - started))
    return {name: statistics.median(times) for name, times in spent.items()}


def measure(place: Place) -> str:
    """Return what was measured, in a sentence."""
    config = place.config
    with open_state(config) as state:
        taken = time_in_turns(
            {
                "with": lambda: load_generation(state),
                "without": lambda: load_generation(state, verified=False),
                "all": lambda: load_predictor(config, state),
            },
            TURNS,
        )
    more = taken["with"] - taken["without"]
    before = taken["all"] - more
    return (
        f"A generation is ready to answer in {taken['all']:.1f} ms of the processor (median of {TURNS}), of which its "
        f"digest takes {more:.2f} ms: {100 * more / before:.1f} % more than without it (bound 5 %). Reading its rows "
        f"alone takes {taken['with']:.2f} ms instead of {taken['without']:.2f}."
    )


def main() -> None:
    """Measure a state that is named, or one that is learned."""
    if len(sys.argv) > 1:
        state = Path(sys.argv[1])
        print(measure(Place(state.parent, state.name)))
        return
    with tempfile.TemporaryDirectory() as folder:
        write_stream(Path(folder))
        place = Place(Path(folder), "state")
        done = place.run("update", "--batches", "3")
        assert done.returncode == 0, done.stderr
        print(measure(place))


if __name__ == "__main__":
    main()
