//! Countries (ISO 3166-1, and the codes that only customs use), currencies (ISO 4217), and the
//! European Union through time.

/// Alpha-2 codes, sorted. `XC XI XK XL` and `Q…` come from the EU geonomenclature.
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
    "XK", "XL", "YE", "YT", "ZA", "ZM", "ZW",
];

/// Alphabetic codes, sorted; old ones that archives hold included.
pub static CURRENCIES: &[&str] = &[
    "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT",
    "BHD", "BIF", "BMD", "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BYR", "BZD", "CAD",
    "CDF", "CHF", "CLP", "CNY", "COP", "CRC", "CUC", "CUP", "CVE", "CZK", "DEM", "DJF", "DKK",
    "DOP", "DZD", "EGP", "ERN", "ESP", "ETB", "EUR", "FJD", "FKP", "FRF", "GBP", "GEL", "GHS",
    "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HRK", "HTG", "HUF", "IDR", "ILS", "INR",
    "IQD", "IRR", "ISK", "ITL", "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KPW", "KRW",
    "KWD", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "LYD", "MAD", "MDL", "MGA", "MKD",
    "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN", "NIO",
    "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "PYG", "QAR", "RON",
    "RSD", "RUB", "RWF", "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SLL", "SOS",
    "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TND", "TOP", "TTD", "TWD",
    "TZS", "UAH", "UGX", "USD", "UYU", "UYW", "UZS", "VED", "VEF", "VES", "VND", "VUV", "WST",
    "XAF", "XCD", "XCG", "XOF", "XPF", "YER", "ZAR", "ZMW", "ZWG", "ZWL",
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

pub fn is_country(code: &str) -> bool {
    COUNTRIES.binary_search(&code).is_ok()
}

pub fn is_currency(code: &str) -> bool {
    CURRENCIES.binary_search(&code).is_ok()
}
