//! The intake service; its rules stand in `domain::intake`.
