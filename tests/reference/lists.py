"""Reference lists, read by their declaration."""

import csv
import datetime
import pathlib

from cells import UNREADABLE, Cells
from values import form


class Entry:
    def __init__(self, values, first, last):
        self.values, self.first, self.last = values, first, last

    def holds_at(self, day):
        after = self.first is None or self.first <= day
        return after and (self.last is None or day <= self.last)


class ReferenceList:
    def __init__(self, declared, root, levels):
        self.columns = declared["columns"]
        self.dated = declared["dated"]
        self.keys = [it for it in self.columns if it["key"]]
        self.entries = []
        cells = Cells({})
        with open(pathlib.Path(root) / declared["path"], newline="", encoding="utf-8") as file:
            for line in csv.DictReader(file):
                values = {}
                for column in self.columns:
                    field = dict(column, levels=levels.get(column["type"].get("of")))
                    it = cells.read(line[column["name"]] or "", field)
                    if it is UNREADABLE:
                        raise ValueError(f"{declared['path']}: {line}")
                    values[column["name"]] = it
                days = [None, None]
                if self.dated:
                    days = [day(line[it]) for it in self.dated]
                self.entries.append(Entry(values, *days))

    def type_of(self, column):
        return next(it["type"] for it in self.columns if it["name"] == column)

    def in_force(self, at):
        return [it for it in self.entries if not self.dated or it.holds_at(at)]

    def holds(self, value, at, under):
        """Whether the value is in the list, or `under` a code of it."""
        key = self.keys[0]
        own = form(value, key["type"]["name"])
        for it in self.in_force(at):
            other = form(it.values[key["name"]], key["type"]["name"])
            if own.startswith(other) if under else own == other:
                return True
        return False

    def look_up(self, values, at, column):
        """The value of a column in the entry of a key, or `None`."""
        it = self.entry(values, at)
        return it.values[column] if it else None

    def entry(self, values, at):
        """The entry of a key; or `None`.

        The longest beginning comes first: of the first prefix key, then of the next.
        """
        best = None
        for it in self.in_force(at):
            lengths = self.fits(it, values)
            if lengths is not None and (best is None or best[0] < lengths):
                best = (lengths, it)
        return best[1] if best else None

    def fits(self, entry, values):
        """How long its prefix keys are, in order; `None` where the entry is another's."""
        lengths = []
        for key, value in zip(self.keys, values):
            name = key["type"]["name"]
            own, other = form(value, name), form(entry.values[key["name"]], name)
            if key["key"] == "prefix":
                if not own.startswith(other):
                    return None
                lengths.append(len(other))
            elif own != other:
                return None
        return lengths


def day(text):
    return datetime.date.fromisoformat(text) if text else None
