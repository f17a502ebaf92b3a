//! The binary, its configuration, its files and what it prints.
#![cfg(test)]

mod binary;
mod config;
mod failures;
mod files;
mod show;
mod story;
