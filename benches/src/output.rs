//! A file that the program writes at its end: either whole, or left as it was before.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use system::{has_access_list, has_one_name, is_character_device, is_same};
use tempfile::NamedTempFile;

/// Held while a temporary file exists.
static REPLACING: Mutex<()> = Mutex::new(());

/// How many symbolic links are followed before they count as a loop; Linux follows as many.
const MOST_LINKS: usize = 40;

/// Where the content will go, opened or tested before there is any.
///
/// | what the name refers to | how it is written |
/// |---|---|
/// | `-`, or what standard output or standard error already go to | to that stream |
/// | a device, a FIFO | in place |
/// | a regular file, or nothing | through a temporary file in the same folder that replaces it; mode, owner and symbolic links stay |
/// | a file that a new one cannot replace: with other names (hard links) or none, with an access list, with an owner that cannot be set, mounted by itself, in a folder where nothing can be created | in place, from its start |
#[derive(Debug)]
pub struct Output {
    /// As the user wrote it.
    path: PathBuf,
    target: Target,
}

#[derive(Debug)]
enum Target {
    Stdout,
    Stderr,
    /// Written in place; keeps its identity.
    InPlace(File),
    /// Replaced by a new file of this name with the attributes of the old one, if there is one.
    Replaced(PathBuf, Option<Metadata>),
}

/// Why a file cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The operating system refuses.
    #[error("cannot write {}: {source}", path.display())]
    Refused {
        /// As the user wrote it.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The file is being read, and its content would be lost.
    #[error("cannot write {}: it is the file that --input reads", path.display())]
    IsInput {
        /// As the user wrote it.
        path: PathBuf,
    },
}

impl Output {
    /// Opens `path`, or tests whether a file can be created there; changes nothing yet. `-` is standard
    /// output.
    ///
    /// Waits for a reader if `path` is a FIFO without one.
    ///
    /// # Errors
    ///
    /// If it cannot be written to, or is `input`, under any name.
    pub fn open(path: &Path, input: Option<&Metadata>) -> Result<Self, OutputError> {
        let owned = path.to_owned();
        if path == Path::new("-") {
            return Ok(Self { path: owned, target: Target::Stdout });
        }
        // A terminal, or a device such as `null`, may be both.
        if let (Some(input), Ok(found)) = (input, fs::metadata(path))
            && is_same(&found, input)
            && !is_character_device(&found)
        {
            return Err(OutputError::IsInput { path: owned });
        }
        match Target::open(path) {
            Ok(target) => Ok(Self { path: owned, target }),
            Err(source) => Err(OutputError::Refused { path: owned, source }),
        }
    }

    /// Whether it goes where the program's own text would otherwise go.
    pub fn is_stdout(&self) -> bool {
        matches!(self.target, Target::Stdout)
    }

    /// Writes the whole content.
    ///
    /// # Errors
    ///
    /// The operating system's error. A regular file is then unchanged, unless it had to be written in place.
    pub fn write(self, content: &[u8]) -> Result<(), OutputError> {
        let Self { path, target } = self;
        target.write(content).map_err(|source| OutputError::Refused { path, source })
    }
}

/// Waits until no temporary file is left, and prevents new ones, because the program is about to end.
pub fn settle() {
    std::mem::forget(REPLACING.lock().unwrap_or_else(PoisonError::into_inner));
}

impl Target {
    fn open(path: &Path) -> io::Result<Self> {
        let found = match fs::metadata(path) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // The name of a folder, which `Path` would treat as that of a file.
                if path.as_os_str().as_encoded_bytes().ends_with(b"/") || path.ends_with(".") {
                    return Err(error);
                }
                let path = follow(path)?;
                return temporary(&path, None).map(|_| Self::Replaced(path, None));
            }
            Err(error) => return Err(error),
        };
        #[cfg(unix)]
        for (stream, target) in
            [(behind(io::stdout()), Self::Stdout), (behind(io::stderr()), Self::Stderr)]
        {
            if stream.is_ok_and(|stream| is_same(&stream, &found)) {
                return Ok(target);
            }
        }
        // A file that may not be written to is not replaced either.
        let file = OpenOptions::new().write(true).open(path)?;
        if !found.is_file() || !has_one_name(&found) || has_access_list(path) {
            return Ok(Self::InPlace(file));
        }
        let path = follow(path)?;
        // The target of a link in /proc need not exist.
        let leads_there = fs::metadata(&path).is_ok_and(|there| is_same(&there, &found));
        Ok(match temporary(&path, Some(&found)) {
            Ok(_) if leads_there || cfg!(not(unix)) => Self::Replaced(path, Some(found)),
            _ => Self::InPlace(file),
        })
    }

    fn write(self, content: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(content)?;
                stdout.flush()
            }
            Self::Stderr => io::stderr().lock().write_all(content),
            Self::InPlace(file) => write_in_place(&file, content),
            Self::Replaced(path, found) => {
                let mut new = temporary(&path, found.as_ref())?;
                new.file.write_all(content)?;
                // Otherwise, a crash could leave an empty file in place of the old one.
                new.file.as_file().sync_all()?;
                match new.file.persist(&path) {
                    Ok(_) => Ok(()),
                    // Something is mounted there, as containers do with single files.
                    Err(failed) if failed.error.kind() == ErrorKind::ResourceBusy => {
                        write_in_place(&OpenOptions::new().write(true).open(&path)?, content)
                    }
                    Err(failed) => Err(failed.error),
                }
            }
        }
    }
}

/// Overwrites the old content. For a regular file, space for all of the new content is reserved first, so
/// that a full disk leaves the file unchanged.
fn write_in_place(mut file: &File, content: &[u8]) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    reserve(file, content.len())?;
    file.write_all(content)?;
    if file.metadata()?.is_file() {
        file.set_len(content.len() as u64)?;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn reserve(file: &File, length: usize) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let found = file.metadata()?;
    if !found.is_file() || length == 0 {
        return Ok(());
    }
    // SAFETY: the call touches no memory.
    match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, length as libc::off_t) } {
        error @ (libc::ENOSPC | libc::EDQUOT | libc::EFBIG | libc::EIO) => {
            file.set_len(found.len())?;
            Err(io::Error::from_raw_os_error(error))
        }
        // Done, or the file system does not support it.
        _ => Ok(()),
    }
}

/// A file in the folder of the one that it is to replace; removed on drop unless it did.
struct Temporary {
    file: NamedTempFile,
    // Declared after the file, so dropped after it.
    _held: MutexGuard<'static, ()>,
}

/// Creates a temporary file next to `path`, with the mode and owner of what was `found` there.
fn temporary(path: &Path, found: Option<&Metadata>) -> io::Result<Temporary> {
    let (Some(folder), Some(_)) = (path.parent(), path.file_name()) else {
        return Err(ErrorKind::IsADirectory.into());
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let _held = REPLACING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".blockpool-").suffix(".part");
    // For a new file, the user's mask restricts this.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.tempfile_in(folder).map_err(without_its_name)?;
    if let Some(found) = found {
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt, fchown};
            let made = file.as_file().metadata()?;
            if (made.uid(), made.gid()) != (found.uid(), found.gid()) {
                fchown(file.as_file(), Some(found.uid()), Some(found.gid()))?;
            }
        }
        file.as_file().set_permissions(found.permissions())?;
    }
    Ok(Temporary { file, _held })
}

/// Removes the temporary file's name, which means nothing to the user.
fn without_its_name(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|error| error.source());
    let code = inner.and_then(|error| error.downcast_ref()).and_then(io::Error::raw_os_error);
    code.map_or(error, io::Error::from_raw_os_error)
}

/// Where a chain of symbolic links leads, whether or not anything is there.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&path) {
            // A relative link starts from its own folder; an absolute one replaces the path.
            Ok(to) => path = path.parent().unwrap_or(Path::new("")).join(to),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// The metadata of what a standard stream comes from or goes to.
///
/// # Errors
///
/// If it is closed.
#[cfg(unix)]
pub fn behind(stream: impl std::os::fd::AsFd) -> io::Result<Metadata> {
    File::from(stream.as_fd().try_clone_to_owned()?).metadata()
}

#[cfg(unix)]
mod system {
    use std::fs::Metadata;
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    use std::path::Path;

    /// Whether both describe the same file, whatever it is called.
    pub(super) fn is_same(one: &Metadata, other: &Metadata) -> bool {
        (one.dev(), one.ino()) == (other.dev(), other.ino())
    }

    /// Whether the file has exactly one name; a deleted file that is still open has none.
    pub(super) fn has_one_name(found: &Metadata) -> bool {
        found.nlink() == 1
    }

    /// Whether permissions depend on more than the mode.
    #[cfg(target_os = "linux")]
    pub(super) fn has_access_list(path: &Path) -> bool {
        use std::os::unix::ffi::OsStrExt;
        let Ok(path) = std::ffi::CString::new(path.as_os_str().as_bytes()) else { return false };
        let name = c"system.posix_acl_access";
        // SAFETY: both names end with a zero byte; nothing is written to a value of no bytes.
        unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), std::ptr::null_mut(), 0) > 0 }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn has_access_list(_: &Path) -> bool {
        false
    }

    pub(super) fn is_character_device(found: &Metadata) -> bool {
        found.file_type().is_char_device()
    }
}

/// A system that does not report this.
#[cfg(not(unix))]
mod system {
    use std::fs::Metadata;
    use std::path::Path;

    pub(super) fn is_same(_: &Metadata, _: &Metadata) -> bool {
        false
    }

    pub(super) fn has_one_name(_: &Metadata) -> bool {
        true
    }

    pub(super) fn has_access_list(_: &Path) -> bool {
        false
    }

    pub(super) fn is_character_device(_: &Metadata) -> bool {
        false
    }
}
