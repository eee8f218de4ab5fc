"""Who runs this process: kept with every decision."""

import getpass


def find_user() -> str:
    """Return the user as the operating system knows them."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container may run under a number without a name
        return "unknown"
