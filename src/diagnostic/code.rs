//! Every diagnostic code: number, name, severity, and its page.
//!
//! Codes are never reused. The page in `docs/diagnostics` is what `tamis explain` prints, and each
//! of its examples is run by the tests.

use std::fmt;

use crate::diagnostic::Severity;

/// Defines the enum and its table in one place: one row a code.
macro_rules! codes {
    ($($code:ident $severity:ident $name:literal $summary:literal;)*) => {
        /// What a diagnostic is about. T1 syntax, T2 names, T3 types and units, T4 missing values,
        /// T5 time and history, T6 logic, T8 cost, T9 data.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code { $($code,)* }

        impl Code {
            pub const ALL: &[Code] = &[$(Code::$code,)*];

            /// `T3001`
            pub fn number(self) -> &'static str {
                match self { $(Code::$code => stringify!($code),)* }
            }

            /// `dimension-mismatch`
            pub fn name(self) -> &'static str {
                match self { $(Code::$code => $name,)* }
            }

            /// One line, for lists of codes.
            pub fn summary(self) -> &'static str {
                match self { $(Code::$code => $summary,)* }
            }

            pub fn severity(self) -> Severity {
                match self { $(Code::$code => Severity::$severity,)* }
            }

            /// The page of the code, in Markdown.
            pub fn page(self) -> &'static str {
                match self {
                    $(Code::$code => include_str!(concat!(
                        "../../docs/diagnostics/", stringify!($code), ".md"
                    )),)*
                }
            }
        }
    };
}

codes! {
    // The file itself: nothing in it can be read. These end the command with code 2.
    T1001 Error "unreadable-file" "the file is missing, a folder, or cannot be opened";
    T1002 Error "not-utf-8" "the file is not UTF-8 text";
    T1003 Error "forbidden-character" "a NUL, a control or a bidirectional mark in the text";
    T1004 Error "empty-file" "the file has no text";
    T1005 Error "nesting-too-deep" "more than 32 parentheses inside one another, or an expression too deep";
    T1006 Error "line-too-long" "a line of more than 65,536 bytes, or of too many terms";
    // Blocks and lines.
    T1101 Error "syntax" "the line cannot be read";
    T1102 Error "unknown-block" "a line at the margin that begins no block";
    T1103 Error "unknown-line" "a line of a block that begins with no key word of it";
    T1104 Error "line-outside-block" "an indented line before the first block";
    T1105 Error "unclosed" "a parenthesis or a quotation mark that is not closed";
    T1106 Error "bullets" "bullets without `all of`, `any of`, … or the reverse";
    T1107 Error "repeated-line" "a line that may stand once stands twice";
    T1108 Error "missing-line" "a block without a line it needs";
    T1109 Error "not-yet" "a part of the language that this version does not have";
    // Writing habits of other systems.
    T1201 Error "operator" "an operator of another language";
    T1202 Error "digit-groups" "digits grouped by spaces, points or commas";
    T1203 Error "decimal-comma" "a decimal comma";
    T1204 Error "date-format" "a date that is not written year-month-day";
    T1205 Error "bare-code" "a code without its nomenclature";
    T1206 Error "impossible-date" "a date that is not in the calendar";
    T1207 Error "chained-comparison" "a comparison of a comparison";
    T1208 Error "mixed-and-or" "`and` with `or` without parentheses";
    T1209 Error "number-too-long" "a number of too many digits";
    // Suppression.
    T1301 Error "suppression-reason" "a suppression without a reason";
    T1302 Warning "unused-suppression" "a suppression that suppresses nothing";
    T1303 Warning "confusable" "a letter that looks like another one";
    // Names.
    T2101 Error "unknown-name" "a field, unit or value that is not declared";
    T2102 Error "unknown-list" "a list or group that is not declared";
    T2103 Error "ambiguous-name" "a name that means two things here";
    T2104 Error "defined-twice" "a name that is declared twice";
    T2105 Error "cycle" "a definition that needs itself";
    T2106 Error "arguments" "a function or definition used with the wrong arguments";
    T2107 Error "unknown-value" "a country, currency or choice that does not exist";
    T2108 Error "unknown-record" "a record that the schema does not declare";
    T2109 Error "wrong-level" "a name that belongs to another level";
    T2110 Error "unknown-function" "a function or definition that is not declared";
    // Types and units.
    T3001 Error "dimension-mismatch" "quantities of different dimensions";
    T3002 Error "currency-mismatch" "amounts in different currencies";
    T3003 Error "bare-number" "a number without its unit";
    T3004 Error "percent-of-what" "a percentage where an amount or quantity is needed";
    T3005 Error "type-mismatch" "values of different types";
    T3006 Error "truth-expected" "a value where a condition is needed, or the reverse";
    T3007 Error "no-order" "a value that has no order";
    T3008 Error "not-exact" "a literal that cannot be held exactly";
    T3301 Error "code-length" "a code of a length that its nomenclature does not have";
    T3302 Error "code-too-long" "a code longer than its nomenclature";
    T3303 Error "code-not-in-force" "a code that is not in the nomenclature during the rule's validity";
    T3304 Error "number-for-code" "a number where a code is needed";
    T3305 Error "other-nomenclature" "codes of different nomenclatures";
    // Missing values.
    T4101 Warning "negated-optional" "a negated test on a field that may be missing";
    T4102 Error "score-may-be-missing" "a score that may have no value";
    T4103 Warning "never-missing" "`is missing` or `or else` on a value that is always given";
    // Dates and validity.
    T5101 Error "no-acceptance-date" "something dated without an acceptance date in the schema";
    T5102 Error "dates-reversed" "a period that ends before it begins";
    T5103 Warning "window-before-data" "a window that reaches further back than the data are complete";
    T5104 Error "no-instant" "hours and minutes where only dates are known";
    T5105 Error "not-past" "rows of another time or place without `past`";
    T5106 Error "no-history" "`past` rows of a record without a `history` line";
    T5107 Error "result-too-early" "a result that is not known when the declaration is accepted";
    // Logic: from scores to channels.
    T6001 Error "two-policies" "a second policy in one rule set";
    T6002 Error "no-otherwise" "a policy that leaves some declarations without a channel";
    T6003 Error "unreachable-route" "a route that no declaration can take";
    T6004 Error "wrong-direction" "a step to a channel on the wrong side";
    T6005 Error "rate" "a share that is not between 0 % and 100 %";
    T6006 Warning "idle-rule" "a rule that can never change a channel";
    T6007 Warning "unknown-tag" "an exemption for a tag that no rule has";
    T6008 Error "no-key" "a policy over a record without a key";
    T6009 Error "not-yet-counted" "a score where it is not known yet";
    T6010 Warning "always-true" "a test that is true of every value";
    // Tests.
    T7001 Error "unknown-subject" "a test of a rule or profile that does not exist";
    T7002 Error "unknown-in-test" "a name that a test cannot give or expect";
    T7003 Error "misplaced" "a line of a test where it means nothing";
    T7004 Error "expectation" "a test that expects nothing, or what cannot be";
    T7005 Error "given-twice" "a value that a test gives twice";
    T7006 Error "date-not-given" "a test without the acceptance date that its rule needs";
    T7007 Error "not-fixed" "a value of a test that is not written out";
    T7101 Error "stable-lacks" "a stable rule without an owner, a review, or tests that show what it does";
    T7102 Warning "review-due" "a stable rule that nobody has read again for a year";
    // Many rows.
    T8001 Warning "unbounded-window" "past rows without `in last`";
    T8002 Warning "no-key" "past rows without `with same`";
    T8003 Warning "written-twice" "one statistic written in two places";
    T8004 Warning "pair-by-pair" "past rows compared with the judged row one by one";
    // Lists and nomenclatures.
    T9001 Error "list-file" "a list whose file cannot be read";
    T9002 Error "list-column" "a column that the file of a list does not have";
    T9003 Error "list-blank-key" "an entry of a list without a key";
    T9004 Error "list-duplicate" "two entries of a list with one key at one date";
    T9005 Error "list-value" "an entry of a list that cannot be read";
    T9006 Warning "list-extra-column" "a column of the file that the list does not declare";
    T9007 Warning "list-empty" "a list, nomenclature or group whose file has no entry";
    // tamis.toml: without what it says nothing can be found. These end the command with code 2.
    T9101 Error "config-syntax" "a tamis.toml that is not TOML";
    T9102 Error "config-key" "a table or key that tamis.toml does not have";
    T9103 Error "config-value" "a value of tamis.toml that cannot be";
    T9104 Error "config-name" "a field or record of tamis.toml that the schema does not have, or not so";
    T9105 Error "config-nothing" "a path or pattern of tamis.toml that names nothing, or no rules";
}

impl Code {
    /// The code written `T3001`.
    pub fn parse(text: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|it| it.number().eq_ignore_ascii_case(text))
    }

    /// The file as a whole cannot be used: exit code 2 instead of 1.
    pub fn is_unreadable(self) -> bool {
        self <= Code::T1006 || Code::T9101 <= self
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}
