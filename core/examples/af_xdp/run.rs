//! From the options to the exit status.

use std::iter;
use std::os::fd::AsFd;
use std::process::ExitCode;

use blockpool_core::storage::Bookkeeping;

use crate::error::Result;
use crate::interface::Interface;
use crate::memory::Mapping;
use crate::options::{Command, HELP, Options};
use crate::program::Program;
use crate::socket::Socket;
use crate::{ping, stop, stream};

pub(crate) fn main() -> ExitCode {
    stop::on_closed_output();
    let options = match Options::of_process() {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("af_xdp: {error}; --help tells more");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("af_xdp: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let interface = Interface::named(&options.interface)?;
    let length = options.frames * options.block_size;
    let mut memory = Mapping::anonymous(length)?;
    let elements = Bookkeeping::elements_for(options.frames);
    let mut bookkeeping: Vec<_> = iter::repeat_with(Bookkeeping::new).take(elements).collect();
    let region = memory.region(options.block_size, &mut bookkeeping)?;

    stop::on_signals()?;
    let mut socket = Socket::open(&region, &interface, options.queue)?;
    let program = Program::attach(socket.as_fd(), &interface, options.queue, options.mode)?;
    let outcome = match options.command {
        Command::Pong => ping::answer(&mut socket, &interface),
        Command::Ping => ping::measure(&mut socket, &interface, options),
        Command::Receive => stream::receive(&mut socket, &interface, options.holds),
        Command::Send => stream::send(&mut socket, &interface, options),
    };
    drop(program);
    socket.close();
    let (available, capacity) = (region.available(), region.capacity());
    println!("blocks: {available} of {capacity} are back");
    outcome?;
    if available != capacity {
        return Err(format!("{} blocks are missing", capacity - available).into());
    }
    Ok(())
}
