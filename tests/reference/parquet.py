"""Writes small Parquet files of texts and lists of structs: one row group, nothing compressed.

A schema is a list of names and of (name, schema) for lists; a row is a dictionary. The rows are
written as JSON beside the file, for those who read them without Parquet.
"""

import json
import struct

OPTIONAL, REPEATED = 1, 2
BYTE_ARRAY, UTF8, LIST = 6, 0, 3
PLAIN, RLE = 0, 3


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
    def __init__(self, path, rep, definition):
        self.path, self.rep, self.definition = path, rep, definition
        self.levels, self.values = [], []


def leaves(schema, path=(), rep=0, definition=0):
    """The columns of a schema, those of a list inside it."""
    res = {}
    for it in schema:
        if isinstance(it, str):
            res[it] = Leaf(path + (it,), rep, definition + 1)
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
                column.values.append(value)
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


def page(leaf):
    data = levels([it for it, _ in leaf.levels], leaf.rep)
    data += levels([it for _, it in leaf.levels], leaf.definition)
    for it in leaf.values:
        text = it.encode()
        data += struct.pack("<I", len(text)) + text
    about = {1.5: len(leaf.levels), 2.5: PLAIN, 3.5: RLE, 4.5: RLE}
    return fields({1.5: 0, 2.5: len(data), 3.5: len(data), 5: about}) + data


def elements(schema):
    res = []
    for it in schema:
        if isinstance(it, str):
            res.append({1.5: BYTE_ARRAY, 3.5: OPTIONAL, 4: it, 6.5: UTF8})
        else:
            name, inner = it
            res.append({3.5: OPTIONAL, 4: name, 5.5: 1, 6.5: LIST})
            res.append({3.5: REPEATED, 4: "list", 5.5: 1})
            res.append({3.5: OPTIONAL, 4: "element", 5.5: len(inner)})
            res += elements(inner)
    return res


def write(path, schema, rows):
    columns = leaves(schema)
    for row in rows:
        shred(columns, row, 0, 0)
    out, chunks = b"PAR1", []
    for leaf in flat(columns):
        start, data = len(out), page(leaf)
        out += data
        about = {
            1.5: BYTE_ARRAY, 2: [PLAIN, RLE], 3: list(leaf.path), 4.5: 0, 5: len(leaf.levels),
            6: len(data), 7: len(data), 9: start,
        }
        chunks.append({2: start, 3: about})
    groups = [{1: chunks, 2: len(out) - 4, 3: len(rows)}] if rows else []
    root = {4: "schema", 5.5: len(schema)}
    about = fields({1.5: 1, 2: [root] + elements(schema), 3: len(rows), 4: groups})
    out += about + struct.pack("<I", len(about)) + b"PAR1"
    path.write_bytes(out)
    twin = path.with_suffix(".json")
    twin.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
