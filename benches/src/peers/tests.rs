use std::collections::HashSet;

use super::all::all;
use super::{BURST, Burst, COUNT, Contender, Visitor, take_burst};

/// Takes as many buffers as the contender has, twice, and looks at each.
struct TakesAll(Vec<&'static str>);

impl Visitor for TakesAll {
    fn visit<C: Contender>(&mut self, contender: C) {
        let contender: &'static C = Box::leak(Box::new(contender));
        let name = contender.name();
        self.0.push(name);
        let mut handle = contender.handle();
        for _ in 0..2 {
            let mut held: Vec<_> = (0..COUNT).map(|_| C::take(&mut handle)).collect();
            if contender.capacity().is_some() {
                assert_eq!(contender.capacity(), Some(COUNT), "{name}");
                assert!(C::get(&mut handle).is_none(), "{name} has a bound");
            }
            held.iter_mut().for_each(C::touch);
            let addresses: HashSet<_> = held.iter().map(C::first_byte).collect();
            assert_eq!(addresses.len(), COUNT, "{name} hands out each buffer once");
            for buffer in &held {
                // SAFETY: the buffer was touched, so its first eight bytes are initialised; it is
                // borrowed.
                let bytes = unsafe { C::first_byte(buffer).cast::<[u8; 8]>().read() };
                assert_eq!(bytes, [1; 8], "{name} is written to");
            }
            held.into_iter().for_each(|buffer| C::put(&mut handle, buffer));
        }
        let mut burst = Burst::new();
        take_burst::<C>(&mut handle, &mut burst);
        assert_eq!(burst.len(), BURST, "{name}");
        C::put_burst(&mut handle, &mut burst);
        assert!(burst.is_empty(), "{name}");
    }
}

#[test]
fn every_contender_hands_out_distinct_buffers_and_takes_them_back() {
    let mut visitor = TakesAll(Vec::new());
    all(&mut visitor);
    let names: HashSet<_> = visitor.0.iter().collect();
    assert_eq!(names.len(), visitor.0.len(), "names tell contenders apart");
}
