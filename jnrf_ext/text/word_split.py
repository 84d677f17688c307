"""Whether a tokenizer works on each whitespace word by itself.

Then, and only then, may a text be tokenised word by word. The answer is yes only for combinations
known to be exact; everything else is tokenised as a whole.
"""

from __future__ import annotations

import re

# None of these looks further than one character and the combining marks that follow it.
_LOCAL_NORMALIZERS = {"BertNormalizer", "Lowercase", "NFC", "NFD", "StripAccents"}
# Each of these splits at every space, tab, line feed and carriage return, and drops them.
_WHITESPACE_SPLITTERS = {"BertPreTokenizer", "Whitespace", "WhitespaceSplit"}
_FURTHER_SPLITTERS = _WHITESPACE_SPLITTERS | {"Punctuation", "Digits", "letters"}
# A split that sets letters apart, with their marks, and can find no white space.
_LETTERS = re.compile(r"\[\w+\]\\p\{M\}\*")


def splits_at_whitespace(description: dict) -> bool:
    """Whether the wordpieces of a text are always those of its words, one after another.

    ``description`` is a parsed ``tokenizer.json``.
    """
    normalizers = _parts(description.get("normalizer"), "normalizers")
    splitters = _parts(description.get("pre_tokenizer"), "pretokenizers")
    return (
        _LOCAL_NORMALIZERS.issuperset(normalizers)
        and bool(splitters)
        and splitters[0] in _WHITESPACE_SPLITTERS
        and _FURTHER_SPLITTERS.issuperset(splitters)
        and not description["model"].get("dropout")
        and all(map(_stays_in_word, description.get("added_tokens", ())))
    )


def _parts(component: dict | None, members: str) -> list[str]:
    if component is None:
        return []
    if component["type"] == "Sequence":
        return [name for part in component[members] for name in _parts(part, members)]
    if component["type"] == "Split" and component["behavior"] == "Isolated":
        pattern = component["pattern"].get("Regex", "")
        return ["letters" if _LETTERS.fullmatch(pattern) and not component["invert"] else "Split"]
    return [component["type"]]


def _stays_in_word(token: dict) -> bool:
    """Whether an added token can only be found inside one word."""
    if token["special"]:
        return True  # they are not looked for (see Tokenizer)
    # A normaliser may set spaces around other scripts' characters.
    plain = token["content"].isascii() and not any(map(str.isspace, token["content"]))
    return plain and not token["lstrip"] and not token["rstrip"]
