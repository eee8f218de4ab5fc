"""Which folders the package is made of; all else stands in pyproject.toml.

The rooms lie beside the folder ``pointsman`` in a checkout, and inside it in a wheel.
"""

from setuptools import find_packages, setup

ROOMS = ("common", "experiments", "meta", "model_zoo", "pipeline", "registry")

setup(
    packages=[
        "pointsman",
        *(f"pointsman.{room}" for room in ROOMS),
        *(f"pointsman.{room}.{inner}" for room in ROOMS for inner in find_packages(room)),
    ],
    package_dir={"pointsman": "pointsman", **{f"pointsman.{room}": room for room in ROOMS}},
)
