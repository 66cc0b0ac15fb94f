//! The words of the protocol, by themselves: items and keys, canonical form, marks, guards, phases.

mod canonical;
mod generate;
mod guard;
mod item;
mod mark;
mod phase;
