//! A platform in JSON: its name, as in URLs and configuration.

use paystate_providers::Provider;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

pub(crate) fn serialize<S: Serializer>(provider: &Provider, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(provider.as_str())
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Provider, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}
