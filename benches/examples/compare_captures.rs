//! Compares how captures are read here with how `tshark` reads them: the UDP payloads of every file.
//!
//! ```sh
//! apt-get install tshark
//! mkdir captures && cd captures      # Debian's sources of programs that bring captures, by deb-src
//! apt-get source --download-only ndpi tcpdump wireshark libpcap
//! for archive in *.orig.tar.*[!c]; do tar xf "$archive"; done && cd ..
//! cargo run --release -p blockpool-benches --example compare_captures -- captures
//! ```
//!
//! Both sides leave out packets that were not recorded whole, fragments, empty payloads, and packets quoted
//! in ICMP messages. For a packet within a packet, tshark's outermost UDP counts. Each difference is printed
//! with the layers that tshark sees; differences of the same kind are added up at the end.

use std::collections::{BTreeMap, HashMap};
use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use blockpool_benches::input::capture::{self, CaptureError};

fn main() -> ExitCode {
    let Some(folder) = env::args_os().nth(1) else {
        eprintln!("usage: compare_captures FOLDER");
        return ExitCode::from(2);
    };
    match compare_all(Path::new(&folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The number of differences of each kind.
type Kinds = BTreeMap<String, usize>;

fn compare_all(folder: &Path) -> Result<(), Box<dyn Error>> {
    let files = captures(folder)?;
    let (mut same, mut payloads, mut kinds) = (0, 0, Kinds::new());
    for file in &files {
        let theirs = by_tshark(file)?;
        let ours = ours(file);
        let before = kinds.values().sum::<usize>();
        payloads += theirs.len();
        difference(file, &theirs, ours, &mut kinds);
        same += usize::from(kinds.values().sum::<usize>() == before);
    }
    println!("\n{same} of {} files and {payloads} payloads, the same but for:", files.len());
    for (kind, count) in &kinds {
        println!("{count:>8} {kind}");
    }
    Ok(())
}

/// Every capture below a folder.
fn captures(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).map_err(|error| format!("{}: {error}", next.display()))? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if entry.file_type()?.is_file() && is_capture(&entry.path()) {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

fn is_capture(path: &Path) -> bool {
    let mut start = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && capture::is_capture(&start)
}

/// A payload in hexadecimal, and the layers around it.
type Seen = (String, String);

fn by_tshark(file: &Path) -> Result<Vec<Seen>, Box<dyn Error>> {
    let whole = "!(ip.flags.mf == 1) && !(ip.frag_offset > 0) && !(ipv6.fraghdr.more == 1) && \
                 !(ipv6.fraghdr.offset > 0)";
    let filter = format!("udp.payload && !icmp && !icmpv6 && {whole}");
    let fields = ["frame.protocols", "frame.len", "frame.cap_len", "udp.payload"];
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(file).args(["-Y", &filter]);
    tshark.args(["-T", "fields", "-E", "occurrence=f", "-E", "separator=;"]);
    tshark.args(["-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"]);
    tshark.args(fields.iter().flat_map(|field| ["-e", field]));
    let output = tshark.output().map_err(|error| format!("tshark: {error}"))?;
    let mut seen = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let parts: Vec<&str> = line.split(';').collect();
        if let [layers, length, captured, payload] = parts[..]
            && length == captured
        {
            seen.push((payload.replace(':', ""), layers.to_owned()));
        }
    }
    Ok(seen)
}

fn ours(file: &Path) -> Result<Vec<String>, CaptureError> {
    match capture::read(file, None) {
        Ok(capture) => {
            let hexadecimal = |packet: &capture::Packet| {
                packet.data.iter().map(|byte| format!("{byte:02x}")).collect()
            };
            Ok(capture.packets.iter().map(hexadecimal).collect())
        }
        Err(CaptureError::NoPayload { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Adds the differences of a file to `kinds`, and prints them.
fn difference(
    file: &Path,
    theirs: &[Seen],
    ours: Result<Vec<String>, CaptureError>,
    kinds: &mut Kinds,
) {
    let ours = match ours {
        Ok(ours) => ours,
        Err(error) if theirs.is_empty() => {
            return println!("refused, as nothing by tshark: {error}");
        }
        Err(error) => {
            println!("refused, {} by tshark: {error}", theirs.len());
            *kinds.entry("refused here".to_owned()).or_default() += theirs.len();
            return;
        }
    };
    let mut left: HashMap<&str, usize> = HashMap::new();
    ours.iter().for_each(|payload| *left.entry(payload).or_default() += 1);
    for (payload, layers) in theirs {
        match left.get_mut(&payload[..]) {
            Some(count) if *count > 0 => *count -= 1,
            _ => {
                let layers = layers.split(":udp").next().unwrap_or(layers);
                println!("only by tshark: {}: {layers}", file.display());
                *kinds.entry(format!("only by tshark: {layers}:udp")).or_default() += 1;
            }
        }
    }
    let more: usize = left.values().sum();
    if more > 0 {
        println!("only here: {more} of {}", file.display());
        *kinds.entry("only here".to_owned()).or_default() += more;
    }
}
