//! Tests that span the crates, one module a topic. Each test is named for the property it shows.

mod drop_order;
mod engines;
mod exhaustion;
mod harness;
mod layout;
mod literal_shape;
mod model;
mod no_std;
mod raw;
mod region;
mod send_sync;
mod stress;
