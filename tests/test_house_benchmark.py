"""What counts as a line of code in the numbers of the house."""

from benchmarks.house import list_code_lines

CODE = '''"""A module."""

NAME = 1
"""What it is for."""


def tell(
    rows: int,  # how many
) -> str:
    """Return a sentence."""
    # why it is in two parts
    return (
        f"{rows} rows "
        "of text"
    )
'''


def test_a_text_within_an_expression_is_code_and_a_docstring_is_none(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(CODE)
    code, comments = list_code_lines(path)
    told = [line.strip() for number, line in enumerate(CODE.splitlines(), 1) if number in code]
    assert told == [
        "NAME = 1",
        "def tell(",
        "rows: int,  # how many",
        ") -> str:",
        "return (",
        'f"{rows} rows "',
        '"of text"',
        ")",
    ]
    assert comments == 2
