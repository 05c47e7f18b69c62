//! Files that carry one identifier though it should be theirs alone: copies count once, what differs
//! in place or pixels is kept.

use super::read::all_frames;
use super::scanned::Scanned;
use crate::io::error::Refusal;
use crate::io::watch::Watch;
use crate::volume::Notice;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Files of one SOP Instance UID that lie at one place.
type Shared = BTreeMap<Vec<u64>, Vec<usize>>;

/// Takes the copies out: same identifier, same place, same pixels.
pub(super) fn without_copies(
    files: Vec<Scanned>,
    watch: &Watch<'_>,
    notices: &mut Vec<Notice>,
) -> Result<Vec<Scanned>, Refusal> {
    let mut first: HashMap<&str, usize> = HashMap::new();
    let mut shared: BTreeMap<usize, Shared> = BTreeMap::new();
    for (i, file) in files.iter().enumerate().filter(|(_, f)| !f.instance.is_empty()) {
        let one = *first.entry(&file.instance).or_insert(i);
        if one != i {
            let places = shared.entry(one).or_insert_with(|| {
                files.get(one).map(|f| (place(f), vec![one])).into_iter().collect()
            });
            places.entry(place(file)).or_default().push(i);
        }
    }
    drop(first);
    let mut copies: HashSet<usize> = HashSet::new();
    let (mut names, mut kept) = (0, 0);
    for places in shared.values() {
        let mut different = 0;
        for alike in places.values() {
            let left = distinct(&files, alike, watch)?;
            copies.extend(alike.iter().copied().filter(|i| !left.contains(i)));
            different += left.len();
        }
        if different > 1 {
            names += 1;
            kept += different;
        }
    }
    if !copies.is_empty() {
        notices.push(Notice::note(format!("{} files are copies of others", copies.len())));
    }
    if names > 0 {
        notices.push(Notice::amber(format!(
            "identifiers are not unique: {kept} files with other places or pixels share {names} SOP \
             Instance UIDs; all of them are kept"
        )));
    }
    let mut i = 0;
    Ok(files
        .into_iter()
        .filter(|_| {
            i += 1;
            !copies.contains(&(i - 1))
        })
        .collect())
}

/// Size and places of the picture, to be compared.
fn place(file: &Scanned) -> Vec<u64> {
    let Ok(picture) = &file.picture else { return Vec::new() };
    let l = &picture.layout;
    let mut key = vec![l.rows as u64, l.columns as u64, l.frames as u64];
    for p in &picture.planes {
        let numbers = p.position.into_iter().flatten();
        let numbers = numbers.chain(p.orientation.into_iter().flatten().flatten());
        let numbers = numbers.chain([p.rescale.0, p.rescale.1]);
        // Negative zero is zero.
        key.extend(numbers.map(|v| (v + 0.0).to_bits()));
    }
    key
}

/// The first file of each different content. One that cannot be decoded is taken for a copy.
fn distinct(files: &[Scanned], alike: &[usize], watch: &Watch<'_>) -> Result<Vec<usize>, Refusal> {
    if alike.len() < 2 {
        return Ok(alike.to_vec());
    }
    let contents: Vec<(usize, Option<[u8; 32]>)> = alike
        .par_iter()
        .map(|&i| {
            watch.check()?;
            let content = files.get(i).and_then(|f| {
                let mut hash = Sha256::new();
                all_frames(f, |v| {
                    for i in 0..v.len() {
                        for c in 0..v.channels() {
                            hash.update(v.stored(i, c).to_bits().to_le_bytes());
                        }
                    }
                })
                .ok()?;
                let digest: [u8; 32] = hash.finalize().into();
                Some(digest)
            });
            Ok((i, content))
        })
        .collect::<Result<_, Refusal>>()?;
    let mut seen = HashSet::new();
    let mut left: Vec<usize> = contents
        .iter()
        .filter(|(_, c)| c.is_some_and(|c| seen.insert(c)))
        .map(|(i, _)| *i)
        .collect();
    if left.is_empty() {
        left.extend(alike.first());
    }
    Ok(left)
}
