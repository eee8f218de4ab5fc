"""What EIC insures: the tables of vehicle types, usages and makes that the demo stream is drawn from.

One file, since it is one table.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice, zip_longest


@dataclass(frozen=True)
class Usage:
    """What a vehicle is used for: its yearly premium per birr of value, and how far the log-odds of a claim move."""

    rate: float
    claim_risk: float
    private: bool = False


TYPICAL_RATE = 0.014

USAGES: Mapping[str, Usage] = {
    "Own Goods": Usage(0.0106, -0.1),
    "Private": Usage(0.0102, -0.4, private=True),
    "Fare Paying Passengers": Usage(0.017, 0.8),
    "General Cartage": Usage(0.014, 0.4),
    "Own service": Usage(0.0119, 0.1),
    "Taxi": Usage(0.0187, 0.3),
    "Car Hires": Usage(0.0213, 0.9),
    "Others": Usage(0.0255, -0.3),
    "Special Construction": Usage(0.0093, -0.6),
    "Agricultural Own Farm": Usage(0.0068, -1.5),
    "Agricultural Any Farm": Usage(0.0072, -1.3),
    "Learnes": Usage(0.0298, 0.6),
    "Ambulance": Usage(0.0119, 0.2),
    "Fire fighting": Usage(0.0102, -0.8),
}


@dataclass(frozen=True)
class Capacity:
    """How a type's carrying capacity is entered: shares of missing cells and zeros, the load in quintals (100 kg).

    A share ``kilograms`` of the loads is entered in kilograms instead; a type without loads enters persons.
    """

    missing: float
    zero: float
    quintals: tuple[float, float] | None = None
    kilograms: float = 0.0


@dataclass(frozen=True)
class VehicleType:
    """One vehicle type; mappings give weights of levels, money is in birr, shares are of vehicles.

    ``insured_value`` is the median of covered new vehicles, ``liability_premium`` the price of a year of mere liability
    in a usage of TYPICAL_RATE; ``claim_risk`` moves the log-odds of a claim, ``claim_severity`` the logarithm of its
    amount.
    """

    name: str
    share: float
    usages: Mapping[str, float]
    makes: Mapping[str, float]
    seats: Mapping[int, float]
    engines: Mapping[int, float]
    capacity: Capacity
    bought_new: float
    liability_only: float
    insured_value: float
    liability_premium: float
    claim_risk: float
    claim_severity: float


VEHICLE_TYPES: tuple[VehicleType, ...] = (
    VehicleType(
        "Truck",
        share=0.20,
        usages={"Own Goods": 42, "General Cartage": 56, "Learnes": 1, "Others": 0.5, "Fire fighting": 0.5},
        makes={
            "ISUZU": 40,
            "IVECO": 12,
            "SINOTRUCK": 8,
            "NISSAN UD": 4,
            "FIAT": 5,
            "MERCEDES": 5,
            "NISSAN": 5,
            "HOWO": 4,
            "VOLVO": 3,
            "SCANIA": 2,
            "TOYOTA": 2,
            "MITSUBISHI": 2,
            "RENAULT": 2,
            "DAF": 1.5,
            "FAW": 1.5,
            "MAN": 1,
            "HINO": 0.8,
            "TATA": 0.8,
            "ASTRA": 0.5,
            "ERF": 0.3,
            "MACK": 0.3,
            "BEDFORD": 0.3,
            "TURBO": 0.5,
        },
        seats={2: 47, 1: 33, 0: 15, 3: 5},
        engines={4334: 20, 4570: 18, 11596: 8, 9726: 7, 12882: 7, 13798: 7, 8226: 6, 7127: 5, 10308: 5, 0: 7, 9839: 4},
        capacity=Capacity(missing=0.05, zero=0.10, quintals=(25, 420), kilograms=0.12),
        bought_new=0.45,
        liability_only=0.33,
        insured_value=1_300_000,
        liability_premium=2450,
        claim_risk=0.15,
        claim_severity=0.9,
    ),
    VehicleType(
        "Pick-up",
        share=0.19,
        usages={"Own Goods": 93, "General Cartage": 5, "Others": 2},
        makes={
            "TOYOTA": 66,
            "ISUZU": 11,
            "NISSAN": 8,
            "MITSUBISHI": 6,
            "FORD": 3,
            "MAZDA": 1,
            "DAIHATSU": 0.8,
            "CHEVROLET": 0.4,
            "GREAT WALL": 0.7,
            "SUZUKI": 0.5,
            "LANDROVER": 0.4,
            "ABAY": 0.3,
            "BISHOFTU": 0.3,
        },
        seats={4: 74, 2: 12, 5: 8, 1: 4, 0: 2},
        engines={2494: 24, 2779: 14, 2982: 10, 4164: 10, 3153: 7, 2477: 10, 2499: 8, 1997: 4, 2446: 6, 3059: 5, 0: 2},
        capacity=Capacity(missing=0.03, zero=0.08, quintals=(5, 12), kilograms=0.05),
        bought_new=0.45,
        liability_only=0.33,
        insured_value=850_000,
        liability_premium=1150,
        claim_risk=0.35,
        claim_severity=0.0,
    ),
    VehicleType(
        "Motor-cycle",
        share=0.19,
        usages={"Private": 29, "Taxi": 24, "Fare Paying Passengers": 35, "Own service": 10, "Others": 2},
        makes={
            "BAJAJI": 50,
            "YAMAHA": 13,
            "TVS": 9,
            "SUZUKI": 8,
            "HONDA": 6,
            "LIFAN": 3,
            "PIAGGIO": 3,
            "BOXER": 2,
            "DAYUN": 1.5,
            "ZONGSHEN": 1.5,
            "APACHE": 1,
            "QINGQI": 0.7,
            "SKYGO": 0.5,
            "LONCIN": 0.4,
            "JINCHENG": 0.4,
        },
        seats={3: 48, 1: 38, 2: 5, 0: 8, 4: 1},
        engines={198: 40, 199: 12, 175: 16, 183: 12, 125: 8, 200: 6, 171: 3, 150: 3},
        capacity=Capacity(missing=0.32, zero=0.48),
        bought_new=0.8,
        liability_only=0.86,
        insured_value=55_000,
        liability_premium=480,
        claim_risk=-1.3,
        claim_severity=-0.3,
    ),
    VehicleType(
        "Automobile",
        share=0.17,
        usages={"Private": 86, "Taxi": 8, "Car Hires": 3, "Own service": 3},
        makes={
            "TOYOTA": 64,
            "NISSAN": 6,
            "HYUNDAI": 5,
            "SUZUKI": 4,
            "MITSUBISHI": 3,
            "KIA": 2,
            "VOLKSWAGON": 2,
            "LADA": 2,
            "MERCEDES": 1.5,
            "PEUGEOT": 1.5,
            "LIFAN": 2,
            "BMW": 0.8,
            "DAEWOO": 0.7,
            "OPEL": 0.6,
            "FIAT": 0.6,
            "FORD": 0.5,
            "RENAULT": 0.5,
            "HONDA": 0.5,
            "MAZDA": 0.4,
            "SKODA": 0.3,
            "CHEVROLET": 0.3,
            "BYD": 0.3,
        },
        seats={4: 80, 5: 12, 3: 2, 6: 2, 8: 2, 0: 2},
        engines={998: 18, 1295: 18, 1299: 10, 1587: 10, 1300: 8, 1496: 8, 1598: 6, 1798: 5, 1997: 4, 0: 3, 2000: 3},
        capacity=Capacity(missing=0.55, zero=0.38),
        bought_new=0.15,
        liability_only=0.30,
        insured_value=420_000,
        liability_premium=720,
        claim_risk=0.1,
        claim_severity=-0.4,
    ),
    VehicleType(
        "Bus",
        share=0.14,
        usages={"Fare Paying Passengers": 66, "Own service": 31, "Taxi": 2, "Car Hires": 1},
        makes={
            "TOYOTA": 62,
            "ISUZU": 10,
            "HIGER BUS": 5,
            "MITSUBISHI": 4,
            "NISSAN": 3,
            "MERCEDES": 3,
            "IVECO": 3,
            "DAF": 2,
            "KING LONG": 1,
            "YUTONG": 0.8,
            "FIAT": 0.8,
            "HYUNDAI": 1,
            "ROZA": 0.5,
            "TATA": 0.5,
            "ASHOK LEYLAND": 0.3,
        },
        seats={11: 46, 12: 12, 15: 6, 24: 8, 25: 6, 27: 8, 29: 3, 44: 4, 45: 3, 60: 2, 61: 1, 99: 0.5, 0: 1},
        engines={2779: 24, 2494: 14, 1998: 10, 2986: 14, 4164: 8, 3920: 8, 4214: 5, 4334: 6, 8650: 4, 0: 5},
        capacity=Capacity(missing=0.06, zero=0.34),
        bought_new=0.4,
        liability_only=0.48,
        insured_value=750_000,
        liability_premium=4250,
        claim_risk=0.5,
        claim_severity=0.2,
    ),
    VehicleType(
        "Station Wagones",
        share=0.08,
        usages={"Private": 93, "Car Hires": 4, "Ambulance": 2, "Others": 1},
        makes={
            "TOYOTA": 68,
            "NISSAN": 9,
            "SUZUKI": 5,
            "MITSUBISHI": 4,
            "LANDROVER": 3,
            "HYUNDAI": 3,
            "KIA": 1.5,
            "FORD": 1,
            "HONDA": 0.8,
            "JEEP": 0.7,
            "MERCEDES": 0.7,
            "LEXUS": 0.5,
            "MAHINDRA": 0.4,
        },
        seats={8: 32, 4: 22, 7: 18, 6: 12, 9: 7, 5: 7, 0: 2},
        engines={4164: 44, 4169: 8, 2982: 12, 2779: 6, 1998: 6, 2694: 6, 1590: 5, 3980: 3, 4477: 3, 0: 2, 5700: 2},
        capacity=Capacity(missing=0.55, zero=0.38),
        bought_new=0.35,
        liability_only=0.22,
        insured_value=1_100_000,
        liability_premium=930,
        claim_risk=0.3,
        claim_severity=0.1,
    ),
    VehicleType(
        "Trailers and semitrailers",
        share=0.014,
        usages={"Own Goods": 55, "General Cartage": 45},
        makes={
            "CALABRASE": 30,
            "MESFIN": 20,
            "LOWBED": 10,
            "FARID": 8,
            "CIMC": 7,
            "MTE": 6,
            "EU. TRAILER": 5,
            "MARU": 4,
            "VIBERTI": 3,
            "ROLFO": 3,
            "ORAL": 2,
            "TRAILER": 2,
        },
        seats={0: 98, 1: 2},
        engines={0: 92, 5600: 5, 3000: 3},
        capacity=Capacity(missing=0.02, zero=0.08, quintals=(100, 420), kilograms=0.10),
        bought_new=0.5,
        liability_only=0.15,
        insured_value=450_000,
        liability_premium=1500,
        claim_risk=-0.9,
        claim_severity=1.0,
    ),
    VehicleType(
        "Tanker",
        share=0.008,
        usages={"Own Goods": 75, "General Cartage": 25},
        makes={"IVECO": 52, "NISSAN UD": 12, "FIAT": 10, "SCANIA": 9, "MERCEDES": 7, "VOLVO": 5, "DAF": 3, "HINO": 2},
        seats={1: 80, 2: 11, 0: 9},
        engines={13500: 22, 12000: 20, 13798: 18, 12503: 14, 8480: 8, 0: 9, 12880: 9},
        capacity=Capacity(missing=0.02, zero=0.05, quintals=(120, 900), kilograms=0.85),
        bought_new=0.5,
        liability_only=0.08,
        insured_value=1_700_000,
        liability_premium=7600,
        claim_risk=0.2,
        claim_severity=0.8,
    ),
    VehicleType(
        "Special construction",
        share=0.006,
        usages={"Special Construction": 70, "Own service": 20, "Fire fighting": 10},
        makes={"CATERPILLAR": 30, "KOMATSU": 20, "CRANE": 15, "XCMG": 12, "VOLVO": 8, "FIAT": 6, "SHANTUI": 5},
        seats={1: 55, 8: 15, 4: 15, 0: 15},
        engines={4164: 30, 0: 25, 12000: 15, 6700: 15, 15115: 8, 20000: 7},
        capacity=Capacity(missing=0.10, zero=0.60, quintals=(80, 400), kilograms=0.3),
        bought_new=0.6,
        liability_only=0.12,
        insured_value=2_500_000,
        liability_premium=1200,
        claim_risk=-0.9,
        claim_severity=0.8,
    ),
    VehicleType(
        "Tractor",
        share=0.004,
        usages={"Agricultural Own Farm": 60, "Agricultural Any Farm": 25, "Own Goods": 15},
        makes={"MASSEY FERGUSON": 30, "NEW HOLLAND": 20, "BELARUS": 15, "YTO": 12, "JOHN DEERE": 8, "TOMSON": 5},
        seats={0: 80, 1: 20},
        engines={0: 70, 4400: 15, 3900: 10, 5600: 5},
        capacity=Capacity(missing=0.15, zero=0.45, quintals=(5, 60)),
        bought_new=0.6,
        liability_only=0.5,
        insured_value=600_000,
        liability_premium=370,
        claim_risk=-1.5,
        claim_severity=-0.2,
    ),
)

MAKE_RISK: Mapping[str, float] = {
    "TOYOTA": -0.1,
    "ISUZU": 0.4,
    "BAJAJI": 0.1,
    "NISSAN": 0.1,
    "MERCEDES": -0.2,
    "FIAT": -0.4,
    "SINOTRUCK": 0.6,
    "HIGER BUS": 0.7,
    "LIFAN": 0.5,
    "SUZUKI": -0.3,
    "LADA": -0.6,
    "MITSUBISHI": 0.2,
    "SCANIA": 0.4,
    "HOWO": 0.6,
}
"""How far a make moves the log-odds of a claim; makes not listed do not."""

NEW_MAKES: tuple[str, ...] = (
    "CHERY",
    "GEELY",
    "JAC",
    "FOTON",
    "DONGFENG",
    "HAIMA",
    "ZOTYE",
    "BAIC",
    "SHACMAN",
    "HAOJUE",
)
"""Makes that only the event of new makes brings into the stream."""

EFFECTIVE_YEAR_GARBAGE: tuple[str, ...] = (
    *("8R", "RS", "IN", "/1", "EA"),
    *(first + second for first in "RSN/O" for second in "RSIA1780"),
)
"""What stands in EFFECTIVE_YR where a policy number was cut at the wrong place."""

MISSPELLINGS_A_TYPE = 110


def misspell(name: str) -> Iterator[str]:
    """Yield the ways in which a hurried clerk writes ``name``: behind its first letter one left out, doubled, swapped.

    >>> list(misspell("KIA"))
    ['KA', 'KIIA', 'KAI', 'KI', 'KIAA']
    """
    ways = (
        text.strip()
        for i in range(1, len(name))
        for text in (
            name[:i] + name[i + 1 :],
            name[: i + 1] + name[i:],
            name[:i] + name[i : i + 2][::-1] + name[i + 2 :],
        )
    )
    yield from dict.fromkeys(text for text in ways if text != name)


def misspelled_makes(makes: Mapping[str, float]) -> tuple[str, ...]:
    """Return misspellings of a type's makes, one of each make in turn."""
    in_turn = chain.from_iterable(zip_longest(*map(misspell, makes)))
    distinct = dict.fromkeys(text for text in in_turn if text is not None and text not in makes)
    return tuple(islice(distinct, MISSPELLINGS_A_TYPE))
