//! The `tamis` command.

/// Vectors of many sizes come and go on all threads: with the allocator of the system a run keeps
/// half as much again as it needs.
#[cfg(feature = "fast-alloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    tamis::cli::main()
}
