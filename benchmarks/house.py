"""The shape of the house in numbers and as a picture, both from the code alone.

python benchmarks/house.py [--before OTHER_CHECKOUT] [--picture docs/house.svg]

Numbers: loose modules at the top of pipeline/, how many imports deep the deepest chain of modules is, functions with
more than 40 lines of code (without docstring, comments and blank lines) or more than 7 parameters, records with more
than 15 fields, files with more than 300 lines, comments a hundred lines of code, and lines of product code.
Picture: the rooms, floor by floor as tests/test_layers.py lists them, with an arrow for each room that another imports.
"""

import argparse
import ast
import io
import sys
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

TOPS = ("common", "experiments", "meta", "model_zoo", "pipeline", "registry")
MOST_LINES, MOST_PARAMETERS, MOST_FIELDS, MOST_OF_FILE = 40, 7, 15, 300

NO_CODE = (
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
    tokenize.ENCODING,
)
"""Kinds of tokens that make no line one of code."""


def list_files(root: Path) -> list[Path]:
    """Return the files of the product."""
    return [path for top in TOPS for path in sorted((root / top).rglob("*.py"))]


def read_modules(root: Path) -> dict[str, ast.Module]:
    """Return the syntax tree of every module, by its name below the root."""
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): ast.parse(
            path.read_text(encoding="utf-8")
        )
        for path in list_files(root)
    }


def find_imports(tree: ast.Module, modules: Mapping[str, ast.Module]) -> set[str]:
    """Return the modules of the product that one imports when it is loaded."""
    named: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            named |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name.removeprefix("pointsman.") for name in named} & set(modules)


def measure_depth(modules: Mapping[str, ast.Module]) -> int:
    """Return how many modules the longest chain of imports has."""

    @cache
    def depth(module: str) -> int:
        return 1 + max((depth(one) for one in find_imports(modules[module], modules) - {module}), default=0)

    return max(map(depth, modules))


def list_code_lines(path: Path) -> tuple[set[int], int]:
    """Return the numbers of lines that hold code, no docstring, and how many comments there are."""
    with path.open("rb") as file:
        tokens = list(tokenize.tokenize(file.readline))
    told = [token for token in tokens if token.type == tokenize.COMMENT]
    comments = sum(not token.string.startswith(("# noqa", "# type:", "# fmt:")) for token in told)
    code = {
        number for token in tokens if token.type not in NO_CODE for number in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        # a text that is a statement of its own: a docstring, also of a constant
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            code -= set(range(node.lineno, (node.end_lineno or 0) + 1))
    return code, comments


def find_functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method."""
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def count_parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many parameters a caller thinks of."""
    given = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return len([one for one in given if one.arg not in ("self", "cls")])


def count_fields(node: ast.ClassDef) -> int:
    """Return the fields of a record."""
    if not any("dataclass" in ast.unparse(one) for one in node.decorator_list):
        return 0
    return sum(isinstance(one, ast.AnnAssign) for one in node.body)


def measure(root: Path) -> tuple[dict[str, float], list[str]]:
    """Return the numbers of a checkout, and what is over a limit, worst first."""
    modules = read_modules(root)
    over: list[tuple[str, int, str]] = []
    lines = comments = skipped = 0
    for path in list_files(root):
        text = path.read_text(encoding="utf-8")
        code, commented = list_code_lines(path)
        lines, comments = lines + len(code), comments + commented
        skipped += text.count("# fmt: skip") + text.count("# fmt: off")
        where, tree = path.relative_to(root).as_posix(), ast.parse(text)
        over.append(("files over 300 lines", len(text.splitlines()), where))
        for one in find_functions(tree):
            first = one.body[0].lineno if not ast.get_docstring(one) else one.body[0].end_lineno or 0
            inside = len([number for number in code if first <= number <= (one.end_lineno or 0)])
            over.append(("functions over 40 lines", inside, f"{where}:{one.lineno} {one.name}"))
            over.append(("functions over 7 parameters", count_parameters(one), f"{where}:{one.lineno} {one.name}"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                over.append(("records over 15 fields", count_fields(node), f"{where}:{node.lineno} {node.name}"))
    limits = {
        "functions over 40 lines": MOST_LINES,
        "functions over 7 parameters": MOST_PARAMETERS,
        "records over 15 fields": MOST_FIELDS,
        "files over 300 lines": MOST_OF_FILE,
    }
    found = [one for one in over if one[1] > limits[one[0]]]
    loose = [
        name
        for name in modules
        if name.startswith("pipeline.")
        and name.count(".") == 1
        and (root / "pipeline" / f"{name.partition('.')[2]}.py").is_file()
    ]
    numbers: dict[str, float] = {
        "loose modules at the top of pipeline/": len(loose),
        "imports, the longest chain": measure_depth(modules),
    }
    numbers |= {name: sum(one[0] == name for one in found) for name in limits}
    numbers |= {
        "comments a hundred lines of code": round(100 * comments / lines, 2),
        "# fmt: skip": skipped,
        "lines of code": lines,
    }
    return numbers, [f"{name}: {where} ({size})" for name, size, where in sorted(found, key=lambda o: (o[0], -o[1]))]


def draw(modules: Mapping[str, ast.Module], floors: Sequence[str]) -> str:
    """Return an SVG of the rooms, the top floor first, with what each imports."""

    def find_room(module: str) -> str:
        return max((floor for floor in floors if f"{module}.".startswith(f"{floor}.")), key=len, default="")

    rooms = [floor for floor in floors if any(find_room(module) == floor for module in modules)]
    sizes = {room: sum(find_room(module) == room for module in modules) for room in rooms}
    arrows = {
        (find_room(module), find_room(imported))
        for module, tree in modules.items()
        for imported in find_imports(tree, modules)
    }
    height, width, left = 34, 190, 250
    place = {room: 20 + row * height for row, room in enumerate(rooms)}
    out = io.StringIO()
    out.write(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {40 + height * len(rooms)}" '
        'font-family="sans-serif" font-size="12">\n'
    )
    for row, (above, below) in enumerate(sorted((a, b) for a, b in arrows if a != b and a and b)):
        start, end = place[above] + 12, place[below] + 12
        side = 1 if row % 2 else -1
        edge = left + (width if side > 0 else 0)
        bend = edge + side * (14 + abs(end - start) * 0.42)
        out.write(
            f'<path d="M{edge},{start} C{bend:.0f},{start} {bend:.0f},{end} {edge},{end}" fill="none" '
            f'stroke="#4a6fa5" stroke-opacity="0.35"><title>{above} imports {below}</title></path>\n'
        )
    for room, top in place.items():
        named = "commands" if room == "pipeline" else room.removeprefix("pipeline.")
        count = f"{sizes[room]} file{'s' if sizes[room] > 1 else ''}"
        out.write(
            f'<rect x="{left}" y="{top}" width="{width}" height="24" rx="4" fill="#f4f1ea" stroke="#555"/>\n'
            f'<text x="{left + 10}" y="{top + 16}">{named}</text>'
            f'<text x="{left + width - 10}" y="{top + 16}" text-anchor="end" fill="#777">{count}</text>\n'
        )
    out.write("</svg>\n")
    return out.getvalue()


def main() -> None:
    """Print the table, and draw the picture where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="another checkout, for a column beside this one's")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--list", action="store_true", help="name what is over a limit")
    arguments = parser.parse_args()
    if arguments.before and not (arguments.before / "pipeline").is_dir():
        parser.error(f"--before is '{arguments.before}', which is no checkout; make one with git worktree add")
    now, over = measure(ROOT)
    before = measure(arguments.before)[0] if arguments.before else {}
    print("| | before | now |\n|---|---|---|" if before else "| | now |\n|---|---|")
    for name, number in now.items():
        print(f"| {name} | {f'{before[name]:g} | ' if before else ''}{number:g} |")
    if arguments.list:
        print("\n".join(over))
    if arguments.picture:
        from test_layers import FLOORS

        arguments.picture.write_text(draw(read_modules(ROOT), FLOORS), encoding="utf-8")


if __name__ == "__main__":
    main()
