"""The model zoo: one family a file, each with its search space; ``checks`` is the contract that all of them pass."""
