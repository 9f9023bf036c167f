"""The files of a random project: rows of every record, today's and those of the past."""

import csv
import datetime
import os
import re
from decimal import Decimal

import parquet
import wider
from generate import KEYS, LEAVE
from ruleset import LISTS

POOLS = {
    "importer_id": ["A1", "a1", "B2", "C3", "c3", "D4"],
    "importer_name": ["Łódź & Fils", "LODZ FILS", "Acme", "acme Ltd.", "Ürün-Ä"],
    "office": ["North", "north", "South", "X"],
    "total_value": ["10", "40", "40.00", "60", "100.5", "0"],
    "trusted": ["true", "false", "true"],
    "risk": ["low", "medium", "high"],
    "hs": ["851713", "8517.62", "640399", "6403", "85", "851762", "640399"],
    "origin": ["CN", "FR", "VN", "GB", "cn", "HK"],
    "dispatch": ["CN", "FR", "HK"],
    "value": ["10", "20", "40", "60.25", "33.3333", "0", "100"],
    "net_mass": ["1", "2", "5", "10", "0", "3.5"],
    "packages": ["0", "1", "2", "3"],
    "tax_rate": ["8", "2.5", "0", "19.0", "8 %"],
    "description": ["Shoes of leather", "shoes", "LEATHER goods", "été", "Mobile"],
    "controlled": ["true", "false"],
    "fraud": ["true", "false"],
    "kind": ["N954", "u045", "U045", "C999"],
    "doc_value": ["10", "20", "55"],
    "pages": ["0", "1", "2"],
    "grade": ["x", "X", "y"],
    "seller": ["s1", "S1", "s2"],
    "amount": ["5", "50", "20"],
    "level": ["low", "medium", "high"],
    "country": ["CN", "FR", "GB"],
    "price": ["10", "25.5", "30"],
    "price_usd": ["10", "25.5", "0"],
    "price_ccy": ["USD", "usd", "GBP", "CHF"],
    "capital": ["10", "1000", "20.5"],
}


POOLS.update(wider.POOLS)

HOURS = ["00:00:00", "08:30:00", "09:00:00", "17:45:10", "08:30", "12:30:00+02:00", "09:00Z"]

# Keys that are texts.
ID_FIELDS = ("declaration_id", "control_id", "operator_id")

NUMBER = re.compile(r"\d+(\.\d+)?")

# Cells that cannot be read: they are missing.
FAULTS = {
    "value": ["1,5", "x", "12 000"], "packages": ["1.5", "two"], "net_mass": ["5 kg"],
    "accepted_at": ["2026-02-30T10:00:00"], "issued": ["2026-13-01", "yesterday"],
    "trusted": ["perhaps"], "risk": ["higher"], "tax_rate": ["8 percent"],
}
if "eur" not in LEAVE:
    POOLS["price_ccy"] = POOLS["price_ccy"] + ["EUR"]
if "countries" not in LEAVE:
    FAULTS.update(origin=["China", "CHN"], country=["France"], price_ccy=["Euro"], hs=["851", "10121"])
FAULTS.update(wider.FAULTS)
# Ways to write a CSV file: encoding, line ends, and whether every cell is in quotes.
STYLES = [
    ("utf-8", "\r\n", False), ("utf-8", "\n", True), ("utf-8-sig", "\n", False),
    ("windows-1250", "\r\n", False), ("iso-8859-2", "\n", True),
]
PLAIN_STYLE = ("utf-8", "\r\n", False)

# How many times as many declarations a project has.
TIMES = float(os.environ.get("TAMIS_REFERENCE_TIMES", "1"))


class Files:
    def __init__(self, project):
        self.project, self.random, self.shape = project, project.random, project.shape
        self.blank = self.random.choice([0.0, 0.05, 0.2, 0.35])
        self.days = self.random.choice([6, 20, 60])
        self.faults = self.random.choice([0, 0, 0.05])
        self.form = self.random.choice([None, None, "%d/%m/%Y", "%d.%m.%y"])
        self.renamed = self.random.choice([{}, {}, {"value": "Statistical value", "office": "BUREAU"}])
        self.comma = self.chance(0.15)
        self.ratios = self.chance(0.2)
        self.twice = self.chance(0.25) and "twice" not in LEAVE
        self.cases = self.chance(0.25) and "cases" not in LEAVE
        self.orphans = self.chance(0.2) and "orphans" not in LEAVE
        wide = self.shape.wide
        self.odd = wide and self.chance(0.3)
        self.styled = wide and self.chance(0.4)
        self.typed = wide and self.shape.parquet and not self.comma and self.chance(0.6)
        # Without words for *missing* typed columns are read without a way through text.
        self.bare = self.typed and self.chance(0.6)
        self.nulls = [] if self.bare else ['nulls = ["n/a"]']
        self.absent = self.optional() if wide and self.chance(0.2) else None

    def optional(self):
        """A field whose column is in no file of some data set."""
        fields = self.shape.fields.items()
        found = [
            it for record, own in fields for it, ty in own.items()
            if ty and "required" not in ty and it not in KEYS.values() and self.may_be_absent(it)
        ]
        return self.random.choice(found) if found else None

    def may_be_absent(self, field):
        """Where lists stand in rows, a list says itself what is in it."""
        return self.shape.layout != "within" or field in self.shape.fields["declaration"]

    def chance(self, share):
        return self.random.random() < share

    # Cells

    def day(self, last=None):
        last = last or datetime.date(2026, 3, 12)
        return last - datetime.timedelta(days=self.random.randrange(self.days))

    def cell(self, field, row):
        if field in FAULTS and self.chance(self.faults):
            return self.random.choice(FAULTS[field])
        if field not in POOLS:
            return self.dated(field, row)
        if self.chance(self.blank):
            found = self.random.choice(["", "", "  ", "n/a"])
            return "" if self.bare else found
        if self.odd and field in wider.MORE and self.chance(0.3):
            return self.random.choice(wider.MORE[field])
        return self.random.choice(POOLS[field])

    def dated(self, field, row):
        if field == "accepted_date":
            optional = "required" not in self.shape.fields["declaration"][field]
            return "" if optional and self.chance(0.2) else self.day().isoformat()
        if field in wider.INSTANTS:
            pause = self.random.choice(["", "", ".5", ".123456"])
            hour = self.random.choice(HOURS)
            hour = hour + pause if hour.count(":") == 2 and "+" not in hour else hour
            blank = self.chance(self.blank)
            return "" if blank else f"{self.day().isoformat()}{self.random.choice('TTT ')}{hour}"
        if field == "accepted_at":
            if self.chance(self.blank) or not row.get("accepted_date"):
                return ""
            hour = self.random.choice(HOURS)
            return f"{row['accepted_date']}{self.random.choice('TTT ')}{hour}"
        if field in ("filed_on", "told_on", "recorded_on") and not self.chance(self.blank):
            base = row.get("accepted_date") or row.get("control_date") or "2026-03-01"
            base = base[:10] if "-" in base else "2026-03-01"
            late = datetime.timedelta(days=self.random.choice([0, 0, 1, 4, 15]))
            return (datetime.date.fromisoformat(base) + late).isoformat()
        if self.chance(self.blank):
            return ""
        it = self.day().isoformat()
        if self.odd and self.chance(0.2):
            return self.random.choice([it.replace("-", ""), f"{it} 23:30", f"{it}T01:00+02:00"])
        return it

    def row(self, record, keys):
        """A row with its key and those around it, and cells for what else it has."""
        res = dict(keys)
        for field, ty in self.shape.fields[record].items():
            if ty is not None and field not in res:
                res[field] = self.cell(field, res)
        return res

    # Rows

    def tree(self, ids):
        """Rows by record of declarations of these numbers, with what is inside."""
        res = {it: [] for it in self.shape.parents if it not in ("control", "operator")}
        for number in ids:
            self.grow("declaration", {"declaration_id": self.named(number)}, res, {})
        return res

    def named(self, number):
        """A key as the schema has it."""
        ty = self.shape.fields["declaration"]["declaration_id"]
        if ty.startswith("whole"):
            return str(number)
        return f"D é-{number}" if ty.startswith("name") else f"D{number}"

    def grow(self, record, keys, res, around):
        row = self.row(record, keys)
        res[record].append((row, around))
        if record in self.shape.parents and self.shape.parents[record]:
            around[self.shape.parents[record]].setdefault(f"{record}s", []).append(row)
        for inner, parent in self.shape.parents.items():
            if parent != record:
                continue
            least = 1 if self.shape.flat and inner == "item" or "childless" in LEAVE else 0
            for number in range(1, 1 + max(least, self.random.choice([0, 1, 1, 2, 3]))):
                is_text = self.shape.fields[inner][KEYS[inner]].startswith("text")
                own = dict(keys, **{KEYS[inner]: f"N{number}" if is_text else str(number)})
                self.grow(inner, own, res, dict(around, **{record: row}))

    def alone(self, record, ids):
        return [self.row(record, {KEYS[record]: it}) for it in ids]

    def data_set(self, name, ids, folder, toml):
        tree = self.tree(ids)
        tables = {}
        if self.shape.flat:
            lines = []
            for row, around in tree.pop("item"):
                header = dict(around["declaration"])
                if self.chance(0.12) and "headers" not in LEAVE:
                    field = self.random.choice(["importer_id", "office", "total_value", "trusted"])
                    header[field] = self.cell(field, header)
                lines.append(dict(plain(header), **row))
            tree.pop("declaration")
            tables[""] = lines
        if self.shape.layout == "within":
            tables[""] = [row for row, _ in tree["declaration"]]
            tree = {it: rows for it, rows in tree.items() if it in self.shape.beside}
        for record, rows in tree.items():
            tables[record] = [row for row, _ in rows]
        for record in ("control", "operator"):
            if record in self.shape.parents:
                ids = self.random.sample(range(30), self.random.randint(0, 9))
                if record == "operator":
                    tables[record] = self.registers()
                else:
                    tables[record] = self.alone(record, [f"K{it}" for it in ids])
        if self.orphans:
            self.lose(tables)
        tables = {record: self.repeated(record, rows) for record, rows in tables.items()}
        toml += self.written(name, tables, folder)

    def lose(self, tables):
        """Leaves rows out that others stand in."""
        for record in tables:
            own = record or ("item" if self.shape.flat else "declaration")
            inner = [it for it in tables if it and it != own]
            if any(own in self.shape.lineage(it)[1:] for it in inner):
                tables[record] = [it for it in tables[record] if not self.chance(0.2)]

    def repeated(self, record, rows):
        """Rows, some of them twice with another value, some with their keys in other letters."""
        record = record or ("item" if self.shape.flat else "declaration")
        res = []
        for row in rows:
            res.append(row)
            if self.twice and self.chance(0.15):
                again = dict(row)
                own = [it for it, ty in self.shape.fields[record].items() if ty and "required" not in ty]
                if own and self.chance(0.7):
                    field = self.random.choice(own)
                    again[field] = self.cell(field, again)
                res.append(again)
        for at, row in enumerate(res):
            if self.cases and self.chance(0.3):
                keys = {it: spelt(row[it]) for it in ID_FIELDS if it in row}
                if row.get("document_number", "").startswith("N"):
                    keys["document_number"] = row["document_number"].lower()
                res[at] = dict(row, **keys)
        return res

    def registers(self):
        """Rows of the register: of one key at several dates, where it has dates."""
        res = []
        for key in self.random.sample(["A1", "B2", "C3", "D4"], 3):
            times = self.random.choice([1, 2]) if self.shape.dated_register else 1
            for _ in range(times):
                row = self.row("operator", {"operator_id": key})
                if all(it != row and it.get("registered_on") != row.get("registered_on") or it["operator_id"] != key for it in res):
                    res.append(row)
        return res

    def written(self, name, tables, folder):
        """Writes the tables of a data set, each in one file or two, and says where they are."""
        toml = []
        if "" not in tables:
            toml.append(f"[data.{name}]")
        self.leaves = self.absent if self.chance(0.6) else None
        for record, rows in tables.items():
            toml.append(f"[data.{name}.{record}]" if record else f"[data.{name}]")
            toml += self.table(f"{name}-{record or 'flat'}", record, rows, folder)
        if self.shape.layout == "within":
            inner = [it for it, parent in self.shape.parents.items() if parent]
            for it in [it for it in inner if it not in self.shape.beside]:
                toml += [f"[data.{name}.{it}]", f'within = "{it}s"', *self.nulls]
                toml += self.mapped(list(self.shape.fields[it]))
        return toml

    def table(self, name, record, rows, folder):
        columns = self.columns(record)
        missing = [it for it in columns if it == self.leaves]
        columns = [it for it in columns if it != self.leaves]
        self.random.shuffle(columns)
        rows = [self.as_written(it) for it in rows]
        parts = [rows]
        if self.chance(0.3):
            self.random.shuffle(rows)
            half = len(rows) // 2
            parts = [rows[:half], rows[half:]]
        separator = ";" if self.comma else self.random.choice([",", ",", ";"])
        style = PLAIN_STYLE
        if self.styled:
            separator = self.random.choice(";\t|") if self.comma else self.random.choice(",;\t|")
            style = self.random.choice([it for it in STYLES if fits(it, rows)])
        ending = "parquet" if self.shape.parquet else "csv"
        for at, part in enumerate(parts):
            path = folder / f"{name}-{at}.{ending}"
            if self.shape.parquet:
                cut = [self.cut(it, columns) for it in part]
                held = foreign(self.nested(record, columns), self.renamed)
                if self.typed:
                    held = self.of_types(held, cut)
                parquet.write(path, held, cut, self.random.choice([0, 2, 5]) if self.typed else 0)
            else:
                write_csv(path, columns, part, separator, self.renamed, style)
        toml = [f'path = "{name}-*.{ending}"', *self.nulls] + self.mapped(columns)
        toml += [f'optional = ["{it}"]' for it in missing]
        if ending == "csv":
            shown = separator.replace("\t", "\\t")
            toml += [f'separator = "{shown}"'] if separator != "," else []
            toml += [] if style[0].startswith("utf-8") else [f'encoding = "{style[0]}"']
        return toml

    def of_types(self, columns, rows):
        """Columns of numbers, dates and truths, where every cell of them is one."""
        by_name = {foreign: field for field, foreign in self.renamed.items()}
        res = []
        for it in columns:
            if isinstance(it, tuple):
                inner = [part for row in rows for part in row.get(it[0]) or []]
                res.append((it[0], self.of_types(it[1], inner)))
            else:
                ty = self.type_of(by_name.get(it, it))
                res.append(parquet.column(it, self.kind(ty), [row.get(it) for row in rows]))
        return res

    def kind(self, ty):
        """What a column of a type may be, text apart."""
        words = ty.replace("-", " ").split()
        kinds = {
            "whole": ["int64", "int32", "double"], "truth": ["truth"], "percent": ["double"],
            "money": ["double", "decimal"], "mass": ["double", "decimal"], "decimal": ["double"],
            "date": ["date"] if not self.form else [], "volume": ["double"],
        }
        found = kinds.get(words[0], []) if words else []
        if ty.startswith("date-time"):
            found = ["time", "zoned"]
        return self.random.choice(found) if found else None

    def mapped(self, columns):
        found = {it: self.renamed[it] for it in columns if it in self.renamed}
        pairs = ", ".join(f'"{foreign}" = "{field}"' for field, foreign in found.items())
        toml = [f"columns = {{ {pairs} }}"] if pairs else []
        days = [it for it in columns if self.is_day(it)]
        if self.form and days:
            pairs = ", ".join(f'{field} = "{self.form}"' for field in days)
            toml.append(f"dates = {{ {pairs} }}")
        if self.comma:
            toml.append('decimal = ","')
        if self.ratios and "tax_rate" in columns:
            toml.append('ratios = ["tax_rate"]')
        return toml

    def is_day(self, field):
        return self.type_of(field).split(" ")[0] == "date"

    def type_of(self, field):
        """As the schema writes it."""
        found = [of[field] for of in self.shape.fields.values() if of.get(field)]
        return found[0] if found else ""

    def as_written(self, row):
        """The cells of a row in the way its data set writes them."""
        res = {}
        for field, it in row.items():
            if isinstance(it, list):
                res[field] = [self.as_written(part) for part in it]
            else:
                res[field] = self.cell_as_written(field, it)
        return res

    def cell_as_written(self, field, it):
        ty = self.type_of(field)
        if self.is_day(field) and self.form:
            try:
                return datetime.date.fromisoformat(it).strftime(self.form)
            except ValueError:
                return it
        if field == "tax_rate" and self.ratios and NUMBER.fullmatch(it):
            it = str(Decimal(it) / 100)
        if self.comma and NUMBER.fullmatch(it) and not ty.startswith(("text", "code", "whole")):
            it = it.replace(".", ",")
        return it

    def nested(self, record, columns):
        """The columns of a file, and the lists in its rows."""
        if record or self.shape.layout != "within":
            return columns
        return columns + self.lists("declaration")

    def lists(self, record):
        res = []
        for inner, parent in self.shape.parents.items():
            if parent == record and inner not in self.shape.beside:
                own = [it for it, ty in self.shape.fields[inner].items() if ty is not None]
                res.append((f"{inner}s", own + self.lists(inner)))
        return res

    def cut(self, row, columns):
        """A row as a Parquet file holds it: blank is no value now and then."""
        lists = {key: it for key, it in row.items() if isinstance(it, list)}
        lists = {key: it for key, it in lists.items() if key[:-1] not in self.shape.beside}
        res = {}
        for it in columns:
            blank = not row.get(it) and self.chance(0.7)
            res[self.renamed.get(it, it)] = None if blank else row.get(it)
        for key, rows in lists.items():
            res[key] = [self.cut(it, [name for name in it if not isinstance(it[name], list)]) for it in rows]
        return res

    def columns(self, record):
        if self.shape.layout == "within" and not record:
            record = "declaration"
        if record:
            around = [KEYS[it] for it in self.shape.lineage(record)[1:]]
            own = [it for it, ty in self.shape.fields[record].items() if ty is not None]
            return around + own
        both = list(self.shape.fields["declaration"].items()) + list(self.shape.fields["item"].items())
        return [it for it, ty in both if ty is not None]


def spelt(key):
    """A key in other letters, or a number in other signs."""
    return f"0{key}" if key.isdigit() else key.lower().replace(" é-", " É  ")


def plain(row):
    """A row without the lists in it."""
    return {key: it for key, it in row.items() if not isinstance(it, list)}


def foreign(columns, renamed):
    """Columns by the names that they have in files."""
    return [
        (it[0], foreign(it[1], renamed)) if isinstance(it, tuple) else renamed.get(it, it)
        for it in columns
    ]


def fits(style, rows):
    """Whether an encoding has every sign of the cells."""
    try:
        "".join(it for row in rows for it in row.values() if isinstance(it, str)).encode(style[0])
    except UnicodeEncodeError:
        return False
    return True


def write_csv(path, columns, rows, separator, renamed, style):
    encoding, ends, quoted = style
    quoting = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    with open(path, "w", newline="", encoding=encoding) as file:
        out = csv.writer(file, delimiter=separator, lineterminator=ends, quoting=quoting)
        out.writerow([renamed.get(it, it) for it in columns])
        for row in rows:
            out.writerow([row.get(it, "") for it in columns])


def write(project, folder):
    """Writes the project; returns the data set to judge and those of history."""
    folder.mkdir(parents=True, exist_ok=True)
    files = Files(project)
    (folder / "schema.tamis").write_text(project.shape.schema(), encoding="utf-8")
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "rules" / "made.tamis").write_text(project.rules(), encoding="utf-8")
    (folder / "lists").mkdir(exist_ok=True)
    for path, text in (LISTS | wider.LISTS if files.shape.wide else LISTS).items():
        (folder / path).write_text(text, encoding="utf-8")
    toml = ['[project]', 'rules = ["rules/*.tamis"]', '[schema]', 'declaration = "schema.tamis"']
    count = files.random.randint(3, 10)
    if files.shape.wide and files.chance(0.06):
        count = files.random.randint(20, 50)
    count = round(count * TIMES)
    today = range(count)
    files.data_set("today", today, folder, toml)
    history = []
    if files.chance(0.6):
        start = files.random.choice([count, count - 2, 100])
        files.data_set("old", range(start, start + 12), folder, toml)
        history.append("old")
    (folder / "tamis.toml").write_text("\n".join(toml) + "\n", encoding="utf-8")
    return "today", history
