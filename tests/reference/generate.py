"""Random projects: schema, rules, policy, lists and files, all from one seed.

    python3 tests/reference/generate.py SEED FOLDER
"""

import os
import pathlib
import random
import sys

import wider
from phrases import Phrases
from ruleset import CHANNELS, Rules

FIELDS = {
    "declaration": {
        "declaration_id": "text required", "accepted_date": "date required",
        "accepted_at": "date-time", "importer_id": "text", "importer_name": "name",
        "office": "text", "total_value": "money in EUR", "trusted": "truth",
        "risk": "risk_class",
    },
    "item": {
        "item_number": "whole number required", "hs": "code of HS", "origin": "country",
        "dispatch": "country", "value": "money in EUR", "net_mass": "mass in kg",
        "packages": "whole number", "tax_rate": "percent", "description": "text",
        "controlled": "truth",
    },
    "document": {
        "document_number": "whole number required", "kind": "text", "issued": "date",
        "doc_value": "money in EUR",
    },
    "page": {"page_number": "whole number required", "pages": "whole number", "grade": "text"},
    "control": {
        "control_id": "text required", "control_date": "date", "recorded_on": "date",
        "importer_id": "text", "seller": "text", "amount": "money in EUR", "level": "risk_class",
    },
    "operator": {
        "operator_id": "text required", "registered_on": "date", "country": "country",
        "level": "risk_class", "capital": "money in EUR",
    },
}

KEYS = {
    "declaration": "declaration_id", "item": "item_number", "document": "document_number",
    "page": "page_number", "control": "control_id", "operator": "operator_id",
}


# Kinds to leave out, while tamis is known to answer them otherwise.
LEAVE = set(os.environ.get("TAMIS_REFERENCE_LEAVE", "").split(","))


class Shape:
    """Which records a project has, and what of them."""

    def __init__(self, random):
        self.random = random
        chance = lambda share: random.random() < share
        self.parents = {"declaration": None}
        if chance(0.9):
            self.parents["item"] = "declaration"
        if chance(0.5):
            inner = "item" if "item" in self.parents and chance(0.7) else "declaration"
            if "branches" in LEAVE and "item" in self.parents:
                inner = "item"
            self.parents["document"] = inner
            if inner == "item" and chance(0.3):
                self.parents["page"] = "document"
        self.refers = chance(0.3)
        self.controls = chance(0.4)
        if self.controls:
            self.parents["control"] = None
        if self.refers:
            self.parents["operator"] = None
        self.fields = {it: dict(FIELDS[it]) for it in self.parents}
        self.dated_register = chance(0.5)
        if self.refers and not self.dated_register:
            del self.fields["operator"]["registered_on"]
        self.instants = chance(0.5)
        self.known_from = chance(0.3)
        self.late_controls = chance(0.7)
        self.complete_since = random.choice([None, None, "2026-01-20", "2026-02-25"])
        self.complete_until = random.choice([None, None, None, "2026-03-09"])
        if not self.instants:
            del self.fields["declaration"]["accepted_at"]
        if self.known_from:
            self.fields["declaration"]["filed_on"] = "date"
        if chance(0.15):
            self.fields["declaration"]["accepted_date"] = "date"
        if "item" in self.parents and chance(0.3):
            prices = {"price": "money by price_ccy", "price_ccy": "currency"}
            self.fields["item"].update(prices, price_usd="money in USD")
        if "item" in self.parents and chance(0.3):
            self.fields["item"]["fraud"] = "truth known from told_on"
            self.fields["item"]["told_on"] = "date"
        self.derived = {"unit_value": "value / net_mass in EUR/kg"}
        if "item" in self.fields:
            self.fields["item"]["unit_value"] = None
        self.wide = "wider" not in LEAVE
        if self.wide:
            wider.add(self, chance)
        self.channels = wider.CHANNELS if self.wide and chance(0.15) else CHANNELS
        self.numbers = self.wide and chance(0.15)
        if self.numbers:
            self.fields["declaration"]["declaration_id"] = "whole number required"
        elif self.wide and chance(0.15):
            self.fields["declaration"]["declaration_id"] = "name required"
        self.profile = "item" in self.parents and chance(0.5)
        self.layout = "files"
        if "item" in self.parents:
            self.layout = random.choice(["files", "files", "flat", "flat", "within"])
        if self.flat and "flat-beside" in LEAVE and "document" in self.parents:
            self.layout = "files"
        # Records in files of their own beside rows with lists.
        self.beside = ()
        if self.layout == "within" and "document" in self.parents and chance(0.4):
            self.beside = ("document", "page")
        if "document" in self.parents and "cases" not in LEAVE and chance(0.2):
            self.fields["document"]["document_number"] = "text required"
        self.parquet = self.layout == "within" or chance(0.25)
        if "known-from-both" in LEAVE and "filed_on" in self.fields["declaration"]:
            for field in ("fraud", "told_on"):
                self.fields.get("item", {}).pop(field, None)

    @property
    def flat(self):
        return self.layout == "flat"

    def lineage(self, record):
        res = []
        while record:
            res.append(record)
            record = self.parents[record]
        return res

    def later(self, record):
        """Whether it has a result that is known later."""
        return "fraud" in self.fields[record]

    def with_date(self):
        return [it for it in self.parents if it != "operator"]

    def inside(self, record):
        """Records whose rows are said of without `past`."""
        own = self.lineage(record)
        return [it for it in self.parents if any(up in own for up in self.lineage(it)[1:])]

    def shared_keys(self, record, target):
        names = ("importer_id", "office", "origin", "hs", "importer_name", "kind", "packages")
        names += wider.KEYS if self.wide else ()
        sees = lambda it, name: any(name in self.fields[up] for up in self.lineage(it))
        res = [it for it in names if sees(record, it) and sees(target, it)]
        if "hs" in res:
            res.append("hs at 4 digits")
        res += [f"regime at 2 digits"] if "regime" in res else []
        return res

    def has_instants(self, record, target):
        return self.instants and all("declaration" in self.lineage(it) for it in (record, target))

    def schema(self):
        lines = ["codes HS levels 2, 4, 6", "choice risk_class low, medium, high ordered", ""]
        if self.channels != CHANNELS:
            lines.append(f"choice channel {', '.join(self.channels)} ordered")
        lines += [wider.SCHEMA] if self.wide else []
        lines += ["group NEAR", "  - FR", "  - GB until 2026-03-03", "  - CN since 2026-03-10", ""]
        for record, parent in self.parents.items():
            lines.append(f"record {record}" + (f" in {parent}" if parent else ""))
            lines.append(f"  key {KEYS[record]}")
            for field, ty in self.fields[record].items():
                if ty is None:
                    lines.append(f"  derived {field} : {self.derived[field]}")
                else:
                    lines.append(f"  field {field} : {ty}")
            lines += self.history(record) + [""]
        return "\n".join(lines)

    def history(self, record):
        since = f", complete since {self.complete_since}" if self.complete_since else ""
        since += f", complete until {self.complete_until}" if self.complete_until else ""
        if record == "declaration":
            event = "event accepted_at, " if self.instants else ""
            known = ", known from filed_on" if self.known_from else ""
            res = [f"  history {event}date accepted_date{known}{since}"]
            if self.refers:
                res.append("  refers importer by importer_id to operator as of accepted_date")
            return res
        if record == "control":
            known = ", known from recorded_on" if self.late_controls else ""
            return [f"  history date control_date{known}{since}"]
        if record == "operator" and self.dated_register:
            return ["  history date registered_on"]
        return []


class Project(Rules):
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.shape = Shape(self.random)
        self.phrases = Phrases(self.random, self.shape, LEAVE)
        self.leave = LEAVE


def main():
    from files import write

    seed, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])
    print(write(Project(seed), folder))


if __name__ == "__main__":
    main()
