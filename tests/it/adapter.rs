//! Package `blockpool`: the pool of byte vectors and what belongs to it.

mod auto_traits;
mod drop_order;
mod exhaustion;
mod model;
mod page_faults;
mod queue;
mod seed_api;
mod sole_owner;
