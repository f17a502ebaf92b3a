//! The contract, kept by the journal in memory.

use async_trait::async_trait;
use muster_journal::{conform, conformance::Mount, memory::Memory, port::Journal};
use std::sync::Arc;

struct InMemory;

#[async_trait]
impl Mount for InMemory {
    async fn open(&mut self) -> Arc<dyn Journal> {
        Arc::new(Memory::new())
    }
}

conform!(EveryJournal: InMemory);
