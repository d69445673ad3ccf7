//! `blockpool`: taking, touching and giving back a byte vector, with the pool, its guard and its per-thread
//! cache, next to what it replaces.

mod common;

use blockpool_benches::peers::{Nothing, Visitor, all};
use criterion::{Criterion, criterion_group, criterion_main};

struct Std;

impl common::Contenders for Std {
    fn visit(&self, visitor: &mut impl Visitor) {
        visitor.visit(Nothing);
        all::vectors(visitor);
        all::allocators(visitor);
    }
}

fn std_path(criterion: &mut Criterion) {
    common::measure(criterion, &Std);
}

criterion_group! { name = benches; config = common::config(); targets = std_path }
criterion_main!(benches);
