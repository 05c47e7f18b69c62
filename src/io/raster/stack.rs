//! What microscopy programs write into the description of a TIFF file: how its pages are slices,
//! channels and time points, and how far apart the pixels are. `ImageJ`'s lines of `key=value`, and
//! the `Pixels` element of OME-XML (OME model, 2016-06).

/// Slices, channels and time points of a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stack {
    pub(super) program: &'static str,
    pub(super) slices: usize,
    pub(super) channels: usize,
    pub(super) frames: usize,
    /// Page of each slice, slices fastest, then time points, then channels. `None` if the description
    /// does not fit the pages.
    pub(super) pages: Option<Vec<usize>>,
    /// Distance of columns, rows and slices, mm.
    pub(super) spacing_mm: [Option<f64>; 3],
}

/// A description, what the file's resolution is in pixels per unit, its pages, and how many channels
/// each page holds.
pub(super) fn read(
    text: &str,
    per_unit: Option<[f64; 2]>,
    pages: usize,
    samples: usize,
) -> Option<Stack> {
    if text.starts_with("ImageJ=") {
        return Some(imagej(text, per_unit, pages));
    }
    let pixels = element(text.get(text.find("<OME")?..)?, "Pixels")?;
    ome(text, pixels, pages, samples)
}

/// A length that can be meant: finite and not 0.
fn length(value: f64, unit_mm: f64) -> Option<f64> {
    let mm = value.abs() * unit_mm;
    (1e-9..=1e6).contains(&mm).then_some(mm)
}

/// Millimetres of a unit of length, `None` for pixels and what is not known.
fn unit_mm(name: &str) -> Option<f64> {
    let name = name.trim().trim_matches('"').to_lowercase();
    // Both letters of Unicode, and how Java and XML escape them.
    let name = name.replace("\\u00b5", "µ").replace("&#181;", "µ").replace("&#xb5;", "µ");
    Some(match name.replace('μ', "µ").as_str() {
        "m" | "meter" | "metre" => 1e3,
        "cm" | "centimeter" | "centimetre" => 10.0,
        "mm" | "millimeter" | "millimetre" => 1.0,
        "µm" | "um" | "micron" | "microns" | "micrometer" | "micrometre" => 1e-3,
        "nm" | "nanometer" | "nanometre" => 1e-6,
        "å" | "angstrom" => 1e-7,
        "in" | "inch" | "inches" => 25.4,
        _ => return None,
    })
}

/// `ImageJ` counts channels fastest, then slices, then frames.
fn imagej(text: &str, per_unit: Option<[f64; 2]>, pages: usize) -> Stack {
    let value = |key: &str| {
        text.lines().find_map(|line| line.split_once('=').filter(|(k, _)| k.trim() == key))
    };
    let count = |key: &str| value(key).and_then(|(_, v)| v.trim().parse::<usize>().ok());
    let [channels, frames] = ["channels", "frames"].map(|key| count(key).unwrap_or(1).max(1));
    let images = count("images").unwrap_or(1).max(1);
    let others = channels.saturating_mul(frames);
    let slices = count("slices").unwrap_or(images / others).max(1);
    let fits = images == pages && others.checked_mul(slices) == Some(pages);
    let unit = value("unit").and_then(|(_, v)| unit_mm(v));
    let plane = |axis: usize| length(per_unit?[axis].recip(), unit?);
    let apart = || length(value("spacing")?.1.trim().parse().ok()?, unit?);
    Stack {
        program: "ImageJ",
        slices,
        channels,
        frames,
        pages: fits.then(|| {
            let page = |c: usize, t: usize, z: usize| c + channels * (z + slices * t);
            in_order([channels, frames, slices], page)
        }),
        spacing_mm: [plane(0), plane(1), apart()],
    }
}

/// The numbers of pages, slices fastest, then frames, then channels.
fn in_order(counts: [usize; 3], page: impl Fn(usize, usize, usize) -> usize) -> Vec<usize> {
    let [channels, frames, slices] = counts;
    let of = |i: usize| page(i / (slices * frames), i / slices % frames, i % slices);
    (0..channels * frames * slices).map(of).collect()
}

fn ome(text: &str, pixels: &str, pages: usize, samples: usize) -> Option<Stack> {
    let count = |name: &str| attribute(pixels, name)?.parse::<usize>().ok().filter(|n| *n > 0);
    let [slices, frames] = ["SizeZ", "SizeT"].map(|name| count(name).unwrap_or(1));
    let all = count("SizeC").unwrap_or(1);
    // Colours, or channels that lie side by side in each pixel, are no pages.
    let channels = if all.is_multiple_of(samples) { all / samples } else { all };
    let total = slices.checked_mul(frames)?.checked_mul(channels)?;
    let order = attribute(pixels, "DimensionOrder").unwrap_or("XYCZT");
    let size = |letter: char| match letter {
        'C' => channels,
        'Z' => slices,
        _ => frames,
    };
    // Pages from one index of an axis to the next.
    let step = |letter: char| -> usize {
        order.chars().skip(2).take_while(|l| *l != letter).map(size).product()
    };
    let plain = |c: usize, t: usize, z: usize| c * step('C') + t * step('T') + z * step('Z');
    let fits = total <= pages && ['C', 'T', 'Z'].iter().all(|l| order.contains(*l));
    let place = fits.then(|| {
        let mut place = in_order([channels, frames, slices], plain);
        let mut at = vec![0; place.len()];
        for (i, plane) in place.iter().enumerate() {
            at[*plane] = i;
        }
        let start = text.find("<Pixels").unwrap_or_default();
        let end = text.find("</Pixels>").unwrap_or(text.len());
        let mut rest = text.get(start..end).unwrap_or_default();
        // Where the pages of the file are named one by one, they need not lie in that order.
        while let Some(tag) = element(rest, "TiffData") {
            let number = |name: &str| attribute(tag, name).and_then(|v| v.parse::<usize>().ok());
            let first = ["FirstC", "FirstT", "FirstZ"].map(|name| number(name).unwrap_or(0));
            let [c, t, z] = [first[0] / samples, first[1], first[2]];
            let (page, from) = (number("IFD"), plain(c, t, z));
            let many = number("PlaneCount").unwrap_or(if page.is_some() { 1 } else { total });
            for (i, at) in at.iter().skip(from).take(many).enumerate() {
                place[*at] = page.unwrap_or(0).saturating_add(i);
            }
            rest = rest.get(rest.find("<TiffData")? + 9..)?;
        }
        Some(place)
    });
    let distance = |axis: &str| {
        let value = attribute(pixels, &format!("PhysicalSize{axis}"))?.parse().ok()?;
        let unit = attribute(pixels, &format!("PhysicalSize{axis}Unit"));
        length(value, unit.map_or(Some(1e-3), unit_mm)?)
    };
    let spacing_mm = ["X", "Y", "Z"].map(distance);
    let pages = place.flatten().filter(|place| distinct(place, pages));
    Some(Stack { program: "OME", slices, channels, frames, pages, spacing_mm })
}

/// Whether each is a page of the file, and none comes twice.
fn distinct(place: &[usize], pages: usize) -> bool {
    let mut sorted = place.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).all(|w| w[0] != w[1]) && sorted.last().is_none_or(|last| *last < pages)
}

/// What stands between `<name` and `>` of the first such element.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let from = text.find(&format!("<{name} ")).or_else(|| text.find(&format!("<{name}/")))?;
    let tag = text.get(from..)?;
    tag.get(..tag.find('>')?)
}

/// The value of an attribute in quotes.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = tag;
    loop {
        let at = rest.find(name)?;
        let (before, after) = rest.split_at(at);
        let after = after.get(name.len()..)?;
        let value = after.trim_start().strip_prefix('=').map(str::trim_start);
        if before.ends_with(char::is_whitespace)
            && let Some(value) = value
        {
            let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            return value.get(1..)?.split(quote).next();
        }
        rest = after;
    }
}
