//! A table of past rows: what each of them says, and how often it stands there.

use std::collections::BTreeMap;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::cases::PastRow;
use crate::ir::lower::Lowering;
use crate::ir::target::Target;
use crate::schema::RecordId;
use crate::schema::Type;
use crate::syntax::test_block::Cell;
use crate::syntax::test_block::Heading;
use crate::syntax::test_block::HeadingKind;
use crate::value::Value;

const TIMES: &str = "times";
const MOST: i64 = 1_000;

impl Lowering<'_> {
    /// The past rows of a line: one, or as many as its cell `times` says.
    pub fn past_rows(
        &mut self,
        record: RecordId,
        headings: &[&Heading],
        cells: &[Cell],
    ) -> Option<Vec<PastRow>> {
        let row = self.past_row(record, headings, cells)?;
        let mut columns = headings.iter().zip(cells);
        let Some((_, cell)) = columns.find(|it| self.is_times(record, it.0)) else {
            return Some(vec![row]);
        };
        let expr = self.cell(cell)?;
        match self.fixed_of(&expr, &Type::Whole, TIMES, record)? {
            Value::Whole(times @ 1..=MOST) => Some(vec![row; usize::try_from(times).ok()?]),
            _ => {
                let message = format!("a row stands from 1 to {MOST} times");
                let it = Diagnostic::new(Code::T7007, cell.span, message);
                self.push(it.help("write a whole number, or take the row out"));
                None
            }
        }
    }

    /// A field of that name goes before.
    fn is_times(&self, record: RecordId, heading: &Heading) -> bool {
        let HeadingKind::Field { path, number: None } = &heading.kind else { return false };
        let [name] = path.as_slice() else { return false };
        let mut around = self.schema.lineage(record).into_iter();
        name.text == TIMES
            && around.all(|it| {
                self.schema.find_field(it, TIMES).is_none()
                    && !self.derived.contains_key(&(it, TIMES))
            })
    }

    fn past_row(
        &mut self,
        record: RecordId,
        headings: &[&Heading],
        cells: &[Cell],
    ) -> Option<PastRow> {
        let mut row = PastRow { record, values: BTreeMap::new(), derived: BTreeMap::new() };
        for (heading, cell) in headings.iter().zip(cells) {
            if self.is_times(record, heading) {
                continue;
            }
            let HeadingKind::Field { path, .. } = &heading.kind else {
                let it = Diagnostic::new(Code::T7003, heading.span, "past rows have fields only");
                self.push(it.help("name a field of the row or of the record around it"));
                return None;
            };
            let target = self.past_target(record, path)?;
            let value = self.cell(cell)?;
            let value = self.fixed_value(&value, &target, record)?;
            match target {
                Target::Field(_, _, id) => {
                    row.values.insert(id, value.0);
                    row.values.extend(value.1);
                }
                Target::Derived(_, _, name, ty) => {
                    row.derived.insert(name, (ty, value.0));
                }
                Target::Instead(..) | Target::Parameter(_) => {}
            }
        }
        Some(row)
    }
}
