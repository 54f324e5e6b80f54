//! What a run leaves behind: JSON, a picture, and the tables of `docs/comparison.md`.

use std::path::Path;

use serde::Serialize;

use super::figures::Figures;
use super::lost::LostAnswers;
use super::machine::Setting;
use super::ratios::Ratio;
use super::servers::{Sizes, root};
use super::{picture, report};
use crate::client::Failure;

/// All of a run.
#[derive(Serialize)]
pub(super) struct Results {
    pub(super) setting: Setting,
    pub(super) busy: bool,
    pub(super) seconds: u64,
    pub(super) rounds: usize,
    pub(super) clients: usize,
    pub(super) sizes: Sizes,
    pub(super) idle: Vec<(&'static str, f64)>,
    pub(super) figures: Vec<Figures>,
    pub(super) ratios: Vec<Ratio>,
    pub(super) lost: Vec<LostAnswers>,
}

const BEGIN: &str = "<!-- compare:begin -->\n";
const END: &str = "<!-- compare:end -->\n";

impl Results {
    /// For a terminal.
    pub(super) fn text(&self) -> String {
        let mut parts = vec![self.setting_text()];
        if !self.figures.is_empty() {
            parts.extend([
                format!("refresh\n{}", report::costs(&self.figures, true).text()),
                format!("session check\n{}", report::costs(&self.figures, false).text()),
                report::ratios(&self.ratios).text(),
                report::idle(&self.idle).text(),
            ]);
        }
        if !self.lost.is_empty() {
            let lost = report::lost(&self.lost).text();
            parts.push(format!(
                "a refresh whose answer was lost, repeated with what the client has\n{lost}"
            ));
        }
        let wrongs = report::wrongs(&self.figures);
        if !wrongs.is_empty() {
            parts.push(format!("wrong answers\n{wrongs}"));
        }
        parts.join("\n")
    }

    fn markdown(&self) -> String {
        let versions: Vec<_> = self
            .setting
            .versions
            .iter()
            .map(|(name, version)| format!("{name} {version}"))
            .collect();
        let mut parts = vec![self.setting_text(), format!("Versions: {}.\n", versions.join(", "))];
        if !self.figures.is_empty() {
            parts.extend([
                "![CPU seconds for 1,000 operations](images/comparison.svg)\n".to_owned(),
                format!("### Refresh\n\n{}", report::costs(&self.figures, true).markdown()),
                format!(
                    "### Session check\n\n{}",
                    report::costs(&self.figures, false).markdown()
                ),
                format!("### Ratios\n\n{}", report::ratios(&self.ratios).markdown()),
                format!("### Memory at rest\n\n{}", report::idle(&self.idle).markdown()),
            ]);
        }
        parts.push(format!("### A lost answer\n\n{}", report::lost(&self.lost).markdown()));
        let wrongs = report::wrongs(&self.figures);
        if !wrongs.is_empty() {
            parts.push(format!("### Wrong answers\n\n```text\n{wrongs}```\n"));
        }
        parts.join("\n")
    }

    fn setting_text(&self) -> String {
        let Self { setting, .. } = self;
        let busy = if self.busy {
            " **The machine had other work meanwhile**: everything is worse than it is at rest, Node more than the rest, which \
             flatters the others in the ratios."
        } else {
            ""
        };
        format!(
            "Taken {}, {} shared virtual cores ({}), load {} before; {} users, {} rounds of {} s each.{busy} \
             A refresh of ours on Redis carries {} bytes, is answered with {}, and stores {}.\n",
            setting.machine.day(),
            setting.machine.cores,
            setting.machine.processor,
            setting.machine.load_before,
            self.clients,
            self.rounds,
            self.seconds,
            self.sizes.request,
            self.sizes.answer,
            self.sizes.record,
        )
    }
}

/// Writes JSON and picture into `folder`; with `docs` the document too.
pub(super) fn write(results: &Results, folder: &Path, docs: bool) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("comparison.json"), serde_json::to_string_pretty(results)?)?;
    let picture = picture::draw(
        &results.figures,
        &format!(
            "{}, {} shared virtual cores",
            results.setting.machine.day(),
            results.setting.machine.cores
        ),
    );
    if !results.figures.is_empty() {
        std::fs::write(folder.join("comparison.svg"), &picture)?;
    }
    println!("written to {}", folder.display());
    if docs {
        if results.figures.is_empty() {
            return Err("the document holds figures: leave --lost-answers out".into());
        }
        let path = root().join("docs/comparison.md");
        let text = std::fs::read_to_string(&path)?;
        let text = replaced(&text, &results.markdown()).ok_or("docs/comparison.md lacks its marks")?;
        std::fs::write(&path, text)?;
        std::fs::write(root().join("docs/images/comparison.svg"), picture)?;
        println!("written to docs/comparison.md");
    }
    Ok(())
}

/// `text` with `tables` between its marks; `None` without marks.
pub(super) fn replaced(text: &str, tables: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
}
