//! Any message of the API as JSON and back, by its description: canonical protobuf JSON. Fields that are always there
//! are written even if they are empty, so that a script finds every list.

use std::sync::OnceLock;

use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde::{Serialize, Serializer};

use super::failure::Failure;

/// Every description.
fn pool() -> Result<&'static DescriptorPool, Failure> {
    static POOL: OnceLock<Option<DescriptorPool>> = OnceLock::new();
    POOL.get_or_init(|| DescriptorPool::decode(muster_api::DESCRIPTORS).ok())
        .as_ref()
        .ok_or_else(|| Failure::Fault("the description of the API cannot be read".to_owned()))
}

fn description<M: Name>() -> Result<MessageDescriptor, Failure> {
    let name = M::full_name();
    pool()?.get_message_by_name(&name).ok_or_else(|| Failure::Fault(format!("{name} is not described")))
}

/// A message that can be written as JSON.
pub struct Json(DynamicMessage);

impl Json {
    /// This message.
    pub fn of<M: Message + Name>(message: &M) -> Result<Self, Failure> {
        let mut dynamic = DynamicMessage::new(description::<M>()?);
        dynamic.transcode_from(message).map_err(|error| Failure::Fault(error.to_string()))?;
        Ok(Self(dynamic))
    }

    /// As a document for a file or a person.
    pub fn document(&self) -> Result<String, Failure> {
        serde_json::to_string_pretty(self).map_err(|error| Failure::Fault(error.to_string()))
    }

    /// On one line.
    pub fn line(&self) -> Result<String, Failure> {
        serde_json::to_string(self).map_err(|error| Failure::Fault(error.to_string()))
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_with_options(serializer, &SerializeOptions::new().skip_default_fields(false))
    }
}

/// Reads a message from JSON; a field that it does not have is refused.
pub fn read<M: Message + Name + Default>(file: &str, text: &str) -> Result<M, Failure> {
    let bad = |error: serde_json::Error| {
        Failure::usage(format!("{file} is no {}: {error}", M::NAME), "mend it and give it again; nothing was sent")
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let message = DynamicMessage::deserialize(description::<M>()?, &mut deserializer).map_err(bad)?;
    deserializer.end().map_err(bad)?;
    message.transcode_to().map_err(|error| Failure::Fault(error.to_string()))
}
