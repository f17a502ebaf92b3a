//! muster-monitor
