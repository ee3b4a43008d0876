//! Named steps with their seconds, and the summary at the end.

use std::time::Instant;

use super::DevError;

/// Runs steps one after another and remembers how each ended. A failed step does not stop the following ones,
/// so that one run shows everything there is to mend.
#[derive(Debug)]
pub struct Steps {
    done: Vec<Summary>,
    say: fn(&str),
}

/// How one step ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Name of the step.
    pub name: String,
    /// Wall time.
    pub seconds: f64,
    /// The error's text with its causes; `None` when it went well.
    pub fault: Option<String>,
}

impl Steps {
    /// Steps that report through `say`, a line at a time.
    pub fn new(say: fn(&str)) -> Self {
        Self { done: Vec::new(), say }
    }

    /// Runs a step under a heading.
    pub fn step(&mut self, name: &str, work: impl FnOnce() -> Result<(), DevError>) {
        let say = self.say;
        say(&format!("\n== {name}"));
        let begun = now();
        let result = work();
        let seconds = begun.elapsed().as_secs_f64();
        let fault = result.err().map(|error| with_causes(&error));
        match &fault {
            None => say(&format!("== {name}: well, {seconds:.1} s")),
            Some(text) => say(&format!("== {name}: FAILED after {seconds:.1} s: {text}")),
        }
        self.done.push(Summary { name: name.to_owned(), seconds, fault });
    }

    /// Prints the summary; an error when a step failed.
    pub fn finish(self) -> Result<Vec<Summary>, DevError> {
        let say = self.say;
        say("\nsummary");
        for step in &self.done {
            let outcome = if step.fault.is_some() { "FAILED" } else { "well" };
            say(&format!("  {outcome:<7} {:>8.1} s  {}", step.seconds, step.name));
        }
        match self.done.iter().filter(|step| step.fault.is_some()).count() {
            0 => Ok(self.done),
            failed => Err(DevError::Steps(failed)),
        }
    }
}

/// An error's sentence followed by those of its causes.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[expect(
    clippy::disallowed_methods,
    reason = "measures the wall time of a developer's command, no business time"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_lets_the_others_run_and_fails_the_whole() {
        let mut steps = Steps::new(|_| {});
        let mut later = false;
        steps.step("first", || Err(DevError::Findings(2)));
        steps.step("second", || {
            later = true;
            Ok(())
        });
        assert!(later);
        assert!(matches!(steps.finish(), Err(DevError::Steps(1))));
    }

    #[test]
    fn steps_that_went_well_are_given_back_in_order() {
        let mut steps = Steps::new(|_| {});
        steps.step("first", || Ok(()));
        steps.step("second", || Ok(()));
        let names: Vec<String> = steps.finish().unwrap().into_iter().map(|step| step.name).collect();
        assert_eq!(names, ["first", "second"]);
    }
}
