//! Where to look: ranked, walked through, reviewed, decided.

use super::{compared, findings, with_parted};
use crate::window::*;
use eframe::egui::{Key, Modifiers};
use sfumato::app::{Disputed, EditCommand, Operation, ResultCommand, wording};

fn chosen(w: &Window) -> Option<(usize, usize)> {
    let entry = w.session().results().chosen()?;
    entry.review.chosen(findings(w).id)
}

#[test]
fn the_regions_are_listed_with_what_is_at_stake_and_n_leads_to_the_next() {
    let mut w = with_parted(10);
    let f = findings(&w);
    let regions = &f.classes[0].regions;
    assert_eq!((regions.ranked.len(), regions.rest), (2, 1));
    let listed: usize = regions.ranked.iter().map(|r| r.voxels.len()).sum();
    assert_eq!(listed + regions.rest, regions.disputed);
    assert_eq!([regions.ranked[0].target, regions.ranked[1].target], [[60, 60, 0], [200, 60, 0]]);
    for said in ["Where to look: optic disc", "0 of 2 reviewed", "px thick", "rest, in no region"] {
        assert!(w.has(said), "{said}: {:?}", w.texts());
    }
    let bare = w.view_pixels();
    w.press(Modifiers::NONE, Key::N);
    assert_eq!(chosen(&w), Some((0, 0)));
    assert_eq!(w.session().document().unwrap().view.voxel, [60, 60, 0]);
    assert!(difference(&bare, &w.view_pixels()) > 50, "its outline is drawn");
    w.press(Modifiers::NONE, Key::N);
    assert_eq!(w.session().document().unwrap().view.voxel, [200, 60, 0]);
    w.press(Modifiers::NONE, Key::N);
    assert_eq!(chosen(&w), Some((0, 0)), "round again");
    w.press(Modifiers::SHIFT, Key::N);
    assert_eq!(chosen(&w), Some((0, 1)));
    // The other class parts nowhere.
    w.press(Modifiers::NONE, Key::Period);
    assert!(w.has("nowhere: no sample parts"), "{:?}", w.texts());
    w.press(Modifiers::NONE, Key::N);
    assert!(w.has("there is a region to look at"));
}

#[test]
fn a_tick_says_that_a_person_has_looked_and_belongs_to_these_samples() {
    let mut w = with_parted(10);
    w.press_button("Region 1 reviewed");
    assert!(w.has("1 of 2 reviewed"));
    w.apply(ResultCommand::Include { result: 1, member: 9, included: false });
    compared(&mut w);
    assert!(w.has("0 of 2 reviewed"), "{:?}", w.texts());
    w.press(Modifiers::NONE, Key::N);
    w.apply(ResultCommand::IncludeAll(1));
    compared(&mut w);
    assert!(w.has("1 of 2 reviewed"));
    assert_eq!(chosen(&w), None, "a region of other samples is no longer chosen");
    w.press_button("Region 1 reviewed");
    assert!(w.has("0 of 2 reviewed"));
    // What is not there changes nothing.
    w.apply(ResultCommand::Review { result: 1, region: (0, 9), reviewed: true });
    w.apply(ResultCommand::ShowRegion { result: 1, region: Some((7, 0)) });
    assert!(w.has("0 of 2 reviewed") && chosen(&w).is_none());
}

#[test]
fn edit_15_in_the_chosen_region_the_person_decides_and_nothing_else_changes() {
    let mut w = with_parted(10);
    let f = findings(&w);
    let region = f.classes[0].regions.ranked[1].clone();
    w.apply(ResultCommand::ShowRegion { result: 1, region: Some((0, 1)) });
    assert!(w.has("In region 2"));
    // The slider asks for the mask to be taken over, then shows what would change.
    w.apply(EditCommand::Accept { edit: false });
    let before = w.session().editing().mask().unwrap().layer().voxels().to_vec();
    let place = Disputed::Ranked(1);
    w.apply(EditCommand::Run(Operation::AtLeast { class: 0, samples: 6, region: place }));
    w.until("it is shown", |a| a.session.editing().prepared().is_some());
    assert!(w.has("Apply here"), "{:?}", w.texts());
    w.press_button("Apply here");
    let after = w.session().editing().mask().unwrap().layer().voxels().to_vec();
    let changed: Vec<u32> =
        (0u32..).zip(before.iter().zip(&after)).filter(|(_, (a, b))| a != b).map(|c| c.0).collect();
    // Five of ten include it: the majority has it, six of ten have not.
    assert_eq!(changed, region.voxels);
    w.apply(EditCommand::Run(Operation::Member { class: 0, member: 1, region: place }));
    w.until("it is shown", |a| a.session.editing().prepared().is_some());
    w.press_button("Apply here");
    let again = w.session().editing().mask().unwrap().layer().voxels().to_vec();
    assert_eq!(again, before, "as sample 2, which includes it");
}

#[test]
fn display_text_where_to_look() {
    for n in [1, 2, 5, 10] {
        let mut w = with_parted(n);
        w.press(Modifiers::NONE, Key::N);
        let wanted: &[&str] = match n {
            1 => &["one sample, no spread"],
            _ => &["reviewed", "thick", "not calibrated"],
        };
        for said in wanted {
            assert!(w.has(said), "{n} samples: {said} in {:?}", w.texts());
        }
        for text in w.texts() {
            let lower = text.to_lowercase().replace("uncertain", "");
            for word in wording::FORBIDDEN {
                assert!(!lower.contains(word), "'{word}' in '{text}'");
            }
        }
    }
}
