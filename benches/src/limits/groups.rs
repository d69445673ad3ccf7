//! The control groups that a process is in, of version 1 or 2.

use std::fs;
use std::path::{Path, PathBuf};

use procfs::ProcessCGroups;
use procfs::process::{MountInfo, MountInfos, Process};

use super::Room;

/// Folders of control groups: a process's own and all those above, which limit it too.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Groups {
    memory: Vec<PathBuf>,
    tasks: Vec<PathBuf>,
}

/// Names of the files with a limit, what is used of it, and what of that could be freed at once.
struct MemoryFiles {
    limits: &'static [&'static str],
    used: &'static str,
    cache: [&'static str; 2],
}

const VERSION_2: MemoryFiles = MemoryFiles {
    // Above `high`, a process is not killed but slowed down.
    limits: &["memory.max", "memory.high"],
    used: "memory.current",
    cache: ["inactive_file", "active_file"],
};

const VERSION_1: MemoryFiles = MemoryFiles {
    limits: &["memory.limit_in_bytes"],
    used: "memory.usage_in_bytes",
    cache: ["total_inactive_file", "total_active_file"],
};

impl Groups {
    pub(super) fn of_this_process() -> Option<Self> {
        let process = Process::myself().ok()?;
        Some(Self::new(&process.cgroups().ok()?, &process.mountinfo().ok()?))
    }

    fn new(of_process: &ProcessCGroups, mounts: &MountInfos) -> Self {
        let mut groups = Self { memory: Vec::new(), tasks: Vec::new() };
        for group in of_process {
            for (controller, folders) in
                [("memory", &mut groups.memory), ("pids", &mut groups.tasks)]
            {
                // The only hierarchy of version 2 has every controller that version 1 does not have.
                let unified = group.hierarchy == 0;
                if !unified && !group.controllers.iter().any(|name| name == controller) {
                    continue;
                }
                let mount = mounts.iter().find(|mount| match unified {
                    true => mount.fs_type == "cgroup2",
                    false => {
                        mount.fs_type == "cgroup" && mount.super_options.contains_key(controller)
                    }
                });
                folders
                    .extend(mount.into_iter().flat_map(|mount| folders_of(mount, &group.pathname)));
            }
        }
        groups
    }

    /// What each group leaves of its limit, if it has one.
    pub(super) fn memory(&self) -> Vec<Room> {
        let room = |folder: &PathBuf, files: &MemoryFiles, limit: &str| {
            let path = folder.join(limit);
            let limit = number(&path)?;
            let statistics = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
            let of_cache = |line: &str| {
                let (name, bytes) = line.split_once(' ')?;
                files.cache.contains(&name).then_some(bytes)?.parse::<u64>().ok()
            };
            let cache: u64 = statistics.lines().filter_map(of_cache).sum();
            let used = number(&folder.join(files.used))?;
            Some(Room {
                bytes: limit.saturating_sub(used.saturating_sub(cache)),
                whose: format!(
                    "its control group leaves of {} MiB ({})",
                    limit >> 20,
                    path.display()
                ),
            })
        };
        let of_folder = |folder| {
            let both = [&VERSION_1, &VERSION_2];
            both.into_iter().flat_map(move |files| {
                files.limits.iter().filter_map(move |limit| room(folder, files, limit))
            })
        };
        self.memory.iter().flat_map(of_folder).collect()
    }

    /// The group that allows no further task, in words.
    pub(super) fn tasks(&self) -> Option<String> {
        self.tasks.iter().find_map(|folder| {
            let path = folder.join("pids.max");
            let (limit, used) = (number(&path)?, number(&folder.join("pids.current"))?);
            let full = used >= limit;
            full.then(|| format!("its control group allows {limit} tasks ({})", path.display()))
        })
    }
}

/// The folders of the group `name` and those above it, as far as they are mounted.
fn folders_of(mount: &MountInfo, name: &str) -> Vec<PathBuf> {
    // Only a part of the hierarchy may be mounted, as in a container.
    let inside = Path::new(name).strip_prefix(&mount.root);
    let inside = inside.or_else(|_| Path::new(name).strip_prefix("/")).unwrap_or(Path::new(""));
    let innermost = mount.mount_point.join(inside);
    let above = innermost.ancestors().take_while(|folder| folder.starts_with(&mount.mount_point));
    above.map(Path::to_owned).collect()
}

/// The number in a file; `None` if there is none, such as `max`.
fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use procfs::process::MountInfos;
    use procfs::{FromRead, ProcessCGroups};

    use super::{Groups, Room};

    fn groups(of_process: &str, mounts: &str) -> Groups {
        let of_process = ProcessCGroups::from_read(of_process.as_bytes()).expect("groups");
        Groups::new(&of_process, &MountInfos::from_read(mounts.as_bytes()).expect("mounts"))
    }

    fn write(folder: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(folder).expect("a folder can be made");
        for (name, content) in files {
            fs::write(folder.join(name), content).expect("a file can be written");
        }
    }

    #[test]
    fn the_tightest_group_of_version_2_counts_wherever_it_stands() {
        let root = tempfile::tempdir().expect("a folder");
        let mount = root.path().display();
        let mounts = format!("30 23 0:26 / {mount} rw,nosuid shared:9 - cgroup2 cgroup2 rw\n");
        let slice = root.path().join("a.slice");
        let statistics = "anon 7\ninactive_file 400\nactive_file 9\n";
        write(
            &slice,
            &[("memory.max", "1000\n"), ("memory.high", "900\n"), ("memory.current", "600\n")],
        );
        write(
            &slice,
            &[("memory.stat", statistics), ("pids.max", "20\n"), ("pids.current", "20\n")],
        );
        write(&slice.join("b"), &[("memory.max", "max\n"), ("memory.current", "500\n")]);
        write(&slice.join("b"), &[("pids.max", "max\n"), ("pids.current", "20\n")]);

        let groups = groups("0::/a.slice/b\n", &mounts);
        let rooms: Vec<u64> = groups.memory().iter().map(|room| room.bytes).collect();
        assert_eq!(rooms, [809, 709]);
        let tasks = groups.tasks().expect("no room");
        assert!(tasks.contains("allows 20 tasks") && tasks.contains("a.slice/pids.max"), "{tasks}");
        write(&slice, &[("pids.current", "19\n")]);
        assert_eq!(groups.tasks(), None);
    }

    #[test]
    fn version_1_has_a_hierarchy_for_each_controller_and_containers_see_a_part() {
        let root = tempfile::tempdir().expect("a folder");
        let at = root.path().display();
        let mounts = format!(
            "31 30 0:27 /docker/x {at}/memory rw - cgroup cgroup rw,memory\n\
             32 30 0:28 / {at}/pids rw - cgroup cgroup rw,pids\n"
        );
        let memory = root.path().join("memory");
        write(
            &memory,
            &[("memory.limit_in_bytes", "2097152\n"), ("memory.usage_in_bytes", "48576\n")],
        );
        write(
            &memory,
            &[(
                "memory.stat",
                "inactive_file 1\ntotal_inactive_file 40000\ntotal_active_file 8576\n",
            )],
        );
        let pids = root.path().join("pids");
        write(&pids.join("docker/x"), &[("pids.max", "5"), ("pids.current", "6")]);

        let groups = groups("4:memory:/docker/x\n8:pids,other:/docker/x\n0::/\n", &mounts);
        let whose =
            format!("its control group leaves of 2 MiB ({at}/memory/memory.limit_in_bytes)");
        assert_eq!(groups.memory(), [Room { bytes: 2 << 20, whose }]);
        assert!(groups.tasks().expect("no room").contains("allows 5 tasks"));
    }

    #[test]
    fn without_control_groups_there_is_no_limit() {
        let groups = groups("", "30 23 0:26 / /proc rw - proc proc rw\n");
        assert_eq!((groups.memory(), groups.tasks()), (vec![], None));
    }
}
