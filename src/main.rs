//! The `tamis` command.

/// Vectors of many sizes come and go on all threads: with the allocator of glibc a run over many
/// rules keeps about a third more memory than it needs.
#[cfg(feature = "fast-alloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    tamis::cli::main()
}
