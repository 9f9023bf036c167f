"""What random projects have beyond plain fields: units, nomenclatures, lists with several keys.

Each part is there or not, by chance: fields with the pools of their cells, the lists and
definitions that ask about them, and the conditions.
"""

FIELDS = {
    "declaration": {
        "arrived_at": "date-time", "mode": "transport", "regime": "code of PROC",
        "freight": "money in USD", "agent": "name personal",
    },
    "item": {
        "gross": "mass in t", "volume": "volume in hl", "taric": "code of TARIC",
        "produced_on": "date", "seller_name": "name", "floor_t": "money in EUR/t",
        "ratio": "decimal", "fee": "money in EUR/kg", "power": "energy in MWh",
        "surface": "area in m2", "width": "length in cm", "units": "count in pieces",
        "supp": "quantity by supp_unit",
    },
    "document": {"expires": "date", "amount_usd": "money in USD"},
    "control": {"result": "truth known later", "checked_at": "date-time"},
    "operator": {"home": "country", "since": "date", "trader": "truth", "quota": "percent"},
}

POOLS = {
    "mode": ["road", "sea", "air"],
    "regime": ["4000", "40 00", "40", "1000", "7100"],
    "freight": ["10", "25.5", "0", "1e1"],
    "agent": ["Łódź-Fils", "ACME", "Acme Ltd", "Ürün ä"],
    "gross": ["0.002", "0.01", "1", ".0055", "0"],
    "volume": ["0.5", "1", "2.25"],
    "taric": ["8517130000", "85171300", "6403 99 10", "8517620000"],
    "seller_name": ["ACME", "lodz fils", "Ürün  Ä", "B & C"],
    "floor_t": ["1000", "4000", "20000.5"],
    "ratio": ["0.5", "1.333333333", "2", "-1"],
    "fee": ["0.5", "2", "10.25"],
    "power": ["0.001", "2", "0.0005"],
    "surface": ["1", "2.5", "10"],
    "width": ["100", "25", "0.5"],
    "units": ["1", "12", "3"],
    "supp": ["1", "5", "2.5"],
    "supp_unit": ["NAR", "LTR", "nar"],
    "amount_usd": ["10", "30", "0.01"],
    "result": ["true", "false", "yes", "0"],
    "home": ["CN", "FR", "gb"],
    "trader": ["true", "no"],
    "quota": ["5", "8 %", "0"],
}

# Cells of fields that all projects have, in signs that are read alike.
MORE = {
    "value": ["1e1", "+20", " 40 ", "20.", "007"],
    "packages": ["2.0", "+1", "1e0"],
    "net_mass": ["1e-3", "5.00000049", "2.0000005"],
    "description": ['high "heel"; black, new', "two\nlines", "e\u0301te\u0301", "ﬁne", "STRASSE"],
    "importer_name": ["Straße 5", "STRASSE 5", "Ilıca", "ILICA", "Æble", "aeble", "Ø-x"],
    "tax_rate": ["8%", "2.50 %", "1e1"],
    "origin": [" CN ", "XK", "su"],
    "controlled": ["Yes", "N", "1"],
    "hs": ["85 17 13", "8517.13"],
    "importer_id": [" a1", "ß", "SS", "ſ"],
}

# Fields with instants, and those with days.
INSTANTS = ("arrived_at", "checked_at")
DAYS = ("produced_on", "expires", "since")

FAULTS = {
    "arrived_at": ["2026-03-01T25:00", "noon"], "mode": ["rail", "Sea"], "regime": ["400", "4"],
    "taric": ["851713", "85171"], "volume": ["1 hl"], "produced_on": ["03/2026"],
    "ratio": ["1/2"], "seller_name": [""],
}

LISTS = {
    "lists/traders.csv": "importer_id,class,vip,quota,home,ceiling,joined,note\n"
    "a1,low,yes,5,CN,40,2026-03-01,First\nB2,high,no,8 %,fr,60.5,2026-01-01,x\n"
    "D4,,,,,,,\n",
    "lists/persons.csv": "who,rank\nLodz-Fils,2\nacme,1\n",
    "lists/duties.csv": "origin,hs,rate,fee,stop,from_day,to_day\n"
    "CN,85,5,1,true,,2026-03-05\nCN,8517,8,0.5,false,2026-02-20,\nFR,64,2.5,,,,\n"
    "CN,64,0,3,no,2026-03-01,2026-03-09\n",
    "lists/tolls.csv": "hs,origin,taric,toll\n85,CN,85171300,1\n8517,CN,8517130000,2\n"
    "8517,CN,85171300,3\n64,FR,64039910,4\n640399,CN,85176200,5\n8517,CN,85176200,6\n",
    "lists/far.csv": "country,from_day,to_day\nVN,,\nCN,2026-03-02,\nHK,,2026-03-08\n",
    "lists/proc.csv": "code,text,from_day,to_day\n40,Release,,\n4000,Free,,\n10,Export,,\n"
    "1000,Export,2026-01-01,\n71,Store,,\n7100,Store,,\n",
}

SCHEMA = """\
codes PROC levels 2, 4 file "lists/proc.csv" dated from_day, to_day
codes TARIC levels 8, 10 extends HS
choice transport road, sea, air
group FAR file "lists/far.csv" dated from_day, to_day
"""

DECLARED = """\
list traders file "lists/traders.csv"
  column importer_id : text, key
  column class : risk_class
  column vip : truth
  column quota : percent
  column home : country
  column ceiling : money in EUR
  column joined : date
  column note : text

list persons file "lists/persons.csv"
  column who : name, key
  column rank : whole number

list duties file "lists/duties.csv"
  column origin : country, key
  column hs : code of HS, prefix key
  column rate : percent
  column fee : money in EUR/kg
  column stop : truth
  dated from_day, to_day

list tolls file "lists/tolls.csv"
  column hs : code of HS, prefix key
  column origin : country, key
  column taric : code of TARIC, prefix key
  column toll : whole number

parameter few : whole number
  - 1
  - 2 since 2026-03-04

parameter usual_rate : percent
  - 5 % since 2026-02-25
  - 8 % since 2026-03-07

parameter begin : date
  - 2026-03-01
  - 2026-03-05 since 2026-03-08
"""

# Of their own, the least strict first; in the order of green, blue, yellow, red.
CHANNELS = ("release", "papers", "scan", "goods")

# What rows may have in common.
KEYS = (
    "mode", "regime", "seller_name", "agent", "dispatch", "risk", "produced_on", "supp_unit",
    "description", "tax_rate", "taric", "total_value", "trusted",
)

# Numbers, with their units.
MEASURES = {
    "gross": " kg", "volume": " l", "ratio": "", "fee": " EUR/kg", "freight": " USD",
    "power": " kWh", "surface": " m2", "units": " pieces", "tax_rate": " %", "quota": " %",
    "amount_usd": " USD", "floor_t": " EUR/t",
}

DEFINED = """\
define known_trader
  for declaration
  as trusted or importer_id in list traders
"""

DEFINED_OF_ITEMS = """\
define weighty
  for item
  as any of
    - net_mass > 5 kg
    - all of
      -- packages >= few
      -- origin is CN

define each_package
  for item
  as value / packages

define above(limit: money in EUR, least: percent)
  for item
  as value > limit and tax_rate >= least

define dear(times: whole number)
  for item
  as each_package > 5 EUR * times and not weighty
"""


def add(shape, chance):
    """Fields of what is there, each by chance."""
    for record, options in FIELDS.items():
        if record not in shape.fields:
            continue
        for field, ty in options.items():
            if chance(0.25):
                shape.fields[record][field] = ty
    if "supp" in shape.fields.get("item", {}):
        shape.fields["item"]["supp_unit"] = "text"


def declared(shape):
    """Lists, parameters and definitions."""
    return [DECLARED, DEFINED] + ([DEFINED_OF_ITEMS] if "item" in shape.parents else [])


class Wider:
    """More conditions on one row: a part of `Phrases`."""

    def on_units(self, record):
        options = []
        if self.has(record, "gross"):
            options += ["gross > 5 kg", "gross <= 0.002 t", "gross > net_mass", "gross < 2000 g"]
            options += ["gross - net_mass < 1 kg", "gross / net_mass > 1.5", "value / gross < 4 EUR/kg"]
        if self.has(record, "volume"):
            options += ["volume <= 100 l", "volume > 0.5 hl", "net_mass / volume > 0.01 kg/l"]
        if self.has(record, "fee"):
            options += ["fee < 2 EUR/kg", "fee * net_mass > value", "fee > 1000 EUR/t"]
        if self.has(record, "floor_t"):
            options += ["floor_t < 3 EUR/kg", "floor_t * net_mass >= value"]
        if self.has(record, "ratio"):
            options += ["ratio > 0.5", "ratio * value >= 20 EUR", "-ratio < 0", "abs(ratio) = 1"]
        if self.has(record, "power"):
            options += ["power > 1 kWh", "power = 2 MWh"]
        if self.has(record, "surface"):
            options += ["surface > 2 m2", "surface / 2 >= 1.25 m2"]
        if self.has(record, "width"):
            options += ["width >= 1 m", "width < 30 cm"]
        if self.has(record, "units"):
            options += ["units > 2 pieces", "value / units > 4 EUR/pieces"]
        if self.has(record, "supp"):
            options += ["supp is given", "supp_unit is \"nar\""]
        return self.pick(*options) if options else None

    def on_nomenclature(self, record):
        options = []
        if self.has(record, "regime"):
            options += ["regime is PROC 4000", "regime under PROC 40", "regime at 2 digits is PROC 10"]
            options += ["regime is one of (PROC 40, PROC 1000)", "regime not under (PROC 71, PROC 10)"]
        if self.has(record, "taric"):
            options += ["taric under HS 85", "taric at 8 digits is TARIC 85171300"]
            options += ["taric is TARIC 8517130000", "taric under (HS 640399, TARIC 85176200)"]
            options += ["taric not under HS 64", "taric at 8 digits is one of (TARIC 64039910)"]
        return self.pick(*options) if options else None

    def on_mode(self, record):
        if not self.has(record, "mode"):
            return None
        return self.pick("mode is road", "mode is one of (sea, air)", "mode is not air", "mode is given")

    def on_instant(self, record):
        if not self.has(record, "arrived_at"):
            return None
        options = [
            "arrived_at < 2026-03-05T08:30", "date(arrived_at) < accepted_date",
            "hour(arrived_at) between 8 and 12", "minute(arrived_at) = 30", "arrived_at is given",
            "arrived_at + 90 minutes > 2026-03-06T00:00", "arrived_at is 2026-03-04T08:30:00",
            "arrived_at between 2026-03-01T00:00 and 2026-03-08T12:00",
            "arrived_at + 1 months > 2026-04-04T08:30",
        ]
        if self.has(record, "accepted_at"):
            options += ["arrived_at <= accepted_at", "accepted_at - arrived_at > 3 hours"]
            options += ["accepted_at - arrived_at >= 1 days"]
        return self.pick(*options)

    def on_day(self, record):
        options = []
        if self.has(record, "produced_on"):
            options += [
                "produced_on < accepted_date", "accepted_date - produced_on >= 10 days",
                "produced_on between 2026-02-20 and 2026-03-05", "produced_on < begin",
                "produced_on is one of (2026-03-01, 2026-03-05, 2026-03-08)",
                "produced_on + 2 weeks > accepted_date", "produced_on - 1 months < 2026-02-05",
                "year(produced_on) = 2026", "produced_on not between 2026-03-01 and 2026-03-09",
            ]
        if self.has(record, "expires"):
            options += ["expires < issued", "expires - issued > 3 days", "expires >= begin"]
        return self.pick(*options) if options else None

    def on_entry(self, record):
        options = []
        if self.has(record, "importer_id"):
            options += [
                "importer_id in list traders", "importer_id not in list traders",
                "lookup(traders, importer_id).vip", "lookup(traders, importer_id).class >= medium",
                "lookup(traders, importer_id).note is \"FIRST\"",
                "lookup(traders, importer_id).quota > 5 %", "not lookup(traders, importer_id).vip",
                "(lookup(traders, importer_id).quota or else 9 %) > usual_rate",
            ]
        if self.has(record, "importer_id") and self.has(record, "accepted_date"):
            options += ["lookup(traders, importer_id).joined < accepted_date"]
        if self.has(record, "importer_id") and self.has(record, "origin"):
            options += ["lookup(traders, importer_id).home is origin"]
        if self.has(record, "importer_id") and self.has(record, "value"):
            options += ["value > lookup(traders, importer_id).ceiling"]
        if self.has(record, "importer_name"):
            options += ["importer_name in list persons", "lookup(persons, importer_name).rank >= few"]
        if self.has(record, "hs") and self.has(record, "origin"):
            options += [
                "lookup(duties, origin, hs).rate >= 5 %", "lookup(duties, origin, hs).stop",
                "lookup(duties, origin, hs).fee < 2 EUR/kg", "tax_rate < lookup(duties, origin, hs).rate",
                "lookup(duties, origin, hs).stop is missing",
            ]
            if self.has(record, "taric"):
                options += [
                    "lookup(tolls, hs, origin, taric).toll >= 3",
                    "lookup(tolls, hs, origin, taric).toll in (2, 4, 6)",
                    "lookup(tolls, hs, origin, taric).toll is given",
                ]
        return self.pick(*options) if options else None

    def on_names(self, record):
        options = []
        if self.has(record, "agent"):
            options += ["agent is importer_name", "agent is not \"ACME\"", "agent contains \"fils\""]
        if self.has(record, "seller_name"):
            options += ["seller_name is \"lódź fils\"", "seller_name starts with \"urun\""]
            options += ["seller_name is one of (\"acme\", \"B+C\")", "seller_name ends with \"c\""]
        return self.pick(*options) if options else None

    def on_function(self, record):
        options = []
        if self.has(record, "value"):
            options += [
                "abs(value - 40 EUR) < 21 EUR", "round(value / 3, 1) = 20.1 EUR",
                "max(value, 20 EUR, value * 0.5) > 20 EUR", "-value < -20 EUR",
                "round(value * 1.005, 2) > 60.55 EUR", "tax_rate of value < 5 % of value",
            ]
        if self.has(record, "packages"):
            options += ["packages between few and 2", "packages not between 1 and 1", "packages > few"]
            options += ["min(packages, 2) = max(packages, 2) - 1", "tax_rate / packages > 2 %"]
        if self.has(record, "origin"):
            options += ["origin in FAR", "origin not in FAR", "origin not in EU"]
            options += ["origin is not one of (CN, FR)"]
        return self.pick(*options) if options else None

    def on_definition(self, record):
        options = []
        if self.has(record, "trusted"):
            options += ["known_trader", "not known_trader"]
        if self.has(record, "packages"):
            options += ["weighty", "above(20 EUR, 5 %)", "each_package > 15 EUR", "dear(2)"]
            options += ["above(low_value, usual_rate)", "(each_package or else 1 EUR) < 5 EUR"]
        return self.pick(*options) if options else None
