//! What happens to a page when something changes between any two of its steps.

use std::sync::{Arc, Mutex};

use livemove_core::mark::Run;
use livemove_core::pages::{PageAnswer, PageRead, page};
use livemove_core::phase::Phase;
use livemove_core::route::Pair;
use livemove_core::testing::block_on;
use livemove_core::testing::memory::{Hook, Memory};

use crate::world::{World, gone, indexes, item, moved, n, of, own, query, s, scan, schema, state, texts};

type Act = Box<dyn FnOnce() + Send>;

/// Does something after so many steps.
#[derive(Clone, Default)]
struct At(Arc<Mutex<(usize, Option<Act>)>>);

impl Hook for At {
    async fn pause(&self) {
        let mut inner = self.0.lock().unwrap();
        inner.0 = inner.0.saturating_sub(1);
        let act = (inner.0 == 0).then(|| inner.1.take()).flatten();
        drop(inner);
        act.into_iter().for_each(|act| act());
    }
}

/// Reads a page of two tables, on which `act` is done after `steps` steps; answers whether it was.
fn page_with(
    steps: usize,
    phase: Phase,
    read: &PageRead,
    prepare: impl Fn(&Memory<At>, &Memory<At>),
    act: impl FnOnce(&Memory<At>, &Memory<At>) + Send + 'static,
) -> (PageAnswer, bool) {
    let at = At::default();
    let table = |salt| Memory::with_hook(schema(), at.clone()).with_indexes(indexes()).with_salt(salt);
    let (source, target) = (table(1), table(2));
    prepare(&source, &target);
    let (of_source, of_target) = (source.clone(), target.clone());
    *at.0.lock().unwrap() = (steps, Some(Box::new(move || act(&of_source, &of_target))));
    let world = World::new(Run(1), phase);
    let pair = Pair { source: &source, target: &target };
    let answer = block_on(page(pair, &state(Run(1), phase), &&world, read)).unwrap();
    let is_done = at.0.lock().unwrap().1.is_none();
    (answer, is_done)
}

fn reads() -> Vec<PageRead> {
    let partition = || query("pk = :p", &[(":p", s("p"))]);
    let g = || query("g = :g", &[(":g", s("g"))]);
    let mut reads = vec![partition(), scan(), of("local", partition()), of("whole", g()), of("some", g())];
    reads.extend(reads.clone().into_iter().map(|read| PageRead { limit: Some(2), ..read }));
    reads
}

fn shown(sk: &str, v: i64) -> livemove_core::item::Item {
    item("p", sk, &[("g", s("g")), ("nr", n(1)), ("v", n(v))])
}

#[test]
fn a_key_that_moves_while_a_page_is_read_is_shown_once() {
    for read in reads() {
        for steps in 1.. {
            let (answer, is_done) = page_with(
                steps,
                Phase::Handoff,
                &read,
                |source, _| {
                    source.put_raw(shown("a", 1));
                    source.put_raw(shown("b", 1));
                },
                |source, target| {
                    source.put_raw(moved(Run(1)).onto(shown("a", 1)));
                    target.put_raw(own(Run(1)).onto(shown("a", 1)));
                },
            );
            let mut found = texts(&answer.items, "sk");
            found.sort();
            assert_eq!((found, answer.scanned), (vec!["a".to_owned(), "b".to_owned()], 2), "{read:?} after {steps}");
            if !is_done {
                break;
            }
        }
    }
}

#[test]
fn a_copy_that_arrives_while_a_page_is_read_is_shown_once() {
    // Where an index has no order, the other one is read later: an entry may come too late, as DynamoDB's do.
    for read in reads().into_iter().filter(|read| read.index.as_deref() != Some("some")) {
        for steps in 1.. {
            let (answer, is_done) = page_with(
                steps,
                Phase::Handoff,
                &read,
                |source, target| {
                    source.put_raw(gone("p", "a", moved(Run(1))));
                    target.put_raw(own(Run(1)).onto(shown("a", 1)));
                    source.put_raw(shown("b", 1));
                },
                |source, _| source.put_raw(moved(Run(1)).onto(shown("a", 1))),
            );
            let mut found = texts(&answer.items, "sk");
            found.sort();
            assert_eq!((found, answer.scanned), (vec!["a".to_owned(), "b".to_owned()], 2), "{read:?} after {steps}");
            if !is_done {
                break;
            }
        }
    }
}

#[test]
fn a_key_that_moves_and_changes_while_a_page_is_read_is_shown_as_it_was_or_is() {
    for read in reads() {
        for steps in 1.. {
            let (answer, is_done) = page_with(
                steps,
                Phase::Guarded,
                &read,
                |source, _| source.put_raw(shown("a", 1)),
                |source, target| {
                    source.put_raw(moved(Run(1)).onto(shown("a", 1)));
                    target.put_raw(own(Run(1)).onto(shown("a", 2)));
                },
            );
            let values = texts(&answer.items, "v");
            let is_one =
                values == ["1"] || values == ["2"] || (read.index.as_deref() == Some("local") && values == ["-"]);
            assert!(is_one, "{values:?}: {read:?} after {steps}");
            if !is_done {
                break;
            }
        }
    }
}
