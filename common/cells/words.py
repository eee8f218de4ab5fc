"""Words that mean yes, no or nothing, in the languages and programs that tables come from."""

from collections.abc import Sequence

AFFIRMATIVE = frozenset(  # one string reads better than a list of fifty
    """1 true t yes y on ja j wahr oui o vrai sí si s verdadero sim verdadeiro vero tak prawda ano áno igen evet da да д
    истина так kyllä kyll jah ya 是 はい 예 نعم כן ναι""".split()  # noqa: SIM905
)
NEGATIVE = frozenset(
    """0 false f no n off nein falsch non faux falso não nao nie fałsz ne nem hayır hayir nu нет н ложь ні не ei ikke
    nej nei nee tidak 否 いいえ 아니요 لا לא όχι""".split()  # noqa: SIM905
)
"""Folded words of both truth values: English, German, French, Spanish, Portuguese, Italian, Polish, Czech, Hungarian,
Turkish, Russian, Ukrainian, Finnish, Scandinavian, Dutch and others. No word is in both."""

MISSING_WORDS = frozenset(
    """? ?? - -- --- – — . .. * n/a #n/a n.a. n.a na nan nil none null (null) \\n <na> #n/v #nv #value! #wert! #div/0!
    #ref! #name? #num! nat 1.#qnan -1.#ind -nan missing unknown unbekannt k.a. s/d n/d""".split()  # noqa: SIM905
) | {"k. a.", "no data", "not available", "not applicable", "keine angabe", "нет данных", "sans objet"}
"""Folded texts that stand for 'missing' wherever nearly all other cells are numbers or dates."""


def fold(text: str) -> str:
    """Return a text without its case and its blanks: what differs in these alone is one word.

    >>> fold("  Not  Paid "), fold("JA")
    ('not paid', 'ja')
    """
    return " ".join(text.split()).casefold()


def find_truth(texts: Sequence[str]) -> tuple[str, str] | None:
    """Return the words that a truth column has for no and yes, '' for one that it lacks; None for other columns.

    Several words that all mean the same (J and O, F and N) make no truth column: they would become one level.
    ``texts`` are the distinct known cells, the most frequent first; the first spelling of each meaning is returned.

    >>> find_truth(["ja", "nein", "JA"]), find_truth(["true"]), find_truth(["1", "0"]), find_truth(["red", "no"])
    (('nein', 'ja'), ('', 'true'), ('0', '1'), None)
    """
    found = {True: "", False: ""}
    for text in texts:
        means = read_truth(text)
        if means is None:
            return None
        found[means] = found[means] or text.strip()
    words = {fold(text) for text in texts}
    both = found[False] and found[True]
    return (found[False], found[True]) if both or len(words) == 1 else None


def read_truth(text: str) -> bool | None:
    """Return True for a word that means yes and False for one that means no; None for any other.

    >>> read_truth(" TRUE "), read_truth("нет"), read_truth("1.0"), read_truth("maybe")
    (True, False, True, None)
    """
    word = fold(text)
    word = {"1.0": "1", "0.0": "0"}.get(word, word)
    return True if word in AFFIRMATIVE else False if word in NEGATIVE else None
