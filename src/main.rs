//! Starts the gateway, or does one thing with its books.

use std::process::ExitCode;

fn main() -> ExitCode {
    pixelgate::cli::main()
}
