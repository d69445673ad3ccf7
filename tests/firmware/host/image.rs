//! The firmware images, and what they run on.

/// A program, and the machine it is for.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
    pub(crate) program: &'static str,
    /// Features of the package that select the machine.
    pub(crate) machine_features: &'static [&'static str],
    /// Features of the package and of the operations: what a processor without compare-and-swap does instead.
    pub(crate) atomics: &'static [&'static str],
    pub(crate) target: &'static str,
    pub(crate) emulator: &'static str,
    /// Options of the emulator.
    pub(crate) machine: &'static [&'static str],
    pub(crate) expected: Expected,
}

/// What a program has to print.
#[derive(Debug)]
pub(crate) struct Expected {
    /// The names after `passed`, in this order: no other, and none more or less often.
    pub(crate) scenarios: &'static [&'static str],
    /// At least this many.
    pub(crate) figures: usize,
    /// At least this many, in all sweeps together.
    pub(crate) instructions_hit: u64,
}

impl Expected {
    const fn scenarios(scenarios: &'static [&'static str]) -> Self {
        Self { scenarios, figures: 0, instructions_hit: 0 }
    }
}

/// For `firmware-scenarios`. The bounds are slightly below what the shortest code gives.
const ON_ONE_CORE: Expected = Expected {
    scenarios: &[
        "at rest", "at rest", "device", "device", "device", "device", "device", "device", "sweep",
        "sweep", "sweep", "heapless", "heapless",
    ],
    figures: 32,
    instructions_hit: 20_000,
};

const ON_FOUR_CORES: Expected = Expected::scenarios(&[
    "each-for-itself",
    "producers-and-consumers",
    "local-pools",
    "bursts-larger-than-the-pool",
    "exhaustion",
    "by-pointer",
    "heapless-queue",
    "one-core-stays-away",
]);

/// One instruction per nanosecond, whatever the host does, and interrupts between any two of them: every run
/// is the same. It puts all cores on one thread, so it is not for several cores.
const COUNTED: [&str; 2] = ["-icount", "shift=0"];

const M3: &[&str] = &["-machine", "lm3s6965evb", COUNTED[0], COUNTED[1]];
const M0: &[&str] = &["-machine", "microbit", COUNTED[0], COUNTED[1]];
const RISCV_WITHOUT_ATOMICS: &[&str] = &[
    "-machine",
    "virt",
    "-bios",
    "none",
    "-cpu",
    "rv32,a=false,zawrs=false",
    COUNTED[0],
    COUNTED[1],
];

/// The machines with all of their scenarios; the operations are measured for each of them.
pub(crate) const MACHINES: [Image; 8] = [
    Image {
        name: "cortex-m3",
        package: "firmware-cortex-m",
        program: "firmware-cortex-m",
        machine_features: &["lm3s"],
        atomics: &[],
        target: "thumbv7m-none-eabi",
        emulator: "qemu-system-arm",
        machine: M3,
        expected: ON_ONE_CORE,
    },
    Image {
        name: "cortex-m4f",
        package: "firmware-cortex-m",
        program: "firmware-cortex-m",
        machine_features: &["mps2"],
        atomics: &[],
        target: "thumbv7em-none-eabihf",
        emulator: "qemu-system-arm",
        machine: &["-machine", "mps2-an386", COUNTED[0], COUNTED[1]],
        expected: ON_ONE_CORE,
    },
    Image {
        name: "cortex-m0",
        package: "firmware-cortex-m",
        program: "firmware-cortex-m",
        machine_features: &["microbit"],
        atomics: &["single-core"],
        target: "thumbv6m-none-eabi",
        emulator: "qemu-system-arm",
        machine: M0,
        expected: ON_ONE_CORE,
    },
    Image {
        name: "cortex-m0-critical-section",
        package: "firmware-cortex-m",
        program: "firmware-cortex-m",
        machine_features: &["microbit"],
        atomics: &["critical-section"],
        target: "thumbv6m-none-eabi",
        emulator: "qemu-system-arm",
        machine: M0,
        expected: ON_ONE_CORE,
    },
    Image {
        name: "riscv32imac",
        package: "firmware-riscv",
        program: "firmware-riscv",
        machine_features: &[],
        atomics: &[],
        target: "riscv32imac-unknown-none-elf",
        emulator: "qemu-system-riscv32",
        machine: &["-machine", "virt", "-bios", "none", COUNTED[0], COUNTED[1]],
        expected: ON_ONE_CORE,
    },
    Image {
        name: "riscv32imc",
        package: "firmware-riscv",
        program: "firmware-riscv",
        machine_features: &[],
        atomics: &["single-core"],
        target: "riscv32imc-unknown-none-elf",
        emulator: "qemu-system-riscv32",
        machine: RISCV_WITHOUT_ATOMICS,
        expected: ON_ONE_CORE,
    },
    Image {
        name: "riscv32imc-critical-section",
        package: "firmware-riscv",
        program: "firmware-riscv",
        machine_features: &[],
        atomics: &["critical-section"],
        target: "riscv32imc-unknown-none-elf",
        emulator: "qemu-system-riscv32",
        machine: RISCV_WITHOUT_ATOMICS,
        expected: ON_ONE_CORE,
    },
    Image {
        name: "aarch64",
        package: "firmware-aarch64",
        program: "firmware-aarch64",
        machine_features: &[],
        atomics: &[],
        target: "aarch64-unknown-none",
        emulator: "qemu-system-aarch64",
        // Each core on its own thread. Without the default network card, which needs a file.
        machine: &[
            "-machine",
            "virt,gic-version=2",
            "-cpu",
            "cortex-a57",
            "-smp",
            "4",
            "-accel",
            "tcg,thread=multi",
            "-nic",
            "none",
        ],
        expected: ON_FOUR_CORES,
    },
];

/// What a new user copies.
pub(crate) const EXAMPLES: [Image; 3] = [
    Image {
        name: "example",
        package: "firmware-cortex-m",
        program: "example",
        machine_features: &["lm3s"],
        atomics: &[],
        target: "thumbv7m-none-eabi",
        emulator: "qemu-system-arm",
        machine: M3,
        expected: Expected::scenarios(&["example"]),
    },
    Image {
        name: "example-embassy",
        package: "firmware-async",
        program: "embassy",
        machine_features: &[],
        atomics: &[],
        target: "thumbv7m-none-eabi",
        emulator: "qemu-system-arm",
        machine: M3,
        expected: Expected::scenarios(&["example-embassy"]),
    },
    Image {
        name: "example-rtic",
        package: "firmware-async",
        program: "rtic",
        machine_features: &[],
        atomics: &[],
        target: "thumbv7m-none-eabi",
        emulator: "qemu-system-arm",
        machine: M3,
        expected: Expected::scenarios(&["example-rtic"]),
    },
];
