//! `blockpool-core`: taking, touching and giving back a block, through a local pool and with every free list.

mod common;

use blockpool_benches::peers::{Nothing, Visitor, all};
use criterion::{Criterion, criterion_group, criterion_main};

struct Core;

impl common::Contenders for Core {
    fn visit(&self, visitor: &mut impl Visitor) {
        visitor.visit(Nothing);
        all::core(visitor);
    }
}

fn core_path(criterion: &mut Criterion) {
    common::measure(criterion, &Core);
}

criterion_group! { name = benches; config = common::config(); targets = core_path }
criterion_main!(benches);
