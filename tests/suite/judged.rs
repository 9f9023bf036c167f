//! Random conditions with `this.`.

use crate::past::quantity;
use crate::seed::Random;

/// Its argument is of the judged row, the rest of each row.
pub const AT_MOST: &str = "\
define at_most(limit: money in EUR)
  for item
  as value <= limit
";

/// A condition on rows that looks at the judged row.
pub fn test(random: &mut Random, level: &str) -> String {
    let window = random.one(&["", " in last 30 days", " in last 2 months", " on same day"]);
    let key = random.one(&["", " with same importer_id"]);
    let n = random.below(3);
    if level == "declaration" {
        let condition = random.one(&[
            "office is this.office",
            "importer_id is not this.importer_id",
            "accepted_date + 30 days > this.accepted_date",
            "accepted_date - this.accepted_date < 3 days",
            "this.office is missing",
        ]);
        let quantity = quantity(random);
        return match random.below(3) {
            0 => format!("{quantity} past declaration has ({condition}){key}{window}"),
            1 => format!("count of past declarations where ({condition}){key}{window} >= {n}"),
            _ => "any item has (hs under HS 64 and this.office is \"X\")".to_owned(),
        };
    }
    let condition = random.one(&[
        "unit_value > 2 * this.unit_value",
        "value = this.value",
        "origin is this.origin and value < this.value",
        "hs at 4 digits is this.hs at 4 digits",
        "hs at 4 digits is this.hs at 4 digits and net_mass >= this.net_mass",
        "origin is not this.origin or net_mass > 2 kg",
        "not (net_mass = this.net_mass)",
        "this.value or else 1 EUR < value",
        "at_most(this.value)",
    ]);
    match random.below(4) {
        0 => format!("{} past item has ({condition}){key}{window}", quantity(random)),
        1 => format!("{} item has ({condition})", quantity(random)),
        2 => format!("sum of value over past items where ({condition}){key}{window} > 20 EUR"),
        _ => format!("count of past items where ({condition}){key}{window} >= {n}"),
    }
}
