"""How the program starts: ``pointsman`` or ``python -m pointsman`` where it is installed; `run.py` starts it too."""

from pointsman.common.interrupts import tell_of_interrupts


def start(typed: str = "pointsman") -> None:
    """Run the command of the command line and exit with its code; ``typed`` is what the user started."""
    tell_of_interrupts()
    import sys

    from pointsman.cli import main
    from pointsman.common.program import set_program

    set_program(typed)
    sys.exit(main())


if __name__ == "__main__":
    start()
