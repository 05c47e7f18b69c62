//! The header of a weights file, and the network that it describes.
#![no_main]

use candle_core::Device;
use libfuzzer_sys::fuzz_target;
use sfumato_fuzz::{models::{card, load}, as_file, bounded, check_line};

fuzz_target!(|bytes: &[u8]| {
    let path = as_file("input.safetensors", bytes);
    let name = path.to_str().expect("a name that we chose");
    match bounded(0, || card(name)) {
        Err(e) => check_line(&e.to_string()),
        Ok(_) => {
            if let Err(e) = bounded(0, || load(name, &Device::Cpu)) {
                check_line(&e.to_string());
            }
        }
    }
});
