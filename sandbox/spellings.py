"""The ways a value may be written in a text, as regular expressions."""

from __future__ import annotations

import base64
import html
import json
import re

INVISIBLE = "[\u00ad\u200b-\u200f\u2060\ufeff]*"
"""What may stand between two characters without being seen."""
SHORT = 7
"""Bytes from which base64 is looked for: that of fewer stands in ordinary words."""


def spellings(value: str) -> list[str]:
    """Patterns for a value, to be matched without regard to case; groups capture nothing."""
    data = value.encode()
    pieces = re.split(r"(\s+)", value)
    letters = [letter for piece in pieces for letter in _letters(piece)]
    found = [INVISIBLE.join(letters), data.hex()]
    if len(data) >= SHORT:
        found += [_base64(data, offset) for offset in range(3)]
    return found


def _letters(piece: str) -> list[str]:
    if piece and piece.isspace():
        # Readers fold white space; forms send it as a plus.
        return [r"(?:\s|\+|%(?:25)*20|&nbsp;?|&#(?:160|xa0|32|x20);?|\\[tn])+"]
    return [_letter(character) for character in piece]


def _letter(character: str) -> str:
    """One character as it is, or as an address, HTML, JSON or Python escapes it."""
    code = ord(character)
    units = re.findall(r"\\(u\w{4})", json.dumps(character))
    unicode = "".join(rf"\\+{unit}" for unit in units) or rf"\\+u{code:04x}"
    percent = "".join(f"%(?:25)*{byte:02x}" for byte in character.encode())
    forms = [percent, rf"&#0*{code};?", rf"&#x0*{code:x};?", unicode]
    named = html.escape(character)
    if named != character:
        forms.append(rf"{named[:-1]};?")
    if character == "'":
        forms.append("&apos;?")
    if character == "\\":
        return rf"(?:{'|'.join(forms)}|\\+)"
    # Quotes and slashes get a backslash, and another one each time the text is quoted again.
    before = "" if character.isalnum() else r"\\*"
    return f"(?:{'|'.join(dict.fromkeys(forms))}|{before}{re.escape(character)})"


def _base64(data: bytes, offset: int) -> str:
    """The part of base64 that only this value decides, when it begins at `offset` modulo 3."""
    text = base64.b64encode(bytes(offset) + data).decode().rstrip("=")
    first = -(-8 * offset // 6)
    last = 8 * (offset + len(data)) // 6
    core = re.escape(text[first:last]).replace(r"\+", "[+-]").replace("/", "[/_]")
    around = "[A-Za-z0-9+/_-]"
    return f"(?-i:{around if offset else ''}{core}{around}?=*)"
