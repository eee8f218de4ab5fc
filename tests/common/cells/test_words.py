"""Words for yes, no and nothing."""

import pytest

from pointsman.common.cells.words import AFFIRMATIVE, MISSING_WORDS, NEGATIVE, find_truth, fold, read_truth


def test_no_word_means_two_things_and_all_are_folded():
    assert not AFFIRMATIVE & NEGATIVE
    assert not (AFFIRMATIVE | NEGATIVE) & MISSING_WORDS
    assert all(word == fold(word) for word in AFFIRMATIVE | NEGATIVE | MISSING_WORDS)


@pytest.mark.parametrize(
    ("yes", "no"),
    [
        ("true", "FALSE"),
        ("Yes", "no"),
        ("Y", "N"),
        ("ja", "nein"),
        ("oui", "non"),
        ("sí", "no"),
        ("да", "нет"),
        ("sim", "não"),
        ("tak", "nie"),
        ("evet", "hayır"),
        ("1", "0"),
        ("1.0", "0.0"),
        ("はい", "いいえ"),
    ],
)
def test_truth_is_read_in_many_languages(yes, no):
    assert (read_truth(yes), read_truth(no)) == (True, False)
    assert find_truth([yes, no]) == (no, yes)


def test_other_words_are_no_truth():
    assert find_truth(["yes", "no", "perhaps"]) is None
    assert find_truth([]) is None
    assert read_truth("2") is None
