"""Importing a library without another one that it would load and that is not needed."""

import importlib
import sys


def import_without(name: str, other: str) -> None:
    """Import a module as if ``other``, which it can do without, were not installed; no change where one is loaded.

    LightGBM loads scikit-learn, and that scipy.stats, for wrappers of which no command makes use: a second at each
    start. The wrappers do not work in this process then, so this is for commands and not for a library.

    >>> import_without("xml.dom.minidom", "xml.sax")
    >>> "xml.dom.minidom" in sys.modules
    True
    """
    if name in sys.modules or other in sys.modules:
        return
    sys.modules[other] = None  # type: ignore[assignment]  # what Python takes for "there is none"
    try:
        importlib.import_module(name)
    finally:
        del sys.modules[other]
