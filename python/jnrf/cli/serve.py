"""``jnrf serve``: a model behind a small HTTP service, with a page to try it on."""

from __future__ import annotations

import argparse
import importlib.util

from jnrf.cli.options import add_calculation

NAME = "serve"
HELP = "answer HTTP requests with the mentions and relations of notes, and show them on a page"

#: Modules of the extra "serve".
_NEEDED = ("fastapi", "uvicorn", "prometheus_client")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Model, address, limits."""
    parser.add_argument("model", metavar="MODEL", help="model folder (RUN/best), or hub id")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on; any but the default lets others in, without asking who they "
        "are [127.0.0.1]",
    )
    parser.add_argument("--port", type=int, default=8000, metavar="N", help="0 takes any [8000]")
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name by which the service may be called, such as that of a proxy before it; may "
        "be given again",
    )
    add_calculation(parser)
    parser.add_argument(
        "--batch-tokens",
        type=int,
        metavar="N",
        help="wordpieces of waiting notes that go through the model at once; a longer note goes "
        "alone, 1 sends each alone [4096 on the CPU, 32768 on CUDA]",
    )
    parser.add_argument(
        "--wait-ms",
        type=float,
        default=0.0,
        metavar="MS",
        help="milliseconds to wait for more notes once one has come [0]",
    )
    parser.add_argument(
        "--queue", type=int, default=256, metavar="N", help="notes that may wait [256]"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=30.0,
        metavar="S",
        help="seconds until a request is given up [30]",
    )
    parser.add_argument(
        "--max-characters", type=int, default=200_000, metavar="N", help="of a note [200000]"
    )
    parser.add_argument(
        "--max-bytes", type=int, default=4 * 2**20, metavar="N", help="of a request [4194304]"
    )
    parser.add_argument(
        "--log-level",
        choices=("info", "warning"),
        default="info",
        help="info has a line a request, with nothing of what it said [info]",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop; status 0 after SIGTERM, 130 after Ctrl-C."""
    _check(args)
    from jnrf.prediction.predictor import PredictorSettings
    from jnrf.serve import server
    from jnrf.serve.guard import Hosts
    from jnrf.serve.limits import Limits
    from jnrf_ext.inference.extract import BATCH_TOKENS

    sock = server.listen(args.host, args.port)
    settings = PredictorSettings(args.model, args.device, args.int8, args.bf16, args.threads)
    predictor = settings.load()
    limits = Limits(
        max_characters=args.max_characters,
        max_bytes=args.max_bytes,
        timeout=args.timeout,
        queue=args.queue,
        batch_tokens=args.batch_tokens or BATCH_TOKENS[predictor.device.type],
        wait_ms=args.wait_ms,
    )
    about = server.describe_model(predictor, args.model, limits)
    server.start_log(args.log_level)
    server.announce(args.model, args.host, sock.getsockname()[1])
    server.serve(predictor, about, limits, sock, Hosts(args.host, args.allow_host))
    return 0


def _check(args: argparse.Namespace) -> None:
    from jnrf_ext.errors import InputError

    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        names = ", ".join(missing).replace("_", "-")
        raise InputError(f"{names} not installed; pip install 'jnrf_ext[serve]'")
    least = {"batch_tokens": 1, "queue": 1, "max_characters": 1, "max_bytes": 1, "threads": 0}
    for name, bound in least.items():
        value = getattr(args, name)
        if value is not None and value < bound:
            raise InputError(f"--{name.replace('_', '-')} must be at least {bound}")
    if not 0 < args.timeout <= 86_400:
        raise InputError("--timeout must be above 0 and at most 86400 seconds")
    if not 0 <= args.wait_ms <= 1000 * args.timeout:
        raise InputError("--wait-ms must be at least 0, and not above --timeout")
    if not 0 <= args.port <= 65_535:
        raise InputError("--port must be from 0 to 65535")
