//! Which columns look as if they spoke of persons: what they hold is written nowhere.

/// Words of names that speak of a person or a firm, in the languages of extracts.
const WORDS: &[&str] = &[
    "account",
    "address",
    "adres",
    "adresse",
    "age",
    "agent",
    "apellido",
    "applicant",
    "bday",
    "beneficiary",
    "bic",
    "birth",
    "birthdate",
    "birthday",
    "birthplace",
    "born",
    "broker",
    "buyer",
    "captain",
    "carrier",
    "cell",
    "city",
    "client",
    "cnpj",
    "codicefiscale",
    "cognome",
    "company",
    "consignee",
    "consignor",
    "contact",
    "courier",
    "cpf",
    "crew",
    "cuit",
    "curp",
    "customer",
    "debtor",
    "declarant",
    "direccion",
    "dob",
    "domicile",
    "driver",
    "eik",
    "ein",
    "email",
    "employee",
    "eori",
    "exportateur",
    "exporter",
    "family",
    "fax",
    "firm",
    "firma",
    "first",
    "firstname",
    "forename",
    "fullname",
    "geboren",
    "geburt",
    "geburtsdatum",
    "gender",
    "geschlecht",
    "given",
    "gstin",
    "guarantor",
    "handy",
    "holder",
    "iban",
    "importateur",
    "importer",
    "indirizzo",
    "inspector",
    "kunde",
    "last",
    "lastname",
    "licence",
    "license",
    "mail",
    "manufacturer",
    "master",
    "mobil",
    "mobile",
    "naam",
    "nachname",
    "nacimiento",
    "naissance",
    "name",
    "nascita",
    "nif",
    "nin",
    "nino",
    "nit",
    "nom",
    "nombre",
    "nome",
    "notify",
    "officer",
    "operator",
    "owner",
    "party",
    "passenger",
    "passport",
    "payer",
    "person",
    "pesel",
    "phone",
    "pilot",
    "pin",
    "plate",
    "postal",
    "postcode",
    "prenom",
    "principal",
    "producer",
    "receiver",
    "recipient",
    "registration",
    "remarks",
    "representative",
    "rfc",
    "ruc",
    "rue",
    "seller",
    "sender",
    "sex",
    "shipper",
    "siren",
    "siret",
    "ssn",
    "steuernummer",
    "strasse",
    "street",
    "supplier",
    "surname",
    "taxpayer",
    "tel",
    "telefon",
    "telefono",
    "telephone",
    "telex",
    "tin",
    "trader",
    "traveller",
    "tva",
    "user",
    "vat",
    "vendor",
    "vorname",
    "whatsapp",
    "zip",
];

/// Parts of names that say so wherever they stand.
const PARTS: &[&str] = &[
    "address",
    "adresse",
    "birth",
    "consign",
    "email",
    "geburt",
    "importer",
    "exporter",
    "iban",
    "naissance",
    "passport",
    "phone",
    "surname",
    "steuerid",
    "steuernummer",
    "taxid",
    "taxnum",
    "telef",
    "vorname",
    "nachname",
];

/// Whether the name of a column says that it holds amounts, masses or rates: no names of anything.
pub fn is_measure(name: &str) -> bool {
    const MEASURES: [&str; 35] = [
        "value",
        "values",
        "amount",
        "price",
        "mass",
        "weight",
        "rate",
        "rates",
        "duty",
        "quantity",
        "qty",
        "kg",
        "share",
        "percent",
        "freight",
        "cost",
        "total",
        "sum",
        "wert",
        "masse",
        "rohmasse",
        "eigenmasse",
        "gewicht",
        "menge",
        "preis",
        "betrag",
        "valeur",
        "poids",
        "quantite",
        "prix",
        "valor",
        "peso",
        "cantidad",
        "precio",
        "importe",
    ];
    words(name).iter().any(|it| MEASURES.contains(&plain(it).as_str()))
}

/// The words of a name: `ImporterName`, `importer_name` and `IMPORTER NAME` have two.
pub fn words(name: &str) -> Vec<String> {
    let mut res: Vec<String> = Vec::new();
    let mut fresh = true;
    let mut before = ' ';
    for it in name.chars() {
        if !it.is_alphanumeric() {
            fresh = true;
        } else {
            let turns = before.is_lowercase() && it.is_uppercase();
            if fresh || turns {
                res.push(String::new());
            }
            if let Some(word) = res.last_mut() {
                word.extend(it.to_lowercase());
            }
            fresh = false;
        }
        before = it;
    }
    res
}

/// Whether the name of a column says that it tells of persons or firms.
pub fn is_personal_name(name: &str) -> bool {
    let words = words(name);
    let folded: Vec<String> = words.iter().map(|it| plain(it)).collect();
    folded.iter().any(|it| WORDS.contains(&it.trim_end_matches(|it: char| it.is_ascii_digit())))
        || PARTS.iter().any(|part| folded.concat().contains(part))
        // A name in letters that this list does not know may say anything.
        || name.chars().any(|it| it.is_alphabetic() && !is_latin(it))
}

fn is_latin(it: char) -> bool {
    u32::from(it) < 0x250
}

/// Without accents, as far as names of columns have them.
fn plain(word: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    word.nfd().filter(char::is_ascii).collect()
}

/// Whether a value is of the shape of a code: a few capitals, digits and signs between them, or a
/// word of a closed kind. Anything else may be a name, a number of somebody, a telephone.
pub fn is_code_like(value: &str) -> bool {
    const KINDS: [&str; 14] = [
        "yes", "no", "true", "false", "low", "medium", "high", "import", "export", "transit",
        "green", "yellow", "orange", "red",
    ];
    if KINDS.contains(&value.to_lowercase().as_str()) {
        return true;
    }
    let signs = |it: char| it.is_ascii_uppercase() || it.is_ascii_digit() || "-_/.".contains(it);
    let digits = value.chars().filter(char::is_ascii_digit).count();
    let letters = value.chars().filter(char::is_ascii_uppercase).count();
    value.chars().all(signs) && letters <= 3 && digits <= 4
}
