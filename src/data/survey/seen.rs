//! One column, cell by cell.

use std::collections::BTreeSet;
use std::collections::HashSet;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;

use arrow::datatypes::DataType;

use crate::data::cell::Reading;
use crate::data::columnar;
use crate::data::survey::guess;
use crate::data::survey::guess::Guess;
use crate::data::survey::guess::Marks;
use crate::data::survey::guess::Shape;
use crate::data::survey::personal;
use crate::schema::Number;
use crate::schema::Schema;
use crate::schema::Type;
use crate::value::Decimal;
use crate::value::text::Form;

/// Distinct values that are kept by name; beyond this they are only *many*.
const NAMED: usize = 1_000;

/// Parts of names of columns of commodity codes, and of countries.
const CODES: [&str; 7] =
    ["tariff", "tarif", "commodity", "taric", "nomenclature", "warennummer", "goederencode"];
const COUNTRIES: [&str; 13] = [
    "country",
    "origin",
    "departure",
    "dispatch",
    "nation",
    "destination",
    "ursprung",
    "land",
    "pays",
    "origen",
    "pais",
    "paese",
    "herkomst",
];

/// What was seen of a column.
pub struct Seen {
    pub name: String,
    pub rows: u64,
    pub missing: u64,
    /// Those there are, unless there are too many.
    pub values: Option<BTreeSet<String>>,
    /// No value stands twice, and none is missing.
    pub is_key: bool,
    pub guess: Guess,
    /// What its figures or dates need a reader to know, in a sentence.
    pub remark: Option<String>,
    /// The smallest and largest number.
    pub range: Option<(Decimal, Decimal)>,
    /// The first and last as text: dates in order.
    pub text_range: Option<(String, String)>,
    /// Words that stand for *missing*.
    pub nulls: BTreeSet<String>,
    pub figures: Figures,
    ty: Option<DataType>,
    hashes: HashSet<u64>,
    fits: Vec<Probe>,
    dates: Vec<&'static str>,
    is_money: bool,
    is_share: bool,
    /// Every value is an address of mail.
    is_mail: bool,
    /// Floats that are no number: `NaN`, infinity.
    unreal: u64,
}

/// How the figures of a column are written.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    shapes: Vec<Shape>,
    /// Whether a value is no figure.
    broken: bool,
}

impl Figures {
    fn add(&mut self, cell: &str) {
        match guess::shape(cell) {
            Some(it) if self.shapes.contains(&it) => {}
            Some(it) => self.shapes.push(it),
            None => self.broken = true,
        }
    }

    /// Whether decimals certainly stand behind this mark.
    pub fn is_marked(&self, mark: char) -> bool {
        !self.broken
            && self
                .shapes
                .iter()
                .any(|it| *it == Shape::Mark(mark) || *it == Shape::Grouped(Some(mark)))
    }

    fn has(&self, wanted: impl Fn(&Shape) -> bool) -> bool {
        !self.broken && self.shapes.iter().any(wanted)
    }
}

/// A kind of value, read as a run would read it.
struct Probe {
    kind: Kind,
    reading: Reading,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Truth,
    Code,
    Whole,
    Decimal(char),
    Percent(char),
    Date,
    DateTime,
    Country,
}

impl Probe {
    fn new(kind: Kind, ty: &Type) -> Probe {
        let mut reading = Reading::new(&Schema::default(), ty, None);
        if let Kind::Decimal(mark) | Kind::Percent(mark) = kind {
            reading.decimal_mark = mark;
        }
        Probe { kind, reading }
    }

    fn all() -> Vec<Probe> {
        let decimal = || Type::Number(Number::pure(9));
        let percent = || Type::Number(Number::percent());
        vec![
            Probe::new(Kind::Truth, &Type::Truth),
            Probe::new(Kind::Code, &Type::Text(Form::Exact)),
            Probe::new(Kind::Whole, &Type::Whole),
            Probe::new(Kind::Decimal('.'), &decimal()),
            Probe::new(Kind::Decimal(','), &decimal()),
            Probe::new(Kind::Percent('.'), &percent()),
            Probe::new(Kind::Percent(','), &percent()),
            Probe::new(Kind::Date, &Type::Date),
            Probe::new(Kind::DateTime, &Type::DateTime),
            Probe::new(Kind::Country, &Type::Country),
        ]
    }

    fn reads(&self, cell: &str) -> bool {
        let shaped = match self.kind {
            Kind::Truth | Kind::DateTime | Kind::Country => true,
            // Eight digits alone may be anything; with a time it is more than a day.
            Kind::Date => {
                let rest = cell.get(10..).unwrap_or_default();
                cell.contains('-') && rest.chars().all(|it| " T:.0Z".contains(it))
            }
            // Zeros in front belong to an identifier.
            Kind::Whole => is_plain(cell) && guess::shape(cell) == Some(Shape::Plain),
            Kind::Decimal(_) | Kind::Percent(_) => is_plain(cell),
            Kind::Code => {
                let digits = cell.bytes().filter(u8::is_ascii_digit).count();
                let only = cell.bytes().all(|it| it.is_ascii_digit() || it == b'.');
                only && matches!(digits, 4 | 6 | 8 | 10)
            }
        };
        shaped && matches!(self.reading.read(cell), Ok(Some(_)))
    }
}

fn is_plain(cell: &str) -> bool {
    let digits = cell.trim_start_matches(['-', '+']);
    let zero = digits.starts_with('0') && !digits.starts_with("0.") && !digits.starts_with("0,");
    !(1 < digits.len() && zero)
}

impl Seen {
    /// A column of text, or of a type that a file says.
    pub fn new(name: String, ty: Option<DataType>) -> Seen {
        Seen {
            name,
            rows: 0,
            missing: 0,
            values: Some(BTreeSet::new()),
            is_key: true,
            guess: Guess::Text,
            remark: None,
            range: None,
            text_range: None,
            nulls: BTreeSet::new(),
            figures: Figures::default(),
            ty,
            hashes: HashSet::new(),
            fits: Probe::all(),
            dates: guess::DATES.iter().chain(&guess::MOMENTS).copied().collect(),
            is_money: true,
            is_share: true,
            is_mail: true,
            unreal: 0,
        }
    }

    pub fn add(&mut self, cell: &str) {
        self.add_within(cell, None);
    }

    /// A cell of a row that stands in another: keys tell rows apart within it.
    pub fn add_within(&mut self, cell: &str, around: Option<u64>) {
        let cell = cell.trim();
        self.rows += 1;
        let is_null = self.ty.is_none() && guess::is_null(cell);
        if is_null {
            self.nulls.insert(cell.to_owned());
        }
        let is_unreal = self.is_float() && is_unreal(cell);
        self.unreal += u64::from(is_unreal);
        if cell.is_empty() || is_null || is_unreal {
            self.missing += 1;
            self.is_key = false;
            return;
        }
        if self.is_key {
            let mut hasher = DefaultHasher::new();
            (cell, around).hash(&mut hasher);
            if !self.hashes.insert(hasher.finish()) {
                self.is_key = false;
                self.hashes = HashSet::new();
            }
        }
        if self.values.as_ref().is_some_and(|it| it.contains(cell)) {
            return;
        }
        if let Some(values) = &mut self.values {
            values.insert(cell.to_owned());
            if NAMED < values.len() {
                self.values = None;
            }
        }
        self.fits.retain(|it| it.reads(cell));
        self.dates.retain(|it| guess::is_date(cell, it));
        self.figures.add(cell);
        self.is_mail &= cell.contains('@');
        self.is_money &= guess::is_money(cell);
        self.is_share &= cell.ends_with('%');
        if let Some(number) = decimal(cell) {
            let (least, most) = self.range.unwrap_or((number, number));
            self.range = Some((least.min(number), most.max(number)));
        }
        match &mut self.text_range {
            None => self.text_range = Some((cell.to_owned(), cell.to_owned())),
            Some((least, _)) if cell < least.as_str() => cell.clone_into(least),
            Some((_, most)) if most.as_str() < cell => cell.clone_into(most),
            Some(_) => {}
        }
    }

    /// How many values there are, as far as they were kept.
    pub fn distinct(&self) -> usize {
        self.values.as_ref().map_or(usize::MAX, BTreeSet::len)
    }

    /// Whether its values are of somebody, by its name or by what they look like.
    pub fn is_personal(&self) -> bool {
        let shaped = match (self.guess, &self.values) {
            (Guess::Text, Some(values)) => !values.iter().all(|it| personal::is_code_like(it)),
            (Guess::Text, None) => true,
            // Long numbers that tell rows apart are numbers of something or somebody.
            (Guess::Whole, _) => self.range.is_some_and(|(_, most)| long(most)),
            // Days so long ago are rather those of births.
            (Guess::Date(None) | Guess::DateTime(None), _) => {
                let first = self.text_range.as_ref().map(|it| it.0.as_str());
                first.is_some_and(|it| it < "1990")
            }
            _ => false,
        };
        // A country or a code says little of a person, and a rate or a mass nothing.
        let coarse = matches!(self.guess, Guess::Country | Guess::Code | Guess::Truth)
            || (self.range.is_some() && personal::is_measure(&self.name));
        let names = self.is_key && self.guess == Guess::Text;
        shaped || names || (!coarse && personal::is_personal_name(&self.name))
    }

    /// Whether it tells of persons or firms for certain enough to be declared `personal`: by its
    /// name, or by addresses of mail and days of birth. Other values that are not shown may.
    pub fn is_of_persons(&self) -> bool {
        let is_mail = self.is_mail && self.missing < self.rows;
        let is_birth = matches!(self.guess, Guess::Date(_) | Guess::DateTime(_));
        let named = personal::is_personal_name(&self.name);
        self.is_personal() && (named || is_mail || is_birth)
    }

    fn is_float(&self) -> bool {
        matches!(self.ty, Some(DataType::Float16 | DataType::Float32 | DataType::Float64))
    }

    /// Makes up its mind, once every row was seen.
    pub fn conclude(&mut self, marks: &Marks) {
        self.hashes = HashSet::new();
        self.is_key &= 0 < self.rows;
        if self.missing == self.rows {
            self.fits.clear();
            self.dates.clear();
        }
        let guesses = self.guesses(marks);
        let held = |it: &Guess| match (&self.ty, type_of(*it)) {
            (Some(held), ty) => columnar::refusal(held, &ty, false).is_none(),
            (None, _) => true,
        };
        // A typed column without a value is what its type says.
        let by_type = [Guess::Text, Guess::Decimal, Guess::Truth, Guess::Date(None)];
        let by_type = by_type.into_iter().chain([Guess::DateTime(None)]);
        let found = guesses.into_iter().chain(by_type).find(held);
        self.guess = found.unwrap_or(Guess::Text);
        if 0 < self.unreal {
            let count = self.unreal;
            self.remark = Some(format!(
                "{count} of {} values are no number (NaN, infinity): a run counts them as faults; \
                 write them as missing.",
                self.rows
            ));
        } else if self.guess == Guess::Text && self.ty.is_none() {
            self.remark = self.unreadable(marks);
        } else if let Guess::Date(Some(taken)) | Guess::DateTime(Some(taken)) = self.guess {
            let other = self.dates.iter().find(|it| **it != taken && day_first(taken, it));
            self.remark = other
                .map(|it| format!("`{taken}` and `{it}` both fit: is the day or the month first?"));
        }
    }

    /// Whether no field can be made of it, in words.
    pub fn refused(&self) -> Option<String> {
        columnar::refusal(self.ty.as_ref()?, &type_of(self.guess), false)
    }

    /// All it may be, the narrowest first.
    fn guesses(&self, marks: &Marks) -> Vec<Guess> {
        let fits = |kind: Kind| self.fits.iter().any(|it| it.kind == kind);
        let words = personal::words(&self.name);
        let named = |wanted: &[&str]| words.iter().any(|it| wanted.contains(&it.as_str()));
        let parts = |wanted: &[&str]| {
            let name = self.name.to_lowercase();
            wanted.iter().any(|it| name.contains(it))
        };
        let mut res = Vec::new();
        let spelt =
            |it: &String| it.eq_ignore_ascii_case("true") || it.eq_ignore_ascii_case("false");
        let both = self.values.as_ref().is_some_and(|it| 1 < it.len() || it.iter().all(spelt));
        if fits(Kind::Truth) && both {
            res.push(Guess::Truth);
        }
        let hs = words.iter().any(|it| it.starts_with("hs") || it == "cn" || it.starts_with("cn8"));
        if fits(Kind::Code) && (hs || parts(&CODES)) {
            res.push(Guess::Code);
        }
        let dates = self.dates.iter().filter(|it| match **it {
            "%Y%m%d" => self.is_dated(&words),
            "%Y%m" => named(&["period", "month", "mois", "monat", "mes", "maand"]),
            _ => true,
        });
        for it in dates {
            res.push(match guess::DATES.contains(it) {
                true => Guess::Date(Some(it)),
                false => Guess::DateTime(Some(it)),
            });
        }
        // Two digits or letters may be anything: the name has to say it too.
        let labels = [
            "code",
            "codes",
            "id",
            "type",
            "mode",
            "office",
            "use",
            "ref",
            "reference",
            "mrn",
            "lrn",
            "tin",
            "eori",
            "phone",
            "tel",
        ];
        let amount = !named(&labels);
        let decimal = fits(Kind::Decimal(marks.decimal))
            && !self.figures.has(|it| matches!(it, Shape::Grouped(_)))
            && (marks.decimal == ',' || !self.is_either());
        let typed = self.ty.is_some() && fits(Kind::Decimal('.'));
        if self.is_share && fits(Kind::Percent(marks.decimal)) {
            res.push(Guess::Percent);
        }
        if amount && fits(Kind::Whole) {
            res.push(Guess::Whole);
        }
        if (amount && decimal) || typed {
            res.push(Guess::Decimal);
        }
        if fits(Kind::Date) {
            res.push(Guess::Date(None));
        }
        if fits(Kind::DateTime) {
            res.push(Guess::DateTime(None));
        }
        if fits(Kind::Country) && parts(&COUNTRIES) {
            res.push(Guess::Country);
        }
        // What is a label by its name may be held as a number.
        let last =
            if typed && !amount { vec![Guess::Text, Guess::Decimal] } else { vec![Guess::Text] };
        match typed && !amount {
            true => [last, res].concat(),
            false => [res, last].concat(),
        }
    }

    /// Whether eight digits are days: by the name, or because all of them are of our time.
    fn is_dated(&self, words: &[String]) -> bool {
        const WORDS: [&str; 8] = ["date", "day", "dt", "dat", "datum", "fecha", "jour", "data"];
        let named = words.iter().any(|it| WORDS.contains(&it.as_str()) || it.ends_with("date"));
        named || (3 <= self.distinct() && !words.iter().any(|it| it == "id" || it == "number"))
    }

    /// Commas before three digits, everywhere: thousands or decimals.
    fn is_either(&self) -> bool {
        self.figures.has(|it| *it == Shape::Either(','))
    }

    /// Why figures are text, in a sentence.
    fn unreadable(&self, marks: &Marks) -> Option<String> {
        if self.missing == self.rows || self.fits.iter().any(|it| it.kind == Kind::Code) {
            return None;
        }
        let figures = &self.figures;
        let plain = figures.has(|_| true) && !figures.has(|it| *it != Shape::Plain);
        let what = if plain {
            return None;
        } else if figures.has(|it| matches!(it, Shape::Grouped(_))) {
            "Figures with thousands set apart are text to tamis: write them as `1234.5`."
        } else if marks.decimal == ','
            && figures.has(|it| matches!(it, Shape::Mark('.') | Shape::Either('.')))
        {
            "Decimal points beside the decimal commas of other columns: write one of them."
        } else if figures.is_marked(',') {
            "Decimal commas beside the decimal points of other columns: write one of them."
        } else if self.is_either() {
            "Is `1,234` a thousand? Then write 1234. Or decimals? Then say `decimal = \",\"`."
        } else if self.is_money && figures.broken {
            "Amounts with signs, brackets or currencies are text to tamis: write plain figures."
        } else {
            return None;
        };
        Some(what.to_owned())
    }
}

/// Whether a float, as text, is no number.
fn is_unreal(cell: &str) -> bool {
    let cell = cell.trim_start_matches(['-', '+']);
    ["nan", "inf", "infinity"].iter().any(|it| cell.eq_ignore_ascii_case(it))
}

/// Whether two formats are the same but for the order of day and month.
fn day_first(a: &str, b: &str) -> bool {
    let swapped = |it: &str| it.replace("%d", "%_").replace("%m", "%d").replace("%_", "%m");
    swapped(a) == b
}

/// More than six digits before the point.
fn long(number: Decimal) -> bool {
    number.with_scale(0).is_none_or(|it| 999_999 < it.unscaled.abs())
}

/// The type of a field of this kind.
fn type_of(it: Guess) -> Type {
    match it {
        Guess::Truth => Type::Truth,
        Guess::Whole => Type::Whole,
        Guess::Decimal => Type::Number(Number::pure(9)),
        Guess::Percent => Type::Number(Number::percent()),
        Guess::Date(_) => Type::Date,
        Guess::DateTime(_) => Type::DateTime,
        Guess::Code => Type::Code("HS".into()),
        Guess::Country => Type::Country,
        Guess::Text => Type::Text(Form::Folded),
    }
}

fn decimal(cell: &str) -> Option<Decimal> {
    let cell = cell.strip_suffix('%').map_or(cell, str::trim_end);
    match cell.split_once(['e', 'E']) {
        // Floats of very small or large numbers: their digits say enough of their kind.
        Some((digits, exponent)) => {
            exponent.parse::<i32>().ok()?;
            Decimal::parse(digits)
        }
        None => Decimal::parse(cell).or_else(|| Decimal::parse(&cell.replace(',', "."))),
    }
}
