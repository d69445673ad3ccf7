//! The models. Each says which labelled accesses of the sources, or which property, it exercises.

mod bitmap;
mod chains;
mod chains_of_one;
mod free_lists;
mod local_pool;
mod raw;

use core::any;
use std::collections::HashSet;

/// What a few threads do, to be run in every order that matters.
pub(crate) struct Model {
    pub(crate) name: String,
    /// How often threads may be preempted where they could continue; without a bound, any number of times.
    pub(crate) bound: Option<usize>,
    pub(crate) run: Box<dyn Fn() + Send + Sync>,
}

impl Model {
    /// Distinguishes models of the same function.
    fn variant(mut self, variant: &str) -> Self {
        self.name = format!("{}/{variant}", self.name);
        self
    }
}

/// Tries every execution.
fn every(run: impl Fn() + Send + Sync + 'static) -> Model {
    named(None, run)
}

/// Tries every execution with up to `bound` preemptions.
fn bounded(bound: usize, run: impl Fn() + Send + Sync + 'static) -> Model {
    named(Some(bound), run)
}

/// Named after the function.
fn named<F: Fn() + Send + Sync + 'static>(bound: Option<usize>, run: F) -> Model {
    let path = any::type_name::<F>();
    let path = path.trim_start_matches("blockpool_loom::models::");
    let name = path.split('<').next().unwrap_or(path).to_owned();
    Model { name, bound, run: Box::new(run) }
}

pub(crate) fn all() -> Vec<Model> {
    let models = [
        chains_of_one::models(),
        chains::models(),
        raw::models(),
        bitmap::models(),
        free_lists::models(),
        local_pool::models(),
    ];
    let models: Vec<Model> = models.into_iter().flatten().collect();
    let names: HashSet<&str> = models.iter().map(|model| model.name.as_str()).collect();
    assert_eq!(names.len(), models.len(), "two models have one name");
    models
}
