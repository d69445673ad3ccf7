//! The bytes of an input: a file, a FIFO or standard input, decompressed.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::GzDecoder;

/// The compression of a part of a file; compressed files may be concatenated.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    /// Bytes that identify the compression.
    const START: usize = 4;

    fn of(start: &[u8]) -> Option<Self> {
        match start {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // The second pattern is a frame without content.
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Whether `path` stands for standard input.
pub fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// What an input holds.
#[derive(Debug)]
pub(super) struct Content {
    /// Decompressed.
    pub(super) data: Vec<u8>,
    /// Without the suffix of a compression; `None` if no name says anything about the content.
    pub(super) name: Option<PathBuf>,
    /// The input was compressed, and ends before the compressed data does.
    pub(super) cut: bool,
    /// The compressed data is followed by something that is not part of it.
    pub(super) trailing: bool,
}

/// Why there is no content.
#[derive(Debug)]
pub(super) enum Refused {
    Unreadable(io::Error),
    /// It has more bytes than allowed.
    TooLarge,
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

/// Reads all of `path`, or of standard input if `path` is `-`, at most `limit` bytes.
pub(super) fn read(path: &Path, limit: u64) -> Result<Content, Refused> {
    if is_standard_input(path) {
        let stdin = io::stdin().lock();
        if stdin.is_terminal() {
            return Err(io::Error::other("it is a terminal; a recording comes by a pipe").into());
        }
        return decompressed(stdin, None, limit);
    }
    let kind = fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory).into());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_char_device() || kind.is_block_device() {
            return Err(io::Error::other("it is a device, not a recording").into());
        }
    }
    let name = kind.is_file().then(|| match path.extension() {
        Some(ending) if ["gz", "zst"].iter().any(|known| ending.eq_ignore_ascii_case(known)) => {
            path.with_extension("")
        }
        _ => path.to_owned(),
    });
    decompressed(BufReader::new(File::open(path)?), name, limit)
}

/// The whole content, whether or not it is compressed.
fn decompressed(
    mut source: impl BufRead,
    name: Option<PathBuf>,
    limit: u64,
) -> Result<Content, Refused> {
    let mut content = Content { data: Vec::new(), name, cut: false, trailing: false };
    let limited = &mut Limited { data: &mut content.data, limit };
    // A pipe may give fewer bytes at once, so these are kept separately.
    let mut start = Vec::new();
    source.by_ref().take(Compression::START as u64).read_to_end(&mut start)?;
    if Compression::of(&start).is_none() {
        limited.fill(start.as_slice().chain(source))?;
        return Ok(content);
    }
    while !start.is_empty() {
        let Some(compression) = Compression::of(&start) else {
            content.trailing = true;
            break;
        };
        let mut part = start.as_slice().chain(&mut source);
        let outcome = match compression {
            Compression::Gzip => limited.fill(GzDecoder::new(&mut part)),
            Compression::Zstd => match zstd::Decoder::with_buffer(&mut part) {
                Ok(decoder) => limited.fill(decoder.single_frame()),
                Err(error) => Err(error.into()),
            },
        };
        match outcome {
            Ok(()) => {}
            Err(Refused::Unreadable(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                content.cut = true;
                break;
            }
            Err(refused) => return Err(refused),
        }
        let mut next = Vec::new();
        part.take(Compression::START as u64).read_to_end(&mut next)?;
        start = next;
    }
    Ok(content)
}

/// Bytes, up to a limit.
struct Limited<'d> {
    data: &'d mut Vec<u8>,
    limit: u64,
}

impl Limited<'_> {
    fn fill(&mut self, source: impl Read) -> Result<(), Refused> {
        let room = self.limit - self.data.len() as u64;
        source.take(room + 1).read_to_end(self.data)?;
        if self.data.len() as u64 > self.limit { Err(Refused::TooLarge) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(data).expect("to memory");
        encoder.finish().expect("to memory")
    }

    fn zstd(data: &[u8]) -> Vec<u8> {
        // As the program `zstd` does.
        let mut encoder = zstd::Encoder::new(Vec::new(), 0).expect("to memory");
        encoder.include_checksum(true).expect("there is one");
        encoder.write_all(data).expect("to memory");
        encoder.finish().expect("to memory")
    }

    fn read_all(bytes: &[u8], limit: u64) -> Result<Content, Refused> {
        decompressed(bytes, None, limit)
    }

    fn sample() -> Vec<u8> {
        // Does not compress well, so that every cut loses something.
        (0..100_000_u32).flat_map(|n| n.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect()
    }

    #[test]
    fn what_is_compressed_comes_out_as_it_went_in() {
        let data = sample();
        for compress in [gzip, zstd, <[u8]>::to_vec] {
            let content = read_all(&compress(&data), 1 << 30).expect("sound");
            assert!(content.data == data && !content.cut);
        }
        let in_two = [gzip(&data[..7]), gzip(&data[7..])].concat();
        assert!(read_all(&in_two, 1 << 30).expect("sound").data == data);
        let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
        let in_two = [zstd(&data[..7]), skipped, zstd(&data[7..])].concat();
        assert!(read_all(&in_two, 1 << 30).expect("sound").data == data);
    }

    #[test]
    fn a_cut_keeps_what_lies_before_it() {
        let data = sample();
        for compress in [gzip, zstd] {
            let whole = compress(&data);
            for length in [5, 20, whole.len() / 2, whole.len() - 1] {
                let content = read_all(&whole[..length], 1 << 30).expect("sound up to there");
                assert!(content.cut && data.starts_with(&content.data), "{length}");
                // Everything that can be recovered, except for a zstd block of 128 KiB.
                let least = (data.len() * length / whole.len()).saturating_sub(140_000);
                assert!(content.data.len() >= least, "{length}: {}", content.data.len());
            }
        }
    }

    #[test]
    fn what_follows_compressed_data_is_left_alone() {
        let data = sample();
        for compress in [gzip, zstd] {
            for behind in [&b"garbage"[..], &[0; 1000], b"x"] {
                let file = [&compress(&data), behind].concat();
                let content = read_all(&file, 1 << 30).expect("sound");
                assert!(content.data == data && content.trailing && !content.cut);
            }
        }
    }

    #[test]
    fn damage_is_an_error() {
        for compress in [gzip, zstd] {
            let mut bytes = compress(&sample());
            let middle = bytes.len() / 2;
            bytes[middle..middle + 4].iter_mut().for_each(|byte| *byte ^= 0x55);
            assert!(matches!(read_all(&bytes, 1 << 30), Err(Refused::Unreadable(_))));
        }
    }

    #[test]
    fn more_than_the_limit_is_refused_however_small_it_was_compressed() {
        let data = vec![0; 1 << 20];
        for compress in [gzip, zstd, <[u8]>::to_vec] {
            let bytes = compress(&data);
            assert!(matches!(read_all(&bytes, (1 << 20) - 1), Err(Refused::TooLarge)));
            assert_eq!(read_all(&bytes, 1 << 20).expect("just fits").data.len(), 1 << 20);
        }
    }
}
