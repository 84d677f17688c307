"""``jnrf predict``: annotate notes, from one file to millions, with a trained model."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from jnrf.cli.options import add_calculation
from jnrf.prediction.outputs import ENDINGS

NAME = "predict"
HELP = "extract mentions and relations from notes: files, JSON lines, Parquet, standard input"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Model, input, output, and how to go about it."""
    parser.add_argument("model", metavar="MODEL", help="model folder (RUN/best), or hub id")
    parser.add_argument(
        "input",
        metavar="INPUT",
        help="folder of .txt files (subfolders too), of .jsonl, .csv (also .gz) or .parquet files, "
        "or one such file; a corpus (JSON, token JSON, columns), whose texts are annotated anew; - "
        "for JSON lines on standard input",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        required=True,
        help="folder for the predictions; - for JSON lines on standard output",
    )
    parser.add_argument(
        "--to",
        choices=tuple(ENDINGS),
        help="format: brat, an .ann file a text, with the .txt where INPUT has none [for files]; "
        "jsonl, parquet: a row a note, in parts [for tables]; json, tokens, columns: a file for "
        "each file of INPUT",
    )
    table = parser.add_argument_group("tables (.jsonl, .csv, .parquet)")
    table.add_argument("--text-column", default="text", metavar="NAME", help="of notes [text]")
    table.add_argument("--id-column", default="id", metavar="NAME", help="of their ids [id]")
    table.add_argument(
        "--delimiter",
        metavar="CHAR",
        help="between the fields of .csv; tab is one too [the one that makes these columns]",
    )
    table.add_argument(
        "--without-text", action="store_true", help="rows have what was found, not the notes"
    )
    work = parser.add_argument_group("speed and memory")
    work.add_argument(
        "--batch-tokens",
        type=int,
        metavar="N",
        help="wordpieces that go through the model at once; a longer note goes alone [4096 on the "
        "CPU, 32768 on CUDA]",
    )
    work.add_argument(
        "--part-tokens",
        type=int,
        default=524_288,
        metavar="N",
        help="wordpieces, roughly, that are read, predicted and written as one: what memory holds, "
        "and what a kill can lose [524288]",
    )
    add_calculation(work)
    work.add_argument(
        "--ray",
        nargs="?",
        const="local",
        metavar="ADDRESS",
        help="on a Ray cluster (auto: the one this machine is part of); without ADDRESS on one of "
        "this machine's own",
    )
    work.add_argument(
        "--workers", type=int, default=0, metavar="N", help="models on the cluster [GPUs, or CPUs]"
    )
    parser.add_argument(
        "--strict", action="store_true", help="stop at the first note that cannot be read"
    )
    parser.add_argument(
        "--again", action="store_true", help="do what an earlier run has done once more"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="write over files that predict did not write"
    )
    parser.add_argument(
        "--overwrite-corrected",
        action="store_true",
        help="write over predictions that someone has changed since; without it they are kept, and "
        "listed in kept.jsonl",
    )


def run(args: argparse.Namespace) -> int:
    """Extract; status 1 where notes had to be left out, 130 after Ctrl-C."""
    from contextlib import nullcontext

    from jnrf.prediction.folder import claim_folder, knows_hashes
    from jnrf.prediction.labels import check_labels
    from jnrf.prediction.notes import BYTES_A_WORDPIECE
    from jnrf.prediction.outputs import make_output
    from jnrf.prediction.predictor import PredictorSettings
    from jnrf.prediction.progress import Progress, show_end
    from jnrf.prediction.receipts import Receipts
    from jnrf.prediction.sources import Columns, open_source
    from jnrf.prediction.written import Replace

    _check(args)
    streams = args.out == "-"
    out = None if streams else Path(args.out)
    name = args.input
    if args.ray:  # its workers have working folders of their own
        name, out = Path(name).absolute(), out.absolute() if out else None
    source, to = open_source(
        name,
        Columns(args.text_column, args.id_column),
        args.part_tokens * BYTES_A_WORDPIECE,
        "jsonl" if streams and args.to is None else args.to,
        out,
        {"tab": "\t", "\\t": "\t"}.get(args.delimiter, args.delimiter),
    )
    output = make_output(out, to, not args.without_text, source.writes_texts)
    model = args.model
    if args.ray and Path(model).exists():
        model = str(Path(model).absolute())
    settings = PredictorSettings(model, args.device, args.int8, args.bf16, args.threads)
    predictor = None if args.ray else settings.load()  # a wrong model is told before out is made
    if predictor is not None:
        check_labels(predictor.model.config.schema, to)
    receipts = None
    if out is not None:
        claim = (out, args.model, args.overwrite, source, args.input, to)
        claim_folder(*claim, only_check=True)  # before anything is made there
        foreign = args.overwrite and knows_hashes(out)
        receipts = Receipts(out, Replace(args.overwrite_corrected, foreign))
    with receipts.locked() if receipts is not None else nullcontext():
        if receipts is not None:
            claim_folder(*claim)
        if receipts is not None and args.again:
            receipts.forget()
        with Progress(source, faults_at_once=streams) as progress:
            differs = repr((to, args.without_text))
            try:
                if predictor is None:
                    from jnrf.prediction.on_ray import Job, run_on_ray

                    assert receipts is not None  # _check() lets Ray write into folders only
                    job = Job(settings, source, output, args.batch_tokens, receipts, differs)
                    outcome = run_on_ray(job, args.ray, args.workers, progress.told)
                else:
                    from jnrf.prediction.run import PartWorker
                    from jnrf.prediction.run import run as run_here

                    work = (source, output, args.batch_tokens, receipts, differs)
                    worker = PartWorker(predictor, *work)
                    outcome = run_here(worker, args.strict, progress.told)
            except KeyboardInterrupt:
                progress.stop()
                kept = "what was written is whole; run the same command again to go on"
                print(f"interrupted; {kept}", file=sys.stderr)
                return 130
    show_end(outcome, to, out, source.passed_over)
    return 1 if outcome.faults else 0


def _check(args: argparse.Namespace) -> None:
    """What options cannot be, by themselves and together."""
    from jnrf_ext.errors import InputError

    for name, least in (("batch_tokens", 1), ("part_tokens", 1), ("threads", 0), ("workers", 0)):
        if getattr(args, name) is not None and getattr(args, name) < least:
            raise InputError(f"--{name.replace('_', '-')} must be at least {least}")
    delimiter = args.delimiter
    if delimiter not in (None, "tab", "\\t") and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise InputError("--delimiter must be tab, or one character that is no quote or line break")
    if args.workers and not args.ray:
        raise InputError("--workers is for --ray; on one machine one model uses all threads")
    if args.ray and "-" in (args.input, args.out):
        raise InputError("--ray needs files: standard input and output belong to one process")
    if args.ray and args.strict:
        raise InputError("--strict cannot stop a cluster in order; see errors.jsonl afterwards")
