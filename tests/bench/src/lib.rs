//! The figures of the house plan, each as a ratio to a raw ceiling measured in the same run: absolute numbers are of the
//! machine, ratios are Muster's.

pub mod ceilings;
pub mod effort;
pub mod figures;
pub mod load;
pub mod log;
pub mod realm;
pub mod table;
