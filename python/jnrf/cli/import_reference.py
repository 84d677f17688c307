"""``jnrf import-reference``: a checkpoint of the authors' code becomes a model folder."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = "import-reference"
HELP = "turn a checkpoint of the reference implementation into a model folder"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The checkpoint, what belongs to it, and where the model goes."""
    parser.add_argument("state_dict", type=Path, help="the checkpoint, made by torch.save")
    parser.add_argument(
        "--labels",
        type=Path,
        required=True,
        help='JSON: {"tags": [...], "relations": [...]} in the order of its LabelEncoder',
    )
    parser.add_argument(
        "--tokenizer", type=Path, required=True, help="the tokenizer.json it was trained with"
    )
    parser.add_argument("--out", type=Path, required=True, help="the model folder to write")


def run(args: argparse.Namespace) -> int:
    """Import, save, and say how to use the result."""
    from jnrf.import_reference import import_reference

    model = import_reference(args.state_dict, args.labels, args.tokenizer)
    model.save_pretrained(args.out)
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in model.parameters() if not p.requires_grad)
    print(f"{args.out}: {trainable:,} trainable and {frozen:,} frozen parameters, reference")
    print(f"next: jnrf predict {args.out} NOTES_FOLDER --out PREDICTIONS")
    return 0
