"""Handmade gold and prediction folders."""

from __future__ import annotations

from pathlib import Path

#: Long enough for every offset that the tests use.
TEXT = "Started lisinopril 10 mg daily for hypertension; he then had a dry cough.\n" * 4


def write(folder: Path, **annotations: str | list[str]) -> Path:
    """A folder with NAME.txt and NAME.ann for each NAME=lines."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in annotations.items():
        content = lines if isinstance(lines, str) else "".join(f"{line}\n" for line in lines)
        (folder / f"{name}.txt").write_text(TEXT, encoding="utf-8")
        (folder / f"{name}.ann").write_text(content, encoding="utf-8", newline="")
    return folder


def mention(id: str, type: str, start: int, end: int) -> str:
    """A T line whose text is what TEXT has there."""
    return f"{id}\t{type} {start} {end}\t{TEXT[start:end]}"


def relation(id: str, type: str, head: str, tail: str) -> str:
    """An R line."""
    return f"{id}\t{type} Arg1:{head} Arg2:{tail}"
