"""Writes small Parquet files of texts and lists of structs: one row group, nothing compressed.

A schema is a list of names and of (name, schema) for lists; a row is a dictionary. The rows are
written as JSON beside the file, for those who read them without Parquet.
"""

import datetime
import json
import struct
from decimal import Decimal

OPTIONAL, REPEATED = 1, 2
LIST = 3
PLAIN, RLE = 0, 3

BOOLEAN, INT32, INT64, DOUBLE, BYTE_ARRAY = 0, 1, 2, 5, 6
# By kind of column: the physical type, and what else the schema says of it.
KINDS = {
    None: (BYTE_ARRAY, {6.5: 0}),
    "int32": (INT32, {}),
    "int64": (INT64, {}),
    "double": (DOUBLE, {}),
    "truth": (BOOLEAN, {}),
    "date": (INT32, {6.5: 6}),
    "decimal": (INT64, {6.5: 5, 7.5: 4, 8.5: 18}),
    "time": (INT64, {10: {8: {1: False, 2: {2: {}}}}}),
    "zoned": (INT64, {6.5: 10, 10: {8: {1: True, 2: {2: {}}}}}),
}


class Column(str):
    """The name of a column of another kind than text."""

    kind = None


def column(name, kind, cells):
    """A column of a kind, or of text where one of its cells is nothing of the kind."""
    res = Column(name)
    try:
        for it in cells:
            if it is not None:
                value_of(kind, it)
        res.kind = kind
    except (ValueError, ArithmeticError):
        pass
    return res


def value_of(kind, text):
    """The number that stands for a cell."""
    match kind:
        case "int32" | "int64":
            return int(text)
        case "double":
            return float(text)
        case "truth":
            if text not in ("true", "false"):
                raise ValueError(text)
            return text == "true"
        case "date":
            return (datetime.date.fromisoformat(text) - datetime.date(1970, 1, 1)).days
        case "decimal":
            it = Decimal(text) * 10000
            if it != int(it):
                raise ValueError(text)
            return int(it)
        case "time" | "zoned":
            it = datetime.datetime.fromisoformat(text)
            zone = datetime.timezone.utc
            since = datetime.datetime(1970, 1, 1, tzinfo=zone)
            it = it.astimezone(zone) if it.tzinfo else it.replace(tzinfo=zone)
            return (it - since) // datetime.timedelta(microseconds=1)
    return text


def bytes_of(kind, it):
    """A value as pages and statistics hold it; a text without its length."""
    match KINDS[kind][0]:
        case 1:
            return struct.pack("<i", it)
        case 2:
            return struct.pack("<q", it)
        case 5:
            return struct.pack("<d", it)
        case 0:
            return bytes([it])
    return it.encode()


# The compact protocol of Thrift


def varint(it):
    out = bytearray()
    while 0x7F < it:
        out.append(it & 0x7F | 0x80)
        it >>= 7
    return bytes(out + bytes([it]))


def zigzag(it):
    return varint(it << 1 if 0 <= it else -it * 2 - 1)


def encoded(it):
    """The type of a value, and its bytes."""
    if isinstance(it, bool):
        return (1 if it else 2), b""
    if isinstance(it, bytes):
        return 8, varint(len(it)) + it
    if isinstance(it, int):
        return 6, zigzag(it)
    if isinstance(it, str):
        data = it.encode()
        return 8, varint(len(data)) + data
    if isinstance(it, list):
        parts = [encoded(part) for part in it]
        kind = parts[0][0] if parts else 12
        kind = 5 if it and isinstance(it[0], int) else kind
        head = bytes([len(it) << 4 | kind]) if len(it) < 15 else bytes([0xF0 | kind]) + varint(len(it))
        return 9, head + b"".join(part for _, part in parts)
    return 12, fields(it)


def fields(it):
    """A struct: values by number. `i32` and `i64` are read alike, but for their type."""
    out, last = b"", 0
    for number, value in sorted(it.items()):
        kind, data = encoded(value)
        if isinstance(number, float):
            # An i32: numbers of fields that are one end in .5.
            number, kind = int(number), 5
        out += bytes([(number - last) << 4 | kind]) + data
        last = number
    return out + b"\0"


# Rows to columns


class Leaf:
    def __init__(self, path, rep, definition, kind):
        self.path, self.rep, self.definition, self.kind = path, rep, definition, kind
        self.levels, self.values = [], []


def leaves(schema, path=(), rep=0, definition=0):
    """The columns of a schema, those of a list inside it."""
    res = {}
    for it in schema:
        if isinstance(it, str):
            kind = getattr(it, "kind", None)
            res[it] = Leaf(path + (str(it),), rep, definition + 1, kind)
        else:
            name, inner = it
            res[name] = leaves(inner, path + (name, "list", "element"), rep + 1, definition + 3)
    return res


def shred(columns, row, rep, definition, depth=0):
    """Adds a row, or nothing where there is none."""
    for name, column in columns.items():
        value = None if row is None else row.get(name)
        if isinstance(column, Leaf):
            given = value is not None
            column.levels.append((rep, definition + 1 if given else definition))
            if given:
                column.values.append(value_of(column.kind, value))
        elif value:
            for at, it in enumerate(value):
                shred(column, it, rep if at == 0 else depth + 1, definition + 3, depth + 1)
        else:
            shred(column, None, rep, definition + (value is not None), depth + 1)


def flat(columns):
    for it in columns.values():
        yield from [it] if isinstance(it, Leaf) else flat(it)


def levels(found, most):
    """In runs, with the length before them."""
    if most == 0:
        return b""
    runs, width = b"", (most.bit_length() + 7) // 8
    for it in found:
        runs += varint(2) + it.to_bytes(width, "little")
    return struct.pack("<I", len(runs)) + runs


def plain(leaf):
    """Values one after the other; truths as bits."""
    if leaf.kind == "truth":
        bits = sum(1 << at for at, it in enumerate(leaf.values) if it)
        return bits.to_bytes((len(leaf.values) + 7) // 8, "little")
    parts = [bytes_of(leaf.kind, it) for it in leaf.values]
    if KINDS[leaf.kind][0] == BYTE_ARRAY:
        parts = [struct.pack("<I", len(it)) + it for it in parts]
    return b"".join(parts)


def page(leaf):
    data = levels([it for it, _ in leaf.levels], leaf.rep)
    data += levels([it for _, it in leaf.levels], leaf.definition)
    data += plain(leaf)
    about = {1.5: len(leaf.levels), 2.5: PLAIN, 3.5: RLE, 4.5: RLE}
    return fields({1.5: 0, 2.5: len(data), 3.5: len(data), 5: about}) + data


def elements(schema):
    res = []
    for it in schema:
        if isinstance(it, str):
            physical, more = KINDS[getattr(it, "kind", None)]
            res.append({1.5: physical, 3.5: OPTIONAL, 4: str(it)} | more)
        else:
            name, inner = it
            res.append({3.5: OPTIONAL, 4: name, 5.5: 1, 6.5: LIST})
            res.append({3.5: REPEATED, 4: "list", 5.5: 1})
            res.append({3.5: OPTIONAL, 4: "element", 5.5: len(inner)})
            res += elements(inner)
    return res


def group(schema, rows, start, told):
    """A row group that begins at a place: its bytes, and what the footer says of it."""
    columns = leaves(schema)
    for row in rows:
        shred(columns, row, 0, 0)
    out, chunks = b"", []
    for leaf in flat(columns):
        at, data = start + len(out), page(leaf)
        out += data
        about = {
            1.5: KINDS[leaf.kind][0], 2: [PLAIN, RLE], 3: list(leaf.path), 4.5: 0,
            5: len(leaf.levels), 6: len(data), 7: len(data), 9: at,
        }
        if told and leaf.values:
            order = [it.encode() for it in leaf.values] if leaf.kind is None else leaf.values
            least, most = min(order), max(order)
            if leaf.kind is not None:
                least, most = bytes_of(leaf.kind, least), bytes_of(leaf.kind, most)
            about[12] = {3: len(leaf.levels) - len(leaf.values), 5: most, 6: least}
        chunks.append({2: at, 3: about})
    return out, {1: chunks, 2: len(out), 3: len(rows)}


def write(path, schema, rows, size=0):
    """In one row group, or in groups of so many rows, with the least and the largest values."""
    out, groups = b"PAR1", []
    for at in range(0, len(rows), size or max(1, len(rows))):
        data, about = group(schema, rows[at : at + size] if size else rows, len(out), size > 0)
        out += data
        groups.append(about)
    root = {4: "schema", 5.5: len(schema)}
    leaf_count = len(list(flat(leaves(schema))))
    orders = {7: [{1: {}} for _ in range(leaf_count)]} if size else {}
    about = {1.5: 1, 2: [root] + elements(schema), 3: len(rows), 4: groups} | orders
    about = fields(about)
    out += about + struct.pack("<I", len(about)) + b"PAR1"
    path.write_bytes(out)
    twin = path.with_suffix(".json")
    twin.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
