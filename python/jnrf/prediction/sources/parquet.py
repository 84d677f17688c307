"""Notes that are rows of Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jnrf.prediction.notes import Fault, Note, Stamp
from jnrf.prediction.sources.columns import Columns
from jnrf.prediction.sources.tables import TableFiles
from jnrf_ext.errors import InputError, system_reason
from jnrf_ext.shown import reason_without_quotes, shown


def pyarrow_parquet():
    """The library, or an :class:`InputError` that says how to install it."""
    try:
        import pyarrow.parquet
    except ImportError:
        raise InputError(
            "Parquet needs pyarrow, which is not installed; pip install 'jnrf_ext[parquet]' "
            "(or pip install pyarrow)"
        ) from None
    return pyarrow.parquet


class Parquet(TableFiles):
    """The rows of Parquet files, with a column of texts and one of ids (strings or integers)."""

    def __init__(
        self, files: list[Path], columns: Columns, part_bytes: int, faults: tuple[Fault, ...] = ()
    ) -> None:
        """Raises :class:`InputError` where a file cannot be read or lacks the columns."""
        # What begins with _ is of the writing program (_metadata.parquet), where there is more.
        super().__init__([f for f in files if not f.name.startswith("_")] or files, faults)
        self.columns = columns
        self.part_bytes = part_bytes
        self._reader: _Reader | None = None
        self._check(self.files[0])

    def __getstate__(self) -> dict:
        return super().__getstate__() | {"_reader": None}

    def _check(self, path: Path) -> None:
        pyarrow_parquet()
        import pyarrow.types as types

        with _reading(path):
            schema = _open(path).schema_arrow
            self.columns.check(schema.names, str(path))
            kinds = {name: schema.field(name).type for name in (self.columns.text, self.columns.id)}
            strings = (types.is_string, types.is_large_string, types.is_string_view)
            for name, fitting in (
                (self.columns.text, strings),
                (self.columns.id, (*strings, types.is_integer)),
            ):
                kind = kinds[name]
                plain = kind.value_type if types.is_dictionary(kind) else kind
                if not any(fits(plain) for fits in fitting):
                    wanted = "strings" if name == self.columns.text else "strings or integers"
                    # The fields of a struct may be called by words of a note.
                    what = f"{kind}".partition("<")[0]
                    raise InputError(
                        f"{path}: column {shown(name)!r} is {what}; it must be {wanted}"
                    )

    def _contents(self) -> Iterator[tuple[int, tuple]]:
        """Runs of rows of one row group: (file, its stamp, group, first row in it, end, before).

        As many rows as hold the wanted bytes, by the row group's own mean over all columns, so that
        nothing but the files' ends is read for it.
        """
        for path in self.files:
            stamp = Stamp.of(path)
            if path != self.files[0]:
                self._check(path)
            before = 0
            for group, (rows, bytes_a_row) in enumerate(_row_groups(path)):
                step = max(1, int(self.part_bytes / bytes_a_row))
                for start in range(0, rows, step):
                    stop = min(rows, start + step)
                    yield stop - start, (path, stamp, group, start, stop, before)
                before += rows

    def measure(self) -> int:
        """Rows of all files."""
        return sum(rows for path in self.files for rows, _ in _row_groups(path))

    def _read(self, content: tuple) -> list[Note | Fault]:
        path, stamp, group, start, stop, before = content
        stamp.check(path)
        try:
            with _reading(path, f": row group {group}"):
                if self._reader is None or not self._reader.is_at(path, stamp, group, start):
                    self._reader = _Reader(_open(path), path, stamp, group, self.columns)
                    self._reader.take(start)
                rows = self._reader.take(stop - start)
        finally:
            stamp.check(path)  # of a file that changed nothing else is worth telling
        note = self.columns.note
        first = before + start + 1
        return [
            note(row, f"{path}: row {number}", str(path)) for number, row in enumerate(rows, first)
        ]


def _row_groups(path: Path) -> list[tuple[int, float]]:
    """Of each row group of a file: its rows, and the bytes of one.

    Of all columns together: what is said of one by itself, where it is damaged, makes pyarrow end
    the process.
    """
    with _reading(path):
        metadata = _open(path).metadata
        groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        if any(group.num_rows < 0 for group in groups):
            raise OSError("a row group has fewer rows than none")
        return [(g.num_rows, max(1.0, g.total_byte_size / max(g.num_rows, 1))) for g in groups]


def _open(path: Path):
    return pyarrow_parquet().ParquetFile(path)


@contextmanager
def _reading(path: Path, place: str = "") -> Iterator[None]:
    """What the library raises at a damaged file, as an :class:`InputError`."""
    pyarrow_parquet()
    try:
        yield
    except InputError:
        raise
    except PermissionError as error:
        raise InputError(f"cannot read {path}: {system_reason(error)}") from None
    except Exception as error:  # of many kinds, some of them Python's own
        remedy = "copy the file again"
        if _is_encrypted(path):
            remedy = "decrypt the file first"
        said = f"cannot read {path} as Parquet{place} ({reason_without_quotes(error)})"
        raise InputError(f"{said}; {remedy}") from None


def _is_encrypted(path: Path) -> bool:
    """Whether the end of a file says that it is encrypted, or the library that a column is."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PARE"
    except OSError:
        return False


class _Reader:
    """Reads on in a row group from where it stands, so that none is decoded again a part."""

    #: Rows that are decoded at once
    _STEP = 256

    def __init__(self, file, path: Path, stamp: Stamp, group: int, columns: Columns) -> None:
        self.key = (path, stamp, group)
        self.row = 0
        self.columns = columns
        names = list({columns.id, columns.text})
        self.stream = file.iter_batches(self._STEP, row_groups=[group], columns=names)
        self.pending: list[dict] = []

    def is_at(self, path: Path, stamp: Stamp, group: int, row: int) -> bool:
        return self.key == (path, stamp, group) and self.row == row

    def take(self, count: int) -> list[dict]:
        """The next rows."""
        while len(self.pending) < count:
            batch = next(self.stream, None)
            if batch is None:
                raise OSError("it has fewer rows than it says")
            self.pending += _rows(batch)
        taken, self.pending = self.pending[:count], self.pending[count:]
        self.row += count
        return taken


def _rows(batch) -> list[dict]:
    """Rows as dicts; strings that are not UTF-8, which Parquet does not rule out, as bytes."""
    try:
        return batch.to_pylist()
    except UnicodeDecodeError:
        columns = {n: [_value(v) for v in batch.column(n)] for n in batch.schema.names}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _value(scalar) -> object:
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        return scalar.as_buffer().to_pybytes()
