//! Which model segments what, how, and the run that is under way.

mod offers;

use super::run::End;
use super::shell::Shell;
use super::{
    Document, Documents, Engine, Findings, Level, Planning, Prompts, Regions, ResultEntry, Run,
    RunCommand, Wake, Work,
};
use crate::diffusion::TRAINING_STEPS;
use crate::gpu::Window;
use crate::inference::{DeviceChoice, Job, Outcome, Refine, Settings, Steer, slice_axis};
use crate::locate::Standing;
use crate::models::{ModelCard, wants_a_place};
use crate::volume::{Block, Modality, Roi};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

/// Most samples that the window draws at once.
pub const MOST_SAMPLES: usize = 50;
/// Most that it draws until they are stable.
pub const MOST_UNTIL_STABLE: usize = 500;

/// Seconds that a step stays on the screen for an audience.
const DEMONSTRATION_S: f64 = 1.0;

pub struct Runs {
    engine: Box<dyn Engine>,
    run: Option<Run>,
    settings: Settings,
    /// Segment the shown slice only.
    one_slice: bool,
    model: Option<String>,
    regions: Regions,
    prompts: Prompts,
    /// Steps are slowed down for an audience.
    demonstration: bool,
    /// Models for such images whose structures are still to be looked for, and none in the end: while a
    /// person has chosen none.
    offers: Vec<Option<String>>,
    /// How a picture that does not say what it shows stands to the offered models, while it is found.
    likening: Option<Receiver<Option<Vec<Standing>>>>,
    /// What is to start as soon as the region is known.
    wanted: Option<RunCommand>,
}

impl Runs {
    pub(super) fn new(engine: Box<dyn Engine>, wake: Wake) -> Self {
        let first = engine.cards().first().map(|c| c.id.clone());
        let device = engine.devices().first().copied().unwrap_or_default();
        let settings = Settings { device, ..Settings::default() };
        let regions = Regions::new(wake);
        let mut runs = Self {
            engine,
            run: None,
            settings,
            one_slice: false,
            model: None,
            regions,
            prompts: Prompts::new(),
            demonstration: false,
            offers: Vec::new(),
            likening: None,
            wanted: None,
        };
        runs.choose_model(first);
        runs
    }

    /// The window is drawn with this device from now on.
    pub(super) fn beside(&mut self, window: Window) {
        self.engine.beside(window);
    }

    /// What is under way, on whatever image.
    pub fn current(&self) -> Option<&Run> {
        self.run.as_ref()
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn one_slice(&self) -> bool {
        self.one_slice
    }

    pub fn cards(&self) -> &[ModelCard] {
        self.engine.cards()
    }

    /// A model for such images that is offered only where a person shows it the place.
    pub fn on_request(&self, modality: Modality) -> Option<&ModelCard> {
        let own = |c: &&ModelCard| c.modality == modality && modality != Modality::Unknown;
        self.cards().iter().filter(own).find(|c| wants_a_place(c))
    }

    /// Starts what the planner wants.
    pub(super) fn plan(&mut self, document: &Document, planning: &mut Planning) {
        planning.run(document, self.engine.as_mut());
    }

    /// The chosen model.
    pub fn card(&self) -> Option<&ModelCard> {
        let id = self.model.as_ref()?;
        self.cards().iter().find(|c| &c.id == id)
    }

    /// Where the model may look.
    pub fn regions(&self) -> &Regions {
        &self.regions
    }

    /// Whether steps are slowed down for an audience.
    pub fn demonstrates(&self) -> bool {
        self.demonstration
    }

    /// What a person says of the masks before they are drawn.
    pub fn prompts(&self) -> &Prompts {
        &self.prompts
    }

    pub fn devices(&self) -> &[DeviceChoice] {
        self.engine.devices()
    }

    /// Of each model whose weights are not here: how to get them.
    pub fn absent(&self) -> Vec<String> {
        crate::models::absent()
    }

    pub fn weights_hint(&self) -> String {
        self.engine.weights_hint()
    }

    pub(super) fn apply(
        &mut self,
        command: RunCommand,
        document: Option<&Document>,
        shell: &mut Shell,
    ) {
        match command {
            RunCommand::SetModel(id) => {
                if self.cards().iter().any(|c| c.id == id) {
                    self.offers.clear();
                    // Clicks are about the classes of one model.
                    self.prompts.clear();
                    self.choose_model(Some(id));
                }
            }
            RunCommand::SetSettings(settings) => {
                self.settings = settings;
                self.settings.members = self.settings.members.clamp(1, MOST_SAMPLES);
                self.settings.steps = self.settings.steps.clamp(1, TRAINING_STEPS);
                if let Some(rule) = &mut self.settings.until {
                    rule.maximum = rule.maximum.clamp(2, MOST_UNTIL_STABLE);
                    rule.minimum = rule.minimum.clamp(2, rule.maximum);
                }
            }
            RunCommand::SetOneSlice(one) => self.one_slice = one,
            RunCommand::SetRegion(choice) => {
                if let Some(document) = document {
                    self.regions.choose(choice, document.volume.geometry());
                }
            }
            RunCommand::FrameRegion(block) => {
                if let Some(document) = document {
                    self.regions.frame(block, document.volume.geometry());
                }
            }
            RunCommand::FrameRegionRound(voxel) => {
                if let Some(document) = document {
                    self.regions.frame_round(voxel, document.volume.geometry());
                }
            }
            RunCommand::Start | RunCommand::Look if self.is_choosing() => {
                self.wanted = Some(command);
            }
            RunCommand::Start | RunCommand::Look => {
                if let (Some(card), Some(document)) = (self.card().cloned(), document) {
                    self.start(card, document, command == RunCommand::Look, None, shell);
                }
            }
            RunCommand::Prompt(command) => self.prompts.change(command),
            RunCommand::Demonstrate(slow) => {
                self.demonstration = slow;
                if let Some(run) = &mut self.run {
                    run.set_pace(slow.then_some(DEMONSTRATION_S));
                }
            }
            // Of the session, which knows the masks.
            RunCommand::Refine | RunCommand::RefineLook | RunCommand::More { .. } => {}
            RunCommand::Cancel => {
                if let Some(run) = &mut self.run {
                    run.cancel();
                }
            }
        }
    }

    /// Draws the samples anew from an edited mask of the open image.
    pub(super) fn refine(
        &mut self,
        document: Option<&Document>,
        mask: Option<&Work>,
        shell: &mut Shell,
    ) {
        if let (Some(card), Some(document), Some(mask)) = (self.card().cloned(), document, mask) {
            let refine = self.prompts.refine(mask.layer(), &card);
            self.start(card, document, false, Some(refine), shell);
        }
    }

    /// Draws samples from the one mask that is shown: the instant look is their start.
    pub(super) fn refine_look(
        &mut self,
        document: Option<&Document>,
        look: &Findings,
        shell: &mut Shell,
    ) {
        let of_it = |c: &&ModelCard| c.id == look.outcome.model.id;
        if let (Some(card), Some(document)) = (self.cards().iter().find(of_it).cloned(), document) {
            let refine = self.prompts.refine_look(look);
            self.start(card, document, false, Some(refine), shell);
        }
    }

    /// More samples of a result of the open image, with the next seeds.
    pub(super) fn more(
        &mut self,
        document: Option<&Document>,
        entry: &ResultEntry,
        members: usize,
        shell: &mut Shell,
    ) {
        let about = entry.about();
        let of_it = |c: &&ModelCard| c.id == about.model.id && *c.sha256 == about.model.sha256;
        let Some(card) = self.cards().iter().find(of_it).cloned() else {
            let text = "The model of this result is not here any more, or has other weights.";
            return shell.note(Level::Info, text);
        };
        let Some(document) = document else { return };
        let members = members.clamp(1, MOST_SAMPLES);
        let first = about.members.len();
        let settings = Settings { members, first, until: None, ..about.settings.clone() };
        let job = Job {
            volume: document.volume.clone(),
            time: about.time,
            model: card.id.clone(),
            settings: settings.clone(),
        };
        match self.engine.submit(job) {
            Ok(running) => {
                let mut run = Run::new(document, card, settings, running);
                (run.more_of, run.time) = (Some(entry.id), about.time);
                self.run = Some(run);
            }
            Err(text) => shell.note(Level::Error, format!("The run could not start: {text}")),
        }
    }

    fn start(
        &mut self,
        card: ModelCard,
        document: &Document,
        instant: bool,
        refine: Option<Refine>,
        shell: &mut Shell,
    ) {
        let mut settings = Settings { instant, ..self.settings.clone() };
        let g = document.volume.geometry();
        let mut block = Block::whole(g);
        if let Some((region, what)) = self.regions.chosen() {
            block = region;
            settings.region = Some(what.to_owned());
        }
        if self.one_slice && !card.volumes {
            let axis = slice_axis(g, &card.input);
            block.origin[axis] = document.view.voxel[axis];
            block.shape[axis] = 1;
        }
        if block != Block::whole(g) {
            settings.slices = Some(block.along(2));
            settings.roi = (block.roi() != Roi::full(g)).then(|| block.roi());
        }
        if !instant && !card.volumes {
            let (steer, left_out) = self.prompts.within(&block);
            if left_out > 0 {
                let text = format!("{left_out} of the clicks lie outside of what is segmented.");
                shell.note(Level::Info, text);
            }
            settings.steer = Steer { refine, ..steer };
        }
        let job = Job {
            volume: document.volume.clone(),
            time: document.view.time,
            model: card.id.clone(),
            settings: settings.clone(),
        };
        match self.engine.submit(job) {
            Ok(running) => {
                let mut run = Run::new(document, card, settings, running);
                run.set_pace(self.demonstration.then_some(DEMONSTRATION_S));
                self.run = Some(run);
            }
            Err(text) => shell.note(Level::Error, format!("The run could not start: {text}")),
        }
    }

    /// Takes a model, and its own way of sampling.
    fn choose_model(&mut self, id: Option<String>) {
        self.model = id;
        if let Some(sampling) = self.card().and_then(|c| c.sampling) {
            self.settings.start = sampling.start;
            self.settings.steps = sampling.steps;
        }
    }

    /// The person has chosen a slice.
    pub(super) fn stop_following(&mut self) {
        if let Some(run) = &mut self.run {
            run.follow = false;
        }
    }

    /// Returns the run when it has ended with samples.
    pub(super) fn poll(
        &mut self,
        documents: &mut Documents,
        shell: &mut Shell,
    ) -> Option<(Run, Arc<Outcome>)> {
        let run = self.run.as_mut()?;
        let end = run.poll(shell.now());
        let at = run.step.as_ref().filter(|_| run.follow).map(|s| (s.axis, s.slice));
        if let (Some(document), Some((axis, slice))) = (documents.of_generation(run.generation), at)
        {
            // The model may look across another plane than the one that is open.
            document.show_slice_across(axis, slice);
        }
        let end = end?;
        let run = self.run.take()?;
        match end {
            End::Finished(outcome) => return Some((run, outcome)),
            End::Cancelled(Some(outcome)) => {
                let (have, wanted) = (outcome.members.len(), outcome.settings.members);
                let text = format!("Cancelled: {have} of {wanted} samples are kept.");
                shell.note(Level::Info, text);
                return Some((run, outcome));
            }
            End::Cancelled(None) if run.card.volumes => {
                shell.note(Level::Info, "Cancelled before the volume was finished.");
            }
            End::Cancelled(None) => {
                shell.note(Level::Info, "Cancelled before the first sample was finished.");
            }
            End::Failed(text) => shell.note(Level::Error, format!("The run failed: {text}")),
        }
        None
    }

    /// Seconds until waiting previews may be shown.
    pub(super) fn next_poll(&self, now: f64) -> Option<f64> {
        self.run.as_ref()?.next_poll(now)
    }
}
