"""Write requests for the demo: rows of the demo stream that its first updates have not seen, without the answer.

python -m pointsman.pipeline.collection.demo.request state/demo/request.csv              as the rows came
python -m pointsman.pipeline.collection.demo.request state/demo/damaged.csv --damaged    with cells lost on the way
"""

import argparse
from pathlib import Path

import pandas as pd

from pointsman.common.config import load_config
from pointsman.common.seeding import random_generator
from pointsman.common.tabular.writers import write_table
from pointsman.pipeline.collection.demo.simulator import simulate

ROWS = 500
LOST = 0.4
"""Share of the cells that a damaged request lacks, as after a failed join; the time of a row is always there."""


def write_demo_request(path: Path, damaged: bool = False) -> None:
    """Write ROWS rows from the middle of the stream to ``path``."""
    config = load_config()
    stream = simulate(config.source.demo.rows, config.source.demo.seed)
    start = len(stream) // 2
    request = stream.iloc[start : start + ROWS].drop(columns=[config.schema_.target])
    write_table(lose_cells(request, config.schema_.time, config.seed) if damaged else request, path)


def lose_cells(request: pd.DataFrame, time: str | None, seed: int) -> pd.DataFrame:
    """Return a request of which a share of LOST of all cells is empty, but none of the column ``time``."""
    lost = random_generator(seed, "demo request").random(request.shape) < LOST
    lost[:, request.columns == time] = False
    return request.mask(lost)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--damaged", action="store_true", help="empty some of the cells")
    asked = parser.parse_args()
    write_demo_request(asked.path, asked.damaged)
