//! A second reading of `simulated.yaml`, written from the file alone: it follows a log without any code of ours.

use std::collections::BTreeMap;

use serde_json::Value;

/// A case, as a reader of the file would note it down.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) main: String,
    filed: bool,
    /// Proposals to close: their number, who made them, who has signed.
    proposals: BTreeMap<u64, (String, bool)>,
    /// The next step of each clock that runs.
    clocks: BTreeMap<String, u64>,
    seq: u64,
}

fn need(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

impl Model {
    /// Follows one event.
    ///
    /// # Errors
    /// Why the file does not allow it.
    pub(super) fn apply(&mut self, event: &Value) -> Result<(), String> {
        let seq = event["seq"].as_u64().unwrap_or(0);
        need(seq == self.seq + 1, "a number is missing or doubled")?;
        self.seq = seq;
        let actor = &event["actor"];
        let role = actor["role"].as_str().unwrap_or("system");
        let who = actor["official"].as_str().unwrap_or("system");
        let kind = event["kind"].as_str().unwrap_or("");
        match kind {
            "acted" if event["act"] == "enact" => {
                let number = event["proposal"].as_u64().unwrap_or(0);
                let proposal = self.proposals.remove(&number);
                need(proposal.is_some_and(|(_, signed)| signed), "it takes effect unsigned")?;
                need(self.main == "reviewed" && self.filed, "it is not to be closed now")?;
                self.enter("closed");
            }
            "acted" => self.command(event["command"].as_str().unwrap_or(""), role)?,
            "proposed" => {
                need(event["command"] == "close" && role == "judge", "only a judge proposes to close")?;
                need(self.main == "reviewed" && self.filed, "it is not to be closed now")?;
                self.proposals.insert(seq, (who.to_owned(), false));
            }
            "signed" => {
                let number = event["proposal"].as_u64().unwrap_or(0);
                let Some((proposer, signed)) = self.proposals.get_mut(&number) else {
                    return Err("there is no such proposal".to_owned());
                };
                need(role == "judge" && proposer != who, "the proposer or a clerk signs")?;
                *signed = event["agree"] == true;
            }
            "rejected" | "withdrawn" | "lapsed" => {
                let number = event["proposal"].as_u64();
                if let Some(number) = number {
                    self.proposals.remove(&number);
                }
            }
            "deadline-warned" | "deadline-passed" | "deadline-not-needed" => {
                need(role == "system", "somebody else than the engine steps a clock")?;
                let clock = event["clock"].as_str().unwrap_or("").to_owned();
                let step = event["step"].as_u64().unwrap_or(u64::MAX);
                need(self.clocks.get(&clock) == Some(&step), "a step of a clock is skipped or doubled")?;
            }
            _ => return Err(format!("the file knows no {kind}")),
        }
        self.changes(event);
        Ok(())
    }

    fn command(&mut self, command: &str, role: &str) -> Result<(), String> {
        let running = self.main == "open" || self.main == "reviewed";
        match command {
            "receive" => {
                need(self.main.is_empty() && role == "clerk", "it is there already")?;
                self.enter("open");
            }
            "write-note" => need(running && role == "clerk", "no note now")?,
            "file-paper" => {
                need(running && !self.filed && role == "clerk", "no paper now")?;
                self.filed = true;
            }
            "review" => {
                need(self.main == "open" && role == "judge", "no review now")?;
                self.enter("reviewed");
            }
            "send-back" => {
                need(self.main == "reviewed" && role == "judge", "nothing to send back")?;
                self.enter("open");
            }
            "remind" => need(self.main == "open" && role != "judge", "nothing to remind of")?,
            "record-death" => {
                need(running && role == "clerk", "no death now")?;
                self.enter("deceased");
            }
            _ => return Err(format!("the file knows no {command}")),
        }
        Ok(())
    }

    fn enter(&mut self, state: &str) {
        state.clone_into(&mut self.main);
    }

    /// The clocks as the event leaves them.
    fn changes(&mut self, event: &Value) {
        for change in event["changes"].as_array().into_iter().flatten() {
            let Some(clock) = change.get("clock") else { continue };
            let name = clock["clock"].as_str().unwrap_or("").to_owned();
            match clock["now"]["step"].as_u64() {
                Some(step) => drop(self.clocks.insert(name, step)),
                None => drop(self.clocks.remove(&name)),
            }
        }
    }
}
