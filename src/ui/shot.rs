//! Pictures of the panes without the window around them, at any number of pixels per point: the same
//! code that draws the window, on a picture of its own. They hold scale, letters, window, colour bar
//! and the research-use line, and no text of the patient, because a pane has none.

use super::pane_map::PaneMap;
use super::panes::places;
use super::residency::Residency;
use super::space::{self, Meshes};
use super::view::{self, ViewLocal};
use super::{marks, theme};
use crate::app::{
    OpenCommand, Pane, Session, SessionOptions, ShotRequest, ViewCommand, ViewId, Wake,
    WorkerEngine, numbered, planes, save_picture,
};
use crate::gpu::Window;
use crate::render;
use eframe::egui_wgpu::wgpu;
use eframe::{egui, egui_wgpu};
use egui::{Align2, Rect, vec2};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// RGBA bytes of a picture, and its size.
pub(super) struct Shot {
    pub(super) size: [u32; 2],
    pub(super) rgba: Vec<u8>,
}

const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;
/// Height of the line below the panes, in points.
const LINE: f32 = 22.0;

/// The panes as they are now, in `points` (width, height), of `scale` pixels each.
///
/// # Errors
/// If no image is open, or the device cannot hold it a second time.
pub(super) fn take(
    (rs, window): (&egui_wgpu::RenderState, Option<&Window>),
    session: &Session,
    points: [u32; 2],
    scale: u32,
) -> Result<Shot, String> {
    if session.document().is_none() {
        return Err("open an image first".to_owned());
    }
    let device = &rs.device;
    let most = device.limits().max_texture_dimension_2d;
    let size = points.map(|p| p.saturating_mul(scale).max(1));
    if size.iter().any(|s| *s > most) {
        return Err(format!(
            "a picture of {} x {} pixels is larger than this graphics device draws ({most} each way)",
            size[0], size[1]
        ));
    }
    // A renderer of its own: that of the window draws into another format.
    let options = egui_wgpu::RendererOptions { dithering: false, ..Default::default() };
    let renderer = egui_wgpu::Renderer::new(device, FORMAT, options);
    let own = egui_wgpu::RenderState {
        target_format: FORMAT,
        renderer: Arc::new(egui::mutex::RwLock::new(renderer)),
        ..rs.clone()
    };
    render::install(&own);
    let (mut residency, mut meshes) = (Residency::default(), Meshes::default());
    let problem = residency.sync((&own, window), session).or_else(|| meshes.sync(&own, session));
    if let Some(problem) = problem {
        return Err(problem);
    }
    let ctx = egui::Context::default();
    theme::install(&ctx);
    ctx.set_pixels_per_point(scale as f32);
    let screen = Rect::from_min_size(egui::Pos2::ZERO, vec2(points[0] as f32, points[1] as f32));
    let input = || egui::RawInput { screen_rect: Some(screen), ..Default::default() };
    let mut local = ViewLocal::default();
    // The first pass only learns the fonts and the scale.
    let mut textures = egui::TexturesDelta::default();
    let mut last = None;
    for _ in 0..2 {
        let output =
            ctx.run_ui(input(), |ui| panes_ui(ui, screen, session, &mut local, &residency));
        textures.append(output.textures_delta.clone());
        last = Some(output);
    }
    let Some(output) = last else { return Err("nothing was drawn".to_owned()) };
    let jobs = ctx.tessellate(output.shapes, scale as f32);
    draw(&own, &jobs, &textures, size, scale as f32)
}

fn panes_ui(
    ui: &mut egui::Ui,
    screen: Rect,
    session: &Session,
    local: &mut ViewLocal,
    residency: &Residency,
) {
    let Some(document) = session.document() else { return };
    let g = document.volume.geometry();
    let mut area = screen;
    area.max.y -= LINE;
    ui.painter().rect_filled(screen, 0.0, theme::ON_IMAGE.canvas);
    let panes = document.view.panes(g);
    for (pane, place) in panes.iter().zip(places(area, panes.len(), document.view.layout)) {
        let painter = ui.painter().with_clip_rect(place);
        match pane {
            Pane::Plane(axis) => {
                let Some(map) = PaneMap::new(document, *axis, place) else { continue };
                let mapped = view::paint(&painter, session, document, &map, local, residency);
                let mapped = mapped.map(Arc::as_ref);
                marks::color_bars(ui, &painter, place, document, mapped);
            }
            Pane::Space => space::paint(&painter, session, document, place, (residency, false)),
        }
        let stroke = egui::Stroke::new(1.0, theme::ON_IMAGE.line);
        painter.rect_stroke(place, 0.0, stroke, egui::StrokeKind::Inside);
    }
    let line = Rect::from_min_max(egui::pos2(screen.left(), area.bottom()), screen.max);
    let text = "Sfumato · research use only, not for diagnosis";
    let at = line.left_center() + vec2(12.0, 0.0);
    marks::text(ui.painter(), at, Align2::LEFT_CENTER, text, 12.0, theme::ON_IMAGE.text);
}

fn draw(
    rs: &egui_wgpu::RenderState,
    jobs: &[egui::ClippedPrimitive],
    textures: &egui::TexturesDelta,
    [width, height]: [u32; 2],
    pixels_per_point: f32,
) -> Result<Shot, String> {
    let (device, queue) = (&rs.device, &rs.queue);
    let size = wgpu::Extent3d { width, height, depth_or_array_layers: 1 };
    let target = device.create_texture(&wgpu::TextureDescriptor {
        label: Some("shot"),
        size,
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: FORMAT,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    });
    let screen = egui_wgpu::ScreenDescriptor { size_in_pixels: [width, height], pixels_per_point };
    let mut renderer = rs.renderer.write();
    for (id, deltas) in &textures.set {
        for delta in deltas {
            renderer.update_texture(device, queue, *id, delta);
        }
    }
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let mut buffers = renderer.update_buffers(device, queue, &mut encoder, jobs, &screen);
    {
        let view = target.create_view(&wgpu::TextureViewDescriptor::default());
        let pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("shot"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &view,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                    store: wgpu::StoreOp::Store,
                },
            })],
            ..Default::default()
        });
        renderer.render(&mut pass.forget_lifetime(), jobs, &screen);
    }
    // Rows of a copy are multiples of 256 bytes.
    let row = (4 * width).next_multiple_of(256);
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("shot"),
        size: u64::from(row) * u64::from(height),
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
        mapped_at_creation: false,
    });
    encoder.copy_texture_to_buffer(
        target.as_image_copy(),
        wgpu::TexelCopyBufferInfo {
            buffer: &buffer,
            layout: wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(row),
                rows_per_image: None,
            },
        },
        size,
    );
    buffers.push(encoder.finish());
    queue.submit(buffers);
    let (sender, mapped) = channel();
    buffer.slice(..).map_async(wgpu::MapMode::Read, move |result| {
        // Nobody listens any more only if the wait below has failed.
        sender.send(result.map_err(|e| e.to_string())).unwrap_or_default();
    });
    device.poll(wgpu::PollType::wait_indefinitely()).map_err(|e| e.to_string())?;
    mapped.recv().map_err(|e| e.to_string())??;
    let bytes = buffer.slice(..).get_mapped_range().map_err(|e| e.to_string())?;
    let rgba = bytes
        .chunks_exact(row as usize)
        .flat_map(|r| r[..4 * width as usize].iter().copied())
        .collect();
    Ok(Shot { size: [width, height], rgba })
}

/// The output of a future that needs nothing but to be asked.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        std::thread::yield_now();
    }
}

/// Polls until nothing is under way.
fn settle(session: &mut Session, woken: &Receiver<()>, since: Instant) {
    loop {
        session.poll(since.elapsed().as_secs_f64());
        if !session.is_busy() {
            return;
        }
        // A thread that finishes sends; otherwise the next round looks again.
        woken.recv_timeout(Duration::from_millis(50)).unwrap_or_default();
    }
}

/// Opens files and writes pictures of them, without a window. Returns the files written.
///
/// # Errors
/// One line: no graphics adapter, a refused file, or a picture that cannot be written.
pub fn shoot(request: &ShotRequest) -> Result<Vec<std::path::PathBuf>, String> {
    let config = egui_wgpu::WgpuConfiguration::default();
    let instance = wait(config.wgpu_setup.new_instance());
    let options = egui_wgpu::RendererOptions::default();
    let rs =
        wait(egui_wgpu::RenderState::create(&config, &instance, None, options)).map_err(|e| {
            format!(
                "no graphics adapter ({e}): install a Vulkan driver (Debian: mesa-vulkan-drivers)"
            )
        })?;
    let (sender, woken) = channel();
    let wake: Wake = Arc::new(move || sender.send(()).unwrap_or_default());
    let mut session = Session::new(SessionOptions {
        engine: Box::new(WorkerEngine::new(wake.clone())),
        exporter: crate::app::export_results,
        wake,
        folder: None,
        exports: crate::app::Exports::usual_folder(),
        dialogs: false,
        result_budget: None,
    });
    let since = Instant::now();
    session.apply(OpenCommand::Paths(request.paths.clone()));
    settle(&mut session, &woken, since);
    if session.opening().chooser().is_some() {
        session.apply(OpenCommand::MarkedSeries);
        settle(&mut session, &woken, since);
    }
    let problem = |session: &Session| session.opening().refused().map(str::to_owned);
    if session.document().is_none() {
        return Err(problem(&session).unwrap_or_else(|| "nothing could be opened".to_owned()));
    }
    if let Some(path) = &request.labels {
        session.apply(OpenCommand::path(path.clone()));
        settle(&mut session, &woken, since);
        session.apply(OpenCommand::OfferedLabels);
        settle(&mut session, &woken, since);
        if session.document().is_none_or(|d| d.labels.is_none()) {
            let why =
                problem(&session).unwrap_or_else(|| "it does not fit on the image".to_owned());
            return Err(format!("the label map cannot be laid over the image: {why}"));
        }
    }
    if let Some(path) = &request.over {
        session.apply(OpenCommand::Over(path.clone()));
        settle(&mut session, &woken, since);
        if session.document().is_none_or(|d| d.fused.is_none()) {
            let said = session.shell().log().entries().last().map(|e| e.text.clone());
            return Err(said.unwrap_or_else(|| "the second image cannot be laid over".to_owned()));
        }
    }
    look(&mut session, request);
    settle(&mut session, &woken, since);
    let slices = session.document().map_or(1, |d| d.slice().1);
    let mut files = Vec::new();
    let numbers: Vec<Option<usize>> =
        if request.every_slice { (0..slices).map(Some).collect() } else { vec![None] };
    for number in numbers {
        let path = match number {
            Some(n) => {
                session.apply(ViewCommand::SetSlice(ViewId::Main, n));
                numbered(&request.target, n + 1)
            }
            None => request.target.clone(),
        };
        let shot = take((&rs, None), &session, request.size, request.scale)?;
        save_picture(&path, shot.size, &shot.rgba, request.overwrite)?;
        files.push(path);
    }
    Ok(files)
}

fn look(session: &mut Session, request: &ShotRequest) {
    let Some(document) = session.document() else { return };
    let g = document.volume.geometry().clone();
    let flat = g.is_2d();
    if request.neurological && !document.view.neurological {
        session.apply(crate::app::Action::SwitchSides);
    }
    if !flat {
        session.apply(ViewCommand::SetLayout(request.layout));
    }
    if let Some(plane) = request.plane {
        let axis = planes(&g).into_iter().find(|a| g.plane_across(*a) == plane);
        session.apply(ViewCommand::SetPlane(ViewId::Main, axis.unwrap_or(2)));
    }
    if let Some(slice) = request.slice {
        session.apply(ViewCommand::SetSlice(ViewId::Main, slice.saturating_sub(1)));
    }
    if let Some(window) = request.window {
        session.apply(ViewCommand::SetWindow(window));
    }
}
