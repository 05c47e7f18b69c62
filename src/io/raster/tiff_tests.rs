//! TIFF files made byte by byte: what they say about their pages, and what is refused.

use super::tests::decode;
use crate::volume::{LengthUnit, Severity, Volume, Voxels};
use image::ImageFormat;

const SHORT: u16 = 3;

/// Tag, type, number of values, their bytes.
type Entry = (u16, u16, u32, Vec<u8>);

#[derive(Clone)]
struct Page {
    width: u16,
    height: u16,
    entries: Vec<Entry>,
    pixels: Vec<u8>,
}

impl Page {
    /// Grey of so many bits, `format` 1 whole, 2 signed, 3 floats.
    fn grey(width: u16, height: u16, bits: u16, format: u16, pixels: Vec<u8>) -> Self {
        let page = Self { width, height, entries: Vec::new(), pixels };
        page.with(258, &[bits]).with(339, &[format]).with(262, &[1])
    }

    fn channels(width: u16, height: u16, bits: &[u16], colour: u16, pixels: Vec<u8>) -> Self {
        let page = Self { width, height, entries: Vec::new(), pixels };
        page.with(258, bits).with(277, &[bits.len() as u16]).with(262, &[colour])
    }

    fn with(mut self, tag: u16, values: &[u16]) -> Self {
        self.entries.retain(|e| e.0 != tag);
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.entries.push((tag, SHORT, values.len() as u32, bytes));
        self
    }

    fn described(mut self, text: &str) -> Self {
        let bytes = [text.as_bytes(), &[0]].concat();
        self.entries.push((270, 2, bytes.len() as u32, bytes));
        self
    }

    fn resolution(mut self, x: u32, y: u32) -> Self {
        for (tag, n) in [(282, x), (283, y)] {
            let bytes = [n.to_le_bytes(), 1u32.to_le_bytes()].concat();
            self.entries.push((tag, 5, 1, bytes));
        }
        self.with(296, &[1])
    }
}

fn file(pages: &[Page]) -> Vec<u8> {
    let mut out = b"II\x2a\0\x08\0\0\0".to_vec();
    for (i, page) in pages.iter().enumerate() {
        let long = |v: u32| v.to_le_bytes().to_vec();
        let mut entries = page.entries.clone();
        entries.push((256, SHORT, 1, page.width.to_le_bytes().to_vec()));
        entries.push((257, SHORT, 1, page.height.to_le_bytes().to_vec()));
        if !entries.iter().any(|e| e.0 == 259) {
            entries.push((259, SHORT, 1, vec![1, 0]));
        }
        // One strip for each plane.
        let value = |tag: u16| entries.iter().find(|e| e.0 == tag).map(|e| u16::from(e.3[0]));
        let strips = if value(284) == Some(2) { value(277).unwrap_or(1) } else { 1 };
        let at = |n: usize| (out.len() + 2 + 12 * n + 4) as u32;
        let n = entries.len() + 3;
        let each = page.pixels.len() as u32 / u32::from(strips);
        let offsets = (0..u32::from(strips)).flat_map(|s| long(at(n) + s * each)).collect();
        let counts = (0..strips).flat_map(|_| long(each)).collect();
        entries.push((273, 4, strips.into(), offsets));
        entries.push((279, 4, strips.into(), counts));
        entries.push((278, SHORT, 1, page.height.to_le_bytes().to_vec()));
        entries.sort_by_key(|e| e.0);
        let mut behind = page.pixels.clone();
        let mut directory = (n as u16).to_le_bytes().to_vec();
        for (tag, kind, count, bytes) in entries {
            directory.extend(tag.to_le_bytes());
            directory.extend(kind.to_le_bytes());
            directory.extend(count.to_le_bytes());
            if bytes.len() > 4 {
                directory.extend(long(at(n) + behind.len() as u32));
                behind.extend(bytes);
            } else {
                directory.extend(&bytes);
                directory.resize(directory.len() + 4 - bytes.len(), 0);
            }
        }
        let next = at(n) + behind.len() as u32;
        directory.extend(long(if i + 1 < pages.len() { next } else { 0 }));
        out.extend(directory);
        out.extend(behind);
    }
    out
}

fn open(pages: &[Page]) -> Volume {
    decode(&file(pages), ImageFormat::Tiff).unwrap_or_else(|e| panic!("{e}"))
}

fn refused(page: Page) -> String {
    decode(&file(&[page]), ImageFormat::Tiff).expect_err("refused").to_string()
}

fn amber(v: &Volume, words: &str) -> bool {
    v.notices.iter().any(|n| n.severity == Severity::Amber && n.text.contains(words))
}

/// Pages of 3 x 2 pixels of 16 bits; page `i` begins with 100 `i`.
fn counted(pages: u16, description: &str) -> Vec<Page> {
    let page = |i: u16| {
        let pixels = (0..6).flat_map(|k| (100 * i + k).to_le_bytes()).collect();
        let page = Page::grey(3, 2, 16, 1, pixels).resolution(4, 2);
        if i == 0 { page.described(description) } else { page }
    };
    (0..pages).map(page).collect()
}

/// The page that a slice of the volume came from.
fn page_at(v: &Volume, slice: usize, time: usize) -> usize {
    assert_eq!(v.value([2, 1, slice], time, 0) % 100.0, 5.0);
    (v.value([0, 0, slice], time, 0) / 100.0) as usize
}

#[test]
fn every_kind_of_number_is_shown_upright() {
    let (w, h) = (3usize, 2usize);
    // Where the upright pixel (x, y) lies in the stored picture (TIFF 6.0, tag 274).
    let from = |o: u16, x: usize, y: usize| match o {
        2 => (w - 1 - x, y),
        3 => (w - 1 - x, h - 1 - y),
        4 => (x, h - 1 - y),
        5 => (y, x),
        6 => (y, h - 1 - x),
        7 => (w - 1 - y, h - 1 - x),
        8 => (w - 1 - y, x),
        _ => (x, y),
    };
    let values: Vec<u8> = (1..=6).collect();
    macro_rules! bytes {
        ($t:ty) => {
            values.iter().flat_map(|v| <$t>::from(*v).to_le_bytes()).collect::<Vec<u8>>()
        };
    }
    let thrice = |one: Vec<u8>, size: usize| one.chunks(size).flat_map(|c| c.repeat(3)).collect();
    let half: Vec<u8> =
        [0x3c00u16, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600].map(u16::to_le_bytes).concat();
    let pages = [
        Page::grey(3, 2, 8, 1, values.clone()),
        Page::grey(3, 2, 8, 2, values.clone()),
        Page::grey(3, 2, 16, 1, bytes!(u16)),
        Page::grey(3, 2, 16, 2, bytes!(i16)),
        Page::grey(3, 2, 16, 3, half),
        Page::grey(3, 2, 32, 1, bytes!(u32)),
        Page::grey(3, 2, 32, 2, bytes!(i32)),
        Page::grey(3, 2, 32, 3, bytes!(f32)),
        Page::grey(3, 2, 64, 1, bytes!(u64)),
        Page::grey(3, 2, 64, 2, bytes!(i64)),
        Page::grey(3, 2, 64, 3, bytes!(f64)),
        Page::channels(3, 2, &[8; 3], 2, thrice(values.clone(), 1)),
        Page::channels(3, 2, &[16; 3], 2, thrice(bytes!(u16), 2)),
    ];
    for page in pages {
        let bits = page.entries[0].3[0];
        for o in 1..=8 {
            let page = page.clone().with(274, &[o]).resolution(50, 100).with(296, &[3]);
            for count in [1, 2] {
                let v = open(&vec![page.clone(); count]);
                let size = if o > 4 { [2, 3, count] } else { [3, 2, count] };
                assert_eq!(v.geometry().shape(), size, "{bits} {o}");
                assert_eq!(v.notices.iter().any(|n| n.text.contains("upright")), o > 1);
                let s = v.geometry().spacing();
                assert!((s[usize::from(o > 4)] - 0.2).abs() < 1e-9, "{s:?}");
                for (x, y) in (0..size[0]).flat_map(|x| (0..size[1]).map(move |y| (x, y))) {
                    let (sx, sy) = from(o, x, y);
                    let expected = f64::from(values[sx + 3 * sy]);
                    for c in 0..v.channels() {
                        let found = v.value([x, y, count - 1], 0, c);
                        assert_eq!(found, expected, "{bits} {o} {x} {y}");
                    }
                }
            }
        }
    }
}

#[test]
fn few_bits_are_spread_over_a_byte() {
    // Two rows of 5 pixels, each from a new byte on: 0, 1, 1, 0, 1 and 1, 0, 0, 0, most.
    for (bits, packed) in [
        (1, vec![0b0110_1000, 0b1000_1000]),
        (2, vec![0b0001_0100, 0b0100_0000, 0b0100_0000, 0b1100_0000]),
        (4, vec![0x01, 0x10, 0x10, 0x10, 0x00, 0xf0]),
    ] {
        let one = 255 / ((1u16 << bits) - 1);
        let page = Page::grey(5, 2, bits, 1, packed);
        let v = open(std::slice::from_ref(&page));
        let expected = [0, one, one, 0, one, one, 0, 0, 0, 255].map(|v| v as u8);
        assert_eq!(v.voxels(), &Voxels::U8(expected.to_vec()), "{bits}");
        assert!(v.notices.iter().any(|n| n.text.contains("less than 8 bits")));
        // Upside down.
        let turned = expected.into_iter().rev().collect();
        assert_eq!(open(&[page.with(274, &[3])]).voxels(), &Voxels::U8(turned), "{bits}");
    }
}

#[test]
fn imagej_names_channels_slices_frames_and_spacing() {
    let said = "ImageJ=1.54f\nimages=12\nchannels=2\nslices=3\nframes=2\nhyperstack=true\n\
                mode=composite\nspacing=-1.5\nunit=\\u00B5m\n";
    let v = open(&counted(12, said));
    assert_eq!((v.geometry().shape(), v.times()), ([3, 2, 3], 4));
    for (c, t, z) in [(0, 0, 0), (1, 0, 0), (0, 1, 2), (1, 1, 1), (1, 0, 2)] {
        // One channel after the other; in the file channels run fastest, then slices.
        assert_eq!(page_at(&v, z, 2 * c + t), c + 2 * (z + 3 * t));
    }
    let s = v.geometry().spacing();
    for (found, expected) in s.iter().zip([0.25e-3, 0.5e-3, 1.5e-3]) {
        assert!((found - expected).abs() < 1e-12, "{s:?}");
    }
    assert_eq!(v.geometry().unit(), LengthUnit::Millimetre);
    assert!(!v.geometry().orientation_known());
    assert!(amber(&v, "2 channels are shown one after another"));

    // Only channels, only slices, only frames.
    let shapes = |said: &str| {
        let v = open(&counted(6, &format!("ImageJ=1.54f\nimages=6\n{said}")));
        (v.geometry().shape()[2], v.times(), amber(&v, "channels"))
    };
    assert_eq!(shapes("channels=6\n"), (1, 6, true));
    assert_eq!(shapes("slices=6\n"), (6, 1, false));
    assert_eq!(shapes("frames=6\n"), (1, 6, false));
    assert_eq!(shapes(""), (6, 1, false));
    assert_eq!(shapes("channels=2\n"), (3, 2, true));
    assert_eq!(shapes("channels=2\nslices=3\n"), (3, 2, true));
}

#[test]
fn units_of_length_and_what_has_none() {
    let spacing = |said: &str| {
        let v = open(&counted(2, &format!("ImageJ=1.54f\nimages=2\nslices=2\n{said}")));
        let s = v.geometry().spacing();
        let known = v.geometry().unit() == LengthUnit::Millimetre;
        (known.then_some(s), amber(&v, "distance is not known"))
    };
    for (unit, mm) in
        [("um", 1e-3), ("µm", 1e-3), ("micron", 1e-3), ("nm", 1e-6), ("mm", 1.0), ("inch", 25.4)]
    {
        let (s, warned) = spacing(&format!("unit={unit}\nspacing=3\n"));
        let s = s.expect(unit);
        assert!((s[0] / mm - 0.25).abs() < 1e-9 && (s[2] / mm - 3.0).abs() < 1e-9, "{unit} {s:?}");
        assert!(!warned);
    }
    assert_eq!(spacing("unit=pixel\nspacing=3\n"), (None, false));
    assert_eq!(spacing("spacing=3\n"), (None, false));
    let (s, warned) = spacing("unit=mm\n");
    assert!(warned && (s.expect("known")[2] - 0.25).abs() < 1e-9);
    assert!(spacing("unit=mm\nspacing=nan\n").1 && spacing("unit=mm\nspacing=0\n").1);
}

#[test]
fn a_description_that_does_not_fit_the_pages_is_not_followed() {
    for said in [
        "ImageJ=1.54f\nimages=7\nchannels=2\nslices=3\n",
        "ImageJ=1.54f\nimages=6\nchannels=2\nslices=2\n",
        "ImageJ=1.54f\nimages=6\nchannels=99999999999\nslices=99999999999\n",
        "<OME><Image><Pixels SizeC=\"5\" SizeZ=\"3\" SizeT=\"1\" DimensionOrder=\"XYCZT\"/></Image></OME>",
        "<OME><Image><Pixels SizeC=\"2\" SizeZ=\"3\" SizeT=\"1\" DimensionOrder=\"XYC\"/></Image></OME>",
        "<OME><Image><Pixels SizeC=\"2\" SizeZ=\"3\" DimensionOrder=\"XYCZT\">\
         <TiffData IFD=\"0\"/><TiffData FirstZ=\"1\" IFD=\"0\"/></Pixels></Image></OME>",
    ] {
        let v = open(&counted(6, said));
        assert_eq!((v.geometry().shape()[2], v.times()), (6, 1), "{said}");
        assert!(amber(&v, "do not fit"), "{said}");
    }
    // No description at all, or another one.
    for said in ["", "{\"shape\": [6, 2, 3]}", "<xml><OMELETTE", "<OME"] {
        let v = open(&counted(6, said));
        assert_eq!((v.geometry().shape()[2], v.times()), (6, 1), "{said}");
        assert!(!v.notices.iter().any(|n| n.severity == Severity::Amber), "{said}");
    }
}

#[test]
fn ome_names_the_order_of_its_pages() {
    for order in ["CZT", "CTZ", "ZCT", "ZTC", "TCZ", "TZC"] {
        let said = format!(
            "<?xml version=\"1.0\"?><OME xmlns=\"x\"><Image ID=\"Image:0\"><Pixels \
             DimensionOrder=\"XY{order}\" SizeX=\"3\" SizeY=\"2\" SizeC=\"2\" SizeZ=\"3\" \
             SizeT='2' PhysicalSizeX=\"0.25\" PhysicalSizeXUnit=\"µm\" PhysicalSizeY=\"500\" \
             PhysicalSizeYUnit=\"nm\" PhysicalSizeZ=\"2\"><Channel/><TiffData/></Pixels></Image></OME>"
        );
        let v = open(&counted(12, &said));
        assert_eq!((v.geometry().shape(), v.times()), ([3, 2, 3], 4));
        for (c, t, z) in [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 2)] {
            let mut step = 1;
            let mut page = 0;
            for axis in order.chars() {
                let (at, size) = match axis {
                    'C' => (c, 2),
                    'T' => (t, 2),
                    _ => (z, 3),
                };
                page += at * step;
                step *= size;
            }
            assert_eq!(page_at(&v, z, 2 * c + t), page, "{order}");
        }
        let s = v.geometry().spacing();
        for (found, expected) in s.iter().zip([0.25e-3, 0.5e-3, 2e-3]) {
            assert!((found - expected).abs() < 1e-12, "{s:?}");
        }
    }
    // Pages named one by one, and pages of a second image.
    let mut said = "<OME><Image><Pixels DimensionOrder=\"XYZCT\" SizeC=\"1\" SizeT=\"1\" \
                    SizeZ=\"3\">"
        .to_owned();
    for z in 0..3 {
        said += &format!("<TiffData FirstZ=\"{z}\" IFD=\"{}\" PlaneCount=\"1\"/>", 4 - z);
    }
    said += "</Pixels></Image><Image><Pixels SizeZ=\"3\"/></Image></OME>";
    let v = open(&counted(6, &said));
    assert_eq!((v.geometry().shape()[2], v.times()), (3, 1));
    assert_eq!([0, 1, 2].map(|z| page_at(&v, z, 0)), [4, 3, 2]);
    assert!(amber(&v, "3 of 6 pages"));
    // Colours are no channels of their own.
    let said = "<OME><Image><Pixels DimensionOrder=\"XYCZT\" SizeC=\"3\" SizeZ=\"2\" SizeT=\"1\"/>";
    let page = Page::channels(3, 2, &[8; 3], 2, (0..18).collect());
    let v = open(&[page.clone().described(said), page]);
    assert_eq!((v.geometry().shape()[2], v.times(), v.channels()), (2, 1, 3));
    assert!(!amber(&v, "fit"));
}

#[test]
fn channels_of_a_pixel_lie_side_by_side_or_plane_by_plane() {
    let chunky: Vec<u8> = (0..6).flat_map(|i| [i, 10 + i, 20 + i]).collect();
    let planar: Vec<u8> = (0..30).filter(|i| i % 10 < 6).collect();
    for (pixels, layout) in [(&chunky, 1), (&planar, 2)] {
        let colours = Page::channels(3, 2, &[8; 3], 2, pixels.clone()).with(284, &[layout]);
        let v = open(&[colours.clone(), colours]);
        assert_eq!((v.geometry().shape(), v.times(), v.channels()), ([3, 2, 2], 1, 3));
        assert_eq!([0, 1, 2].map(|c| v.value([1, 1, 1], 0, c)), [4.0, 14.0, 24.0]);
        // Three channels that are no colours.
        let grey = Page::channels(3, 2, &[8; 3], 1, pixels.clone()).with(284, &[layout]);
        let v = open(&[grey.clone().with(338, &[0, 0]), grey.clone().with(338, &[0, 0])]);
        assert_eq!((v.geometry().shape(), v.times(), v.channels()), ([3, 2, 2], 3, 1));
        assert_eq!([0, 1, 2].map(|t| v.value([1, 1, 1], t, 0)), [4.0, 14.0, 24.0]);
        assert!(amber(&v, "3 channels"));
        // Two, and transparency.
        let v = open(&[grey.with(338, &[0, 2])]);
        assert_eq!(v.times(), 2);
        assert!(v.notices.iter().any(|n| n.text.contains("transparency")));
    }
    // Grey with transparency is grey.
    let v = open(&[Page::channels(3, 2, &[8; 2], 1, vec![7; 12]).with(338, &[2])]);
    assert_eq!((v.times(), v.voxels()), (1, &Voxels::U8(vec![7; 6])));
}

#[test]
fn kinds_that_cannot_be_decoded_are_named() {
    let page = || Page::grey(3, 2, 8, 1, vec![1; 6]);
    for (number, name) in [
        (2, "CCITT run lengths (compression 2)"),
        (3, "fax, group 3"),
        (6, "JPEG of the old style"),
        (34_712, "JPEG 2000"),
        (34_887, "LERC"),
        (34_925, "LZMA"),
        (50_000, "Zstandard (compression 50000)"),
        (50_001, "WebP"),
        (50_002, "JPEG XL"),
        (12_345, "something unknown (compression 12345)"),
    ] {
        let e = refused(page().with(259, &[number]));
        assert!(e.starts_with("not supported") && e.contains(name), "{e}");
    }
    let rgb = |colour| Page::channels(3, 2, &[8; 3], colour, vec![1; 18]);
    let cases = [
        (page().with(262, &[3]), "palette"),
        (page().with(262, &[4]), "transparency alone"),
        (rgb(6), "YCbCr colours"),
        (rgb(6).with(259, &[7]), "YCbCr colours compressed as JPEG"),
        (rgb(8), "L*a*b*"),
        (page().with(262, &[32_803]), "colours of an unknown kind"),
        (Page::channels(3, 2, &[8; 4], 5, vec![1; 24]), "CMYK"),
        (Page::grey(3, 2, 12, 1, vec![1; 10]), "12 bits"),
        (Page::grey(3, 2, 64, 6, vec![1; 48]), "complex"),
        (Page::channels(3, 2, &[32; 3], 2, vec![1; 72]), "3 channels per pixel"),
        (rgb(2).with(258, &[8, 16, 8]), "different numbers of bits"),
        (page().with(317, &[3]), "predictor"),
    ];
    for (page, words) in cases {
        let e = refused(page);
        assert!(e.starts_with("not supported") && e.contains(words), "{words}: {e}");
        let structure = ["Unknown(", "Gray(", "RGB(", "Palette", "{", "["];
        assert!(!structure.iter().any(|s| e.contains(s)), "{e}");
    }
}

#[test]
fn compressed_with_a_predictor_is_as_plain() {
    use tiff::encoder::{Compression, DeflateLevel, Predictor, TiffEncoder, colortype::Gray16};
    let values: Vec<u16> = (0..600).map(|i| i * i % 977).collect();
    for compression in
        [Compression::Lzw, Compression::Deflate(DeflateLevel::Fast), Compression::Packbits]
    {
        for predictor in [Predictor::None, Predictor::Horizontal] {
            let mut out = std::io::Cursor::new(Vec::new());
            let mut encoder = TiffEncoder::new_big(&mut out)
                .expect("in memory")
                .with_compression(compression)
                .with_predictor(predictor);
            for _ in 0..2 {
                encoder.write_image::<Gray16>(30, 20, &values).expect("in memory");
            }
            let v = decode(&out.into_inner(), ImageFormat::Tiff).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(v.geometry().shape(), [30, 20, 2]);
            assert_eq!(v.voxels(), &Voxels::U16([values.clone(), values.clone()].concat()));
        }
    }
}

#[test]
fn pages_of_other_sizes_ways_up_and_kinds() {
    let page = |w: u16, h: u16| Page::grey(w, h, 8, 1, (0..w * h).map(|i| i as u8).collect());
    // The second page lies on its side, and is as large as the first once it is upright.
    let v = open(&[page(3, 2), page(2, 3).with(274, &[6]), page(2, 3), page(3, 2)]);
    assert_eq!(v.geometry().shape(), [3, 2, 3]);
    assert!(amber(&v, "1 of 4 pages"));
    assert_eq!([0, 1, 2].map(|x| v.value([x, 0, 1], 0, 0)), [4.0, 2.0, 0.0]);
    // Numbers of another kind, colours, a compression that cannot be read: left out and said.
    let signed = Page::grey(3, 2, 8, 2, vec![0; 6]);
    let colours = Page::channels(3, 2, &[8; 3], 2, vec![0; 18]);
    let v = open(&[page(3, 2), signed, colours, page(3, 2).with(259, &[50_000])]);
    assert_eq!(v.geometry().shape(), [3, 2, 1]);
    assert!(amber(&v, "3 of 4 pages"));
}
