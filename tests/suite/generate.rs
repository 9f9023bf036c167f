//! Random well-typed rules.

use std::fs;
use std::path::Path;

use crate::seed::Random;

pub const SCHEMA: &str = r#"codes HS levels 2, 4, 6
codes TARIC levels 2, 4, 6, 8, 10 extends HS
choice risk_class low, medium, high ordered
group NORTH
  - NO
  - GB until 2020-12-31
  - FR since 2026-03-10

record declaration
  key declaration_id
  field declaration_id : text required
  field accepted_date : date required
  field accepted_at : date-time
  field importer_id : text
  field importer_name : name
  field total_value : money in EUR
  field risk : risk_class
  field office : text required
  field copies : whole number
  history date accepted_date

record item in declaration
  key item_number
  field item_number : whole number required
  field hs : code of TARIC
  field origin : country
  field dispatch : country required
  field description : text
  field value : money in EUR
  field fee : money in EUR required
  field net_mass : mass in kg
  field pieces : count in pieces
  field boxes : whole number
  field lots : whole number required
  field tax_rate : percent
  field factor : decimal
  field produced_on : date
  field controlled : truth
  derived unit_value : value / net_mass in EUR/kg
"#;

pub const HEADER: &str = "declaration_id,accepted_date,accepted_at,importer_id,importer_name,\
    total_value,risk,office,copies,item_number,hs,origin,dispatch,description,value,fee,net_mass,\
    pieces,boxes,lots,tax_rate,factor,produced_on,controlled";

const SHARED: &str = r#"parameter floor : money in EUR
  - 10 EUR since 2020-12-31
  - 12.5 EUR since 2026-03-10

parameter quota : percent
  - 50 %

list controlled_goods file "controlled.csv"
  column hs : code of HS, prefix key
  column minimum : money in EUR/kg
  dated valid_from, valid_to

list sanctioned file "sanctioned.csv"
  column country : country, key
  column level : whole number
  dated valid_from, valid_to

list traders file "traders.csv"
  column importer_id : text, key
  column since : date

list rates file "rates.csv"
  column origin : country, key
  column hs : code of HS, prefix key
  column rate : percent

define cheap(limit: money in EUR/kg)
  for item
  as unit_value < limit

define doubtful
  for item
  as at least 2 of
    - origin is missing
    - any of
      -- risk >= medium
      -- value > total_value
    - not controlled

define large
  for declaration
  as total_value > floor

"#;

/// The files that the lists name.
pub fn lists(folder: &Path) -> std::io::Result<()> {
    let files = [
        (
            "controlled.csv",
            "hs,minimum,valid_from,valid_to\n85,2.5,,2026-03-09\n85,3,2026-03-10,\n8517,12.5,,\n\
             010121,0,2020-12-31,2020-12-31\n",
        ),
        (
            "sanctioned.csv",
            "country,level,valid_from,valid_to\nCN,3,2026-03-10,2026-03-10\nGB,1,,2020-12-31\n\
             NA,2,,\n",
        ),
        ("traders.csv", "importer_id,since\nFR1,2020-12-31\nÉtat,2026-03-10\n"),
        ("rates.csv", "origin,hs,rate\nCN,85,2.5\nCN,851713,8\nGB,01,0\n"),
    ];
    files.iter().try_for_each(|(name, text)| fs::write(folder.join(name), text))
}

/// The shared block, then one block a rule, then some of the declaration.
pub fn rules(random: &mut Random, count: usize) -> Vec<String> {
    let mut blocks = vec![SHARED.to_owned()];
    for at in 0..count {
        let outer = random.one_in(5);
        let earlier: Vec<String> = (0..at)
            .map(|it| format!("R{it}"))
            .filter(|it| {
                let block = blocks.iter().find(|block| block.contains(&format!("rule {it} ")));
                block.is_some_and(|block| block.contains("for declaration") == outer)
            })
            .collect();
        blocks.push(Rules { random, outer, earlier }.rule(at));
    }
    blocks
}

struct Rules<'a> {
    random: &'a mut Random,
    /// At the level of the declaration.
    outer: bool,
    /// Rules of this level that stand above.
    earlier: Vec<String>,
}

impl Rules<'_> {
    fn one(&mut self, of: &[&str]) -> String {
        self.random.one(of).to_owned()
    }

    fn rule(&mut self, at: usize) -> String {
        let mut text = format!("rule R{at} \"Number {at}\"\n");
        if self.random.one_in(4) {
            let period = [
                "from 2026-01-15 to 2026-06-30",
                "to 2026-03-10",
                "from 2026-03-11",
                "to 2020-12-31",
            ];
            text += &format!("  valid {}\n", self.random.one(&period));
        }
        text += if self.outer { "  for declaration\n" } else { "  for each item\n" };
        if self.random.one_in(5) {
            text += &format!("  when {}\n", self.condition(3));
        } else {
            text += &format!("  when {}\n", self.combiner());
            for _ in 0..2 + self.random.below(3) {
                text += &self.bullet();
            }
        }
        if self.random.one_in(3) {
            text += "  unless any of\n";
            for name in ["first", "second"] {
                let dates = ["", " until 2026-03-10", " since 2026-03-11", " until 2020-12-30"];
                let dates = self.one(&dates);
                text += &format!("    - \"{name}\": {}{dates}\n", self.condition(1));
            }
        }
        let score = match self.outer {
            true => self.one(&["40", "5 + min(copies or else 1, 10)"]),
            false => self.one(&["40", "5 + min(boxes or else 1, 10)", "round(fee / 1 EUR, 0)"]),
        };
        let shown = if self.outer { "total_value" } else { "unit_value" };
        text + &format!("  then\n    score {score}\n    because \"of {{{shown}}}\"\n\n")
    }

    fn combiner(&mut self) -> String {
        self.one(&["all of", "any of", "none of", "at least 2 of"])
    }

    fn bullet(&mut self) -> String {
        if self.random.one_in(5) {
            let inner = self.combiner();
            let (a, b) = (self.condition(1), self.condition(2));
            return format!("    - {inner}\n      -- {a}\n      -- {b}\n");
        }
        let until = if self.random.one_in(12) { " until 2026-03-10" } else { "" };
        format!("    - {}{until}\n", self.condition(2))
    }

    fn condition(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.test();
        }
        match self.random.below(7) {
            0 => format!("not ({})", self.condition(depth - 1)),
            1 => format!("({}) and ({})", self.condition(depth - 1), self.condition(depth - 1)),
            2 => format!("({}) or ({})", self.condition(depth - 1), self.condition(depth - 1)),
            _ => self.test(),
        }
    }

    fn test(&mut self) -> String {
        let own = 14;
        match self.random.below(if self.outer { own } else { own + 19 }) {
            0 => format!("{} {} {}", self.header_money(), self.compare(), self.header_money()),
            1 => format!("accepted_date {} {}", self.compare(), self.date()),
            2 => format!("accepted_date {}", self.between(&["2020-12-31", "2026-03-10"])),
            3 => format!("accepted_at {} 2026-03-10T14:30", self.compare()),
            4 => format!("hour(accepted_at) {} 14", self.compare()),
            5 => format!("{}(accepted_date) {} 3", self.one(&["month", "day"]), self.compare()),
            6 => format!("weekday(accepted_date) {} tuesday", self.one(&["is", ">=", "is not"])),
            7 => format!("importer_id {} \"fr1\"", self.text_test()),
            8 => format!("importer_name {} \"Łódź & fils\"", self.text_test()),
            9 => format!("risk {} {}", self.compare(), self.one(&["low", "medium", "high"])),
            10 => format!("importer_id {} list traders", self.one(&["in", "not in"])),
            11 => format!("risk {} (low, high)", self.one(&["is one of", "is not one of"])),
            12 => self.header_misc(),
            13 => self.hit_or_define(),
            14..=18 => format!("{} {} {}", self.money(2), self.compare(), self.money(2)),
            19 => format!("{} {} {}", self.mass(), self.compare(), self.mass()),
            20 => format!("{} {} {}", self.unit_price(), self.compare(), self.unit_price()),
            21 => format!("{} {} {}", self.whole(2), self.compare(), self.whole(1)),
            22 => format!("{} {} {}", self.share(), self.compare(), self.share()),
            23 => format!("{} {} {}", self.number(), self.compare(), self.number()),
            24 => format!("{} {}", self.share(), self.between(&["2 %", "8 %"])),
            25 => self.code_test(),
            26 => self.country_test(),
            27 => format!("description {} \"É\"", self.text_test()),
            28 => self.missing(),
            29 => format!("{} {} {}", self.item_date(), self.compare(), self.date()),
            30 => format!("lots is one of (0, 3, {})", self.whole(0)),
            31 => self.one(&["controlled", "controlled is false", "(controlled or else true)"]),
            _ => self.hit_or_define(),
        }
    }

    fn compare(&mut self) -> String {
        self.one(&["<", "<=", ">", ">=", "=", "!="])
    }

    fn between(&mut self, of: &[&str; 2]) -> String {
        let not = self.one(&["", "not "]);
        format!("{not}between {} and {}", of[0], of[1])
    }

    fn text_test(&mut self) -> String {
        self.one(&["is", "is not", "starts with", "ends with", "contains"])
    }

    fn header_misc(&mut self) -> String {
        self.one(&[
            "length(importer_id) > 3",
            "office is \"a\"",
            "importer_id is missing",
            "accepted_at is given",
            "(importer_id or else office) is \"FR1\"",
            "importer_id is office",
            "date(accepted_at) is accepted_date",
            "accepted_date - 30 days < 2026-02-08",
            "accepted_date + 1 month >= 2026-02-28",
            "accepted_date - 2026-01-31 > 38 days",
            "lookup(traders, importer_id).since < accepted_date",
            "year(accepted_date) = 2026",
            "copies * copies > copies",
            "accepted_at + 24 hours > 2026-03-11T14:30",
            "importer_name is one of (\"x\", \"lodz et fils\")",
        ])
    }

    fn hit_or_define(&mut self) -> String {
        if !self.earlier.is_empty() && !self.random.one_in(3) {
            let earlier: Vec<&str> = self.earlier.iter().map(String::as_str).collect();
            return format!("hit({})", self.random.one(&earlier));
        }
        if self.outer {
            return "large".to_owned();
        }
        self.one(&["large", "doubtful", "cheap(12.5 EUR/kg)", "cheap(500 EUR/t)"])
    }

    fn header_money(&mut self) -> String {
        self.one(&[
            "total_value",
            "floor",
            "12.5 EUR",
            "0 EUR",
            "(total_value or else floor)",
            "total_value + total_value",
            "quota of total_value",
            "-total_value",
        ])
    }

    fn money(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.one(&["value", "fee", "total_value", "12.5 EUR", "floor", "0.0001 EUR"]);
        }
        match self.random.below(11) {
            0 => format!("({} + {})", self.money(depth - 1), self.money(depth - 1)),
            1 => format!("({} - {})", self.money(depth - 1), self.money(depth - 1)),
            2 => format!("({} * {})", self.money(depth - 1), self.number()),
            3 => format!("({} / {})", self.money(depth - 1), self.number()),
            4 => format!("round({}, {})", self.money(depth - 1), self.random.below(5)),
            5 => format!("{}({}, fee)", self.one(&["min", "max"]), self.money(depth - 1)),
            6 => format!("abs({})", self.money(depth - 1)),
            7 => format!("({} or else {})", self.money(depth - 1), self.money(0)),
            8 => format!("{} of {}", self.one(&["50 %", "tax_rate", "quota"]), self.money(0)),
            9 => format!("({} * {})", self.unit_price(), self.mass()),
            _ => self.money(0),
        }
    }

    fn mass(&mut self) -> String {
        self.one(&[
            "net_mass",
            "12.5 kg",
            "1 t",
            "(net_mass or else 0 kg)",
            "(net_mass + 999 g)",
            "(0.5 * net_mass)",
            "(fee / unit_value)",
        ])
    }

    fn unit_price(&mut self) -> String {
        self.one(&[
            "unit_value",
            "2.5 EUR/kg",
            "500 EUR/t",
            "(fee / net_mass)",
            "lookup(controlled_goods, hs).minimum",
            "(lookup(controlled_goods, hs).minimum or else 1 EUR/kg)",
        ])
    }

    fn whole(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.one(&["boxes", "lots", "0", "3", "9223372036854775807", "-boxes"]);
        }
        match self.random.below(7) {
            0 => format!("({} + {})", self.whole(depth - 1), self.whole(0)),
            1 => format!("({} - {})", self.whole(depth - 1), self.whole(0)),
            2 => format!("({} * {})", self.whole(depth - 1), self.whole(0)),
            3 => format!("abs({})", self.whole(depth - 1)),
            4 => format!("max({}, {})", self.whole(depth - 1), self.whole(0)),
            5 => self.one(&["lookup(sanctioned, origin).level", "(boxes or else lots)", "copies"]),
            _ => self.whole(0),
        }
    }

    fn share(&mut self) -> String {
        self.one(&[
            "tax_rate",
            "8 %",
            "2.5 %",
            "quota",
            "lookup(rates, origin, hs).rate",
            "(lookup(rates, origin, hs).rate or else tax_rate)",
            "(tax_rate + 2.5 %)",
        ])
    }

    fn number(&mut self) -> String {
        self.one(&[
            "factor",
            "boxes",
            "2.5",
            "0.000000001",
            "(value / fee)",
            "(boxes / lots)",
            "round(factor, 3)",
            "(factor * factor)",
            "(pieces / 1 pieces)",
            "min(factor, boxes)",
        ])
    }

    fn code_test(&mut self) -> String {
        match self.random.below(5) {
            0 => format!("hs {} list controlled_goods", self.one(&["under", "not under"])),
            1 => format!("hs at 4 digits {} HS 8517", self.one(&["is", "is not"])),
            2 => format!("hs {} (HS 0101.21, TARIC 8517130000)", self.one(&["in", "not in"])),
            3 => format!("hs at 6 digits {} hs", self.one(&["is", "is not"])),
            _ => {
                let under = self.one(&["under", "not under"]);
                let codes = ["HS 85", "HS 8517", "TARIC 85171300", "(HS 01, HS 8517.13)"];
                format!("hs {under} {}", self.random.one(&codes))
            }
        }
    }

    fn country_test(&mut self) -> String {
        let field = self.one(&["origin", "dispatch", "(origin or else dispatch)"]);
        match self.random.below(6) {
            0 => format!("{field} {} EU", self.one(&["in", "not in"])),
            1 => format!("{field} {} NORTH", self.one(&["in", "not in"])),
            2 => format!("{field} {} list sanctioned", self.one(&["in", "not in"])),
            3 => format!("{field} {} (CN, GB, NA)", self.one(&["is one of", "is not one of"])),
            4 => format!("{field} {} dispatch", self.one(&["is", "is not"])),
            _ => format!("{field} {} CN", self.one(&["is", "is not"])),
        }
    }

    fn missing(&mut self) -> String {
        let of = ["origin", "unit_value", "hs", "value", "produced_on", "(boxes * boxes)"];
        let field = self.one(&of);
        format!("{field} {}", self.one(&["is missing", "is given"]))
    }

    fn item_date(&mut self) -> String {
        self.one(&[
            "produced_on",
            "produced_on + 1 month",
            "produced_on - 12 months",
            "(produced_on or else accepted_date)",
            "produced_on + 90 days",
        ])
    }

    fn date(&mut self) -> String {
        self.one(&["2026-03-10", "2020-12-31", "2024-02-29", "2026-02-28"])
    }
}
