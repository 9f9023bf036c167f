//! Letters of other scripts that look like Latin ones.

/// Cyrillic, Greek, Armenian and Cherokee letters that readers take for Latin ones.
///
/// A selection of Unicode's confusables.txt (UTS #39): single letters whose prototype is a letter
/// of ASCII.
const ALIKE: &str = "АВЕЗІЈКМНОРСТУХЅԌԚԜаеорсухіјѕһԁԛԝӀүѵѡԀҮΑΒΕΖΗΙΚΜΝΟΡΤΥΧαιοργυνκϳϲϹϜՏՍՕօսհոց\
                     ᎪᎬᎠᎡᎢᎫᎳᏀᏃᏔᏙᏚᏞᏟᏢᏦᏴ";

/// The first letter of a word that makes it another name than it seems.
pub fn find(word: &str) -> Option<(usize, char)> {
    let letters = || word.char_indices().filter(|it| it.1.is_alphabetic());
    let first = letters().find(|it| is_foreign(it.1))?;
    let mixed = letters().any(|it| is_latin(it.1));
    let alike = || letters().all(|it| ALIKE.contains(it.1));
    (mixed || is_styled(first.1) || alike()).then_some(first)
}

fn is_latin(it: char) -> bool {
    it.is_ascii_alphabetic() || matches!(it, '\u{C0}'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}')
}

/// Of a script whose letters may look Latin.
fn is_foreign(it: char) -> bool {
    is_styled(it)
        || matches!(it,
            '\u{370}'..='\u{58F}' | '\u{10A0}'..='\u{10FF}' | '\u{13A0}'..='\u{13FF}'
            | '\u{1C80}'..='\u{1C8F}' | '\u{1F00}'..='\u{1FFF}' | '\u{2C80}'..='\u{2CFF}'
            | '\u{2DE0}'..='\u{2DFF}' | '\u{A640}'..='\u{A69F}' | '\u{AB70}'..='\u{ABBF}')
}

/// Latin letters in another dress: full width, mathematical, in circles.
fn is_styled(it: char) -> bool {
    matches!(it,
        '\u{FF21}'..='\u{FF3A}' | '\u{FF41}'..='\u{FF5A}' | '\u{1D400}'..='\u{1D7CB}'
        | '\u{2100}'..='\u{214F}' | '\u{2160}'..='\u{2188}' | '\u{24B6}'..='\u{24E9}')
}
