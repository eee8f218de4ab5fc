"""Whether the state survives: commands killed at random moments, damage of every kind, and a long history.

python benchmarks/durability.py [--parts kills flips damage growth] [--kills 200] [--services 20] [--flips 500]
                                [--generations 1000] [--pairs 15] [--seed 7] [--catalogue URL]
                                [--write docs/durability.md]

kills:  SIGKILL at random moments of every command that stores something, against a run that nobody disturbed; after
        each the file of the catalogue is destroyed. Services are killed, too, while they take labels and a generation
flips:  single bits inverted in tables and files: whether `check` finds each, and whether a wrong answer is served
damage: flipped bytes, deleted files, a full disk, a read-only folder, a newer catalogue: what is said, and what serves
growth: `models history` and a cold inference with the catalogue of 1,000 updates (simulated rows) and of 10, in pairs;
        and `check` of it

``--catalogue`` names an empty PostgreSQL database, in which kills then happen; by default each state has its SQLite.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.durability_damage import damage_all
from benchmarks.durability_flips import ANSWERS, KINDS, Flip, flip_all
from benchmarks.durability_growth import GENERATIONS, compare, prepare, time_check
from benchmarks.durability_kills import Kill, kill, read_answers
from benchmarks.durability_service import kill_services
from benchmarks.durability_stream import Place, write_stream

MOST_TIMES = 1.2
"""How much slower a command may be with the long history."""
MOST_CHECK_SECONDS = 10


def measure_kills(options: argparse.Namespace) -> list[str]:
    """Return the table of kills by what was killed."""
    with tempfile.TemporaryDirectory() as folder:
        write_stream(Path(folder))
        calm, disturbed = Place(Path(folder), "calm"), Place(Path(folder), "killed", options.catalogue)
        done: list[Kill] = []
        for one in kill(calm, disturbed, options.kills, options.seed):
            done.append(one)
            print(f"kill {len(done)}: {one}", file=sys.stderr)
        for one in kill_services(disturbed, options.services, options.seed):
            done.append(one)
            print(f"kill {len(done)}: {one}", file=sys.stderr)
        expected = read_answers(calm)
        altered = sum(expected.get(name) != digest for name, digest in read_answers(disturbed).items())
    lines = ["| killed | kills | before its commit | after it | state found wrong |", "|---|---|---|---|---|"]
    for action, kills in Counter(one.action for one in done).items():
        of_action = [one for one in done if one.action == action]
        late, wrong = sum(one.committed for one in of_action), sum(bool(one.wrong) for one in of_action)
        lines.append(f"| {action} | {kills} | {kills - late} | {late} | {wrong} |")
    wrong = [one.wrong for one in done if one.wrong]
    return [
        f"{len(done)} kills in moments drawn uniformly over what the command takes. After each the catalogue was "
        "looked at, then its file was destroyed and looked at again as copy and journal had it; the step was then "
        "taken again, and after each step the digests of all tables equal those of the run that nobody disturbed. "
        f"Answered files that differ: {altered}.",
        "",
        *lines,
        *(["", "Wrong: " + "; ".join(wrong)] if wrong else []),
    ]


def measure_flips(options: argparse.Namespace) -> list[str]:
    """Return the table of flipped bits by where they were."""
    done: list[Flip] = []
    with tempfile.TemporaryDirectory() as folder:
        write_stream(Path(folder))
        place = Place(Path(folder), "state")
        for words in (("update", "--batches", "3"), ("inference", "-file", str(place.request))):
            ran = place.run(*words)
            assert ran.returncode == 0, ran.stderr
        for one in flip_all(place, options.flips, options.seed):
            done.append(one)
            if not one.is_good:
                print(f"flip {len(done)}: {one}", file=sys.stderr)
    return tabulate_flips(done)


def tabulate_flips(done: Sequence[Flip]) -> list[str]:
    """Return the table of what flips led to, by where they were."""
    lines = [
        "| where | bits | found by check | in room that holds nothing | same answers | older generation named | "
        "fallback told | refused | other answers | unforeseen errors |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for kind in KINDS:
        of_kind = [one for one in done if one.kind == kind]
        idle = sum(one.is_idle and not one.found for one in of_kind)
        answers = [sum(one.answers == word and not one.unforeseen for one in of_kind) for word in ANSWERS]
        counts = [len(of_kind), sum(one.found for one in of_kind), idle, *answers]
        lines.append(f"| {kind} | {' | '.join(map(str, counts))} | {sum(bool(one.unforeseen) for one in of_kind)} |")
    bad = [f"{one.where} ({one.answers}, {one.unforeseen or 'nothing unforeseen'})" for one in done if not one.is_good]
    return [*lines, *(["", "Not as it should be: " + "; ".join(bad)] if bad else [])]


def measure_damage(options: argparse.Namespace) -> list[str]:
    """Return the table of what each damage led to."""
    with tempfile.TemporaryDirectory() as folder:
        write_stream(Path(folder))
        place = Place(Path(folder), "state")
        done = place.run("update", "--batches", "3")
        assert done.returncode == 0, done.stderr
        found = list(damage_all(place, options.seed))
        lines = [
            "| damage | command | exit code | what it said | an inference after it | |",
            "|---|---|---|---|---|---|",
        ]
        for one in found:
            said = one.sentence.replace(f"{folder}/", "").replace("|", "\\|") or "nothing: it was done"
            serves, verdict = "answers" if one.serves else "fails", "" if one.is_good else "bad"
            lines.append(f"| {one.damage} | {one.command} | {one.exit_code} | {said} | {serves} | {verdict} |")
    return [
        "Each on a copy of a state of three batches; full disks have room again before the inference.",
        "A byte flipped in a number stops no command: `check` finds it (see above).",
        "",
        *lines,
    ]


def measure_growth(options: argparse.Namespace) -> list[str]:
    """Return the table of what a long history costs."""
    with tempfile.TemporaryDirectory() as folder:
        write_stream(Path(folder))
        short = Place(Path(folder), "short")
        long = prepare(short, options.generations)
        ratios = list(compare(short, long, options.pairs))
        seconds = time_check(long)
    lines = [
        f"| cold process, median of {options.pairs} | {GENERATIONS} updates, {ratios[0].rows[0]:,} rows | "
        f"{options.generations:,} updates, {ratios[0].rows[1]:,} rows | times | bound | |",
        "|---|---|---|---|---|---|",
    ]
    for one in ratios:
        times = one.long / one.short
        met = "met" if times <= MOST_TIMES else "missed"
        lines.append(f"| {one.command} | {one.short:.2f} s | {one.long:.2f} s | {times:.2f} | {MOST_TIMES} | {met} |")
    return [*lines, "", tell_check(seconds, options.generations)]


def tell_check(seconds: float, generations: int) -> str:
    """Return how long `check` took, in a sentence."""
    met = "met" if seconds <= MOST_CHECK_SECONDS else "missed"
    return f"`check` of {generations:,} generations takes {seconds:.1f} s (bound {MOST_CHECK_SECONDS} s, {met})."


PARTS: dict[str, tuple[str, Callable[[argparse.Namespace], list[str]]]] = {
    "kills": ("Killed at random moments", measure_kills),
    "flips": ("Single bits flipped", measure_flips),
    "damage": ("Damaged, full, read-only, of another time", measure_damage),
    "growth": ("A long history", measure_growth),
}


def main() -> None:
    """Run the wanted parts and print, or write, what they found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--services", type=int, default=20)
    parser.add_argument("--flips", type=int, default=500)
    parser.add_argument("--generations", type=int, default=1000)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--catalogue")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    changed = [
        f" --{name} {' '.join(option) if isinstance(option, list) else option}"
        for name, option in vars(options).items()
        if name not in ("write", "catalogue") and option != parser.get_default(name)
    ]
    lines = ["# What the state survives", ""]
    for part in options.parts:
        title, measure = PARTS[part]
        found = measure(options)
        command = f"`python benchmarks/durability.py{''.join(changed)}`"
        where = " on PostgreSQL" if options.catalogue and part == "kills" else ""
        lines += [f"## {title}", "", f"{command}{where}, {datetime.now(UTC):%Y-%m-%d}, two cores.", "", *found, ""]
    text = "\n".join(lines)
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
