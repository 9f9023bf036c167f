"""What leaves a condition on rows open: fields of the rows, and what they share with the judged row.

docs/language/missing.md, M9.
"""

from values import Missing, Unknown, is_missing

# Always answered: what they ask about leaves nothing open.
ANSWERED = ("is_missing", "is_given")
SURE = {"kind": "literal", "value": True, "type": {"name": "truth"}}


def as_condition(rule):
    """What a rule says, as one node; an exception that is open changes nothing."""
    valid = rule["valid"]
    if not valid["from"] and not valid["to"]:
        return rule["when"]
    period = {"kind": "dated", "since": valid["from"], "until": valid["to"], "part": SURE}
    return {"kind": "all", "parts": [period, rule["when"]]}


def ways(judge, condition, rows, row, past, record):
    """Sets of names, each of which could decide; `rows` are those that are open."""
    world = judge.world
    around = [] if past else world.lineage(record)[1:]
    shared = [it for it in around if it in world.lineage(row.record)]
    reads = sorted(leaving_open(condition, world, record))
    # Past rows count by their date: it is given.
    day = world.lineage_name(record, "date") if past else None
    own = [it for it in reads if it[0] not in shared and it != day and not required(world, *it)]
    lookups = [it for it in lookups_of(condition, world)
               if any(at not in shared for at, _ in fields_below(it, world, record))]
    lacks = lambda it: lacking(judge, own, lookups, it, row)
    names = [field for _, field in own] if past else []
    res = [frozenset([f"{record}: {it}"]) for it in names]
    if not past:
        res = [frozenset([it]) for it in names_of_rows(world, lacks, rows, row, record)]
    for node in values_of(condition, "judged") + in_common(condition, judge, record, shared):
        it = judge.value(node, row, row)
        if isinstance(it, Unknown):
            res += it.yes + it.no
        if isinstance(it, Missing):
            res += it.ways
    res = [it for it in res if it]
    if res:
        return res
    # What is asked for is there, and yet there is no value.
    names = [f"{record}: {field}" for at, field in sorted(unsure(condition, world, record))
             if at not in shared]
    names = names or [f"{record}: {field}" for _, field in own]
    if not names:
        names += [f"{record}: {field}" for at, field in reads if at not in shared]
        names += [field for at, field in reads if at in shared]
        names += [field for node in values_of(condition, "judged")
                  for _, field in leaving_open(node["value"], world, row.record)]
    if not names:
        names = [f"{record}: {day[1]}"] if day else ["nothing"]
    return [frozenset([it]) for it in names]


def names_of_rows(world, lacks, rows, row, record):
    """What the rows lack: the first of them where a number tells which, else any of them."""
    key = world.number_of(record, row.record)
    if key is None:
        return sorted({f"{record}: {name}" for it in rows for name in lacks(it)})
    for it in sorted(rows, key=lambda it: it.get(key)):
        names = lacks(it)
        if names:
            return [f"{record} {it.get(key)}: {name}" for name in names]
    return []


def lacking(judge, own, lookups, it, row):
    """Fields of a row that are missing, and cells of lists that its fields do not find."""
    names = [field for at, field in own if it.field(at, field) is None]
    for node in lookups:
        asked = [judge.value(key, it, row) for key in node["keys"]]
        if judge.lists[node["list"]].dated:
            asked.append(judge.accepted(it))
        value = judge.value(node, it, row)
        if is_missing(value) and not any(is_missing(one) for one in asked):
            sets = value.yes if isinstance(value, Unknown) else value.ways
            names += [name for found in sets for name in found]
    return names


def lookups_of(node, world):
    """The lookups that can leave a condition open."""
    if node["kind"] in ANSWERED:
        return []
    if node["kind"] == "or_else" and always_given(node["right"], world):
        return []
    found = [node] if node["kind"] == "lookup" else []
    return found + [one for it in parts_of(node) for one in lookups_of(it, world)]


def required(world, record, field):
    return world.declared(record, field)["required"]


def parts_of(node):
    """The nodes right inside a node, those of the judged row left out."""
    if node["kind"] == "judged":
        return []
    found = []
    for key, it in node.items():
        if key != "type":
            found += it if isinstance(it, list) else [it]
    return [it for it in found if isinstance(it, dict) and "kind" in it]


def values_of(node, kind):
    """The nodes of a kind."""
    if node["kind"] == kind:
        return [node]
    return [found for it in parts_of(node) for found in values_of(it, kind)]


def fields_below(node, world, record):
    """Fields of rows of a record and of what is around them, as (record, field)."""
    found = {(it["record"], it["field"]) for it in values_of(node, "field")}
    for it in values_of(node, "converted"):
        # The currency of an amount may stand in another field.
        found |= {nearest(world, record, unit["field"])
                  for unit in it["value"]["type"]["units"] if "field" in unit}
    return found


def nearest(world, record, field):
    for it in world.lineage(record):
        if any(own["name"] == field for own in world.records[it]["fields"]):
            return it, field
    raise KeyError(field)


def leaving_open(node, world, record):
    """The fields that can leave a condition open."""
    if node["kind"] in ANSWERED:
        return set()
    if node["kind"] == "or_else" and always_given(node["right"], world):
        return set()
    if node["kind"] in ("field", "converted"):
        own = fields_below(node, world, record)
        if node["kind"] == "field":
            return own
        own |= leaving_open(node["value"], world, record)
        return own
    found = set()
    for it in parts_of(node):
        found |= leaving_open(it, world, record)
    return found


def unsure(node, world, record):
    """The fields that may leave a computation without a value, though they are given."""
    if node["kind"] in (*ANSWERED, "judged"):
        return set()
    if node["kind"] == "or_else" and always_given(node["right"], world):
        return set()
    below = {"arithmetic": "right", "at_digits": "value", "converted": "value"}.get(node["kind"])
    found = set()
    if below and node.get("op", "/") == "/":
        found |= fields_below(node[below], world, record)
    for it in parts_of(node):
        found |= unsure(it, world, record)
    return found


def always_given(node, world):
    if node["kind"] == "literal":
        return node["value"] is not None
    return node["kind"] == "field" and required(world, node["record"], node["field"])


def in_common(node, judge, record, shared):
    """The largest parts that ask nothing of the rows themselves."""
    if node["kind"] in ("literal", *ANSWERED):
        return []
    own = any(at not in shared for at, _ in fields_below(node, judge.world, record))
    if not own and not values_of(node, "judged"):
        return [node]
    res = []
    if is_dated(node, judge) and judge.world.lineage_name(record, "date")[0] in shared:
        res.append({"kind": "dated", "since": None, "until": None, "part": SURE})
    for it in parts_of(node):
        res += in_common(it, judge, record, shared)
    return res


def is_dated(node, judge):
    """Whether the answer is that of the day of acceptance."""
    if "group" in node:
        return any(it["from"] or it["to"] for it in judge.groups[node["group"]])
    if "list" in node:
        return judge.lists[node["list"]].dated
    return node["kind"] == "dated"
