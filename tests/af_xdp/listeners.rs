//! Listeners that end before they are told to.

use std::path::Path;

use crate::checks::{Outcome, expect, expect_whole};
use crate::example::{Example, Running};
use crate::network::{INTERFACE, Network};

/// Socket and program go with the process.
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
