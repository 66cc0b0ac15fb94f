//! Whatever the phases do meanwhile, a migrating table answers as one plain table would.

use livemove_core::mark::Run;
use livemove_core::phase::State;
use livemove_core::testing::memory::Memory;
use proptest::prelude::*;

use super::generate::{Entry, KEYS, Lag, Operation, Step, steps};
use super::migrating::{self, Token};
use super::plain;
use super::promise::is_promised;
use super::random::Moving;
use super::world::{World, schema};

/// The last transaction that had a token, and the states in which it was sent.
struct Last {
    entries: Vec<Entry>,
    token: String,
    sent: Vec<State>,
}

struct Comparison {
    moving: Moving,
    plain: Memory,
    last: Option<Last>,
    tokens: u32,
}

impl Comparison {
    fn take(&mut self, step: Step) {
        match step {
            Step::Advance => self.moving.advance(),
            Step::Deliver(side, most) => self.moving.deliver(side, most),
            Step::Do(Operation::Transact(entries, true), lag) => {
                self.tokens += 1;
                let token = format!("token-{}", self.tokens);
                self.last = Some(Last { entries, token, sent: Vec::new() });
                self.again(lag);
            }
            Step::Do(Operation::Again, lag) => self.again(lag),
            Step::Do(operation, lag) => {
                let expected = plain::perform(&self.plain, &operation);
                let state = format!("{:?}", self.moving.state(lag));
                let actual = migrating::perform(&self.moving, &operation, lag);
                assert_eq!(actual, expected, "{operation:?} in {state}");
            }
        }
    }

    /// Sends the last transaction that has a token, once more if it was sent before.
    fn again(&mut self, lag: Lag) {
        let Some(last) = &mut self.last else { return };
        let states = [self.moving.state(lag), self.moving.state(Lag::UpToDate)];
        if !last.sent.iter().all(|then| states.iter().all(|now| is_promised(then, now))) {
            return;
        }
        let token = Token { text: last.token.clone(), may_be_known: !last.sent.is_empty() };
        let expected = plain::transact(&self.plain, &last.entries, Some(&last.token));
        let actual = migrating::transact(&self.moving, &last.entries, Some(&token), lag);
        assert_eq!(actual, expected, "{:?}, sent before in {:?}, now in {:?}", last.entries, last.sent, states[0]);
        last.sent.extend(states);
    }
}

fn compare(world: World, last: u32, steps: Vec<Step>) {
    let plain = Memory::new(schema());
    let mut comparison = Comparison { moving: Moving::new(world, Run(last)), plain, last: None, tokens: 0 };
    for step in steps {
        comparison.take(step);
    }
    for key in 0..KEYS {
        comparison.take(Step::Do(Operation::Read(key), Lag::UpToDate));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_migrating_table_answers_as_one_plain_table(last in 1..4u32, steps in steps()) {
        compare(World::new(), last, steps);
    }

    #[test]
    fn a_migrating_table_in_one_account_answers_as_one_plain_table(last in 1..4u32, steps in steps()) {
        compare(World::in_one_account(), last, steps);
    }
}
