"""Options that several subcommands have."""

from __future__ import annotations

import argparse


def add_calculation(parser: argparse._ActionsContainer) -> None:
    """Where a model predicts, and in which numbers: what ``PredictorSettings`` takes."""
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="CPU threads [torch's]")
    parser.add_argument("--int8", action="store_true", help="int8 weights, on a CPU")
    parser.add_argument(
        "--bf16",
        choices=("auto", "always", "never"),
        default="auto",
        help="bfloat16 products [auto: on CUDA]",
    )
