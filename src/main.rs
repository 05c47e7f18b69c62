//! The `sfumato` program: everything is in the library.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    sfumato::nn::settle_threads();
    let window = sfumato::cli::Window {
        open: sfumato::ui::open,
        tour: sfumato::ui::tour,
        shoot: sfumato::ui::shoot,
    };
    sfumato::cli::main(window)
}
