"""Changing single keys of a configuration file and leaving everything else in it, comments too, as it is."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from pointsman.common.config import Config, lay_over, load_config
from pointsman.common.errors import ConfigError, PointsmanError
from pointsman.common.storage.files import save_atomically
from pointsman.common.strict_yaml import read_yaml

Settings = Mapping[str, str | int | float]


def save_settings(path: Path, section: str, settings: Settings) -> None:
    """Write scalar ``settings`` into a section of the configuration file at ``path``.

    The file is replaced as a whole, and only by one that reads as the previous configuration with these settings.
    Raises ConfigError where it cannot be edited so.
    """
    path = path.resolve()  # a link stays one
    before = load_config(path)
    text = path.read_bytes().decode("utf-8")
    changed = path.with_name(f".{path.stem}-edited{path.suffix}")
    try:
        save_atomically(changed, edit_settings(text, section, settings).encode())
        # The name and the place of a stream follow from the file's name, which this copy has not.
        written = {"name": path.stem} | read_yaml(changed)
        sound = lay_over(written, [], path) == _with_settings(before, section, settings)
    except (PointsmanError, ValueError):
        sound = False
    finally:
        changed.unlink(missing_ok=True)
    if not sound:
        wanted = ", ".join(f"{key}: {setting}" for key, setting in settings.items())
        raise ConfigError(f"'{path}' could not be edited safely and was left as it is; write {section}: {{{wanted}}}.")
    save_atomically(path, edit_settings(text, section, settings).encode())


def edit_settings(text: str, section: str, settings: Settings) -> str:
    r"""Return YAML text with scalar ``settings`` in one of its sections, replaced in their place or added to it.

    >>> edit_settings("report:\n  shap_rows: 300  # rows\n  seed: 1\n", "report", {"shap_rows": 50})
    'report:\n  shap_rows: 50  # rows\n  seed: 1\n'
    >>> edit_settings("a: {b: 1}\n", "a", {"c": 2}), edit_settings("x: 1", "a", {"c": 2})
    ('a: {c: 2, b: 1}\n', 'x: 1\n\na:\n  c: 2\n')
    """
    for key, setting in reversed(list(settings.items())):
        text = _edit_one(text, section, key, str(setting))
    return text


def _edit_one(text: str, section: str, key: str, setting: str) -> str:
    end = "\r\n" if "\r\n" in text else "\n"
    # Composed only for its marks: they say where a value stands, and every other character stays as it is.
    root = yaml.compose(text, yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode) or not root.value:
        return f"{text}{section}:{end}  {key}: {setting}{end}"
    found = _find(root, section)
    if found is None and root.flow_style:
        place = root.start_mark.index + 1
        return f"{text[:place]}{section}: {{{key}: {setting}}}, {text[place:]}"
    if found is None:
        gap = end if text.endswith("\n") else 2 * end
        return f"{text}{gap}{section}:{end}  {key}: {setting}{end}"
    if not isinstance(found, yaml.MappingNode):
        raise ValueError(f"'{section}' holds no keys")
    stated = _find(found, key)
    if stated is not None:
        return text[: stated.start_mark.index] + setting + text[stated.end_mark.index :]
    if found.flow_style:
        place = found.start_mark.index + 1
        return f"{text[:place]}{key}: {setting}{', ' if found.value else ''}{text[place:]}"
    place, indent = found.start_mark.index, " " * found.start_mark.column
    return f"{text[:place]}{key}: {setting}{end}{indent}{text[place:]}"


def _find(mapping: yaml.MappingNode, key: str) -> yaml.Node | None:
    return next((node for name, node in mapping.value if name.value == key), None)


def _with_settings(config: Config, section: str, settings: Settings) -> Config:
    part = getattr(config, section)
    return config.model_copy(update={section: part.model_validate({**part.model_dump(), **settings})})
