//! Single writes of every key, one after the other, and what they leave.

use livemove_core::item::Key;
use livemove_core::ports::Returning;
use livemove_core::testing::block_on;
use livemove_core::write::{Change, WriteRequest, write};

use crate::answers::{holds_the_same, same};
use crate::fates::keys;
use crate::plain;
use crate::scene::Cell;
use crate::variety::{CONDITIONS, NO_CONDITIONS, request};

/// Makes a write of every key, with each condition and each way to answer, in everything that the phase may be found
/// in, and compares answers and what is left.
pub(crate) fn with_every_condition(cell: Cell, change: impl Fn(&Key) -> Change, returnings: &[Returning]) {
    for (returning, condition) in returnings.iter().cycle().zip(CONDITIONS) {
        let (made, refused) = of_every_key(cell, |key| request(key.clone(), change(key), Some(condition), *returning));
        assert!(made > 0 && refused > 0, "{condition}: {made} made, {refused} refused");
    }
    for condition in NO_CONDITIONS {
        let (made, _) =
            of_every_key(cell, |key| request(key.clone(), change(key), Some(condition), Returning::Nothing));
        assert_eq!(made, 0, "{condition}");
    }
    for returning in returnings {
        of_every_key(cell, |key| request(key.clone(), change(key), None, *returning));
    }
}

/// Makes a write of every key, one after the other; answers how many were made and how many were refused.
pub(crate) fn of_every_key(cell: Cell, request: impl Fn(&Key) -> WriteRequest) -> (usize, usize) {
    let (mut made, mut refused) = (0, 0);
    for scene in cell.scenes() {
        for request in keys().iter().map(&request) {
            let answer = scene.ask(|state| block_on(write(scene.pair(), state, &request)));
            match same(&scene, &request, answer, plain::write(&scene.journey.plain, &request)) {
                true => refused += 1,
                false => made += 1,
            }
        }
        holds_the_same(scene, &request(&keys()[0]));
    }
    (made, refused)
}
