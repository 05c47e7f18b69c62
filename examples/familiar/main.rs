//! How well models tell their own pictures from others: of each model, the distances of its own test
//! pictures against those of other sets.
//!
//!     cargo run --release --example familiar -- fundus-disc-cup DATA/fundus_disc_cup:test DATA/chest_xray:test ...
//!
//! The first folder and split are the model's own. Of every other one: the area under the receiver
//! operating characteristic, and the share that is called unlike.

use candle_core::Device;
use sfumato::inference::features;
use sfumato::models::{Fit, load};
use sfumato::train::Case;
use std::error::Error;
use std::path::Path;

/// Slices of a volume that are looked at.
const SLICES: usize = 12;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, sets @ ..] = arguments.as_slice() else {
        return Err("MODEL FOLDER:SPLIT ...".into());
    };
    let loaded = load(model, &Device::Cpu)?;
    let shape = loaded.header.network.shape();
    let familiarity = loaded.header.familiarity.as_ref().ok_or("the model does not say")?;
    let readers = ["labels", "labels_reader1", "labels_rater1"].map(str::to_owned);
    let (mut own, mut others) = (Vec::new(), Vec::new());
    for (index, set) in sets.iter().enumerate() {
        let (folder, split) = set.split_once(':').ok_or("a set is FOLDER:SPLIT")?;
        let mut fits: Vec<Fit> = Vec::new();
        for case in Case::list(Path::new(folder), split, &readers)? {
            let volume = sfumato::io::open(&case.image)?;
            let seen = features(&loaded.network, &shape, &loaded.card, &volume, SLICES)?;
            fits.extend(familiarity.fit(&seen));
        }
        let unlike = fits.iter().filter(|f| f.unlike).count();
        let distances: Vec<f64> = fits.iter().map(|f| f.distance).collect();
        let name = Path::new(folder).file_name().unwrap_or_default().to_string_lossy();
        print!("{model} {name}:{split} {} pictures, {unlike} unlike", distances.len());
        if index == 0 {
            own = distances;
            println!(" (its own)");
        } else {
            println!(", AUROC {:.4}", area(&own, &distances));
            others.extend(distances);
        }
    }
    println!("{model} all others {} pictures, AUROC {:.4}", others.len(), area(&own, &others));
    Ok(())
}

/// How often one of `far` is further than one of `near`; a tie counts half.
fn area(near: &[f64], far: &[f64]) -> f64 {
    let won = |f: &f64, n: &f64| if f > n { 1.0 } else { f64::from(u8::from(f == n)) / 2.0 };
    let sum: f64 = far.iter().map(|f| near.iter().map(|n| won(f, n)).sum::<f64>()).sum();
    sum / (near.len() * far.len()) as f64
}
