"""The rows of a project, read from its files: records, those around and below them, and history.

docs/language/schema.md, relations.md, history.md and *Data* in README.md say how.
"""

import csv
import glob
import json
import pathlib

from cells import UNREADABLE, Cells
from values import Missing, form


# Rules that are judged only when they are named.
UNUSED = ("draft", "retired")
# In a line of values by record, the line as it stands in its file.
RAW = ""


def raw_lines(path, table):
    """The cells of a file; a Parquet file has a twin in JSON, which is read instead."""
    if path.endswith(".parquet"):
        yield from json.loads(pathlib.Path(path).with_suffix(".json").read_text(encoding="utf-8"))
        return
    with open(path, newline="", encoding=table["encoding"] or "utf-8-sig") as file:
        yield from csv.DictReader(file, delimiter=table["separator"] or ",")


class Row:
    def __init__(self, record, values, judged):
        self.record, self.values, self.judged = record, values, judged
        self.parent = None
        self.key = ()
        # A row that is nowhere: its key is known from rows inside it.
        self.absent = False
        self.real = None

    def itself(self):
        """The row that has this key: what is nowhere stands for it where a key is asked."""
        return self.real if self.absent and self.real is not None else self

    def is_alone(self):
        """Whether a record around it is nowhere."""
        return self.parent is not None and (self.parent.absent or self.parent.is_alone())

    def at(self, record):
        """The row itself or one around it, of that record."""
        it = self
        while it is not None and it.record != record:
            it = it.parent
        return it

    def get(self, field):
        return self.values.get(field)

    def field(self, record, field):
        at = self.at(record)
        return at.get(field) if at is not None else None

    def find(self, field):
        """The nearest field of that name."""
        it = self
        while it is not None:
            if field in it.values:
                return it.values[field]
            it = it.parent
        return None


class World:
    """All rows of DATA and of what `--history` names."""

    def __init__(self, project):
        self.records = {it["name"]: it for it in project["records"]}
        self.rows = {name: [] for name in self.records}
        self.lines = 0
        self.faults = 0
        # Lines without a record around them, by record.
        self.orphans = {}
        self._inside = {}

    # The schema

    def lineage(self, record):
        res = [record]
        while self.records[res[-1]]["in"]:
            res.append(self.records[res[-1]]["in"])
        return res

    def key(self, record):
        return self.records[record]["key"]

    def keys(self, record):
        """The keys of a record and those around it, outermost first, as (record, field)."""
        return [(it, key) for it in reversed(self.lineage(record)) for key in self.key(it)]

    def declared(self, record, field):
        return next(it for it in self.records[record]["fields"] if it["name"] == field)

    def type_of(self, record, field):
        return self.declared(record, field)["type"]["name"]

    def lineage_name(self, record, what):
        """The nearest `date`, `event` or `known_from` of a record, as (record, field)."""
        for it in self.lineage(record):
            if self.records[it][what]:
                return it, self.records[it][what]
        return None

    def lineage_field(self, row, what):
        name = self.lineage_name(row.record, what)
        if name is None:
            return None
        it = row.field(*name)
        return Missing([[name[1]]]) if it is None else it

    def given(self, row, what):
        it = self.lineage_field(row, what)
        return None if isinstance(it, Missing) else it

    def complete_since(self, record):
        return self.complete(record, "complete_since")

    def complete_until(self, record):
        return self.complete(record, "complete_until")

    def complete(self, record, which):
        from judge import literal

        for it in self.lineage(record):
            if self.records[it][which]:
                return literal(self.records[it][which], {"name": "date"})
        return None

    def known_from(self, record, field):
        """From when on a result is known: a field of its record."""
        known = self.declared(record, field)["known"]
        return (record, known["from"]) if isinstance(known, dict) else None

    def number_of(self, record, judged):
        """The whole number that tells rows right inside the judged one apart."""
        key = self.key(record)
        if self.records[record]["in"] != judged or len(key) != 1:
            return None
        return key[0] if self.type_of(record, key[0]) == "whole" else None

    # Rows

    def all(self, record):
        return self.rows[record]

    def judged(self, record):
        return [it for it in self.rows[record] if it.judged]

    def inside(self, row, record):
        """Rows of a record in the nearest row around both."""
        around = self.lineage(record)[1:]
        own = self.lineage(row.record)
        shared = next(it for it in around if it in own)
        place = row.at(shared).itself()
        if not self._inside:
            for rows in self.rows.values():
                for it in rows:
                    at = it.parent
                    while at is not None:
                        self._inside.setdefault((id(at.itself()), it.record), []).append(it)
                        at = at.parent
        return self._inside.get((id(place), record), [])

    def root(self, row):
        """The declaration that a row is a part of."""
        while row.parent is not None:
            row = row.parent
        return row.itself()

    def below(self, row, record):
        return self.inside(row, record)


class Reader:
    def __init__(self, project):
        self.project = project
        self.root = pathlib.Path(project["root"])
        self.world = World(project)
        self.levels = levels(project)

    def read(self, data, history):
        """The rows of a data set, and of those that `--history` names."""
        held = set()
        tables = self.tables(self.project["data"][data])
        self.spelt = self.spellings(tables)
        self.add(tables, True, held)
        # Several histories are read as one.
        past = {}
        for name in history:
            for record, lines in self.tables(self.project["data"][name]).items():
                past.setdefault(record, []).extend(lines)
        self.add(past, False, held)
        return self.world

    def spellings(self, tables):
        """How each key is written: of the files that are judged, or around that, as sorts first."""
        res = {}
        for record in self.read_for_rules(tables):
            for line, _ in tables[record]:
                key, done = self.whole_key(record, line), 0
                for at in reversed(self.world.lineage(record)):
                    done += len(self.world.key(at))
                    for field in self.world.key(at):
                        place = (at, key[:done], field)
                        res[place] = min(res.get(place, line[at][field]), line[at][field])
        return res

    def read_for_rules(self, tables):
        """The records whose files are read for what rules and policy judge."""
        levels = {it["level"] for it in self.project["rules"] if it["status"] not in UNUSED}
        if self.project["policy"]:
            levels.add(self.project["policy"]["level"])
        read = {up for it in levels for up in self.world.lineage(it)}
        if self.flat & read:
            read |= self.flat
        return [it for it in tables if it in read]

    def written(self, row):
        """The key of a row in the spelling that all its files share."""
        for field in self.world.key(row.record):
            place = (row.record, row.key, field)
            row.values[field] = self.spelt.get(place, row.values[field])

    def tables(self, data_set):
        """The rows of each record, as dictionaries of values."""
        res = {}
        own = data_set["records"]
        if data_set["path"]:
            chain = self.flat_chain(own)
            lines = self.lines(data_set, chain, {})
            for record in chain:
                res[record] = [(line, line[record]) for line in lines]
            self.flat = set(chain)
        else:
            self.flat = set()
        for record, table in own.items():
            around = self.world.lineage(record)
            if table["within"]:
                continue
            lines = self.lines(table, around, {record})
            res[record] = [(line, line[record]) for line in lines]
        inner = [it for it in own.items() if it[1]["within"]]
        for record, table in sorted(inner, key=lambda it: len(self.world.lineage(it[0]))):
            res[record] = self.within(record, table, res[self.world.records[record]["in"]])
        return res

    def flat_chain(self, own):
        """The records of a flat extract: the first one, and what is inside and has no own file."""
        names = list(self.world.records)
        chain = [next(it for it in names if not self.world.records[it]["in"])]
        while True:
            inner = [
                it for it in names if self.world.records[it]["in"] == chain[-1] and it not in own
            ]
            if not inner:
                return chain
            chain.append(inner[0])

    def lines(self, table, records, own):
        """Each line of the files as values by record: of the records around only keys."""
        cells = Cells(table)
        res = []
        for path in self.paths(table):
            for line in raw_lines(path, table):
                self.world.lines += 1
                res.append(self.line(line, table, records, own, cells))
        return [it for it in res if it is not None]

    def paths(self, table):
        res = []
        for pattern in table["path"]:
            found = sorted(glob.glob(str(self.root / pattern)))
            res += [it for it in found if it not in res]
        return res

    def line(self, line, table, records, own, cells):
        columns = {field: column for column, field in table["columns"].items()}
        res, faulty, rejected = {}, False, False
        for record in records:
            fields = self.world.records[record]["fields"]
            keys = self.world.key(record)
            if own and record not in own:
                fields = [it for it in fields if it["name"] in keys]
            values = {}
            for field in fields:
                text = line.get(columns.get(field["name"], field["name"]))
                it = cells.read(text or "", self.with_levels(field))
                if it is UNREADABLE:
                    faulty, it = True, None
                if it is None and (field["required"] or field["name"] in keys):
                    faulty = rejected = True
                values[field["name"]] = it
            res[record] = values
        self.world.faults += faulty
        res[RAW] = line
        return None if rejected else res

    def with_levels(self, field):
        ty = field["type"]
        return dict(field, levels=self.levels.get(ty.get("of")))

    def within(self, record, table, above):
        """Rows in lists in the rows of the record around."""
        res, cells = [], Cells(table)
        for outer, _ in above:
            place = outer[RAW]
            for step in table["within"].split("."):
                place = place.get(step) if place else None
            for raw in place or []:
                line = self.line(raw or {}, table, [record], {}, cells)
                if line is not None:
                    line = {**outer, **line}
                    res.append((line, line[record]))
        return res

    # Rows that belong together

    def whole_key(self, record, line):
        """The keys of a record and those around it, in the form in which they compare."""
        res = []
        for at, field in self.world.keys(record):
            it = line[at][field]
            res.append(form(it, self.world.type_of(at, field)))
        return tuple(res)

    def add(self, tables, judged, held):
        """Rows of one data set; what an earlier one holds stays as it has it."""
        new, missed = {}, {}
        orphans = self.world.orphans
        roots = [it for it in self.world.records if not self.world.records[it]["in"]]
        order = sorted(tables, key=lambda it: len(self.world.lineage(it)))
        for record in order:
            inner = record not in roots
            rows = self.merged(record, tables[record], judged)
            for it in rows:
                if self.identity(record, it) in held:
                    continue
                if inner:
                    above = self.world.records[record]["in"]
                    it.parent = self.around(above, it, new, missed, judged)
                    if judged and it.parent.absent:
                        orphans[record] = orphans.get(record, 0) + it.lines
                if judged:
                    self.written(it)
                new[(record, it.key)] = it
                self.world.rows[record].append(it)
        # A declaration of which items alone are there is that data set's too.
        held.update(self.identity(record, it) for (record, _), it in new.items())

    def identity(self, record, row):
        """What makes rows of two data sets one: the declaration, or a row that is alone."""
        root = self.world.lineage(record)[-1]
        key = row.key[: len(self.world.keys(root))]
        return (root, key) + row.key[len(self.world.keys(record)) :]

    def merged(self, record, lines, judged):
        """One row for each key: what its lines agree on."""
        by_key = {}
        dated = self.is_register(record) and self.world.lineage_name(record, "date")
        for line, values in lines:
            key = self.whole_key(record, line)
            # A register has a row of one key for each date.
            key += (values[dated[1]],) if dated else ()
            by_key.setdefault(key, []).append((line, values))
        res = []
        for key, found in by_key.items():
            values = {}
            for field in self.world.records[record]["fields"]:
                name, ty = field["name"], field["type"]["name"]
                given = [it[name] for _, it in found if it[name] is not None]
                same = {form(it, ty) for it in given}
                values[name] = min(given) if len(same) == 1 else None
            it = Row(record, values, judged)
            it.key, it.line, it.lines = key, found[0][0], len(found)
            res.append(it)
        return res

    def is_register(self, record):
        """Whether others refer to it."""
        every = self.world.records.values()
        return any(refers["to"] == record for it in every for refers in it["refers"])

    def around(self, record, row, new, missed, judged):
        """The row of the record around; for those whose file lacks it one that has only its key."""
        key = row.key[: len(self.world.keys(record))]
        found = missed.get((record, key))
        if found is None and not row.absent:
            found = new.get((record, key))
        if found is None:
            self.world.faults += 1
            fields = {it["name"]: None for it in self.world.records[record]["fields"]}
            fields.update({it: row.line[record][it] for it in self.world.key(record)})
            found = missed[(record, key)] = Row(record, fields, judged)
            found.key, found.line, found.absent = key, row.line, True
            found.real = new.get((record, key))
            if judged:
                self.written(found)
            above = self.world.records[record]["in"]
            if above:
                found.parent = self.around(above, found, new, missed, judged)
        return found


def levels(project):
    """The lengths that codes of a nomenclature may have."""
    declared = {it["name"]: it for it in project["codes"]}
    res = {}
    for name, it in declared.items():
        at = it
        while at and not at["levels"]:
            at = declared.get(at["extends"])
        res[name] = at["levels"] if at else []
    return res


def project_of(text):
    """The JSON of `tamis dump`."""
    it = json.loads(text)
    if it["schema"] != "tamis.ir/1":
        raise ValueError(f"this reads tamis.ir/1, not {it['schema']}")
    return it
