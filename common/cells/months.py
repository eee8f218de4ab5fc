"""Names of months in other languages than English, which is the only one that ``strptime`` surely knows."""

import re

import pandas as pd

ENGLISH = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
NAMES = (
    "januar februar märz april mai juni juli august september oktober november dezember",
    "jänner feber maerz april mai juni juli august september oktober november dezember",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "januari februari maart april mei juni juli augustus september oktober november december",
    "januari februari mars april maj juni juli augusti september oktober november december",
    "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
)
SHORT = (
    "jan feb mär apr mai jun jul aug sep okt nov dez",
    "jan feb mrz apr mai juni juli aug sept okt nov dez",
    "janv févr mars avr mai juin juil août sept oct nov déc",
    "jan fév mars avr mai juin juil août sep oct nov déc",
    "ene feb mar abr may jun jul ago sep oct nov dic",
    "gen feb mar apr mag giu lug ago set ott nov dic",
    "jan fev mar abr mai jun jul ago set out nov dez",
    "jan feb mrt apr mei jun jul aug sep okt nov dec",
    "янв фев мар апр мая июн июл авг сен окт ноя дек",
)
MONTHS = {name: english for names in NAMES for name, english in zip(names.split(), ENGLISH, strict=True)} | {
    name: english[:3] for names in SHORT for name, english in zip(names.split(), ENGLISH, strict=True)
}
"""English names by folded foreign ones: full names for full ones, short names for short ones."""
WORD = re.compile(r"([^\W\d_]{3,})\.?(?=[\s./-]|$)|([^\W\d_]{3,})")


def translate_months(texts: pd.Series) -> pd.Series:
    """Return texts of dtype ``str`` with the names of months in English; others are as they were.

    >>> translate_months(pd.Series(["31. Januar 1983", "31 janv. 1983", "31-Mär-1983", "8 Aug 2013"])).tolist()
    ['31. January 1983', '31 Jan 1983', '31-Mar-1983', '8 Aug 2013']
    """
    worded = texts.str.contains(r"[^\W\d_]{3}", regex=True).fillna(False).to_numpy(dtype=bool)
    if not worded.any():
        return texts
    translated = texts.copy()
    translated[worded] = [WORD.sub(_translate, text) for text in texts[worded]]
    return translated


def _translate(found: re.Match[str]) -> str:
    word = found[1] or found[2]
    english = MONTHS.get(word.casefold())
    return found[0] if english is None or word.casefold() == english.casefold() else english
