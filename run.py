"""The command line in a checkout: ``python run.py update`` is what ``pointsman update`` is where it is installed."""

from pointsman.__main__ import start

if __name__ == "__main__":
    start("python run.py")
