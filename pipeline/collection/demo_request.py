"""Write a request for the demo: rows of the demo stream that its first updates have not seen, without the answer.

python -m pipeline.collection.demo_request state/demo/request.csv
"""

import sys
from pathlib import Path

from common.config import load_config
from common.tables import write_table
from pipeline.collection.simulator import simulate

ROWS = 500


def write_demo_request(path: Path) -> None:
    """Write ROWS rows from the middle of the stream to ``path``."""
    config = load_config()
    stream = simulate(config.source.demo.rows, config.source.demo.seed)
    start = len(stream) // 2
    request = stream.iloc[start : start + ROWS].drop(columns=[config.schema_.target])
    write_table(request, path)


if __name__ == "__main__":
    write_demo_request(Path(sys.argv[1]))
