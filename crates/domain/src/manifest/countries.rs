//! Codes of states: ISO 3166-1 alpha-3 beside its alpha-2, and the codes of ICAO 9303 (part 3, section 5) for persons
//! without a state; ISO 3166-2:IQ for the governorates of Iraq.

/// Every code as `alpha-3:alpha-2`, sorted; `--` stands where a code has no alpha-2.
const COUNTRIES: &str = "\
    ABW:AW AFG:AF AGO:AO AIA:AI ALA:AX ALB:AL AND:AD ARE:AE ARG:AR ARM:AM ASM:AS ATA:AQ ATF:TF ATG:AG \
    AUS:AU AUT:AT AZE:AZ BDI:BI BEL:BE BEN:BJ BES:BQ BFA:BF BGD:BD BGR:BG BHR:BH BHS:BS BIH:BA BLM:BL \
    BLR:BY BLZ:BZ BMU:BM BOL:BO BRA:BR BRB:BB BRN:BN BTN:BT BVT:BV BWA:BW CAF:CF CAN:CA CCK:CC CHE:CH \
    CHL:CL CHN:CN CIV:CI CMR:CM COD:CD COG:CG COK:CK COL:CO COM:KM CPV:CV CRI:CR CUB:CU CUW:CW CXR:CX \
    CYM:KY CYP:CY CZE:CZ DEU:DE DJI:DJ DMA:DM DNK:DK DOM:DO DZA:DZ ECU:EC EGY:EG ERI:ER ESH:EH ESP:ES \
    EST:EE ETH:ET FIN:FI FJI:FJ FLK:FK FRA:FR FRO:FO FSM:FM GAB:GA GBR:GB GEO:GE GGY:GG GHA:GH GIB:GI \
    GIN:GN GLP:GP GMB:GM GNB:GW GNQ:GQ GRC:GR GRD:GD GRL:GL GTM:GT GUF:GF GUM:GU GUY:GY HKG:HK HMD:HM \
    HND:HN HRV:HR HTI:HT HUN:HU IDN:ID IMN:IM IND:IN IOT:IO IRL:IE IRN:IR IRQ:IQ ISL:IS ISR:IL ITA:IT \
    JAM:JM JEY:JE JOR:JO JPN:JP KAZ:KZ KEN:KE KGZ:KG KHM:KH KIR:KI KNA:KN KOR:KR KWT:KW LAO:LA LBN:LB \
    LBR:LR LBY:LY LCA:LC LIE:LI LKA:LK LSO:LS LTU:LT LUX:LU LVA:LV MAC:MO MAF:MF MAR:MA MCO:MC MDA:MD \
    MDG:MG MDV:MV MEX:MX MHL:MH MKD:MK MLI:ML MLT:MT MMR:MM MNE:ME MNG:MN MNP:MP MOZ:MZ MRT:MR MSR:MS \
    MTQ:MQ MUS:MU MWI:MW MYS:MY MYT:YT NAM:NA NCL:NC NER:NE NFK:NF NGA:NG NIC:NI NIU:NU NLD:NL NOR:NO \
    NPL:NP NRU:NR NZL:NZ OMN:OM PAK:PK PAN:PA PCN:PN PER:PE PHL:PH PLW:PW PNG:PG POL:PL PRI:PR PRK:KP \
    PRT:PT PRY:PY PSE:PS PYF:PF QAT:QA REU:RE ROU:RO RUS:RU RWA:RW SAU:SA SDN:SD SEN:SN SGP:SG SGS:GS \
    SHN:SH SJM:SJ SLB:SB SLE:SL SLV:SV SMR:SM SOM:SO SPM:PM SRB:RS SSD:SS STP:ST SUR:SR SVK:SK SVN:SI \
    SWE:SE SWZ:SZ SXM:SX SYC:SC SYR:SY TCA:TC TCD:TD TGO:TG THA:TH TJK:TJ TKL:TK TKM:TM TLS:TL TON:TO \
    TTO:TT TUN:TN TUR:TR TUV:TV TWN:TW TZA:TZ UGA:UG UKR:UA UMI:UM URY:UY USA:US UZB:UZ VAT:VA VCT:VC \
    VEN:VE VGB:VG VIR:VI VNM:VN VUT:VU WLF:WF WSM:WS XKK:XK XXA:-- XXB:-- XXC:-- XXX:-- YEM:YE ZAF:ZA \
    ZMB:ZM ZWE:ZW";

/// ISO 3166-2:IQ without its `IQ-`.
const GOVERNORATES: &str = "AN AR BA BB BG DA DI DQ KA KI MA MU NA NI QA SD SU WA";

/// Whether `code` is an alpha-3 code a manifest may hold.
pub(super) fn is_country(code: &str) -> bool {
    entries().any(|(alpha3, _)| alpha3 == code)
}

/// The code a wrong one was probably meant to be: its alpha-2, its capital letters, or its first three letters.
pub(super) fn nearest_country(wrong: &str) -> Option<&'static str> {
    let capital = wrong.trim().to_uppercase();
    if capital == "UK" {
        return Some("GBR");
    }
    let of_two = entries().find(|(_, alpha2)| *alpha2 == capital).map(|(alpha3, _)| alpha3);
    of_two.or_else(|| entries().map(|(alpha3, _)| alpha3).find(|alpha3| capital.starts_with(alpha3)))
}

/// Whether `code` is an ISO 3166-2 code: for Iraq one of its governorates, elsewhere any code of the right shape.
pub(super) fn is_subdivision(code: &str) -> bool {
    let Some((country, part)) = code.split_once('-') else { return false };
    let known = entries().any(|(_, alpha2)| alpha2 == country);
    let shaped = (1..=3).contains(&part.len())
        && part.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit());
    known && shaped && (country != "IQ" || GOVERNORATES.split(' ').any(|governorate| governorate == part))
}

fn entries() -> impl Iterator<Item = (&'static str, &'static str)> {
    COUNTRIES.split_ascii_whitespace().filter_map(|entry| entry.split_once(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_a_pair_of_codes_in_order() {
        let all: Vec<_> = entries().collect();
        assert_eq!(all.len(), 254);
        assert!(all.is_sorted());
        assert!(all.iter().all(|(three, two)| three.len() == 3 && two.len() == 2));
    }

    #[test]
    fn a_wrong_code_is_answered_with_the_one_meant() {
        assert_eq!(nearest_country("UK"), Some("GBR"));
        assert_eq!(nearest_country("IQ"), Some("IRQ"));
        assert_eq!(nearest_country("SYRIA"), Some("SYR"));
        assert_eq!(nearest_country("syr"), Some("SYR"));
        assert_eq!(nearest_country("ZZQ"), None);
    }

    #[test]
    fn only_subdivisions_of_known_countries_pass() {
        for good in ["IQ-NI", "SY-HL", "GB-ENG", "FR-75"] {
            assert!(is_subdivision(good), "{good}");
        }
        for bad in ["IQ-ZZ", "ZZ-AA", "Mosul", "IQ", "IQ-", "iq-ni", "--AA"] {
            assert!(!is_subdivision(bad), "{bad}");
        }
    }
}
