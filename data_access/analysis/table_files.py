"""One table of columns as CSV, VOTable, FITS or Parquet, with units, definitions and what was asked inside.

Columns are written whole, never value by value: a million rows take seconds, not minutes, and the interpreter is left
to others meanwhile.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, BinaryIO, Literal
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import numpy.typing as npt

Format = Literal["csv", "votable", "fits", "parquet"]
# What stands for an absent whole number; only a column that lacks some says so: another may have it as a value.
_NO_COUNT = -1
_NOT_IN_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class FileColumn:
    """One column of a file.

    Attributes
    ----------
    unit : str
        As astropy writes it; empty for none.
    values : shape (n,)
        Text, or float64 with NaN where absent.
    whole : bool
        Written as whole numbers, absent where the value is NaN.
    """

    name: str
    unit: str
    definition: str
    values: npt.NDArray[Any]
    whole: bool = False

    @property
    def is_text(self) -> bool:
        """True when the values are text."""
        return self.values.dtype.kind == "U"

    @property
    def letters(self) -> int:
        """Length of the longest text, at least 1."""
        return max(1, self.values.dtype.itemsize // 4)

    @property
    def absent(self) -> npt.NDArray[np.bool_]:
        """Where there is no value, shape (n,)."""
        if self.is_text:
            return np.asarray(self.values == "")
        return np.asarray(~np.isfinite(self.values))

    def counts(self) -> npt.NDArray[np.int64]:
        """Return the values as whole numbers, -1 where absent."""
        return np.where(self.absent, _NO_COUNT, self.values).astype(np.int64)

    def numbers(self) -> npt.NDArray[np.float64]:
        """Return the values as numbers, NaN where absent."""
        return np.where(self.absent, np.nan, self.values).astype(np.float64)


@dataclass(frozen=True, slots=True)
class FileTable:
    """Columns of equal length and facts about them; `facts` are texts by name."""

    columns: tuple[FileColumn, ...]
    facts: Mapping[str, str]
    name: str = "sources"


def text_values(values: Sequence[str]) -> npt.NDArray[np.str_]:
    """Return texts as the values of a column, shape (n,)."""
    return np.array(values, dtype=np.str_) if values else np.array([], dtype="U1")


def write_csv(table: FileTable, out: BinaryIO) -> None:
    """Write ECSV with commas: a comment header with units, definitions and facts, then plain CSV."""
    import pyarrow as pa
    from pyarrow import csv

    text = io.StringIO()
    _head(table).write(text, format="ascii.ecsv", delimiter=",")
    out.write(text.getvalue().rstrip("\n").encode() + b"\n")
    options = csv.WriteOptions(include_header=False, quoting_style="needed")
    sink = pa.PythonFile(out, mode="w")
    csv.write_csv(_arrow(table), sink, options)


def write_parquet(table: FileTable, out: BinaryIO) -> None:
    """Write Parquet: units and definitions in the metadata of the fields, facts in those of the file.

    All of it is there a second time as astropy expects it. Absent text is empty: astropy 8.0 reads no null in a
    column of text, and none without rows unless its length is told.
    """
    import pyarrow as pa
    from astropy.table.meta import get_yaml_from_table
    from pyarrow import parquet

    made = _arrow(table)
    for i, c in enumerate(table.columns):
        if c.is_text:
            made = made.set_column(i, made.schema.field(i), made.column(i).fill_null(""))
    lengths = {f"table::len::{c.name}": str(c.letters) for c in table.columns if c.is_text}
    facts = {**table.facts, **lengths, "table_meta_yaml": "\n".join(get_yaml_from_table(_head(table)))}
    parquet.write_table(made.replace_schema_metadata(facts), pa.PythonFile(out, mode="w"), compression="zstd")


def _head(table: FileTable) -> Any:
    """Return an astropy table without rows: names, types, units, definitions and facts."""
    from astropy.table import Column, Table

    kinds = [(c, "U1" if c.is_text else "i8" if c.whole else "f8") for c in table.columns]
    return Table(
        [Column([], c.name, dtype=kind, unit=c.unit or None, description=c.definition) for c, kind in kinds],
        meta=dict(table.facts),
    )


def _arrow(table: FileTable) -> Any:
    import pyarrow as pa

    fields, arrays = [], []
    for c in table.columns:
        kind = pa.string() if c.is_text else pa.int64() if c.whole else pa.float64()
        values = c.values if c.is_text else c.counts() if c.whole else c.numbers()
        arrays.append(pa.array(values.tolist() if c.is_text else values, type=kind, mask=c.absent))
        fields.append(pa.field(c.name, kind, metadata={"unit": c.unit, "description": c.definition}))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata=dict(table.facts)))


def write_fits(table: FileTable, out: BinaryIO) -> None:
    r"""Write a binary table: units in TUNIT, definitions in TCOMM, facts as comments.

    FITS knows ASCII only: other letters are written as their number (``\xe9``).
    """
    from astropy.io import fits

    columns = [_fits_column(c) for c in table.columns]
    made = fits.BinTableHDU.from_columns(columns, name=table.name.upper())
    for i, c in enumerate(table.columns, start=1):
        made.header[f"TCOMM{i}"] = _ascii(c.definition)
    for name, value in table.facts.items():
        made.header.add_comment(_ascii(f"{name}: {value}"))
    fits.HDUList([fits.PrimaryHDU(), made]).writeto(out)


def _fits_column(column: FileColumn) -> Any:
    from astropy.io import fits

    unit = column.unit or None
    if column.is_text:
        texts = np.array([_ascii(text) for text in column.values.tolist()], dtype=np.bytes_)
        return fits.Column(column.name, f"{max(1, texts.dtype.itemsize)}A", array=texts)
    if column.whole:
        null = _NO_COUNT if column.absent.any() else None
        return fits.Column(column.name, "K", unit=unit, null=null, array=column.counts())
    return fits.Column(column.name, "D", unit=unit, array=column.numbers())


def _ascii(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    plain = text.encode("ascii", "backslashreplace").decode()
    return "".join(letter if " " <= letter <= "~" else f"\\x{ord(letter):02x}" for letter in plain)


def write_votable(table: FileTable, out: BinaryIO) -> None:
    """Write a VOTable whose rows are one binary stream (BINARY2): every row has the same number of bytes."""
    import base64

    n = len(table.columns[0].values)
    packed, kinds = _packed(table, n)
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">',
        ' <RESOURCE type="results">',
        f"  <DESCRIPTION>{_xml(table.facts.get('title', 'Sources'))}</DESCRIPTION>",
    ]
    lines += [
        f"  <INFO name={quoteattr(_clean(name))} value={quoteattr(_clean(value))}/>"
        for name, value in table.facts.items()
    ]
    lines.append(f'  <TABLE name="{table.name}" nrows="{n}">')
    for c, kind in zip(table.columns, kinds, strict=True):
        unit = f" unit={quoteattr(c.unit)}" if c.unit else ""
        null = f'<VALUES null="{_NO_COUNT}"/>' if c.whole and c.absent.any() else ""
        lines.append(
            f"   <FIELD name={quoteattr(c.name)} {kind}{unit}><DESCRIPTION>{_xml(c.definition)}</DESCRIPTION>{null}"
            "</FIELD>"
        )
    lines.append('   <DATA><BINARY2><STREAM encoding="base64">')
    out.write("\n".join(lines).encode() + b"\n")
    step = 3 * 65_536  # whole groups of three bytes: the pieces join without padding
    raw = memoryview(packed.tobytes())
    for start in range(0, len(raw), step):
        out.write(base64.b64encode(raw[start : start + step]) + b"\n")
    out.write(b"</STREAM></BINARY2></DATA>\n  </TABLE>\n </RESOURCE>\n</VOTABLE>\n")


def _packed(table: FileTable, n: int) -> tuple[npt.NDArray[Any], list[str]]:
    """Return the rows as they stand in the stream, and the type of every column in words."""
    parts: list[tuple[str, npt.NDArray[Any]]] = []
    kinds: list[str] = []
    masks = np.zeros((n, 8 * -(-len(table.columns) // 8)), dtype=np.bool_)
    for i, c in enumerate(table.columns):
        masks[:, i] = c.absent
        if c.is_text:
            letters = c.letters
            # Four bytes a letter in memory, two in the stream; what needs more is left out of a name.
            codes = np.ascontiguousarray(c.values).view(np.uint32).reshape(n, -1) if n else np.zeros((0, letters))
            parts.append((f"c{i}", np.where(codes > 0xFFFF, 0xFFFD, codes).astype(">u2")))
            kinds.append(f'datatype="unicodeChar" arraysize="{letters}"')
        else:
            parts.append((f"c{i}", c.counts().astype(">i8") if c.whole else c.numbers().astype(">f8")))
            kinds.append(f'datatype="{"long" if c.whole else "double"}"')
    bits = np.packbits(masks, axis=1)
    dtype = np.dtype([("mask", "u1", (bits.shape[1],)), *((name, v.dtype, v.shape[1:]) for name, v in parts)])
    rows = np.zeros(n, dtype=dtype)
    rows["mask"] = bits
    for name, values in parts:
        rows[name] = values
    return rows, kinds


def _clean(text: str) -> str:
    """Return text without what XML cannot say."""
    return _NOT_IN_XML.sub("?", text)


def _xml(text: str) -> str:
    return escape(_clean(text))


WRITERS = MappingProxyType({"csv": write_csv, "votable": write_votable, "fits": write_fits, "parquet": write_parquet})
FORMATS: Mapping[Format, tuple[str, str]] = MappingProxyType(
    {
        "csv": ("text/csv; charset=utf-8", "ecsv"),
        "votable": ("application/x-votable+xml", "vot"),
        "fits": ("application/fits", "fits"),
        "parquet": ("application/vnd.apache.parquet", "parquet"),
    }
)
