//! The handler, built with the flags that distributions use for packages.

use std::fs;

use object::{Object, ObjectSymbol};

use crate::linux::Check;
use crate::linux::build::{Built, LIBRARY};
use crate::linux::tally::Outcome;

/// The function that registers the handler when the library is loaded.
const REGISTRATION: &str = "mp_hdlr_init_handler";

pub(crate) fn checks() -> Vec<Check> {
    vec![
        Check::new("flags/link-time-optimisation", optimised),
        Check::new("flags/nothing-registered", nothing_registered),
        Check::new("flags/no-warning", no_warning),
    ]
}

fn optimised(built: &Built) -> Outcome {
    // Those of Debian's and Fedora's packages, and some that drop code that looks unused.
    let flags = "-O2 -flto=auto -ffat-lto-objects -fno-fat-lto-objects -fvisibility=hidden \
                 -ffunction-sections -fdata-sections -fstack-protector-strong -Wpedantic";
    let library = built.with_flags(flags)?.join(LIBRARY);
    let data = fs::read(&library).map_err(|error| error.to_string())?;
    let file = object::File::parse(&data[..]).map_err(|error| error.to_string())?;
    let is_there =
        |found: object::Symbol<'_, '_>| found.is_definition() && found.name() == Ok(REGISTRATION);
    if file.symbols().any(is_there) {
        Ok(format!("{REGISTRATION} is there"))
    } else {
        Err(format!("{} does not define {REGISTRATION}", library.display()).into())
    }
}

fn nothing_registered(built: &Built) -> Outcome {
    for (flags, why) in [
        ("-Dmp_hdlr_init_handler=something_else", "does not define mp_hdlr_init_handler"),
        ("-fsyntax-only", "no object file was made"),
    ] {
        match built.with_flags(flags) {
            Err(error) if error.contains(why) => {}
            Err(error) => return Err(format!("{flags}: another error: {error}").into()),
            Ok(_) => return Err(format!("{flags}: it is built").into()),
        }
    }
    Ok("is refused".to_owned())
}

fn no_warning(built: &Built) -> Outcome {
    built.with_flags("-O2 -Wall -Wextra -Werror")?;
    Ok("with -Wall -Wextra".to_owned())
}
