//! Short histories of real threads, recorded and checked afterwards: what each call returned fits an
//! order in which the operations took effect one after the other, each between its call and its
//! return (Herlihy and Wing, "Linearizability", 1990).
//!
//! Threads take their stamps from one counter, with fences, so these tests say nothing about orderings:
//! `tests/loom` covers those.

mod linearize;
mod model;
mod planted;
mod queue;
mod record;
mod set;
