"""Technical words in plain English, and a pass over the page that explains each where it stands first in a chapter."""

import re
from collections.abc import Iterator
from html import escape

GLOSSARY = {
    "accuracy": "the share of rows whose answered class was right",
    "association rules": "what rows that have some cells in common nearly always have besides",
    "average precision": "how many flagged rows are right, averaged over all thresholds; 1 at best",
    "Brier score": "the mean squared distance of a probability from what came (0 or 1); lower is better",
    "calibration": "whether of rows answered with 20 % about 20 % come true",
    "champion": "the best single model by its record over past batches",
    "champions": "the best single models by their records, one for clean and one for damaged input",
    "challenger": "a version that does not answer requests and is compared with what does",
    "concept drift": "the target follows the inputs otherwise than before",
    "data drift": "the inputs are unlike those that models learned",
    "decayed": "newer batches count more than older ones",
    "encoding": "how columns are made into numbers for a model",
    "ensemble": "a registered mixture of a few single models",
    "F1": "precision and recall in one number, their harmonic mean; 1 at best",
    "fallback": "the answer of another model, since the usual one could not be relied on for the row or failed",
    "folds": "parts of the learned rows: a candidate learns some and is judged on later ones",
    "generation": "all models and settings as one update, or a person, left them",
    "log-loss": "how surprised an answer is by what came: 0 if sure and right, 0.69 for a coin; lower is better",
    "macro-F1": "the mean F1 of all classes, each counting alike; 1 at best",
    "MAE": "the mean distance of answers from the truth, in the unit of the target",
    "metafeatures": "numbers that describe a whole request or batch, such as its share of missing cells",
    "odds ratio": "by which factor the odds (probability over what is left to 1) change",
    "oracle": "the best model for each request, known only in hindsight: nothing can choose better",
    "out of fold": "predicted by a fit that had not seen the row",
    "permutation importance": "what is lost when the cells of one column are shuffled",
    "precision": "of the flagged rows, the share that was right",
    "prequential": "predicted on a batch before it was learned: how it would have served",
    "prior": "answering every row alike, without a model",
    "pruned": "given up early, since others did better on the same rows",
    "quarantine": "where rows and batches are kept that were refused",
    "R²": "the share of the target's spread that answers explain; 1 at best",
    "recall": "of the rows that should be flagged, the share that was",
    "regret": "by how much answers cost more than those of another model would have",
    "RMSE": "the root of the mean squared distance from the truth, in the unit of the target",
    "ROC-AUC": "how often a positive row gets the higher probability than a negative one; 0.5 is guessing",
    "selector": "what chooses a model for each request",
    "SHAP": "what each feature adds to an answer: its mean effect over all orders in which features become known",
    "standard error": "how far a mean of so many rows is off by chance, typically",
    "threshold": "the probability from which on a row is flagged",
    "TreeSHAP": "SHAP values of trees, computed exactly",
}
"""Each word as it is written on the page, lower case unless it never is; it is found with a capital, too."""

SILENT = frozenset(
    ("script", "style", "code", "pre", "svg", "figure", "option", "select", "button", "tbody", "summary", "nav")
)
"""Elements in which no word is explained: what is no running text, and rows, whose column heads explain them."""
TAG = re.compile(r"(<[^>]*>)")
CHAPTER = re.compile(r'(?=<details class="chapter")')


def explain_words(body: str) -> str:
    """Return the page's body with each technical word explained where it stands first in a chapter.

    >>> explain_words('<details class="chapter"><p>The oracle beats an oracle.</p></details>').count("<abbr title=")
    1
    """
    head, *chapters = CHAPTER.split(body)
    return head + "".join("".join(_explain(chapter, dict(WORDS))) for chapter in chapters)


def _explain(chapter: str, left: dict[str, str]) -> Iterator[str]:
    """Yield the parts of a chapter; a word that was explained leaves ``left``."""
    silent: list[str] = []
    for part in TAG.split(chapter):
        if part.startswith("<"):
            name = part.strip("</>").partition(" ")[0].lower()
            if name in SILENT and not part.endswith("/>"):
                if not part.startswith("</"):
                    silent.append(name)
                elif silent:
                    silent.pop()
            yield part
        elif silent or not part.strip():
            yield part
        else:
            yield ANY.sub(lambda found: _mark(found[0], left), part)


def _mark(word: str, left: dict[str, str]) -> str:
    about = left.pop(word.lower(), None)
    return f'<abbr title="{escape(about)}">{word}</abbr>' if about else word


WORDS = {word.lower(): about for word, about in GLOSSARY.items()}
_LONGEST = sorted(GLOSSARY, key=len, reverse=True)
_EITHER = "|".join(re.escape(word) for word in _LONGEST)
ANY = re.compile(rf"(?<![\w&-])(?:{_EITHER})(?![\w-])", re.IGNORECASE)
"""Any of the words, the longest first, so that 'concept drift' is not taken for 'drift'."""
