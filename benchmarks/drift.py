"""Drift and estimates without labels: every measurement of docs/drift.md, one part or all of them.

python benchmarks/drift.py [--parts events loss estimates cost] [--write docs/drift.md] [--date 2026-11-21]

Each part is a script of its own (benchmarks/drift_PART.py) with more options; this one runs them as they stand and
puts each table below its heading in the document, where it leaves the other parts as they are. What retraining less
often costs and saves is measured by benchmarks/drift_backtest.py and stands in docs/backtest.md.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pointsman.common.storage.files import save_atomically

PARTS = {
    "events": "What is found on the demo stream",
    "loss": "Alarms beside the loss of a model that is never updated",
    "estimates": "Performance without labels",
    "cost": "What judging a batch costs",
}


def measure(part: str) -> str:
    """Return what a part's script prints."""
    script = ROOT / "benchmarks" / f"drift_{part}.py"
    done = subprocess.run([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    return done.stdout.strip()


def replace_part(document: str, part: str, table: str, date: str) -> str:
    """Return the document with a part's section made new, or added at its end.

    >>> print(replace_part("# Drift\\n\\n## What judging a batch costs\\n\\nold\\n", "cost", "new", "2026-11-21"))
    # Drift
    <BLANKLINE>
    ## What judging a batch costs
    <BLANKLINE>
    `python benchmarks/drift_cost.py`, 2026-11-21
    <BLANKLINE>
    new
    <BLANKLINE>
    """
    heading = f"## {PARTS[part]}\n"
    before, _, after = document.partition(heading)
    rest = after[after.index("\n## ") + 1 :] if "\n## " in after else ""
    section = f"{heading}\n`python benchmarks/drift_{part}.py`, {date}\n\n{table}\n"
    return before.rstrip() + "\n\n" + section + (f"\n{rest}" if rest else "")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts, print their tables and, where asked, write the document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--write", type=Path)
    parser.add_argument("--date", default="")
    asked = parser.parse_args(arguments)
    document = asked.write.read_text(encoding="utf-8") if asked.write and asked.write.is_file() else "# Drift\n"
    for part in asked.parts:
        table = measure(part)
        print(f"{PARTS[part]}\n\n{table}\n", flush=True)
        if asked.write:
            document = replace_part(document, part, table, asked.date)
            save_atomically(asked.write, document.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
