"""Judges a project by both engines and by definition, and says where they differ.

    python3 tests/reference/compare.py PROJECT [--tamis BINARY] [--data today] [--history old]
"""

import argparse
import csv
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import decide
from judge import Judge
from lists import ReferenceList
from read import UNUSED, Reader, project_of
from values import Unknown, number_text

RUNS = (
    ("interpreter", "1"),
    ("datafusion", "1"),
    ("datafusion", "3"),
)


class Failed(Exception):
    """The command did not end as it should."""


# For draws whose key stands there.
ENVIRONMENT = {"TAMIS_REFERENCE_KEY": "a key of the environment"}


def call(command, folder):
    environment = dict(os.environ, **ENVIRONMENT)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout, done.stderr


class Setting:
    """A project in a folder, and what of it is judged."""

    def __init__(self, folder, tamis, data="today", history=(), options=()):
        self.folder, self.tamis, self.data = pathlib.Path(folder), str(tamis), data
        self.history, self.options = list(history), list(options)

    def dump(self):
        command = [self.tamis, "dump", "--stage", "ir", "--format", "json"]
        project = project_of(call(command, self.folder)[0])
        project["root"] = str(self.folder)
        return project

    def run(self, engine, threads, out):
        """Hits by (keys, rule), decisions by key."""
        hits, decisions = out / "hits.csv", out / "decisions.csv"
        command = [self.tamis, "run", self.data, "--out", str(hits)]
        command += ["--engine", engine, "--threads", threads, "--max-rejected", "100%"]
        for it in self.history:
            command += ["--history", it]
        if self.has_policy:
            command += ["--decisions", str(decisions)]
        said = "".join(call(command + self.options, self.folder))
        return rows_of(hits), rows_of(decisions) if self.has_policy else None, said


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return [{key: plain(it) for key, it in row.items()} for row in csv.DictReader(file)]


def plain(text):
    """Without the apostrophe that keeps spreadsheets from taking a text for a formula."""
    return text[1:] if text.startswith(("'=", "'+", "'-", "'@", "''")) else text


def hit_key(world, record, row):
    return tuple(decide.words(row.field(*it)) for it in world.keys(record))


def expected(project, setting):
    """What the manual says: hits by key, and decisions."""
    world = Reader(project).read(setting.data, setting.history)
    declared = [it for it in project["lists"] if it["path"]]
    lists = {it["name"]: ReferenceList(it, project["root"], {}) for it in declared}
    judge = Judge(project, world, lists)
    hits, findings = {}, []
    for rule in project["rules"]:
        if rule["status"] in ("draft", "retired"):
            continue
        for row in world.judged(rule["level"]):
            answer = judge.outcome(rule, row)
            if answer is False:
                continue
            findings.append((rule, row, answer))
            key = (hit_key(world, rule["level"], row), rule["id"])
            hits[key] = finding(judge, rule, row, answer)
    decisions = None
    if project["policy"]:
        decider = decide.Decider(judge, project["policy"], findings, ENVIRONMENT)
        rows = world.judged(project["policy"]["level"]) + list(decider.absent.values())
        decisions = {}
        for it in decider.all(rows):
            decisions[hit_key(world, project["policy"]["level"], it.row)] = {
                "channel": decider.channels[it.channel],
                "score": number_text(it.score),
                "potential_score": number_text(it.potential),
                "reason": it.reason,
            }
    return world, hits, decisions


def finding(judge, rule, row, answer):
    if isinstance(answer, Unknown):
        names = None if row.is_alone() else answer.names()
        return {"outcome": "undecided", "undecided_because": names}
    score = number_text(judge.value(rule["score"], row)) if rule["score"] else ""
    shown = {it["text"]: judge.words(it, row) for it in rule["show"]}
    said = {"outcome": "hit", "score": score, "because": judge.message(rule, row)}
    return dict(said, evidence=shown)


def found_hits(project, world, rows):
    levels = {it["id"]: it["level"] for it in project["rules"]}
    res = {}
    for row in rows:
        keys = [field for _, field in world.keys(levels[row["rule"]])]
        key = (tuple(row[it] for it in keys), row["rule"])
        if key in res:
            raise Failed(f"{key} stands twice in the output")
        res[key] = row
    return res


def differences(project, setting, runs=RUNS):
    """In words; none where all agree."""
    setting.has_policy = bool(project["policy"])
    world, hits, decisions = expected(project, setting)
    res = []
    for engine, threads in runs:
        with tempfile.TemporaryDirectory() as out:
            rows, decided, said = setting.run(engine, threads, pathlib.Path(out))
        where = f"{engine}, {threads} threads"
        res += differing_hits(where, hits, found_hits(project, world, rows))
        res += differing_orphans(where, orphans_of(project, world), said)
        if decisions is not None:
            keys = [field for _, field in world.keys(project["policy"]["level"])]
            by_key = {tuple(row[it] for it in keys): row for row in decided}
            res += differing_decisions(where, decisions, by_key)
    return res, sum(len(world.judged(it["level"])) for it in project["rules"])


def orphans_of(project, world):
    """Of records that rules judge, how many rows have no record around."""
    levels = {it["level"] for it in project["rules"] if it["status"] not in UNUSED}
    return {it: world.orphans.get(it, 0) for it in levels if world.records[it]["in"]}


def differing_orphans(where, wanted, said):
    for record, count in wanted.items():
        told = re.findall(rf"today-{record}-\d\.\w+: \S[^\n]* no outer record .*?, (\d+) time", said)
        if sum(map(int, told)) != count:
            yield f"{where}: {told} rows of {record} are told to be alone, by the manual {count}"


def differing_hits(where, wanted, found):
    for key in sorted(wanted.keys() | found.keys(), key=str):
        own, other = wanted.get(key), found.get(key)
        if own is None or other is None:
            said = "no hit" if other is None else other["outcome"]
            right = "no hit" if own is None else own["outcome"]
            because = (own or {}).get("undecided_because") or (other or {}).get("undecided_because")
            yield f"{where}: {key} is {said}, by the manual {right} ({because})"
            continue
        for column, value in own.items():
            if not same(column, value, other[column]):
                yield f"{where}: {key} has {column} {other[column]!r}, by the manual {value!r}"
                break


def same(column, wanted, found):
    if column == "because" and found[:1] == "'" and wanted[:1] in set("=+-@"):
        # A cell that a spreadsheet would compute.
        return wanted == found[1:]
    if column == "undecided_because":
        return same_names(wanted, found)
    if column == "evidence":
        # Their words are tamis's own.
        found = json.loads(found) if found else {}
        return set(wanted.values()) == set(found.values())
    return wanted == found


def same_names(wanted, found):
    """Names of fields are compared; where a statistic is named, that something is named."""
    names = [it.strip() for it in found.split(", ")] if found else []
    if wanted is None:
        # Of a record around that is nowhere everything is missing: enough is named.
        return bool(names)
    if any("(" in it for it in wanted) or "(" in found:
        return bool(names)
    return sorted(names) == wanted


def differing_decisions(where, wanted, found):
    for key in sorted(wanted.keys() | found.keys(), key=str):
        own, other = wanted.get(key), found.get(key)
        if own is None or other is None:
            yield f"{where}: decision on {key} is {'absent' if other is None else 'too many'}"
            continue
        said = {column: other[column] for column in own}
        said["reason"] = said["reason"].replace("mandatory", "rule")
        if said != own:
            yield f"{where}: decision on {key} is {said}, by the manual {own}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--tamis", default="tamis")
    parser.add_argument("--data", default="today")
    parser.add_argument("--history", action="append", default=[])
    it = parser.parse_args()
    tamis = pathlib.Path(it.tamis).resolve() if "/" in it.tamis else it.tamis
    setting = Setting(pathlib.Path(it.folder).resolve(), tamis, it.data, it.history)
    project = setting.dump()
    res, rows = differences(project, setting)
    print("\n".join(res))
    print(f"{rows} judged rows, {len(res)} differences")
    return 1 if res else 0


if __name__ == "__main__":
    sys.exit(main())
