//! Countries (ISO 3166-1, and the codes that only customs use), currencies (ISO 4217), both with
//! those that archives still hold, and the European Union through time.

/// Alpha-2 codes, sorted. `XC XI XK XL XS XU` and `Q…` come from the EU geonomenclature; `ZZ`
/// stands in many extracts for a country that nobody knows.
pub static COUNTRIES: &[&str] = &[
    "AD", "AE", "AF", "AG", "AI", "AL", "AM", "AO", "AQ", "AR", "AS", "AT", "AU", "AW", "AX", "AZ",
    "BA", "BB", "BD", "BE", "BF", "BG", "BH", "BI", "BJ", "BL", "BM", "BN", "BO", "BQ", "BR", "BS",
    "BT", "BV", "BW", "BY", "BZ", "CA", "CC", "CD", "CF", "CG", "CH", "CI", "CK", "CL", "CM", "CN",
    "CO", "CR", "CU", "CV", "CW", "CX", "CY", "CZ", "DE", "DJ", "DK", "DM", "DO", "DZ", "EC", "EE",
    "EG", "EH", "ER", "ES", "ET", "FI", "FJ", "FK", "FM", "FO", "FR", "GA", "GB", "GD", "GE", "GF",
    "GG", "GH", "GI", "GL", "GM", "GN", "GP", "GQ", "GR", "GS", "GT", "GU", "GW", "GY", "HK", "HM",
    "HN", "HR", "HT", "HU", "ID", "IE", "IL", "IM", "IN", "IO", "IQ", "IR", "IS", "IT", "JE", "JM",
    "JO", "JP", "KE", "KG", "KH", "KI", "KM", "KN", "KP", "KR", "KW", "KY", "KZ", "LA", "LB", "LC",
    "LI", "LK", "LR", "LS", "LT", "LU", "LV", "LY", "MA", "MC", "MD", "ME", "MF", "MG", "MH", "MK",
    "ML", "MM", "MN", "MO", "MP", "MQ", "MR", "MS", "MT", "MU", "MV", "MW", "MX", "MY", "MZ", "NA",
    "NC", "NE", "NF", "NG", "NI", "NL", "NO", "NP", "NR", "NU", "NZ", "OM", "PA", "PE", "PF", "PG",
    "PH", "PK", "PL", "PM", "PN", "PR", "PS", "PT", "PW", "PY", "QA", "QP", "QQ", "QR", "QS", "QU",
    "QV", "QW", "QX", "QY", "QZ", "RE", "RO", "RS", "RU", "RW", "SA", "SB", "SC", "SD", "SE", "SG",
    "SH", "SI", "SJ", "SK", "SL", "SM", "SN", "SO", "SR", "SS", "ST", "SV", "SX", "SY", "SZ", "TC",
    "TD", "TF", "TG", "TH", "TJ", "TK", "TL", "TM", "TN", "TO", "TR", "TT", "TV", "TW", "TZ", "UA",
    "UG", "UM", "US", "UY", "UZ", "VA", "VC", "VE", "VG", "VI", "VN", "VU", "WF", "WS", "XC", "XI",
    "XK", "XL", "XS", "XU", "YE", "YT", "ZA", "ZM", "ZW", "ZZ",
];

/// Codes that ISO 3166-1 has given up, and their last day; sorted.
pub static FORMER_COUNTRIES: &[(&str, &str)] = &[
    ("AN", "2010-12-15"),
    ("BU", "1989-12-05"),
    ("CS", "2006-09-26"),
    ("DD", "1990-10-30"),
    ("FX", "1997-07-14"),
    ("NT", "1993-07-12"),
    ("SU", "1992-08-30"),
    ("TP", "2002-05-20"),
    ("YD", "1990-08-14"),
    ("YU", "2003-07-23"),
    ("ZR", "1997-07-14"),
];

/// Alphabetic codes, sorted. `XTS` and `XXX` are left out: they say that there is no currency.
pub static CURRENCIES: &[&str] = &[
    "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BHD",
    "BIF", "BMD", "BND", "BOB", "BOV", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF",
    "CHE", "CHF", "CHW", "CLF", "CLP", "CNY", "COP", "COU", "CRC", "CUP", "CVE", "CZK", "DJF",
    "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP",
    "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IQD", "IRR",
    "ISK", "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KPW", "KRW", "KWD", "KYD", "KZT",
    "LAK", "LBP", "LKR", "LRD", "LSL", "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP",
    "MRU", "MUR", "MVR", "MWK", "MXN", "MXV", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR",
    "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "RUB",
    "RWF", "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN",
    "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TND", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH",
    "UGX", "USD", "USN", "UYI", "UYU", "UYW", "UZS", "VED", "VES", "VND", "VUV", "WST", "XAD",
    "XAF", "XAG", "XAU", "XCD", "XCG", "XDR", "XOF", "XPD", "XPF", "XPT", "XSU", "XUA", "YER",
    "ZAR", "ZMW", "ZWG",
];

/// Currencies that are no more, and their last day; sorted.
pub static FORMER_CURRENCIES: &[(&str, &str)] = &[
    ("ADP", "2002-02-28"),
    ("AFA", "2003-01-02"),
    ("ANG", "2025-06-30"),
    ("ATS", "2002-02-28"),
    ("AZM", "2005-12-31"),
    ("BEF", "2002-02-28"),
    ("BGL", "1999-07-04"),
    ("BGN", "2025-12-31"),
    ("BYB", "2000-12-31"),
    ("BYR", "2016-12-31"),
    ("CSD", "2006-10-24"),
    ("CUC", "2021-06-30"),
    ("CYP", "2007-12-31"),
    ("DEM", "2001-12-31"),
    ("EEK", "2010-12-31"),
    ("ESP", "2002-02-28"),
    ("FIM", "2002-02-28"),
    ("FRF", "2002-02-17"),
    ("GHC", "2007-06-30"),
    ("GRD", "2002-02-28"),
    ("HRK", "2022-12-31"),
    ("IEP", "2002-02-09"),
    ("ITL", "2002-02-28"),
    ("LTL", "2014-12-31"),
    ("LUF", "2002-02-28"),
    ("LVL", "2013-12-31"),
    ("MGF", "2004-12-31"),
    ("MRO", "2017-12-31"),
    ("MTL", "2007-12-31"),
    ("MZM", "2006-06-30"),
    ("NLG", "2002-01-28"),
    ("PTE", "2002-02-28"),
    ("ROL", "2005-06-30"),
    ("RUR", "1998-12-31"),
    ("SDD", "2007-06-30"),
    ("SIT", "2006-12-31"),
    ("SKK", "2008-12-31"),
    ("SLL", "2023-12-31"),
    ("SRG", "2003-12-31"),
    ("STD", "2017-12-31"),
    ("TMM", "2008-12-31"),
    ("TRL", "2005-12-31"),
    ("VEB", "2007-12-31"),
    ("VEF", "2018-08-19"),
    ("XEU", "1998-12-31"),
    ("YUM", "2003-07-23"),
    ("ZMK", "2012-12-31"),
    ("ZWD", "2008-07-31"),
    ("ZWL", "2024-08-31"),
    ("ZWR", "2009-06-30"),
];

/// The customs territory of the Union by members: code, first day, last day ("" when open). The
/// United Kingdom left it with the end of the transition period.
pub static EU: &[(&str, &str, &str)] = &[
    ("AT", "1995-01-01", ""),
    ("BE", "1958-01-01", ""),
    ("BG", "2007-01-01", ""),
    ("CY", "2004-05-01", ""),
    ("CZ", "2004-05-01", ""),
    ("DE", "1958-01-01", ""),
    ("DK", "1973-01-01", ""),
    ("EE", "2004-05-01", ""),
    ("ES", "1986-01-01", ""),
    ("FI", "1995-01-01", ""),
    ("FR", "1958-01-01", ""),
    ("GB", "1973-01-01", "2020-12-31"),
    ("GR", "1981-01-01", ""),
    ("HR", "2013-07-01", ""),
    ("HU", "2004-05-01", ""),
    ("IE", "1973-01-01", ""),
    ("IT", "1958-01-01", ""),
    ("LT", "2004-05-01", ""),
    ("LU", "1958-01-01", ""),
    ("LV", "2004-05-01", ""),
    ("MT", "2004-05-01", ""),
    ("NL", "1958-01-01", ""),
    ("PL", "2004-05-01", ""),
    ("PT", "1986-01-01", ""),
    ("RO", "2007-01-01", ""),
    ("SE", "1995-01-01", ""),
    ("SI", "2004-05-01", ""),
    ("SK", "2004-05-01", ""),
];

/// Whether a code is, or was, one of a country.
pub fn is_country(code: &str) -> bool {
    COUNTRIES.binary_search(&code).is_ok() || is_former(FORMER_COUNTRIES, code)
}

/// Whether a code is, or was, one of a currency.
pub fn is_currency(code: &str) -> bool {
    CURRENCIES.binary_search(&code).is_ok() || is_former(FORMER_CURRENCIES, code)
}

fn is_former(all: &[(&str, &str)], code: &str) -> bool {
    all.binary_search_by_key(&code, |it| it.0).is_ok()
}
