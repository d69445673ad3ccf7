//! Where the shipped sources name an ordering, which ones were reached, and weakening one.

use core::fmt;
use core::panic::Location;
use core::str::FromStr;
use core::sync::atomic::Ordering;
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

/// One ordering of one access in the shipped sources.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Site {
    /// Relative to `core/src`.
    pub(crate) file: String,
    pub(crate) line: u32,
    column: u32,
    pub(crate) role: Role,
    pub(crate) ordering: Ordering,
}

/// Which of an operation's orderings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Only,
    Success,
    Failure,
}

const ROLES: [Role; 3] = [Role::Only, Role::Success, Role::Failure];

impl Site {
    fn at(location: &Location<'_>, role: Role, ordering: Ordering) -> Self {
        let file = location.file().rsplit("core/src/").next().expect("one piece at least");
        let (line, column) = (location.line(), location.column());
        Self { file: file.to_owned(), line, column, role, ordering }
    }

    /// In the order of the sources.
    pub(crate) fn key(&self) -> impl Ord + use<> {
        (self.file.clone(), self.line, self.column, self.role as u8)
    }

    /// The next weaker orderings.
    pub(crate) fn weaker(&self) -> &'static [Ordering] {
        match self.ordering {
            Ordering::SeqCst => &[Ordering::AcqRel],
            Ordering::AcqRel => &[Ordering::Acquire, Ordering::Release],
            Ordering::Acquire | Ordering::Release => &[Ordering::Relaxed],
            _ => &[],
        }
    }
}

/// For the command line of another process, as is [`FromStr`].
impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, role, ordering } = self;
        write!(f, "{file}:{line}:{column}:{role:?}:{ordering:?}")
    }
}

impl FromStr for Site {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text} is no site");
        let mut parts = text.split(':');
        let mut next = || parts.next().ok_or_else(wrong);
        Ok(Self {
            file: next()?.to_owned(),
            line: next()?.parse().map_err(|_| wrong())?,
            column: next()?.parse().map_err(|_| wrong())?,
            role: by_name(next()?, &ROLES)?,
            ordering: ordering_by_name(next()?)?,
        })
    }
}

fn by_name<T: fmt::Debug + Copy>(name: &str, all: &[T]) -> Result<T, String> {
    let found = all.iter().find(|one| format!("{one:?}") == name);
    found.copied().ok_or_else(|| format!("{name} is none of {all:?}"))
}

pub(crate) fn ordering_by_name(name: &str) -> Result<Ordering, String> {
    use Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
    by_name(name, &[Relaxed, Acquire, Release, AcqRel, SeqCst])
}

/// The site that this process weakens, and to what.
static WEAKENED: OnceLock<(Site, Ordering)> = OnceLock::new();

/// What to use in place of each ordering reached so far.
static REACHED: Mutex<Option<Reached>> = Mutex::new(None);

type Reached = HashMap<(&'static Location<'static>, Role, Ordering), Ordering>;

/// From now on, `site` has the ordering `to`.
pub(crate) fn weaken(site: Site, to: Ordering) {
    WEAKENED.set((site, to)).expect("one site in one process");
}

/// Every ordering used so far, in no particular order.
pub(crate) fn reached() -> Vec<Site> {
    let reached = REACHED.lock().expect("no panic inside");
    let keys = reached.iter().flat_map(HashMap::keys);
    keys.map(|(location, role, ordering)| Site::at(location, *role, *ordering)).collect()
}

#[track_caller]
pub(crate) fn only(ordering: Ordering) -> Ordering {
    used(Location::caller(), Role::Only, ordering)
}

#[track_caller]
pub(crate) fn success(ordering: Ordering) -> Ordering {
    used(Location::caller(), Role::Success, ordering)
}

#[track_caller]
pub(crate) fn failure(ordering: Ordering) -> Ordering {
    used(Location::caller(), Role::Failure, ordering)
}

fn used(location: &'static Location<'static>, role: Role, ordering: Ordering) -> Ordering {
    let mut reached = REACHED.lock().expect("no panic inside");
    let reached = reached.get_or_insert_default();
    *reached.entry((location, role, ordering)).or_insert_with(|| match WEAKENED.get() {
        Some((site, to)) if *site == Site::at(location, role, ordering) => *to,
        _ => ordering,
    })
}
