//! Package `blockpool`: the pool of byte vectors and what belongs to it.

mod auto_traits;
mod drop_order;
mod exhaustion;
mod model;
mod original_methods;
mod page_faults;
mod queue;
mod sole_owner;
