//! A file that the program writes when all is known: there whole, or as it was before.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use system::{has_access_list, has_one_name, is_character_device, is_same};
use tempfile::NamedTempFile;

/// Held while a temporary file exists.
static REPLACING: Mutex<()> = Mutex::new(());

/// Symbolic links that are followed before they count as a loop, as many as Linux follows.
const MOST_LINKS: usize = 40;

/// Where the content will go, opened or tried before there is any.
///
/// | what the name stands for | how it is written |
/// |---|---|
/// | `-`, or what standard output or standard error already go to | to that stream |
/// | a device, a FIFO | as it is |
/// | a regular file, or nothing | by a temporary file in the same folder that takes its place; mode, owner and symbolic links stay |
/// | a file that a new one cannot stand for: with other names (hard links) or none, with an access list, of an owner that cannot be given, mounted by itself, in a folder where nothing can be made | as it is, from its start |
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
    /// Keeps its identity.
    InPlace(File),
    /// Gets a new file of this name, like the old one, if there is one.
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
        /// What the operating system says.
        source: io::Error,
    },
    /// What would be lost is read.
    #[error("cannot write {}: it is the file that --input reads", path.display())]
    IsInput {
        /// As the user wrote it.
        path: PathBuf,
    },
}

impl Output {
    /// Opens `path`, or tries whether a file can be made there; changes nothing yet. `-` is standard
    /// output.
    ///
    /// Waits for a reader if `path` is a FIFO without one.
    ///
    /// # Errors
    ///
    /// If it cannot be written to, or is `input`, by whatever name.
    pub fn open(path: &Path, input: Option<&Metadata>) -> Result<Self, OutputError> {
        let owned = path.to_owned();
        if path == Path::new("-") {
            return Ok(Self { path: owned, target: Target::Stdout });
        }
        // A terminal, or a device such as `null`, may well be both.
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

    /// Whether it goes where the program's own text would go.
    pub fn is_stdout(&self) -> bool {
        matches!(self.target, Target::Stdout)
    }

    /// Writes the whole content.
    ///
    /// # Errors
    ///
    /// What the operating system says. A regular file is then as it was, unless it had to be written
    /// as it is.
    pub fn write(self, content: &[u8]) -> Result<(), OutputError> {
        let Self { path, target } = self;
        target.write(content).map_err(|source| OutputError::Refused { path, source })
    }
}

/// Waits until no temporary file is left, and makes no other one: the program is about to end.
pub fn settle() {
    std::mem::forget(REPLACING.lock().unwrap_or_else(PoisonError::into_inner));
}

impl Target {
    fn open(path: &Path) -> io::Result<Self> {
        let found = match fs::metadata(path) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // The name of a folder, which `Path` would take for that of a file.
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
        // Without the permission to write to it, a file is not replaced either.
        let file = OpenOptions::new().write(true).open(path)?;
        if !found.is_file() || !has_one_name(&found) || has_access_list(path) {
            return Ok(Self::InPlace(file));
        }
        let path = follow(path)?;
        // What a link of /proc says need not lead anywhere.
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
                // Or a crash could leave an empty file in the place of the old one.
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

/// Over the old content; a regular file gets the space for all of it first, so that a full disk leaves it as
/// it was.
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
    // SAFETY: names nothing in memory.
    match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, length as libc::off_t) } {
        error @ (libc::ENOSPC | libc::EDQUOT | libc::EFBIG | libc::EIO) => {
            file.set_len(found.len())?;
            Err(io::Error::from_raw_os_error(error))
        }
        // Done, or a file system that cannot.
        _ => Ok(()),
    }
}

/// A file in the folder of what it is to replace, removed unless it did.
struct Temporary {
    file: NamedTempFile,
    // Behind the file, so dropped after it.
    _held: MutexGuard<'static, ()>,
}

/// Makes a temporary file beside `path`, with the mode and owner of what was `found` there.
fn temporary(path: &Path, found: Option<&Metadata>) -> io::Result<Temporary> {
    let (Some(folder), Some(_)) = (path.parent(), path.file_name()) else {
        return Err(ErrorKind::IsADirectory.into());
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let _held = REPLACING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".blockpool-").suffix(".part");
    // For a new file, what the user's mask leaves of it.
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

/// Without the temporary file's name, which tells the user nothing.
fn without_its_name(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|error| error.source());
    let code = inner.and_then(|error| error.downcast_ref()).and_then(io::Error::raw_os_error);
    code.map_or(error, io::Error::from_raw_os_error)
}

/// Where a chain of symbolic links leads, whether or not something is there.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&path) {
            // A relative link counts from its own folder; an absolute one replaces it.
            Ok(to) => path = path.parent().unwrap_or(Path::new("")).join(to),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// What a standard stream comes from or goes to.
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

    /// Whether both are of one file, whatever it is called.
    pub(super) fn is_same(one: &Metadata, other: &Metadata) -> bool {
        (one.dev(), one.ino()) == (other.dev(), other.ino())
    }

    /// Not so one that was deleted and is still open.
    pub(super) fn has_one_name(found: &Metadata) -> bool {
        found.nlink() == 1
    }

    /// Whether more than the mode says who may do what.
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

/// A system that does not tell.
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
