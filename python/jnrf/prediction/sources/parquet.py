"""Notes that are rows of Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jnrf.prediction.notes import Fault, Note, Part, Source, Stamp
from jnrf.prediction.sources.columns import Columns
from jnrf_ext.errors import InputError


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


class Parquet(Source):
    """The rows of Parquet files, with a column of texts and one of ids (strings or integers)."""

    def __init__(self, files: list[Path], columns: Columns, part_bytes: int) -> None:
        """Raises :class:`InputError` where a file cannot be read or lacks the columns."""
        self.files = [file for file in files if not file.name.startswith("_")]
        self.columns = columns
        self.part_bytes = part_bytes
        self._reader: _Reader | None = None
        self._check(self.files[0])

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_reader": None}

    def _check(self, path: Path) -> None:
        import pyarrow.types as types

        schema = self._open(path).schema_arrow
        self.columns.check(schema.names, str(path))
        for name, kinds in (
            (self.columns.text, (types.is_string, types.is_large_string)),
            (self.columns.id, (types.is_string, types.is_large_string, types.is_integer)),
        ):
            kind = schema.field(name).type
            plain = kind.value_type if types.is_dictionary(kind) else kind
            if not any(fits(plain) for fits in kinds):
                wanted = "strings" if name == self.columns.text else "strings or integers"
                raise InputError(f"{path}: column {name!r} is {kind}; it must be {wanted}")

    def _open(self, path: Path):
        parquet = pyarrow_parquet()
        import pyarrow

        try:
            return parquet.ParquetFile(path)
        except (OSError, pyarrow.ArrowException) as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"cannot read {path} as Parquet ({reason})") from None

    def parts(self) -> Iterator[Part]:
        """Runs of rows of one row group: (file, its stamp, row group, first row in it, end).

        As many rows as hold the wanted bytes of text, by the row group's own mean, so that nothing
        but the files' ends is read for it.
        """
        index, seen = 0, 0
        for path in self.files:
            stamp = Stamp.of(path)
            file = self._open(path)
            if path != self.files[0]:
                self._check(path)
            for group in range(file.metadata.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                for start, stop in self._runs(file, group, rows):
                    yield Part(index, stop - start, (path, stamp, group, start, stop, seen))
                    index += 1
                seen += rows
            seen = 0

    def _runs(self, file, group: int, rows: int) -> Iterator[tuple[int, int]]:
        described = file.metadata.row_group(group)
        names = [described.column(i).path_in_schema for i in range(described.num_columns)]
        column = described.column(names.index(self.columns.text))
        mean = max(1.0, column.total_uncompressed_size / max(rows, 1))
        step = max(1, int(self.part_bytes / mean))
        for start in range(0, rows, step):
            yield start, min(rows, start + step)

    def measure(self) -> int:
        """Rows of all files."""
        return sum(self._open(path).metadata.num_rows for path in self.files)

    def read(self, part: Part) -> list[Note | Fault]:
        """The notes of the rows."""
        import pyarrow

        path, stamp, group, start, stop, before = part.content
        stamp.check(path)
        try:
            if self._reader is None or not self._reader.is_at(path, stamp, group, start):
                self._reader = _Reader(self._open(path), path, stamp, group, self.columns)
                self._reader.take(start)
            rows = self._reader.take(stop - start)
        except (OSError, pyarrow.ArrowException) as error:
            stamp.check(path)
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"{path}: row group {group} cannot be read ({reason})") from None
        stamp.check(path)
        note = self.columns.note
        first = before + start + 1
        return [
            note(row, f"{path}: row {number}", str(path)) for number, row in enumerate(rows, first)
        ]


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
