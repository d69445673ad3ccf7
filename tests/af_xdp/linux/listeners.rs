//! Listeners: which names and addresses they use, and when they end without being told to.

use std::path::Path;

use crate::linux::checks::{Outcome, expect, expect_whole};
use crate::linux::example::{Example, Running};
use crate::linux::network::{self, INTERFACE, Network};

/// The socket and the program go away with the process.
pub(crate) fn a_killed_process_leaves_nothing_behind(example: &Example) -> Outcome {
    let network = Network::lay()?;
    let pong = format!("pong {INTERFACE}");
    let killed = example.listen(&network.right, &pong)?.kill()?;
    expect(killed.status.is_none(), "it was not killed", &killed)?;
    let next = example.listen(&network.right, &pong)?;
    example.run(&network.left, &format!("ping {INTERFACE} --count 100"))?;
    next.interrupt()?;
    Ok("the next one takes the interface".to_owned())
}

pub(crate) fn notice_that_their_interface_is_gone(example: &Example) -> Outcome {
    for command in ["pong", "receive"] {
        let network = Network::lay()?;
        let listener = example.listen(&network.right, &format!("{command} {INTERFACE}"))?;
        let mut delete = network.right.command(Path::new("ip"));
        delete.args(["link", "delete", INTERFACE]);
        Running::start(delete)?.end()?.success()?;
        let listener = listener.end()?;
        let says_so =
            listener.status == Some(1) && listener.errors == "af_xdp: the interface is gone\n";
        expect(says_so, "it does not notice", &listener)?;
        expect_whole(&listener, 4096)?;
    }
    Ok("they end".to_owned())
}

pub(crate) fn an_interface_has_every_name_it_was_given(example: &Example) -> Outcome {
    let network = Network::lay()?;
    // One of ordinary length, and one longer than an ordinary name can be.
    let names = ["another", "a-name-that-is-longer-than-others-can-be"];
    for name in names {
        let alternative = ["link", "property", "add", "dev", INTERFACE, "altname", name];
        network::ip(&[&["-netns", &network.right.name][..], &alternative].concat())?;
        example.listen(&network.right, &format!("pong {name}"))?.interrupt()?;
    }
    Ok(names.join(", "))
}

/// Regardless of what `/sys` shows: it belongs to a namespace with an interface of the same name.
pub(crate) fn an_address_is_of_the_own_namespace(example: &Example) -> Outcome {
    const OWN: &str = "02:00:00:00:00:17";
    let network = Network::lay()?;
    let address = ["link", "set", "dev", INTERFACE, "address", OWN];
    network::ip(&[&["-netns", &network.right.name][..], &address].concat())?;
    let mut command = network.left.command(Path::new("nsenter"));
    command.arg(format!("--net=/run/netns/{}", network.right.name));
    command.arg(&example.program).args(["pong", INTERFACE]);
    let (running, address) = Running::start(command)?.listening()?;
    running.interrupt()?;
    if address == OWN { Ok(address) } else { Err(format!("{address}, not {OWN}")) }
}
