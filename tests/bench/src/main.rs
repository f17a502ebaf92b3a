//! `cargo run -p muster-bench`: measures and prints.
fn main() {}
