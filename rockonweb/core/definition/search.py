"""Words that a person typed, and those that they may have meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

SHORT, LONG = 3, 6  # letters: words below SHORT are never guessed, those from LONG may have two letters wrong
WORD = re.compile(r"\w[\w.+-]*\w")


def words(typed: str) -> list[str]:
    """Return the words of a search, each once, in lower case."""
    return list(dict.fromkeys(typed.casefold().split()))


def meant(typed: Sequence[str], texts: Iterable[str]) -> list[str]:
    """Return the words with those that stand in none of the `texts` replaced by what is most like them there.

    Like is what has a letter more, less, another or two swapped (two such mistakes in a long word), also at the
    beginning of a longer word. A word of an earlier text wins. Blank where nothing is like one of the words.
    """
    everything = "\n".join(texts)
    found = []
    for word in typed:
        like = word if word in everything else _most_like(word, everything)
        if not like:
            return []
        found.append(like)
    return found


@lru_cache(maxsize=8)  # the same page asks again and again
def _most_like(word: str, everything: str) -> str:
    if len(word) < SHORT:
        return ""
    wrong = 2 if len(word) >= LONG else 1
    best = process.extractOne(word, _candidates(everything, len(word)), scorer=OSA.distance, score_cutoff=wrong)
    return str(best[0]) if best else ""


@lru_cache(maxsize=1)
def _known(everything: str) -> tuple[str, ...]:
    """Return the words of a text, each once. Kept, since a catalogue that people search seldom changes meanwhile."""
    parts = dict.fromkeys(everything.split())
    return tuple(dict.fromkeys(word for part in parts for word in WORD.findall(part)))


@lru_cache(maxsize=4)
def _candidates(everything: str, length: int) -> tuple[str, ...]:
    """Return the words of a text and the beginnings of longer ones that a word of so many letters may have meant.

    Of two that are as like, the first one wins.
    """
    known = _known(everything)
    lengths = range(max(SHORT, length - 1), length + 2)
    return tuple(dict.fromkeys([*known, *(one[:number] for one in known for number in lengths)]))
