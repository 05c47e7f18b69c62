//! The same program built with the feature `cuda`: it does not start without the CUDA libraries,
//! so the plain one stays separate.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    sfumato::nn::settle_threads();
    sfumato::cli::main(sfumato::ui::open)
}
