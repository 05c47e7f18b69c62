//! What is being opened, what there is to choose from, and what was refused.

use super::beside::Beside;
use super::document::Loaded;
use super::label_layer::LabelOffer;
use super::reading::{Answer, Loading, Request};
use super::series::Chooser;
use super::shell::Shell;
use super::target::Target;
use super::{Document, Documents, Level, OpenCommand, Origin, Panel, Wake};
use crate::demo;
use crate::volume::ColorMap;
use std::path::PathBuf;
use std::sync::Arc;

pub struct Opening {
    loading: Option<Loading>,
    /// Series to choose from. Stays behind what is being opened, to come back to.
    chooser: Option<Chooser>,
    /// A file that can be opened as a label map of the image.
    label_offer: Option<LabelOffer>,
    /// The last refused file: what went wrong, shown until something else is opened.
    refused: Option<String>,
    /// The other files of the series of which one is open.
    beside: Option<Beside>,
    /// A table that was read, until it is taken.
    colors: Option<ColorMap>,
    wake: Wake,
}

impl Opening {
    pub(super) fn new(wake: Wake) -> Self {
        Self {
            loading: None,
            chooser: None,
            label_offer: None,
            refused: None,
            beside: None,
            colors: None,
            wake,
        }
    }

    /// What is being opened.
    pub fn loading(&self) -> Option<&Loading> {
        self.loading.as_ref()
    }

    /// The series to choose from, while nothing is being opened.
    pub fn chooser(&self) -> Option<&Chooser> {
        self.chooser.as_ref().filter(|_| self.loading.is_none())
    }

    pub fn label_offer(&self) -> Option<&LabelOffer> {
        self.label_offer.as_ref()
    }

    pub fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// Of a single slice: files of its series in the folder, itself among them; 0 if not known.
    pub fn files_beside(&self) -> usize {
        self.beside.as_ref().map_or(0, Beside::files)
    }

    pub(super) fn apply(
        &mut self,
        command: OpenCommand,
        documents: &mut Documents,
        shell: &mut Shell,
    ) {
        let opened = documents.open().and_then(|d| d.opened.as_ref());
        match command {
            OpenCommand::Paths(paths) => self.open(paths, documents),
            OpenCommand::Over(path) => self.add(path, Target::Over),
            OpenCommand::Beside(path) => self.add(path, Target::Beside),
            OpenCommand::Demo(name) => self.open_demo(&name, shell),
            OpenCommand::Cancel => self.cancel(),
            OpenCommand::MarkSeries(index) => {
                if let Some(chooser) = &mut self.chooser {
                    chooser.mark(index);
                }
            }
            OpenCommand::StepSeries(by) => {
                if let Some(chooser) = &mut self.chooser {
                    chooser.step(by);
                }
            }
            OpenCommand::MarkedSeries => self.open_marked(),
            OpenCommand::ChooseSeries => {
                let Some(opened) = opened else { return };
                let Some(list) = &opened.list else { return };
                let name = Origin::of(&opened.paths).short_name();
                let mut chooser = Chooser::new(name, opened.paths.clone(), list.clone());
                if let Some(series) = opened.series {
                    chooser.mark(series);
                }
                self.choose(chooser);
            }
            OpenCommand::DismissSeries => self.chooser = None,
            OpenCommand::SeparateSeries => {
                if let Some(chooser) = self.chooser.as_ref().filter(|c| c.list.is_joined()) {
                    let list = Arc::new(chooser.list.separated());
                    let (name, paths) = (chooser.name.clone(), chooser.paths.clone());
                    let mut separate = Chooser::new(name, paths, list);
                    separate.target = chooser.target;
                    self.choose(separate);
                }
            }
            OpenCommand::SetRawGeometry(raw_geometry) => {
                if let Some(opened) = opened.filter(|o| o.list.is_some())
                    && opened.raw_geometry != raw_geometry
                {
                    self.read(Request {
                        paths: opened.paths.clone(),
                        list: opened.list.clone(),
                        series: opened.series,
                        raw_geometry,
                        ..Request::default()
                    });
                }
            }
            OpenCommand::SeriesBeside => {
                if let Some(request) = documents.open().and_then(Beside::request) {
                    self.read(request);
                }
            }
            OpenCommand::DismissSeriesBeside => self.beside = None,
            OpenCommand::OfferedLabels => {
                if let Some(offer) = self.label_offer.take()
                    && documents.open().is_some_and(|d| offer.is_for(&d.volume))
                {
                    documents.show_labels(offer.layer);
                }
            }
            OpenCommand::OfferedImage => self.open_offered(),
            OpenCommand::DismissOffer => self.label_offer = None,
            OpenCommand::DismissRefusal => self.refused = None,
        }
    }

    /// Shuts the list of series. False if there is none.
    pub(super) fn dismiss_series(&mut self) -> bool {
        self.chooser.take().is_some()
    }

    /// Answers the question of labels or image with neither. False if it is not asked.
    pub(super) fn dismiss_offer(&mut self) -> bool {
        self.label_offer.take().is_some()
    }

    /// The image is closed: what was meant for it goes.
    pub(super) fn leave_image(&mut self) {
        self.label_offer = None;
        self.beside = None;
    }

    /// A table of colours that was opened.
    pub(super) fn take_colors(&mut self) -> Option<ColorMap> {
        self.colors.take()
    }

    /// Looks for the other files of the series, if what is open is a single slice.
    pub(super) fn look_beside(&mut self, document: &Document) {
        self.beside = Beside::look(document, &self.wake);
    }

    /// A newer wish replaces an older one.
    fn open(&mut self, paths: Vec<PathBuf>, documents: &Documents) {
        if paths.is_empty() {
            return;
        }
        self.chooser = None;
        self.label_offer = None;
        let image = documents.open().map(|d| d.volume.clone());
        self.read(Request { paths, image, ..Request::default() });
    }

    /// An image that joins the open one.
    fn add(&mut self, path: PathBuf, target: Target) {
        self.chooser = None;
        self.label_offer = None;
        self.read(Request { paths: vec![path], target, ..Request::default() });
    }

    /// The older reading is told to end as its place is taken.
    fn read(&mut self, request: Request) {
        self.loading = Some(Loading::files(request, &self.wake));
    }

    fn choose(&mut self, mut chooser: Chooser) {
        chooser.draw(&self.wake);
        self.chooser = Some(chooser);
    }

    fn open_demo(&mut self, name: &str, shell: &mut Shell) {
        let Some(info) = demo::all().iter().find(|d| d.name == name) else {
            shell.note(Level::Error, format!("there is no demo scan called '{name}'"));
            return;
        };
        self.chooser = None;
        self.label_offer = None;
        self.loading = Some(Loading::demo(info, &self.wake));
    }

    /// Back to what was there: the open image, the list of series, the start screen.
    fn cancel(&mut self) {
        self.loading = None;
        if let Some(chooser) = &mut self.chooser {
            chooser.draw(&self.wake);
        }
    }

    /// Opens the marked series.
    fn open_marked(&mut self) {
        let Some(chooser) = self.chooser.as_mut().filter(|_| self.loading.is_none()) else {
            return;
        };
        chooser.problem = None;
        chooser.rest();
        let request = Request {
            paths: chooser.paths.clone(),
            list: Some(chooser.list.clone()),
            series: Some(chooser.marked),
            target: chooser.target,
            ..Request::default()
        };
        self.read(request);
    }

    /// The offered file is an image.
    fn open_offered(&mut self) {
        if let Some(offer) = self.label_offer.take() {
            self.read(Request { paths: vec![offer.path], ..Request::default() });
        }
    }

    /// Returns an image that has arrived.
    pub(super) fn poll(&mut self, documents: &Documents, shell: &mut Shell) -> Option<Loaded> {
        if let Some(beside) = &mut self.beside {
            beside.poll();
        }
        if let Some(Err(text)) = self.chooser.as_mut().and_then(Chooser::poll) {
            shell.note(Level::Warning, text);
        }
        let result = self.loading.as_mut()?.finish()?;
        let loading = self.loading.take()?;
        if let Some(remark) = loading.remark() {
            shell.note(Level::Warning, remark);
        }
        match result {
            Ok(Answer::Opened(loaded)) => {
                self.refused = None;
                self.chooser = None;
                return Some(*loaded);
            }
            Ok(Answer::Choose(list)) => {
                self.refused = None;
                shell.show(Panel::Path, false);
                let paths = loading.request.paths.clone();
                let mut chooser = Chooser::new(loading.name.clone(), paths, list);
                chooser.target = loading.request.target;
                self.choose(chooser);
            }
            Ok(Answer::Labels(offer)) => {
                shell.show(Panel::Path, false);
                let fits = documents.open().is_some_and(|d| offer.is_for(&d.volume));
                self.label_offer = Some(*offer);
                if !fits {
                    // Its image was closed meanwhile.
                    self.open_offered();
                }
            }
            Ok(Answer::Colors(colors)) => {
                shell.show(Panel::Path, false);
                self.colors = Some(colors);
            }
            Err(text) => self.refuse(text, documents, shell),
        }
        None
    }

    /// Said once, where the person looks: in the list of series, on the start screen, beside the
    /// open image.
    fn refuse(&mut self, text: String, documents: &Documents, shell: &mut Shell) {
        if let Some(chooser) = &mut self.chooser {
            chooser.problem = Some(text);
            chooser.draw(&self.wake);
        } else if documents.open().is_some() {
            shell.note(Level::Error, text);
        } else {
            self.refused = Some(text);
        }
    }
}
