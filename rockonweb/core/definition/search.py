"""Search words, and the correction of misspelt ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

SHORT_WORD, LONG_WORD = 3, 6  # letters: words below SHORT are never corrected, those from LONG may have two mistakes
WORD = re.compile(r"\w[\w.+-]*\w")


def split_query(query: str) -> list[str]:
    """Return the words of a search, each once, in lower case."""
    return list(dict.fromkeys(query.casefold().split()))


def correct_words(query_words: Sequence[str], texts: Iterable[str]) -> list[str]:
    """Return the words, with those that none of the `texts` contains replaced by the most similar word there.

    Similar is what has a letter more, less, another or two swapped (two such mistakes in a long word), also at the
    beginning of a longer word. A word of an earlier text wins. Empty where a word has nothing similar.
    """
    searched_text = "\n".join(texts)
    corrected = []
    for word in query_words:
        match = word if word in searched_text else _closest_word(word, searched_text)
        if not match:
            return []
        corrected.append(match)
    return corrected


@lru_cache(maxsize=8)  # a page needs the same correction several times
def _closest_word(word: str, searched_text: str) -> str:
    if len(word) < SHORT_WORD:
        return ""
    from rapidfuzz import process  # in memory only where a word is misspelt
    from rapidfuzz.distance import OSA

    max_distance = 2 if len(word) >= LONG_WORD else 1
    match = process.extractOne(
        word, _word_candidates(searched_text, len(word)), scorer=OSA.distance, score_cutoff=max_distance
    )
    return str(match[0]) if match else ""


@lru_cache(maxsize=1)
def _text_words(searched_text: str) -> tuple[str, ...]:
    """Return the words of a text, each once. Cached, since the catalogue seldom changes between searches."""
    chunks = dict.fromkeys(searched_text.split())
    return tuple(dict.fromkeys(word for chunk in chunks for word in WORD.findall(chunk)))


@lru_cache(maxsize=4)
def _word_candidates(searched_text: str, length: int) -> tuple[str, ...]:
    """Return the words of a text and the beginnings of longer ones that may correct a word of this `length`.

    Of two that are equally similar, the first one wins.
    """
    vocabulary = _text_words(searched_text)
    lengths = range(max(SHORT_WORD, length - 1), length + 2)
    return tuple(dict.fromkeys([*vocabulary, *(word[:end] for word in vocabulary for end in lengths)]))
