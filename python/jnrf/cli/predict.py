"""``jnrf predict``: annotate notes, or the texts of a corpus, with a trained model."""

from __future__ import annotations

import argparse
import sys

from jnrf.corpora import FORMATS

NAME = "predict"
HELP = "extract mentions and relations from .txt files, or the texts of a corpus, into .ann files"

_SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Model, input, output, and how to go about it."""
    parser.add_argument("model", metavar="MODEL", help="model folder (RUN/best), or hub id")
    parser.add_argument(
        "input",
        metavar="INPUT",
        help="folder of .txt files, or one file; or JSON, token JSON or columns, whose texts are "
        "annotated anew",
    )
    parser.add_argument("--out", metavar="DIR", required=True, help="folder for the predictions")
    parser.add_argument(
        "--to",
        choices=FORMATS,
        default="brat",
        help="format of the predictions [brat: an .ann file a text, with the .txt where INPUT has "
        "none]; others: a file for each file of INPUT",
    )
    parser.add_argument(
        "--batch-tokens",
        type=int,
        default=16_384,
        metavar="N",
        help="wordpieces that go through the model at once; a longer note goes alone [16384]",
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="CPU threads [torch's]")
    parser.add_argument(
        "--strict", action="store_true", help="stop at the first file that cannot be read"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="write over files that predict did not write"
    )


def run(args: argparse.Namespace) -> int:
    """Extract; status 1 where files had to be left out, 130 after Ctrl-C."""
    from jnrf_ext.errors import InputError

    for name in ("batch_tokens", "threads"):
        least = int(name == "batch_tokens")
        if getattr(args, name) < least:
            raise InputError(f"--{name.replace('_', '-')} must be at least {least}")

    import torch
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    from jnrf.device import choose_device
    from jnrf.predict import Outcome, claim_folder, find_texts, predict_files
    from jnrf_ext import JNRF

    if args.threads:
        torch.set_num_threads(args.threads)
    texts = find_texts(args.input)
    model = JNRF.from_pretrained(args.model, device=choose_device(args.device))
    out = claim_folder(args.out, args.model, args.overwrite, texts, args.to)
    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[state]}"), TimeLeft())
    done = 0
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=len(texts), state="")

        def told(files: int, outcome: Outcome) -> None:
            nonlocal done
            done += files
            state = f"{outcome.wordpieces_per_second:,.0f} wordpieces/s"
            progress.update(task, completed=done, state=state)

        try:
            outcome = predict_files(
                model, texts, out, args.batch_tokens, args.strict, told, args.to
            )
        except KeyboardInterrupt:
            progress.stop()
            print(
                f"interrupted after {done:,} of {len(texts):,} files; the predictions in {out} "
                "are complete, the rest is missing",
                file=sys.stderr,
            )
            return 130
    print(
        f"{outcome.documents:,} documents in {outcome.seconds:.1f} s "
        f"({outcome.documents_per_second:,.1f} documents/s, "
        f"{outcome.wordpieces_per_second:,.0f} wordpieces/s), written to {out}"
    )
    for kind, count in sorted(outcome.lost.items()):
        print(f"  {count:,} x {kind} (--to {args.to} cannot hold it)")
    if not outcome.unreadable:
        return 0
    for reason in outcome.unreadable[:_SHOWN]:
        print(f"left out: {reason}", file=sys.stderr)
    more = len(outcome.unreadable) - _SHOWN
    rest = f" ({more:,} more than shown)" if more > 0 else ""
    print(
        f"{len(outcome.unreadable):,} of {len(texts):,} files could not be read{rest}; "
        "mend them and predict again",
        file=sys.stderr,
    )
    return 1
