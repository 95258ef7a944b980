"""Text: words, lines, addresses and logs."""

from __future__ import annotations

import random
import re
from collections import Counter

from . import expect, prose, words
from .base import Chore, Kind
from .formats import as_lines
from .records import person
from .words import ANSWERS, PARTS, WHOLES

NAMES = ("article", "chapter", "diary", "letter", "notes", "story")
LOGS = ("access", "backend", "server", "worker")


def count_word(rng: random.Random) -> Chore:
    lines, name, out = prose.prose(rng), rng.choice(NAMES), rng.choice(ANSWERS)
    found = Counter(re.findall(r"\w+", "\n".join(lines).lower()))
    word = rng.choice(sorted(word for word, times in found.items() if times > 2))
    return Chore(
        f"Count how often the word {word} stands in {name}.txt, in upper or lower case, and write "
        f"the number to {out}.txt.",
        {f"{name}.txt": as_lines(lines)},
        expect.number(f"{out}.txt", found[word]),
    )


def top_words(rng: random.Random) -> Chore:
    name, out, most = rng.choice(NAMES), rng.choice(PARTS), rng.randint(3, 6)
    while True:
        nouns = tuple(rng.choices(words.PROSE, k=40))
        lines = prose.prose(rng, nouns)
        found = Counter(re.findall(r"\w+", "\n".join(lines).lower())).most_common(most + 1)
        if len({number for _, number in found}) == most + 1:
            break
    return Chore(
        f"Write the {most} most frequent words of {name}.txt to {out}.txt in lower case, one a "
        "line, the most frequent first.",
        {f"{name}.txt": as_lines(lines)},
        expect.lines(f"{out}.txt", [word for word, _ in found[:most]]),
    )


def replace_word(rng: random.Random) -> Chore:
    name, out = rng.choice(NAMES), rng.choice(WHOLES)
    old, new = rng.sample(words.PROSE, 2)
    # A word may be the beginning of another: not in every text, as in life.
    longer = (f"{old}s",) if rng.random() < 0.4 else ()
    lines = prose.prose(rng, (*words.PROSE, old, old, *longer))
    return Chore(
        f"Replace the word {old} by {new} in {name}.txt, whole words only, and write the new text "
        f"to {out}.txt.",
        {f"{name}.txt": as_lines(lines)},
        expect.lines(f"{out}.txt", [re.sub(rf"\b{old}\b", new, line) for line in lines]),
    )


def unique_lines(rng: random.Random) -> Chore:
    name, out = rng.choice(("guests", "names", "people", "visitors")), rng.choice(WHOLES)
    people = [person(rng) for _ in range(rng.randint(30, 60))]
    lines = [*people, *rng.choices(people, k=rng.randint(8, 20))]
    rng.shuffle(lines)
    return Chore(
        f"Write the lines of {name}.txt to {out}.txt in their order and without repetitions.",
        {f"{name}.txt": as_lines(lines)},
        expect.lines(f"{out}.txt", list(dict.fromkeys(lines))),
    )


def level_lines(rng: random.Random) -> Chore:
    lines, name, out = prose.log(rng), rng.choice(LOGS), rng.choice(PARTS)
    level = rng.choice(words.LEVELS)
    return Chore(
        f"Write the lines of {name}.log whose level is {level} to {out}.txt, in their order.",
        {f"{name}.log": as_lines(line for _, _, line in lines)},
        expect.lines(f"{out}.txt", [line for _, own, line in lines if own == level]),
    )


def level_hours(rng: random.Random) -> Chore:
    lines, name, out = prose.log(rng), rng.choice(LOGS), rng.choice(WHOLES)
    level = rng.choice(words.LEVELS)
    hours = Counter(when.hour for when, own, _ in lines if own == level)
    return Chore(
        f"Count the lines of {name}.log whose level is {level} by the hour of their time, and "
        f"write to {out}.txt one line for each hour that has any: the hour, a space and the "
        "number, the smallest hour first.",
        {f"{name}.log": as_lines(line for _, _, line in lines)},
        expect.fields(f"{out}.txt", sorted(hours.items())),
    )


def addresses(rng: random.Random) -> Chore:
    name, out = rng.choice(("inbox", "mails", "messages", "thread")), rng.choice(PARTS)
    sites = ("example.com", "example.org", "mail.example.net")
    people = [
        f"{'.'.join(rng.sample(words.PROSE, 2))}{rng.randint(1, 99)}@{rng.choice(sites)}"
        for _ in range(rng.randint(12, 25))
    ]
    lines = prose.prose(rng)
    for address in [*people, *rng.choices(people, k=10)]:
        shown = rng.choice((f"Write to {address}.", f"<{address}>", f"From: {address}", address))
        lines.insert(rng.randrange(len(lines)), shown)
    return Chore(
        f"Write all e-mail addresses in {name}.txt to {out}.txt, one a line, sorted and each once.",
        {f"{name}.txt": as_lines(lines)},
        expect.lines(f"{out}.txt", sorted(set(people))),
    )


KINDS = (
    Kind("text-count-word", count_word),
    Kind("text-top-words", top_words),
    Kind("text-replace-word", replace_word),
    Kind("text-unique-lines", unique_lines),
    Kind("text-level-lines", level_lines),
    Kind("text-addresses", addresses),
    Kind("text-level-hours", level_hours, ("text-level-lines",)),
)
