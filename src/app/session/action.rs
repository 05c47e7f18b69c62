//! What a key or a menu row asks for, as commands.

use crate::app::{
    Action, EditCommand, ExportCommand, LabelCommand, Level, OpenCommand, Panel, PlanCommand,
    PromptCommand, ResultCommand, RunCommand, Session, ShellCommand, Tool, ViewCommand, ViewId,
};

impl Session {
    /// A table of colours that was opened: the open image is seen in it, if it is grey.
    pub(super) fn take_colors(&mut self) {
        let Some(colors) = self.opening.take_colors() else { return };
        self.shell.change_preferences(|p| p.keep_table(colors));
        if self.document().is_some_and(|d| d.volume.channels() == 1) {
            self.apply(ViewCommand::SetColors(Some(colors)));
        } else {
            let name = colors.name();
            let text = format!("The colours {name} are in the menu of windows, for grey images.");
            self.shell.note(Level::Info, text);
        }
    }

    pub(super) fn act(&mut self, action: Action) {
        let view = ViewId::Main;
        match action {
            Action::OpenDialog => self.shell.ask(Panel::Path, false),
            Action::FolderDialog => self.shell.ask(Panel::Path, true),
            Action::FuseDialog if self.documents.open().is_some() => {
                self.shell.ask(Panel::Fuse, false);
            }
            Action::PathField => self.apply(ShellCommand::Show(Panel::Path, true)),
            Action::Recent(n) => {
                let recent = &self.shell.preferences().recent;
                let chosen = usize::from(n).checked_sub(1).and_then(|i| recent.get(i)).cloned();
                if let Some(path) = chosen {
                    self.apply(OpenCommand::path(path));
                }
            }
            Action::CloseImage => {
                if self.documents.open().is_some() {
                    self.close_document();
                    self.shell.draw_recents(true);
                }
            }
            Action::ExportPanel if !self.shell.is_open(Panel::Export) => {
                self.apply(ExportCommand::Prepare(None));
            }
            Action::ExportPanel => self.toggle(Panel::Export),
            Action::Screenshot => self.shell.want_shot(self.documents.open().is_some()),
            Action::Segment => self.apply(RunCommand::Start),
            Action::InstantLook => self.apply(RunCommand::Look),
            Action::Refine => self.apply(RunCommand::Refine),
            Action::CancelRun => self.apply(RunCommand::Cancel),
            Action::SliceUp => self.apply(ViewCommand::StepSlice(view, -1)),
            Action::SliceDown => self.apply(ViewCommand::StepSlice(view, 1)),
            Action::FirstSlice => self.apply(ViewCommand::SetSlice(view, 0)),
            Action::LastSlice => self.apply(ViewCommand::SetSlice(view, usize::MAX)),
            Action::PreviousTime => self.apply(ViewCommand::StepTime(-1)),
            Action::NextTime => self.apply(ViewCommand::StepTime(1)),
            Action::NextMember => self.step_member(1),
            Action::PreviousMember => self.step_member(-1),
            Action::Samples => self.toggle(Panel::Samples),
            Action::Planner => self.toggle(Panel::Planner),
            Action::TrueSlice => {
                let on = !self.planning.shows_truth();
                self.apply(PlanCommand::Truth(on));
            }
            Action::NextRegion => self.step_region(1),
            Action::PreviousRegion => self.step_region(-1),
            Action::Shortcuts => self.toggle(Panel::Shortcuts),
            Action::Preferences => self.toggle(Panel::Preferences),
            Action::Messages => self.toggle(Panel::Log),
            Action::Tool(tool) => self.apply(EditCommand::SetTool(tool)),
            Action::SwapTools => self.apply(EditCommand::SwapTools),
            Action::BrushSmaller => self.apply(EditCommand::StepSize(-1)),
            Action::BrushLarger => self.apply(EditCommand::StepSize(1)),
            Action::SaveSession => self.toggle(Panel::Session),
            Action::Undo
                if self.editing.tool() == Tool::Prompt
                    && !self.runs.prompts().clicks().is_empty() =>
            {
                self.apply(RunCommand::Prompt(PromptCommand::Undo));
            }
            Action::Undo => self.apply(EditCommand::Undo),
            Action::Redo => self.apply(EditCommand::Redo),
            Action::Apply => self.apply(EditCommand::ApplyShown),
            Action::NewLabel => self.apply(EditCommand::Label(LabelCommand::Add)),
            Action::NextClass | Action::PreviousClass if self.editing.is_shown() => {
                self.step_label(if action == Action::NextClass { 1 } else { -1 });
            }
            Action::Escape => self.escape(),
            looking => {
                let classes = self.classes();
                self.documents.act(looking, classes);
            }
        }
    }

    fn toggle(&mut self, panel: Panel) {
        let open = !self.shell.is_open(panel);
        self.apply(ShellCommand::Show(panel, open));
    }

    /// Shuts the topmost open thing.
    fn escape(&mut self) {
        if self.opening.loading().is_some() {
            self.apply(OpenCommand::Cancel);
        } else if !(self.opening.dismiss_offer()
            || self.results.keep()
            || self.shell.shut_topmost()
            || self.opening.dismiss_series()
            || self.editing.escape())
            && let Some(document) = self.documents.open_mut()
        {
            document.member = None;
        }
    }

    /// The next label of the edited mask.
    fn step_label(&mut self, by: isize) {
        let Some(work) = self.editing.mask() else { return };
        let labels = work.layer().labels();
        let at = labels.iter().position(|l| l.value == work.active).unwrap_or(0) as isize;
        let next = (at + by).rem_euclid(labels.len() as isize) as usize;
        let value = labels[next].value;
        self.apply(EditCommand::SetActive(value));
    }

    /// The next region of disagreement of the class, the first after the last.
    fn step_region(&mut self, by: isize) {
        let (Some(document), Some(entry)) = (self.documents.open(), self.results.chosen()) else {
            return;
        };
        let Some(findings) = &entry.findings else { return };
        let class = document.overlays.class;
        let count = findings.classes.get(class).map_or(0, |c| c.regions.ranked.len());
        if count == 0 {
            let text = "The samples part nowhere by so much that there is a region to look at.";
            return self.shell.note(Level::Info, text);
        }
        let now = entry.review.chosen(findings.id).filter(|(c, _)| *c == class);
        let next = match now {
            Some((_, rank)) => (rank as isize + by).rem_euclid(count as isize) as usize,
            None if by > 0 => 0,
            None => count - 1,
        };
        let result = entry.id;
        self.apply(ResultCommand::ShowRegion { result, region: Some((class, next)) });
    }

    /// One sample further. All samples together come between the last and the first one.
    fn step_member(&mut self, by: isize) {
        let (Some(document), Some(entry)) = (self.documents.open(), self.results.chosen()) else {
            return;
        };
        let places = entry.about().members.len() as isize + 1;
        let at = document.member.map_or(0, |m| m as isize + 1);
        let member = usize::try_from((at + by).rem_euclid(places) - 1).ok();
        let result = entry.id;
        self.apply(ResultCommand::ShowMember { result, member });
    }
}
