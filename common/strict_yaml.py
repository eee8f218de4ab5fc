"""YAML files of keys and values, in which no key may stand twice."""

import re
from pathlib import Path
from typing import Any

import yaml

from pointsman.common.errors import ConfigError, first_line

RESERVED = ("%", "@", "`")
"""Signs that no value without quotes may begin with."""


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the keys and values of a file; ConfigError says what is wrong with it and, where it can, in which line."""
    try:
        stated = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError:
        raise ConfigError(f"The configuration '{path}' does not exist; name another with --config PATH.") from None
    except (OSError, UnicodeDecodeError) as error:  # before the next one: bytes of another encoding are a ValueError
        raise ConfigError(f"The configuration '{path}' cannot be read: {first_line(error)}.") from error
    except ValueError as error:
        raise ConfigError(f"The configuration '{path}' holds {explain_misreading(error)}.") from error
    except yaml.YAMLError as error:
        # Formats of dates begin with %, and PyYAML's own words for it do not say that quotes would help.
        if unquoted := re.search(r"character '([%@`])' that cannot start any token", str(error)):
            mark = getattr(error, "problem_mark", None)
            line = f" of line {mark.line + 1}" if mark else ""
            raise ConfigError(
                f"The value{line} of the configuration '{path}' begins with {unquoted[1]}; write it in quotes, such as "
                "'%d-%b-%y'."
            ) from error
        raise ConfigError(f"The configuration '{path}' is not valid YAML: {' '.join(str(error).split())}.") from error
    if stated is None:
        return {}
    if not isinstance(stated, dict):
        raise ConfigError(f"The configuration '{path}' holds a {type(stated).__name__}; it must hold keys and values.")
    return stated


def explain_misreading(error: ValueError) -> str:
    """Return what YAML mistook a value for, and what to do about it.

    >>> explain_misreading(ValueError("month must be in 1..12"))
    'what looks like a number or a date and is none (month must be in 1..12); write it in quotes'
    """
    if "digits" in str(error):
        return "a number of thousands of digits; write a smaller one"
    return f"what looks like a number or a date and is none ({first_line(error)}); write it in quotes"


class _Loader(yaml.SafeLoader):
    """Refuses equal keys: PyYAML takes the last one, so a section stated twice would lose half of what was meant."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            line = key.start_mark.line + 1
            if key.value in lines:
                first = lines[key.value]
                raise yaml.YAMLError(
                    f"the key '{key.value}' stands in line {first} and in line {line}; keep one of them"
                )
            lines[key.value] = line
        return node
