"""What a user types to start the program: ``python run.py`` in a checkout, ``pointsman`` where it is installed.

Every message in the code is written for a checkout. Where messages leave the process (the log, stderr, an answer, help,
a page), `as_typed` puts the command there that this user has, so that whoever copies it out of a sentence can run it.
"""

CHECKOUT, INSTALLED = "python run.py", "pointsman"

_typed = CHECKOUT


def set_program(typed: str) -> None:
    """Say how this process was started, once at its beginning."""
    global _typed
    _typed = typed


def get_program() -> str:
    """Return what starts the program here, to hand it on to a process that this one starts."""
    return _typed


def as_typed(message: str) -> str:
    """Return a message with every command as this user types it.

    >>> as_typed("run 'python run.py update' first")
    "run 'python run.py update' first"
    """
    return message if _typed == CHECKOUT else message.replace(CHECKOUT, _typed)
