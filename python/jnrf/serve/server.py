"""Loading a model and serving it until told to stop."""

from __future__ import annotations

import logging
import math
import signal
import socket
import sys
from pathlib import Path

import torch
import uvicorn

from jnrf.prediction.predictor import Predictor
from jnrf.serve.app import create_app
from jnrf.serve.guard import Hosts, is_loopback
from jnrf.serve.limits import Limits
from jnrf_ext import __version__
from jnrf_ext.errors import InputError


def describe_model(predictor: Predictor, name: str, limits: Limits) -> dict:
    """What ``GET /model`` tells, as plain JSON types: nothing of the machine's other paths."""
    model, device = predictor.model, predictor.device
    schema = model.config.schema
    kind = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {
        "name": "/".join(Path(name).parts[-2:]),
        "version": __version__,
        "torch": torch.__version__,
        "device": {"type": device.type, "name": kind, "threads": torch.get_num_threads()},
        "numbers": predictor.numbers,
        "parameters": sum(p.numel() for p in model.parameters()),
        "entity_types": schema.entity_types,
        "relations": {r: [list(p) for p in pairs] for r, pairs in schema.arguments.items()},
        "limits": {
            "max_characters": limits.max_characters,
            "max_bytes": limits.max_bytes,
            "max_notes": limits.queue,
            "timeout_seconds": limits.timeout,
        },
    }


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to an address of this machine; raises :class:`InputError` where it is not."""
    sock = None
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        family, kind, protocol, _, address = found[0]
        # asyncio sends answers without delay only where a socket says that it is TCP, which those
        # of socket.create_server do not: 40 ms a request.
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(2048)
        return sock
    except OSError as error:
        if sock is not None:
            sock.close()
        reason = error.strerror or error
        raise InputError(
            f"cannot listen on {host} port {port}: {reason}; give another --host or --port"
        ) from None


def serve(
    predictor: Predictor, about: dict, limits: Limits, sock: socket.socket, hosts: Hosts
) -> None:
    """Answer requests until SIGTERM or Ctrl-C, then finish those that have come.

    A signal that comes again does not wait for them; nor are they waited for longer than
    ``limits.timeout``. Raises KeyboardInterrupt after Ctrl-C.
    """
    app = create_app(predictor, about, limits, hosts)
    config = uvicorn.Config(
        app,
        access_log=False,  # it has query strings; ours has not
        log_config=None,
        server_header=False,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=math.ceil(limits.timeout),
    )
    # uvicorn raises the signal again when it is done; that it was asked to stop is no failure.
    previous = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        uvicorn.Server(config).run(sockets=[sock])
    finally:
        signal.signal(signal.SIGTERM, previous)
        sock.close()


def start_log(level: str) -> None:
    """Log lines of the service to standard error; uvicorn's only from warnings on."""
    logging.basicConfig(
        stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s", level="WARNING"
    )
    logging.getLogger("jnrf.serve").setLevel(level.upper())


def announce(name: str, host: str, port: int) -> None:
    """Say where the service is, and that nobody is asked who they are where others can reach it."""
    shown = f"[{host}]" if ":" in host else host
    if not is_loopback(host):  # first: what follows the address of a service is easily not seen
        print(
            f"warning: {host} can be reached from other machines, and there is no authentication; "
            "put a proxy with one before it",
            file=sys.stderr,
            flush=True,
        )
    print(f"serving {name} on http://{shown}:{port} (Ctrl-C stops it)", flush=True)
