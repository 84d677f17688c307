"""The ``jnrf`` command: one module a subcommand, one line for a user's mistake."""

# Imports nothing: Ctrl-C is told in one line from the first statement of main() on.


def main(argv: "list[str] | None" = None) -> int:
    """Run one subcommand; exit status 0 is success, 2 the user's mistake, 130 an interrupt."""
    try:
        return _main(argv)
    except KeyboardInterrupt:
        return _interrupted()
    except Exception as error:
        # An extension module that Ctrl-C hits while it is loaded may fail in words of its own.
        if _came_from_interrupt(error):
            return _interrupted()
        raise


def _main(argv: "list[str] | None") -> int:
    import os
    import sys

    # Threads that wait for each other by spinning fall to a third of their speed, or a tenth, as
    # soon as another process wants a core; ones that soon go to sleep lose a few percent on an idle
    # machine. OpenMP reads this when torch is loaded, which subcommands do when they run.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    # oneDNN keeps a compiled matrix product for each shape it met, 1,024 of them: with documents of
    # every length that is half a gigabyte for no gain in speed.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")

    from jnrf.cli.parser import build_parser
    from jnrf.corpora.notices import on_stderr
    from jnrf_ext.errors import InputError

    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["help"]:  # jnrf help, jnrf help train
        words = [*words[1:2], "--help"]
    parser = build_parser()
    args, unknown = parser.parse_known_args(words)
    if args.command is None:
        if unknown:
            parser.error(f"unexpected argument {unknown[0]}")
        parser.print_help()
        return 0
    try:
        if unknown:
            raise InputError(parser.unexpected(unknown, args.subparser))
        with on_stderr(args.command):
            return args.run(args)
    except BrokenPipeError:
        # The reader (head, less) went away: not an error, but Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (InputError, OSError) as error:
        if args.traceback:
            raise
        print(f"jnrf {args.command}: error: {_told(error)}", file=sys.stderr)
        return 2


def _interrupted() -> int:
    import sys

    print("interrupted", file=sys.stderr)
    return 130


def _came_from_interrupt(error: BaseException) -> bool:
    """Whether an error was raised because of Ctrl-C, however many others lie between."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, KeyboardInterrupt):
            return True
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return False


def _told(error: Exception) -> str:
    """What a person reads, on one line; of what the system refused the file first."""
    from jnrf_ext.errors import system_reason

    text = str(error)
    if isinstance(error, OSError):
        text = (f"{error.filename}: " if error.filename else "") + system_reason(error)
    # Names of files may hold line breaks and control codes.
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def __getattr__(name: str):
    if name in ("COMMANDS", "build_parser"):
        import importlib

        return getattr(importlib.import_module("jnrf.cli.parser"), name)
    raise AttributeError(f"module 'jnrf.cli' has no attribute {name!r}")
