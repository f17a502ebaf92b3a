//! What `proto/` says, as Rust: one module per package (`event::v1`, `intake::v1`, …), and nothing else.

#[expect(missing_docs, reason = "generated: what needs saying is said in `proto/`")]
mod packages {
    include!(concat!(env!("OUT_DIR"), "/packages.rs"));
}

pub use packages::muster::*;

/// Every file under `proto/` and all that they import, as an encoded `google.protobuf.FileDescriptorSet`: for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
