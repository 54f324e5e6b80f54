#![doc = include_str!("../README.md")]

pub mod browser;
pub mod case;
mod cases;
pub mod engine;
pub mod error;
mod process_tree;
pub mod service;
mod site;
pub mod tab;
pub mod table;
mod webdriver;
pub mod world;
