//! Tables of `tamis.toml`, read key by key: what is not asked for is not known.

use toml::Spanned;
use toml::de::DeString;
use toml::de::DeTable;
use toml::de::DeValue;

use crate::data::manifest::Placed;
use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::did_you_mean;
use crate::source::FileId;
use crate::source::Span;

pub type Entry<'t> = (&'t Spanned<DeString<'t>>, &'t Spanned<DeValue<'t>>);

/// A table with its name, `[data.archive]`, and where faults go.
pub struct Table<'t, 'f> {
    pub name: String,
    pub span: Span,
    table: &'t DeTable<'t>,
    faults: &'f mut Vec<Diagnostic>,
}

/// A place of the file.
pub fn span<T>(file: FileId, it: &Spanned<T>) -> Span {
    Span::new(file, it.span().start, it.span().end)
}

impl<'t, 'f> Table<'t, 'f> {
    pub fn new(
        name: impl Into<String>,
        span: Span,
        table: &'t DeTable<'t>,
        faults: &'f mut Vec<Diagnostic>,
    ) -> Table<'t, 'f> {
        Table { name: name.into(), span, table, faults }
    }

    pub fn at<T>(&self, it: &Spanned<T>) -> Span {
        span(self.span.file, it)
    }

    pub fn push(&mut self, it: Diagnostic) {
        self.faults.push(it);
    }

    /// A table inside, with the name it is written with.
    pub fn inner(&mut self, (key, value): Entry<'t>) -> Option<Table<'t, '_>> {
        let (name, span) = (format!("{}.{}", self.name, key.get_ref()), self.at(key));
        let Some(table) = value.get_ref().as_table() else {
            self.mistyped(key.get_ref(), value, "a table");
            return None;
        };
        Some(Table { name, span, table, faults: self.faults })
    }

    pub fn entries(&self) -> impl Iterator<Item = Entry<'t>> + use<'t> {
        self.table.iter()
    }

    pub fn get(&self, key: &str) -> Option<Entry<'t>> {
        self.table.get_key_value(key)
    }

    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The place of a key; of the table where it has none.
    pub fn key_span(&self, key: &str) -> Span {
        self.get(key).map_or(self.span, |it| self.at(it.0))
    }

    /// Refuses every key but these and those that `other` takes.
    pub fn only(&mut self, keys: &[&str], other: impl Fn(Entry<'t>) -> bool) {
        for (key, value) in self.entries() {
            let name = key.get_ref();
            if keys.contains(&&**name) || other((key, value)) {
                continue;
            }
            let help = did_you_mean(name, keys.iter().copied()).unwrap_or_else(|| match keys {
                [] => "take it out".to_owned(),
                _ => format!("its keys are {}", keys.join(", ")),
            });
            let message = format!("[{}] has no key `{name}`", self.name);
            let it = Diagnostic::new(Code::T9102, self.at(key), message);
            self.faults.push(it.help(help));
        }
    }

    fn mistyped(&mut self, key: &str, value: &Spanned<DeValue<'t>>, wanted: &str) {
        let found = match value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let message = format!("`{key}` of [{}] is {found}, not {wanted}", self.name);
        let it = Diagnostic::new(Code::T9103, self.at(value), message);
        let written = match wanted {
            "a number" => format!("{key} = 2"),
            "true or false" => format!("{key} = true"),
            "a table" => format!("[{}.{key}]", self.name),
            "a text or a list of texts" => format!("{key} = [\"…\"]"),
            _ => format!("{key} = \"…\""),
        };
        self.faults.push(it.help(format!("write `{written}`")));
    }

    /// The text of a key, which is not blank.
    pub fn text(&mut self, key: &str) -> Option<Placed> {
        let (_, value) = self.get(key)?;
        let Some(text) = value.get_ref().as_str() else {
            self.mistyped(key, value, "a text");
            return None;
        };
        self.given(key, Placed { text: text.to_owned(), span: self.at(value) })
    }

    fn given(&mut self, key: &str, it: Placed) -> Option<Placed> {
        if it.text.trim().is_empty() && it.text != "\t" {
            let message = format!("`{key}` of [{}] is blank", self.name);
            let fault = Diagnostic::new(Code::T9103, it.span, message);
            self.faults.push(fault.help("write what is meant, or take the key out"));
            return None;
        }
        Some(it)
    }

    /// The texts of a key, one or a list.
    pub fn texts(&mut self, key: &str) -> Vec<Placed> {
        const WANTED: &str = "a text or a list of texts";
        let Some((_, value)) = self.get(key) else { return Vec::new() };
        let Some(all) = value.get_ref().as_array() else {
            match value.get_ref().as_str() {
                Some(_) => return self.text(key).into_iter().collect(),
                None => self.mistyped(key, value, WANTED),
            }
            return Vec::new();
        };
        let mut res: Vec<Placed> = Vec::new();
        for it in all.iter() {
            let Some(text) = it.get_ref().as_str() else {
                self.mistyped(key, it, "a text");
                continue;
            };
            let it = Placed { text: text.to_owned(), span: self.at(it) };
            if res.iter().any(|other| other.text == it.text) {
                let message = format!("`{}` stands twice in `{key}` of [{}]", it.text, self.name);
                let fault = Diagnostic::new(Code::T9103, it.span, message);
                self.faults.push(fault.help("keep one"));
                continue;
            }
            res.extend(self.given(key, it));
        }
        if all.is_empty() {
            let message = format!("`{key}` of [{}] names nothing", self.name);
            let fault = Diagnostic::new(Code::T9103, self.at(value), message);
            self.faults.push(fault.help("name something, or take the key out"));
        }
        res
    }

    /// A whole number.
    pub fn number(&mut self, key: &str) -> Option<(usize, Span)> {
        let (_, value) = self.get(key)?;
        let Some(it) = value.get_ref().as_integer() else {
            self.mistyped(key, value, "a number");
            return None;
        };
        let span = self.at(value);
        match usize::from_str_radix(it.as_str(), it.radix()) {
            Ok(number) => Some((number, span)),
            Err(_) => {
                let message = format!("`{key}` of [{}] is out of range", self.name);
                let it = Diagnostic::new(Code::T9103, span, message);
                self.faults.push(it.help("write a whole number that is not negative"));
                None
            }
        }
    }

    /// `true` or `false`; a key that is not there is `false`.
    pub fn flag(&mut self, key: &str) -> bool {
        let Some((_, value)) = self.get(key) else { return false };
        match value.get_ref() {
            DeValue::Boolean(it) => *it,
            _ => {
                self.mistyped(key, value, "true or false");
                false
            }
        }
    }

    /// The entries of a table of texts; none is called by nothing.
    pub fn pairs(&mut self, key: &str) -> Vec<(Placed, Placed)> {
        let Some(entry) = self.get(key) else { return Vec::new() };
        let Some(mut inner) = self.inner(entry) else { return Vec::new() };
        let mut res = Vec::new();
        for (name, _) in inner.entries() {
            let placed = Placed { text: name.get_ref().to_string(), span: inner.at(name) };
            if placed.text.trim().is_empty() {
                let message = format!("a name in `{key}` of [{}] is blank", inner.name);
                let fault = Diagnostic::new(Code::T9103, placed.span, message);
                inner.push(fault.help("write what is meant, or take the entry out"));
                continue;
            }
            res.extend(inner.text(name.get_ref()).map(|value| (placed, value)));
        }
        res
    }
}
