"""Words that a person typed, and those that they may have meant."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

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
    known = dict.fromkeys(word for part in dict.fromkeys(everything.split()) for word in WORD.findall(part))
    found = []
    for word in typed:
        like = word if word in everything else _most_like(word, known)
        if not like:
            return []
        found.append(like)
    return found


def _most_like(word: str, known: Collection[str]) -> str:
    if len(word) < SHORT:
        return ""
    wrong = 2 if len(word) >= LONG else 1
    lengths = range(len(word) - 1, len(word) + 2)
    beginnings = (one[:length] for one in known for length in lengths if length >= SHORT)
    candidates = list(dict.fromkeys([*known, *beginnings]))  # of two that are as like, the first one wins
    best = process.extractOne(word, candidates, scorer=OSA.distance, score_cutoff=wrong)
    return str(best[0]) if best else ""
