//! Starts the gateway, or does one thing with its books.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Chosen by measurement: `docs/performance.md`, "Which allocator".
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    pixelgate::cli::main()
}
