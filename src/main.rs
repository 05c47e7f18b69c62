//! The `sfumato` program: everything is in the library.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    sfumato::nn::settle_threads();
    sfumato::cli::main(sfumato::ui::open)
}
