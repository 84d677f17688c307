"""The folder of predictions: whose files may be written over, and what is left in it at the end."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from jnrf.prediction.notes import Fault, Source
from jnrf.prediction.outputs import ENDINGS
from jnrf.prediction.receipts import ERRORS, KEPT, MARK, RECEIPTS
from jnrf.prediction.sources.files import Files
from jnrf_ext.errors import InputError
from jnrf_ext.files import write_atomically


def claim_folder(
    out: str | Path,
    model: str,
    overwrite: bool,
    source: Source,
    input: str,
    to: str = "brat",
    only_check: bool = False,
) -> Path:
    """Make the folder for predictions; files there that are someone else's work are refused.

    So is a folder with predictions for another input, where files are named by parts of it. Raises
    :class:`InputError` too where predictions would be written over what is read. ``only_check``
    does no more than raise: another run may be at work there. Files that were predictions before
    someone changed them are the affair of :mod:`jnrf.prediction.written`.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; give a folder as --out")
    if out.suffix in (".jsonl", ".parquet") and not out.exists():
        raise InputError(
            f"--out {out} looks like a file, but predictions are a folder of parts; give "
            f"--out {out.with_suffix('')}"
        )
    _keep_input(out, source, to)
    endings = [ENDINGS[to]]
    if to == "brat" and source.writes_texts:
        endings.append(".txt")
    before = _mark(out)
    ours = before.get("writes", [".ann"] if before else [])
    for ending in endings:
        free = overwrite or ending in ours or not out.is_dir()
        there = () if free else out.rglob("*")
        if any(path.suffix.lower() == ending and not _is_ours(path) for path in there):
            raise InputError(
                f"{out} holds {ending} files that jnrf predict did not write, perhaps annotations "
                "made by hand; give another --out, or --overwrite to lose them"
            )
    lists = before.get("lists", [ERRORS] if before else [])
    for name in (ERRORS, KEPT):
        if not overwrite and name not in lists and (out / name).exists():
            raise InputError(
                f"{out / name} is not of jnrf predict, which lists notes there; give another "
                "--out, or --overwrite to lose it"
            )
    by_parts = to in ("jsonl", "parquet")
    input = input if input == "-" else str(Path(input).absolute())
    if by_parts and not overwrite and before.get("input", input) != input:
        raise InputError(
            f"{out} holds the predictions for {before['input']}; give another --out, or "
            "--overwrite to lose them"
        )
    if only_check:
        return out
    mark: dict[str, object] = {"made_by": "jnrf predict", "model": model}
    mark["writes"] = sorted({*ours, *endings})
    mark["lists"] = [ERRORS, KEPT]
    if not before or before.get("hashes"):
        mark["hashes"] = True
    if by_parts or "input" in before:
        mark["input"] = input if by_parts else before["input"]
    write_atomically(out / MARK, json.dumps(mark) + "\n")
    return out


def _is_ours(path: Path) -> bool:
    return path.name in (ERRORS, KEPT, MARK) or path.parent.name == RECEIPTS


def knows_hashes(out: Path) -> bool:
    """Whether the hashes of all predictions in a folder are known.

    Earlier versions noted none: there a file that is not known may be a prediction that someone
    has corrected.
    """
    mark = _mark(out)
    return not mark or bool(mark.get("hashes"))


def _mark(out: Path) -> dict:
    """What an earlier prediction said of the folder."""
    try:
        mark = json.loads((out / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return mark if isinstance(mark, dict) else {}


def _keep_input(out: Path, source: Source, to: str) -> None:
    if not out.is_dir():
        return
    if isinstance(source, Files):
        for name in source.names or ():
            written = (out / name).with_suffix(ENDINGS[to])
            read = source.root / name
            if written.exists() and read.exists() and written.samefile(read):
                raise InputError(
                    f"predictions for {read} would be written over it; give another --out"
                )
        return
    for file in getattr(source, "files", ()):
        if (
            file.suffix.lower() == ENDINGS[to]
            and file.parent.exists()
            and file.parent.samefile(out)
        ):
            raise InputError(f"{out} holds the input, {file.name}; give another --out")


def write_errors(out: Path, faults: Iterable[Fault]) -> None:
    """``errors.jsonl``: a line for each note without a prediction; no file where there is none."""
    _write_list(out / ERRORS, ({"id": f.id, "place": f.place, "reason": f.reason} for f in faults))


def write_kept(out: Path, kept: Iterable[tuple[str, str]]) -> None:
    """``kept.jsonl``: a line for each file, and why it is kept; no file where there is none."""
    _write_list(out / KEPT, ({"file": name, "reason": reason} for name, reason in kept))


def _write_list(path: Path, rows: Iterable[dict]) -> None:
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    if lines:
        write_atomically(path, "".join(f"{line}\n" for line in lines))
    else:
        path.unlink(missing_ok=True)
