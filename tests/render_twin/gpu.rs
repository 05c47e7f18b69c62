//! A device without a window, and what a renderer draws on it.

use super::wgpu;
use sfumato::render::{SlicePaint, SliceRenderer, SpacePaint};

pub(super) const RGBA: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

/// Futures of wgpu are ready as soon as the device was polled.
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

pub(super) struct Gpu {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
}

impl Gpu {
    pub(super) fn new() -> Self {
        let instance = wgpu::Instance::default();
        let options = |force_fallback_adapter| wgpu::RequestAdapterOptions {
            force_fallback_adapter,
            ..Default::default()
        };
        let adapter = wait(instance.request_adapter(&options(true)))
            .or_else(|_| wait(instance.request_adapter(&options(false))))
            .expect("no graphics adapter: install software Vulkan (libvulkan1 mesa-vulkan-drivers), as scripts/test does");
        let (device, queue) = wait(adapter.request_device(&wgpu::DeviceDescriptor::default()))
            .expect("the adapter gives a device with wgpu's default limits");
        Self { device, queue }
    }

    pub(super) fn renderer(&self, format: wgpu::TextureFormat) -> SliceRenderer {
        SliceRenderer::new(&self.device, &self.queue, format)
    }

    /// The picture of a view in space, copied to a place in a target of this size.
    pub(super) fn draw_space(
        &self,
        renderer: &mut SliceRenderer,
        paint: &SpacePaint,
        [width, height]: [u32; 2],
        pixels_per_point: f32,
    ) -> Vec<u8> {
        let target = self.target(RGBA, [width, height]);
        let mut encoder = self.device.create_command_encoder(&Default::default());
        renderer
            .prepare_space(&mut encoder, paint, [width, height], [0.0; 2], pixels_per_point)
            .expect("prepared");
        renderer.paint_space(&mut pass(&mut encoder, &target), paint.view);
        self.read(encoder, &target, RGBA, [width, height])
    }

    fn target(&self, format: wgpu::TextureFormat, [width, height]: [u32; 2]) -> wgpu::Texture {
        assert_eq!(width % 64, 0, "rows of a read buffer are multiples of 256 bytes");
        self.device.create_texture(&wgpu::TextureDescriptor {
            label: None,
            size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        })
    }

    /// Prepares all views, then draws each into its rectangle (x, y, width, height), as egui does.
    pub(super) fn draw(
        &self,
        renderer: &mut SliceRenderer,
        format: wgpu::TextureFormat,
        [width, height]: [u32; 2],
        views: &[(&SlicePaint, [u32; 4])],
        pixels_per_point: f32,
    ) -> Vec<u8> {
        let target = self.target(format, [width, height]);
        for (paint, [x, y, ..]) in views {
            let origin = [*x as f32, *y as f32];
            assert_eq!(renderer.prepare(paint, origin, pixels_per_point), Ok(true));
        }
        let mut encoder = self.device.create_command_encoder(&Default::default());
        {
            let mut pass = pass(&mut encoder, &target);
            for (paint, [x, y, w, h]) in views {
                pass.set_viewport(*x as f32, *y as f32, *w as f32, *h as f32, 0.0, 1.0);
                pass.set_scissor_rect(*x, *y, *w, *h);
                renderer.paint(&mut pass, paint.view);
            }
        }
        self.read(encoder, &target, format, [width, height])
    }

    fn read(
        &self,
        mut encoder: wgpu::CommandEncoder,
        target: &wgpu::Texture,
        format: wgpu::TextureFormat,
        [width, height]: [u32; 2],
    ) -> Vec<u8> {
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: u64::from(width * height * 4),
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        });
        encoder.copy_texture_to_buffer(
            target.as_image_copy(),
            wgpu::TexelCopyBufferInfo {
                buffer: &buffer,
                layout: wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(width * 4),
                    rows_per_image: None,
                },
            },
            target.size(),
        );
        self.queue.submit([encoder.finish()]);
        let (sender, mapped) = std::sync::mpsc::channel();
        buffer.slice(..).map_async(wgpu::MapMode::Read, move |result| {
            sender.send(result).expect("the test waits");
        });
        self.device.poll(wgpu::PollType::wait_indefinitely()).expect("the frame is drawn");
        // Another test's poll may have taken this call: it is still to come then.
        mapped.recv().expect("an answer").expect("mapped");
        let mut pixels = buffer.slice(..).get_mapped_range().expect("mapped").to_vec();
        if matches!(format, wgpu::TextureFormat::Bgra8Unorm | wgpu::TextureFormat::Bgra8UnormSrgb) {
            pixels.chunks_exact_mut(4).for_each(|p| p.swap(0, 2));
        }
        pixels
    }
}

/// Draws on a target that is transparent at first.
fn pass<'a>(encoder: &'a mut wgpu::CommandEncoder, target: &wgpu::Texture) -> wgpu::RenderPass<'a> {
    let view = target.create_view(&Default::default());
    encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
        color_attachments: &[Some(wgpu::RenderPassColorAttachment {
            view: &view,
            depth_slice: None,
            resolve_target: None,
            ops: wgpu::Operations {
                load: wgpu::LoadOp::Clear(wgpu::Color::TRANSPARENT),
                store: wgpu::StoreOp::Store,
            },
        })],
        ..Default::default()
    })
}
