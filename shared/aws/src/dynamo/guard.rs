//! Guards as condition expressions: exactly [`Guard::holds`].

use livemove_core::error::Error;
use livemove_core::mark::{CANARY, MOVED, OWN, OperationId, POSITION, Position, Run, STAMP, TOMBSTONE};
use livemove_core::ports::{Condition, Guard};
use serde_dynamo::AttributeValue;

use super::expressions::{Expressions, operand};

/// The condition of a write: what the product demands (that it has not been done before, too) and what the
/// application demands; `None` for nothing.
///
/// # Errors
/// `ValidationException` for an application condition whose parentheses do not match.
pub(super) fn condition(
    guard: &Guard,
    once: Option<&OperationId>,
    asked: Option<&Condition>,
    partition: &str,
    to: &mut Expressions,
) -> Result<Option<String>, Error> {
    let mut terms = Render { partition, to }.guard(guard);
    terms.extend(once.map(|id| not_by(id, to)));
    if let Some(asked) = asked {
        // The parentheses are checked here whether they are needed or not.
        let text = operand(&asked.text)?;
        terms.push(match asked.when_tombstone {
            None => text,
            Some(true) => format!("({text} OR {})", tombstone(to)),
            Some(false) => format!("({text} AND NOT {})", tombstone(to)),
        });
    }
    Ok(match terms.len() {
        0 => None,
        // A single term keeps no outer parentheses: DynamoDB takes either, and reads better without.
        _ => Some(terms.join(" AND ")),
    })
}

fn tombstone(to: &mut Expressions) -> String {
    format!("{} = {}", to.name(TOMBSTONE), to.value("true", &AttributeValue::Bool(true)))
}

// Of a comparison with a missing operand, `<>` is the one that holds.
fn not_by(id: &OperationId, to: &mut Expressions) -> String {
    format!("{} <> {}", to.name(STAMP), to.value("once", &AttributeValue::S(id.as_str().to_owned())))
}

// Missing, or less. A comparison with a missing operand does not hold, so that its negation does. It stands in every
// write, and this is the shortest way to say it.
fn not_from(name: &str, value: &str) -> String {
    format!("NOT {name} >= {value}")
}

struct Render<'a> {
    partition: &'a str,
    to: &'a mut Expressions,
}

impl Render<'_> {
    fn guard(&mut self, guard: &Guard) -> Vec<String> {
        match guard {
            Guard::Always => vec![],
            Guard::Absent => vec![self.absent()],
            Guard::PresentNotMoved(run) => vec![self.present(), self.below(MOVED, *run), self.below(OWN, *run)],
            Guard::NotMoved(run) => vec![self.below(MOVED, *run), self.below(OWN, *run)],
            Guard::NativeIn(run) => vec![self.native(*run)],
            Guard::NotNative(run) => vec![self.below(OWN, *run)],
            Guard::Older(run, position) => vec![self.below(OWN, *run), self.older(position)],
            Guard::PositionIs(run, position) => vec![self.below(OWN, *run), self.at(position.as_ref())],
            Guard::Invisible => {
                let canary = format!("attribute_exists({})", self.to.name(CANARY));
                vec![format!("({} OR {canary})", tombstone(self.to))]
            }
            Guard::Visible => {
                let canary = format!("attribute_not_exists({})", self.to.name(CANARY));
                vec![self.present(), format!("NOT {}", tombstone(self.to)), canary]
            }
        }
    }

    fn present(&mut self) -> String {
        format!("attribute_exists({})", self.to.name(self.partition))
    }

    fn absent(&mut self) -> String {
        format!("attribute_not_exists({})", self.to.name(self.partition))
    }

    // A missing mark is run 0, which is below every run but itself.
    fn below(&mut self, mark: &str, run: Run) -> String {
        let (name, value) = (self.to.name(mark), self.run(run));
        if run == Run(0) {
            return format!("{name} < {value}");
        }
        not_from(&name, &value)
    }

    fn native(&mut self, run: Run) -> String {
        let (name, value) = (self.to.name(OWN), self.run(run));
        if run == Run(0) {
            return format!("(attribute_not_exists({name}) OR {name} = {value})");
        }
        format!("{name} = {value}")
    }

    fn older(&mut self, position: &Position) -> String {
        let (name, value) = (self.to.name(POSITION), self.position(position));
        not_from(&name, &value)
    }

    fn at(&mut self, position: Option<&Position>) -> String {
        let name = self.to.name(POSITION);
        match position {
            None => format!("attribute_not_exists({name})"),
            Some(position) => format!("{name} = {}", self.position(position)),
        }
    }

    fn run(&mut self, run: Run) -> String {
        self.to.value("run", &AttributeValue::N(run.to_string()))
    }

    fn position(&mut self, position: &Position) -> String {
        self.to.value("position", &AttributeValue::S(position.as_str().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn render(guard: &Guard, asked: Option<(&str, Option<bool>)>) -> Option<String> {
        let asked = asked.map(|(text, when_tombstone)| Condition { text: text.to_owned(), when_tombstone });
        condition(guard, None, asked.as_ref(), "pk", &mut Expressions::default()).unwrap()
    }

    #[test]
    fn no_demand_makes_no_condition_and_no_placeholders() {
        let mut to = Expressions::default();
        assert_eq!(condition(&Guard::Always, None, None, "pk", &mut to).unwrap(), None);
        assert_eq!(to.parts(), (None, None));
    }

    #[test]
    fn the_applications_condition_keeps_its_meaning_beside_the_guard() {
        assert_eq!(
            render(&Guard::NativeIn(Run(1)), Some(("a = :b OR c = :d", None))).unwrap(),
            "#_lm_own = :_lm_run AND (a = :b OR c = :d)"
        );
        assert_eq!(
            render(&Guard::NativeIn(Run(1)), Some(("attribute_not_exists(pk)", Some(true)))).unwrap(),
            "#_lm_own = :_lm_run AND ((attribute_not_exists(pk)) OR #_lm_t = :_lm_true)"
        );
        assert_eq!(
            render(&Guard::Always, Some(("(a = :b)", Some(false)))).unwrap(),
            "((a = :b) AND NOT #_lm_t = :_lm_true)"
        );
    }

    #[test]
    fn what_has_been_done_is_refused_whatever_the_application_demands() {
        let asked = Condition { text: "a = :b OR c = :d".to_owned(), when_tombstone: None };
        let id = OperationId::new("id");
        let render = |asked| condition(&Guard::NativeIn(Run(1)), id.as_ref(), asked, "pk", &mut Expressions::default());
        assert_eq!(render(None).unwrap().unwrap(), "#_lm_own = :_lm_run AND #_lm_o <> :_lm_once");
        assert_eq!(
            render(Some(&asked)).unwrap().unwrap(),
            "#_lm_own = :_lm_run AND #_lm_o <> :_lm_once AND (a = :b OR c = :d)"
        );
    }

    #[test]
    fn run_zero_is_not_below_itself_and_is_what_a_missing_mark_says() {
        assert_eq!(render(&Guard::NotNative(Run(0)), None).unwrap(), "#_lm_own < :_lm_run");
        assert_eq!(
            render(&Guard::NativeIn(Run(0)), None).unwrap(),
            "(attribute_not_exists(#_lm_own) OR #_lm_own = :_lm_run)"
        );
    }

    #[test]
    fn every_placeholder_of_a_guard_is_used() {
        // DynamoDB refuses names and values that no expression uses.
        let position = Position::new(Run(1), "5");
        let guards = [
            Guard::Absent,
            Guard::PresentNotMoved(Run(2)),
            Guard::NotMoved(Run(2)),
            Guard::NativeIn(Run(2)),
            Guard::NotNative(Run(2)),
            Guard::Older(Run(2), position.clone()),
            Guard::PositionIs(Run(2), Some(position)),
            Guard::PositionIs(Run(2), None),
            Guard::Invisible,
            Guard::Visible,
        ];
        for guard in guards {
            let mut to = Expressions::default();
            let text = condition(&guard, None, None, "pk", &mut to).unwrap().unwrap();
            let (names, values) = to.parts();
            let placeholders =
                names.into_iter().flat_map(BTreeMap::keys).chain(values.into_iter().flat_map(BTreeMap::keys));
            for placeholder in placeholders {
                assert!(text.contains(placeholder), "{placeholder} in {text}");
            }
        }
    }
}
