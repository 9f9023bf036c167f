"""What a rule says of a row, by definition: every row is held against every row.

Reads the nodes of `tamis dump --stage ir --format json` (docs/dev/ir-json.md) and gives them the
meaning of the manual. `Judge.value` is the value of a node for a row, `many.Many` answers what is
asked of many rows.
"""

import datetime
from fractions import Fraction

import many
from values import (
    SCALE_MAX,
    Duration,
    Missing,
    Unknown,
    at_least,
    conjunction,
    disjunction,
    form,
    is_missing,
    lacking,
    negation,
    number_text,
    open_test,
    rounded,
    shifted,
)

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def scale(ty):
    return ty.get("scale", 0)


def is_number(ty):
    return ty["name"] in ("number", "whole")


class Judge:
    """The rules of a project over rows that were read."""

    def __init__(self, project, world, lists):
        # Whether a line of the policy asks.
        self.deciding = False
        self.project = project
        self.world = world
        self.lists = lists
        self.rules = {it["id"]: it for it in project["rules"]}
        self.groups = {it["name"]: it["members"] for it in project["groups"]}
        self.parameters = {it["name"]: it for it in project["parameters"]}
        self.totals = {}
        self.many = many.Many(self)
        self.outcomes = {}

    # Rules

    def outcome(self, rule, row):
        """True, False or Unknown; asked once for each row."""
        key = (rule["id"], id(row))
        if key not in self.outcomes:
            self.outcomes[key] = self._outcome(rule, row)
        return self.outcomes[key]

    def _outcome(self, rule, row):
        parts = []
        valid = rule["valid"]
        if valid["from"] or valid["to"]:
            parts.append(self.in_period(row, valid["from"], valid["to"]))
        parts.append(self.value(rule["when"], row))
        exceptions = [self.value(it, row) for it in rule["unless"]]
        if exceptions:
            parts.append(disjunction(exceptions) is not True)
        return conjunction(parts)

    def in_period(self, row, first, last):
        day = self.accepted(row)
        if is_missing(day):
            return open_test([day])
        after = first is None or datetime.date.fromisoformat(first) <= day
        before = last is None or day <= datetime.date.fromisoformat(last)
        return after and before

    def accepted(self, row):
        """The acceptance date that holds for a row."""
        return self.world.lineage_field(row, "date")

    def message(self, rule, row):
        pieces = [it if isinstance(it, str) else self.words(it, row) for it in rule["because"]]
        return "".join(pieces)

    def words(self, node, row):
        """A value with its unit."""
        it = self.value(node, row)
        return self.value_words(it, node["type"], row)

    def value_words(self, it, ty, row):
        if is_missing(it):
            return "(no value)"
        if isinstance(it, bool):
            return "true" if it else "false"
        if isinstance(it, Fraction):
            if ty.get("percent"):
                return f"{number_text(it * 100)} %"
            unit = self.unit_text(ty.get("units", []), row)
            return f"{number_text(it)} {unit}".strip()
        if isinstance(it, datetime.datetime):
            return instant_words(it)
        if isinstance(it, Duration):
            if it.days is not None:
                return f"{it.days} days"
            if it.months is not None:
                return f"{it.months} months"
            return f"{it.microseconds // 60_000_000} minutes"
        return str(it)

    def unit_text(self, units, row):
        def one(it):
            if "field" in it:
                found = row.find(it["field"]) if row is not None else None
                word = found if isinstance(found, str) else "?"
            else:
                word = it.get("currency") or it["unit"]
            power = abs(it["power"])
            return word if power == 1 else f"{word}{power}"

        top = "·".join(one(it) for it in units if 0 < it["power"])
        bottom = "·".join(one(it) for it in units if it["power"] < 0)
        if not bottom:
            return top
        return f"{top or 1}/{bottom}"

    # Expressions

    def value(self, node, row, judged=None):
        """The value of a node for a row; `judged` is the row that a condition on others sees."""
        return getattr(self, f"_{node['kind']}")(node, row, judged)

    def _literal(self, node, row, judged):
        return literal(node["value"], node["type"])

    def _field(self, node, row, judged):
        it = row.at(node["record"]).get(node["field"]) if row.at(node["record"]) else None
        if it is None:
            names = [[node["field"]]]
            return Unknown(names_of(names), names_of(names)) if truth(node) else Missing(names)
        return it

    def _derived(self, node, row, judged):
        at = row.at(node["record"])
        return self.value(node["value"], at if at else row, None)

    def _definition(self, node, row, judged):
        return self.value(node["value"], row, judged)

    def _parameter(self, node, row, judged):
        it = self.parameters[node["name"]]
        best = None
        dated = any(value["since"] for value in it["values"])
        day = self.accepted(row) if dated else None
        if is_missing(day):
            return day
        for value in it["values"]:
            since = value["since"]
            if since is None or datetime.date.fromisoformat(since) <= day:
                best = value
        if best is None:
            return Missing([[f"{node['name']} (no value at that date)"]], "not in force")
        return literal(best["value"], it["type"])

    def _judged(self, node, row, judged):
        return self.value(node["value"], judged, None)

    def _total(self, node, row, judged):
        return self.totals[node["of"]]

    def _negate(self, node, row, judged):
        it = self.value(node["value"], row, judged)
        if is_missing(it):
            return it
        return it.negated() if isinstance(it, Duration) else -it

    def _arithmetic(self, node, row, judged):
        left = self.value(node["left"], row, judged)
        right = self.value(node["right"], row, judged)
        if is_missing(left) or is_missing(right):
            return Missing(lacking([left, right]))
        op = node["op"]
        if not isinstance(left, Fraction):
            return dates(op, left, right, node)
        if op == "+":
            return left + right
        if op == "-":
            return left - right
        both_whole = node["left"]["type"]["name"] == node["right"]["type"]["name"] == "whole"
        if op == "*":
            if both_whole:
                return left * right
            digits = scale(node["left"]["type"]) + scale(node["right"]["type"])
            return rounded(left * right, min(digits, SCALE_MAX))
        if right == 0:
            return Missing([fields_below(node["right"], " (division by zero)")], "zero")
        return rounded(left / right, SCALE_MAX)

    def _call(self, node, row, judged):
        given = [self.value(it, row, judged) for it in node["arguments"]]
        if any(is_missing(it) for it in given):
            return Missing(lacking(given))
        it = given[0]
        match node["function"]:
            case "abs":
                return abs(it)
            case "round":
                return rounded(it, int(given[1]))
            case "min":
                return min(given)
            case "max":
                return max(given)
            case "year":
                return Fraction(it.year)
            case "month":
                return Fraction(it.month)
            case "day":
                return Fraction(it.day)
            case "weekday":
                return WEEKDAYS[it.weekday()]
            case "hour":
                return Fraction(it.hour)
            case "minute":
                return Fraction(it.minute)
            case "date":
                return it.date()
            case "length":
                return Fraction(len(it))

    def _at_digits(self, node, row, judged):
        it = self.value(node["value"], row, judged)
        if is_missing(it):
            return it
        if len(it) < node["digits"]:
            return Missing([fields_below(node["value"], " (code too short)")], "code too short")
        return it[: node["digits"]]

    def _or_else(self, node, row, judged):
        left = self.value(node["left"], row, judged)
        if not is_missing(left):
            return left
        if getattr(left, "blind", None):
            return left.blind
        right = self.value(node["right"], row, judged)
        if not is_missing(right):
            return right
        if isinstance(left, Unknown):
            return Unknown(left.yes + right.yes, left.no + right.no)
        return Missing(left.ways + right.ways)

    # Tests

    def operands(self, nodes, row, judged):
        given = [self.value(it, row, judged) for it in nodes]
        if any(is_missing(it) for it in given):
            return None, open_test([as_missing(it) for it in given])
        return given, None

    def _compare(self, node, row, judged):
        nodes = (node["left"], node["right"])
        if truth(node["left"]):
            return self.same_truth(node, row, judged)
        given, unknown = self.operands(nodes, row, judged)
        if unknown:
            return unknown
        left, right = comparable(given, nodes)
        match node["op"]:
            case "=":
                return left == right
            case "!=":
                return left != right
            case "<":
                return left < right
            case "<=":
                return left <= right
            case ">":
                return left > right
            case ">=":
                return left >= right

    def same_truth(self, node, row, judged):
        left = self.value(node["left"], row, judged)
        right = self.value(node["right"], row, judged)
        both = conjunction([left, right])
        neither = conjunction([negation(left), negation(right)])
        if isinstance(right, bool):
            same = left if right else negation(left)
        elif isinstance(left, bool):
            same = right if left else negation(right)
        else:
            same = disjunction([both, neither])
        return same if node["op"] == "=" else negation(same)

    def _text_test(self, node, row, judged):
        given, unknown = self.operands((node["left"], node["right"]), row, judged)
        if unknown:
            return unknown
        name = text_form(node["left"], node["right"])
        left, right = (form(it, name) for it in given)
        match node["op"]:
            case "starts with":
                return left.startswith(right)
            case "ends with":
                return left.endswith(right)
            case "contains":
                return right in left

    def _between(self, node, row, judged):
        bounds = [(">=", node["low"]), ("<=", node["high"])]
        parts = []
        for op, bound in bounds:
            test = {"kind": "compare", "op": op, "left": node["value"], "right": bound}
            parts.append(self.value(test, row, judged))
        both = conjunction(parts)
        return negation(both) if node["negated"] else both

    def _one_of(self, node, row, judged):
        it = self.member(node, row, judged, False)
        return negation(it) if node["negated"] else it

    def _under(self, node, row, judged):
        it = self.member(node, row, judged, True)
        return negation(it) if node["negated"] else it

    def member(self, node, row, judged, under):
        it = self.value(node["value"], row, judged)
        if "list" in node:
            return self.in_list(node, it, row, under)
        if "group" in node:
            return self.in_group(node, it, row)
        if is_missing(it):
            return open_test([it])
        if under:
            return any(it.startswith(self.value(part, row, judged)) for part in node["values"])
        parts = []
        for part in node["values"]:
            test = {"kind": "compare", "op": "=", "left": node["value"], "right": part}
            parts.append(self.value(test, row, judged))
        return disjunction(parts)

    def in_list(self, node, it, row, under):
        found = self.lists[node["list"]]
        day = self.accepted(row) if found.dated else None
        if is_missing(it) or is_missing(day):
            return open_test([it, day])
        return found.holds(it, day, under)

    def in_group(self, node, it, row):
        members = self.groups[node["group"]]
        dated = any(member["from"] or member["to"] for member in members)
        day = self.accepted(row) if dated else None
        if is_missing(it) or is_missing(day):
            return open_test([it, day])
        return any(
            member["country"] == it and (not dated or in_force(member["from"], member["to"], day))
            for member in members
        )

    def _lookup(self, node, row, judged):
        found = self.lists[node["list"]]
        given = [self.value(it, row, judged) for it in node["keys"]]
        day = self.accepted(row) if found.dated else None
        asked = given + [day]
        if any(is_missing(it) for it in asked):
            return of_type(node, lacking([as_missing(it) for it in asked]))
        entry = found.entry(given, day)
        if entry is None:
            keys = [fields_below(key, " (not in the list)") for key in node["keys"]]
            return of_type(node, [sum(keys, [])], "not in list")
        it = entry.values[node["column"]]
        return of_type(node, [[f"{node['list']}.{node['column']}"]]) if it is None else it

    def _converted(self, node, row, judged):
        amount = self.value(node["value"], row, judged)
        units = node["value"]["type"]["units"]
        money = next(it for it in units if "currency" in it or "field" in it)
        currency = money.get("currency") or row.find(money["field"])
        rates = self.lists[node["list"]]
        asked = currency not in (None, node["currency"])
        day = self.accepted(row) if asked and rates.dated else None
        if is_missing(amount) or currency is None or is_missing(day):
            unknown = [Missing([[money["field"]]])] if currency is None else []
            return Missing(lacking([amount, day, *unknown]))
        if not asked:
            return amount
        rate = rates.look_up([currency], day, node["currency"])
        if rate is None:
            return Missing([fields_below(node["value"], " (no rate)")], "no rate")
        digits = scale(node["value"]["type"]) + scale(rates.type_of(node["currency"]))
        return rounded(amount * rate, min(digits, SCALE_MAX))

    def _is_missing(self, node, row, judged):
        return is_missing(self.value(node["value"], row, judged))

    def _is_given(self, node, row, judged):
        return not is_missing(self.value(node["value"], row, judged))

    # Kleene

    def parts(self, node, row, judged):
        return [self.value(it, row, judged) for it in node["parts"]]

    def _not(self, node, row, judged):
        return negation(self.value(node["part"], row, judged))

    def _all(self, node, row, judged):
        return conjunction(self.parts(node, row, judged))

    def _any(self, node, row, judged):
        return disjunction(self.parts(node, row, judged))

    def _none(self, node, row, judged):
        return negation(disjunction(self.parts(node, row, judged)))

    def _at_least(self, node, row, judged):
        return at_least(node["n"], self.parts(node, row, judged))

    def _dated(self, node, row, judged):
        period = self.in_period(row, node["since"], node["until"])
        return conjunction([period, self.value(node["part"], row, judged)])

    def _hit(self, node, row, judged):
        rule = self.rules[node["rule"]]
        at = row.at(rule["level"])
        if at is not None:
            return self.outcome(rule, at)
        return self.many.hit_inside(rule, row)

    # Of many rows

    def _statistic(self, node, row, judged):
        return self.many.statistic(node, row)

    def _quantified(self, node, row, judged):
        return self.many.quantified(node, row)

    def _known_for(self, node, row, judged):
        return self.many.known_for(node, row)

    def _profile(self, node, row, judged):
        return self.many.profile(node, row)

    def _related(self, node, row, judged):
        return self.many.related(node, row)


def instant_words(it):
    """To the minute, or as far as it goes."""
    res = it.strftime("%Y-%m-%dT%H:%M")
    if it.second or it.microsecond:
        res += it.strftime(":%S")
    if it.microsecond:
        res += f".{it.microsecond:06}"
    return res


def names_of(ways):
    return [frozenset(it) for it in ways]


def truth(node):
    return node["type"]["name"] == "truth"


def of_type(node, ways, reason=None):
    """No value, as a condition or as a value."""
    return open_test([Missing(ways)]) if truth(node) else Missing(ways, reason)


def as_missing(it):
    return Missing(it.yes) if isinstance(it, Unknown) else it


def in_force(first, last, day):
    after = first is None or datetime.date.fromisoformat(first) <= day
    return after and (last is None or day <= datetime.date.fromisoformat(last))


def literal(it, ty):
    if it is None:
        return Missing([[]])
    match ty["name"]:
        case "number" | "whole":
            return Fraction(it)
        case "date":
            return datetime.date.fromisoformat(it)
        case "date-time":
            return datetime.datetime.fromisoformat(it)
        case "duration":
            return Duration(**it)
        case _:
            return it


def text_form(*nodes):
    """`name` where one of the sides is one."""
    names = [it["type"]["name"] for it in nodes]
    return "name" if "name" in names else names[0]


def comparable(given, nodes):
    """Two given values in the form in which they compare."""
    ty = nodes[0]["type"]
    if ty["name"] == "choice":
        return [ty["words"].index(it) for it in given]
    if ty["name"] == "duration":
        left, right = given
        if left.microseconds is not None or right.microseconds is not None:
            return [it.in_time() for it in given]
        return [it.size() for it in given]
    if isinstance(given[0], str):
        return [form(it, text_form(*nodes)) for it in given]
    return given


def dates(op, left, right, node):
    """A date or instant and a duration, or two of a kind."""
    if isinstance(right, Duration):
        it = shifted(left, right if op == "+" else right.negated())
        if it is None:
            return Missing([fields_below(node, " (out of range)")], "out of range")
        return it
    if isinstance(left, datetime.datetime):
        return Duration(microseconds=(left - right) // datetime.timedelta(microseconds=1))
    return Duration(days=(left - right).days)


def fields_below(node, suffix):
    """The names of the fields of an expression, each with a reason."""
    if node["kind"] == "field":
        return [node["field"] + suffix]
    if node["kind"] in ("statistic", "profile", "related"):
        return [node["text"] + suffix]
    found = []
    for it in node.values():
        parts = it if isinstance(it, list) else [it]
        for part in parts:
            if isinstance(part, dict) and "kind" in part:
                found += fields_below(part, suffix)
    return found
