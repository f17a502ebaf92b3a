//! The monitor: what it folds, shows, keeps on disk and sees coming late, told from stories.
#![cfg(test)]

mod auditor;
mod board;
mod log;
mod pages;
mod projection;
mod story;
mod views;
