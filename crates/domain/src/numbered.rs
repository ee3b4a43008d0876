//! Maps whose names are numbers: canonical JSON knows text names only, so they are written as decimal texts.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// For `#[serde(with = "crate::numbered")]`.
pub fn serialize<K: Display, V: Serialize, S: Serializer>(
    map: &BTreeMap<K, V>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(map.iter().map(|(name, value)| (name.to_string(), value)))
}

/// For `#[serde(with = "crate::numbered")]`.
pub fn deserialize<'de, K: FromStr + Display + Ord, V: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<K, V>, D::Error> {
    BTreeMap::<String, V>::deserialize(deserializer)?
        .into_iter()
        .map(|(text, value)| {
            let name: K = text.parse().map_err(|_| D::Error::custom(format!("{text:?} is no number")))?;
            // One number has one spelling.
            if name.to_string() == text {
                Ok((name, value))
            } else {
                Err(D::Error::custom(format!("{text:?}: leading zeros")))
            }
        })
        .collect()
}

/// The same one map deeper.
pub mod inner {
    use super::{BTreeMap, Deserialize, Deserializer, Display, FromStr, Serialize, Serializer};

    #[derive(Serialize)]
    #[serde(bound = "K: Display, V: Serialize")]
    struct Borrowed<'a, K, V>(#[serde(with = "super")] &'a BTreeMap<K, V>);

    #[derive(Deserialize)]
    #[serde(bound = "K: FromStr + Display + Ord, V: Deserialize<'de>")]
    struct Owned<K, V>(#[serde(with = "super")] BTreeMap<K, V>);

    /// For `#[serde(with = "crate::numbered::inner")]`.
    pub fn serialize<N: Serialize, K: Display, V: Serialize, S: Serializer>(
        map: &BTreeMap<N, BTreeMap<K, V>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(map.iter().map(|(name, inner)| (name, Borrowed(inner))))
    }

    /// For `#[serde(with = "crate::numbered::inner")]`.
    pub fn deserialize<'de, N, K, V, D>(deserializer: D) -> Result<BTreeMap<N, BTreeMap<K, V>>, D::Error>
    where
        N: Deserialize<'de> + Ord,
        K: FromStr + Display + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        let map = BTreeMap::<N, Owned<K, V>>::deserialize(deserializer)?;
        Ok(map.into_iter().map(|(name, inner)| (name, inner.0)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use qadiya_ledger::canonical;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Both {
        #[serde(with = "super")]
        plain: BTreeMap<u64, bool>,
        #[serde(with = "super::inner")]
        deep: BTreeMap<String, BTreeMap<u32, bool>>,
    }

    #[test]
    fn numbers_are_written_as_texts_and_read_back() {
        let both = Both {
            plain: BTreeMap::from([(2, true), (10, false)]),
            deep: BTreeMap::from([("a".to_owned(), BTreeMap::from([(1, true)]))]),
        };
        let bytes = canonical::encode(&both).unwrap();
        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            r#"{"deep":{"a":{"1":true}},"plain":{"10":false,"2":true}}"#
        );
        assert_eq!(canonical::decode::<Both>(&bytes).unwrap(), both);
        for bad in [r#"{"deep":{},"plain":{"02":true}}"#, r#"{"deep":{"a":{"x":true}},"plain":{}}"#] {
            assert!(canonical::decode::<Both>(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
