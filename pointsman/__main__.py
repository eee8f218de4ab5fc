"""How the program starts: ``python run.py`` in a checkout, ``pointsman`` or ``python -m pointsman`` where installed."""

from pointsman.common.interrupts import tell_of_interrupts


def start() -> None:
    """Run the command of the command line and exit with its code."""
    tell_of_interrupts()
    import sys

    from pointsman.cli import main

    sys.exit(main())


if __name__ == "__main__":
    start()
