//! The registry service; its rules stand in `domain::registry`.
