use super::*;
use crate::io::dicom::tests::element;
use crate::io::export::{AlgorithmType, Authorship, Segment, SegmentationKind, write_seg};
use std::path::Path;

/// Sets, bytes of a name, and what they mean: the examples of PS3.5 annexes H to K, and others.
const NAMES: [(&str, &[u8], &str); 19] = [
    ("", b"Plain^Name", "Plain^Name"),
    ("ISO_IR 100", b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
    ("ISO_IR 101", b"Wa\xb3\xeasa", "Wałęsa"),
    ("ISO_IR 126", b"\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος"),
    ("ISO_IR 144", b"\xbb\xee\xda", "Люк"),
    ("ISO_IR 148", b"\xdeahin^\xddz", "Şahin^İz"),
    ("ISO_IR 166", b"\xb9\xd2\xc2", "นาย"),
    ("ISO_IR 192", "Wang^小东=王^小东".as_bytes(), "Wang^小东=王^小东"),
    // The second byte of the last character is a backslash.
    ("GB18030", b"Wang^Xiao=\xcd\xf5^\xd0\xa1\x81\x5c", "Wang^Xiao=王^小乗"),
    ("GBK", b"\xcd\xf5", "王"),
    (
        "\\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    (
        "ISO 2022 IR 13\\ISO 2022 IR 87",
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎",
    ),
    // The second byte is a backslash here too; then a character of JIS X 0212.
    ("ISO 2022 IR 6\\ISO 2022 IR 87\\ISO 2022 IR 159", b"\x1b$B0\\\x1b$(D0!\x1b(B^A", "移丂^A"),
    (
        "\\ISO 2022 IR 149",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        "Hong^Gildong=洪^吉洞=홍^길동",
    ),
    // Not as the standard has it, but common: no escape sequence, or none after the first.
    ("ISO 2022 IR 149", b"\xc8\xab^\xb1\xe6", "홍^길"),
    ("\\ISO 2022 IR 149", b"\x1b$)C\xc8\xab^\xb1\xe6", "홍^길"),
    ("\\ISO 2022 IR 58", b"Zhang=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab", "Zhang=张^小东"),
    (
        "ISO 2022 IR 100\\ISO 2022 IR 144\\ISO 2022 IR 126",
        b"J\xe9r\xf4me=\x1b-L\xbb\xee\xda^\xe9=\x1b-F\xc4\xe9\xef",
        "Jérôme=Люк^é=Διο",
    ),
    ("ISO_IR_100", b"\xe9", "é"),
];

fn picture(sets: &str, name: &[u8]) -> Vec<u8> {
    let text = |g, n, vr: &[u8; 2], s: &str| element(g, n, vr, s.as_bytes());
    let us = |n, v: u16| element(0x28, n, b"US", &v.to_le_bytes());
    let meta = text(2, 0x10, b"UI", "1.2.840.10008.1.2.1");
    let body = [
        text(8, 5, b"CS", sets),
        text(8, 0x16, b"UI", "1.2.840.10008.5.1.4.1.1.7"),
        text(8, 0x18, b"UI", "1.2.3.4"),
        text(8, 0x103e, b"LO", "series"),
        element(0x10, 0x10, b"PN", name),
        text(0x20, 0xd, b"UI", "1.2.3"),
        text(0x20, 0xe, b"UI", "1.2.3.1"),
        us(2, 1),
        text(0x28, 4, b"CS", "MONOCHROME2"),
        us(0x10, 2),
        us(0x11, 2),
        us(0x100, 8),
        us(0x101, 8),
        us(0x102, 7),
        us(0x103, 0),
        element(0x7fe0, 0x10, b"OB", &[0, 1, 2, 3]),
    ];
    [vec![0; 128], b"DICM".to_vec(), meta, body.concat()].concat()
}

/// The value of Patient's Name in a file of ours.
fn name_in(path: &Path) -> String {
    let bytes = std::fs::read(path).expect("readable");
    assert!(bytes.windows(10).any(|w| w == b"ISO_IR 192"));
    let head = [0x10, 0, 0x10, 0, b'P', b'N'];
    let at = bytes.windows(6).position(|w| w == head).expect("a name");
    let length = usize::from(u16::from_le_bytes([bytes[at + 6], bytes[at + 7]]));
    String::from_utf8(bytes[at + 8..at + 8 + length].to_vec()).expect("UTF-8")
}

#[test]
fn names_of_every_character_set_are_kept_in_an_export() {
    let dir = tempfile::tempdir().expect("temp dir");
    let (from, to) = (dir.path().join("a.dcm"), dir.path().join("m.dcm"));
    for (sets, bytes, name) in NAMES {
        std::fs::write(&from, picture(sets, bytes)).expect("written");
        let v = crate::io::open(&from).unwrap_or_else(|e| panic!("{sets}: {e}"));
        let list =
            [Segment { name: "Schädel λ", number: 1, color: [9; 3], values: &[1, 0, 0, 1] }];
        let by = Authorship {
            algorithm: AlgorithmType::Manual,
            algorithm_name: "test",
            algorithm_version: "1",
            description: "test",
            provenance: "test",
            cautions: &[],
            keep_identity: true,
            overwrite: true,
        };
        write_seg(&to, v.geometry(), &v.source, &list, SegmentationKind::Binary, &by)
            .unwrap_or_else(|e| panic!("{sets}: {e}"));
        assert_eq!(name_in(&to).trim_end(), name, "{sets}");
        let mask = crate::io::read_mask(&to, Some(&v)).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(mask.table.0[0].name, "Schädel λ");
    }
}

#[test]
fn the_order_of_bytes_and_the_kind_of_headers_do_not_matter() {
    let value = b"\\ISO 2022 IR 87 ";
    let length = value.len() as u8;
    let explicit = [&[8, 0, 5, 0, b'C', b'S', length, 0], &value[..]].concat();
    let implicit = [&[8, 0, 5, 0, length, 0, 0, 0], &value[..]].concat();
    let big = [&[0, 8, 0, 5, b'C', b'S', 0, length], &value[..]].concat();
    let before = [8, 0, 1, 0, b'U', b'L', 4, 0, 1, 2, 3, 4];
    let of = |mut bytes: Vec<u8>, encoding| set_aside(&mut bytes, encoding);
    let found = Some(CharacterSets(Whole::Iso2022(High::Unknown)));
    assert_eq!(of(explicit.clone(), Encoding::EXPLICIT), found);
    assert_eq!(of([&before[..], &explicit].concat(), Encoding::EXPLICIT), found);
    assert_eq!(of(implicit, Encoding::IMPLICIT), found);
    assert_eq!(of(big, Encoding { explicit: true, big_endian: true }), found);
    assert_eq!(of(explicit[..12].to_vec(), Encoding::EXPLICIT), None);
    assert_eq!(of(Vec::new(), Encoding::EXPLICIT), None);
}

#[test]
fn what_is_not_in_the_set_becomes_a_mark() {
    let decode = |sets: &str, bytes: &[u8]| CharacterSets::of(sets.as_bytes()).decode(bytes, true);
    assert_eq!(decode("ISO_IR 192", b"a\xff"), "a\u{fffd}");
    assert_eq!(decode("GB18030", b"\xff\x80a\x81"), "\u{fffd}\u{fffd}a\u{fffd}");
    assert_eq!(decode("\\ISO 2022 IR 149", b"\x1b$)C\xc8"), "\u{fffd}");
    assert_eq!(decode("\\ISO 2022 IR 87", b"\x1b$B;\x1b(Ba\x1b"), ";a\u{1b}");
    assert_eq!(decode("nonsense", b"\xe9"), "é");
}
