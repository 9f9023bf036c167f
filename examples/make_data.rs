//! The made data of `rules-made`: `cargo run --example make_data` writes `data/made` again, byte
//! for byte. Nothing of it is real: names, amounts and results come from a seeded generator.

use std::fs;
use std::io;
use std::path::Path;

const DECLARATIONS: usize = 1_500;

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        let at = usize::try_from(self.below(of.len() as u64)).unwrap_or(0);
        of[at]
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// Day `n` of 2024, a leap year, and of the years after it.
fn day(n: u64) -> String {
    let mut rest = n;
    let mut year = 2024;
    loop {
        let february = if year % 4 == 0 { 29 } else { 28 };
        let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        for (month, length) in months.iter().enumerate() {
            if rest < *length {
                return format!("{year}-{:02}-{:02}", month + 1, rest + 1);
            }
            rest -= length;
        }
        year += 1;
    }
}

/// Hundredths as an amount.
fn amount(hundredths: u64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

const CODES: [&str; 9] =
    ["020130", "020714", "240220", "610910", "640399", "851713", "852859", "871200", "220421"];
const ORIGINS: [&str; 7] = ["CN", "VN", "TR", "MA", "US", "CH", ""];

fn main() -> io::Result<()> {
    let mut random = Random(0x7A31_5EED);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/made");
    fs::create_dir_all(&folder)?;
    let mut declarations = vec![
        "declaration_id,accepted_date,accepted_at,importer_id,consignee_address,office,total_invoiced"
            .to_owned(),
    ];
    let mut items = vec![
        "declaration_id,item_number,hs,origin,procedure,preference,net_mass,gross_mass,invoiced,value"
            .to_owned(),
    ];
    let mut documents = vec!["declaration_id,item_number,document_number,kind,dated_on".to_owned()];
    let mut fiscal = vec!["declaration_id,reference_number,role,vat_country".to_owned()];
    let mut controls = vec![
        "control_id,importer_id,heading,control_date,recorded_on,result,irregularity".to_owned(),
    ];
    for at in 0..DECLARATIONS {
        let id = format!("M{at:05}");
        // About two declarations a day, in order.
        let accepted = at as u64 / 2;
        let date = day(accepted);
        let time = format!("{date}T{:02}:{:02}:00", 7 + random.below(11), random.below(60));
        let importer = format!("FR{:03}", random.below(60));
        let importer = if random.one_in(40) { String::new() } else { importer };
        let address = format!("{} rue du Port", 1 + random.below(25));
        let office = random.one(&["FR001", "FR002", "FR003"]);
        let small = random.one_in(3);
        let mut total = 0;
        for number in 1..=1 + random.below(3) {
            let code = random.one(&CODES);
            let origin = random.one(&ORIGINS);
            let procedure = random.one(&["4000", "4000", "4000", "4200", "6321", "7100"]);
            let preference = random.one(&["100", "100", "300", "320", ""]);
            let gross = 100 + random.below(50_000);
            let net = if random.one_in(25) { gross + 500 } else { gross * 9 / 10 };
            let gross = if random.one_in(12) { String::new() } else { amount(gross) };
            let invoiced =
                if small { 500 + random.below(9_000) } else { 500 + random.below(900_000) };
            total += invoiced;
            items.push(format!(
                "{id},{number},{code},{origin},{procedure},{preference},{},{gross},{},{}",
                amount(net),
                amount(invoiced),
                amount(invoiced + invoiced / 20),
            ));
            for document in 1..=random.below(3) {
                let kind = random.one(&["N853", "U045", "N380", "N954", ""]);
                let late = random.one_in(8);
                let dated = if late { accepted + 1 + random.below(9) } else { accepted };
                documents.push(format!("{id},{number},{document},{kind},{}", day(dated)));
            }
        }
        if random.one_in(15) {
            total += total / 30 + 1_500;
        }
        for reference in 0..random.below(2) {
            let role = random.one(&["FR2", "FR1", "FR2", ""]);
            fiscal.push(format!(
                "{id},{},{role},{}",
                reference + 1,
                random.one(&["DE", "FR", "BE"])
            ));
        }
        declarations
            .push(format!("{id},{date},{time},{importer},{address},{office},{}", amount(total)));
        if random.one_in(5) {
            let result = random.one(&["clean", "clean", "offence", ""]);
            let irregularity = match result {
                "offence" => random.one(&["value", "origin", "quantity"]),
                _ => "",
            };
            let recorded = accepted + random.below(40);
            let heading = random.one(&CODES).get(..4).unwrap_or_default();
            controls.push(format!(
                "K{at:05},{importer},{heading},{date},{},{result},{irregularity}",
                day(recorded)
            ));
        }
    }
    let mut operators = vec!["operator_id,registered_on,trusted".to_owned()];
    for at in 0..55 {
        operators.push(format!("FR{at:03},{},{}", day(random.below(200)), random.one_in(6)));
        if random.one_in(5) {
            operators.push(format!("FR{at:03},{},true", day(300 + random.below(200))));
        }
    }
    let files = [
        ("declarations.csv", declarations),
        ("items.csv", items),
        ("documents.csv", documents),
        ("fiscal_references.csv", fiscal),
        ("controls.csv", controls),
        ("operators.csv", operators),
    ];
    for (name, lines) in files {
        fs::write(folder.join(name), lines.join("\n") + "\n")?;
    }
    Ok(())
}
