//! Painting on small images by the processor: lines, dots, boxes. For the net graph and the map.

use bevy::asset::RenderAssetUsages;
use bevy::image::ImageSampler;
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};

/// An image in memory, row by row from the top, four bytes a pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Canvas {
    size: UVec2,
    pixels: Vec<u8>,
}

impl Canvas {
    pub(super) fn new(size: UVec2) -> Canvas {
        Canvas {
            size,
            pixels: vec![0; (size.x * size.y * 4) as usize],
        }
    }

    pub(super) fn size(&self) -> UVec2 {
        self.size
    }

    pub(super) fn copy_from(&mut self, other: &Canvas) {
        self.pixels.copy_from_slice(&other.pixels);
    }

    pub(super) fn fill(&mut self, color: Color) {
        let bytes = color.to_srgba().to_u8_array();
        for pixel in self.pixels.chunks_exact_mut(4) {
            pixel.copy_from_slice(&bytes);
        }
    }

    /// A filled box; what lies outside the image is left out.
    pub(super) fn rect(&mut self, low: IVec2, high: IVec2, color: Color) {
        let bytes = color.to_srgba().to_u8_array();
        let low = low.max(IVec2::ZERO);
        let high = high.min(self.size.as_ivec2() - 1);
        for y in low.y..=high.y {
            for x in low.x..=high.x {
                let at = ((y * self.size.x as i32 + x) * 4) as usize;
                self.pixels[at..at + 4].copy_from_slice(&bytes);
            }
        }
    }

    /// The outline of a box.
    pub(super) fn frame(&mut self, low: IVec2, high: IVec2, color: Color) {
        self.rect(low, IVec2::new(high.x, low.y), color);
        self.rect(IVec2::new(low.x, high.y), high, color);
        self.rect(low, IVec2::new(low.x, high.y), color);
        self.rect(IVec2::new(high.x, low.y), high, color);
    }

    /// A bound image that shows this canvas, and keeps its pixels for repainting.
    pub(super) fn to_image(&self) -> Image {
        let mut image = Image::new(
            Extent3d {
                width: self.size.x,
                height: self.size.y,
                depth_or_array_layers: 1,
            },
            TextureDimension::D2,
            self.pixels.clone(),
            TextureFormat::Rgba8UnormSrgb,
            RenderAssetUsages::default(),
        );
        image.sampler = ImageSampler::linear();
        image
    }

    /// Shows this canvas in an image made by [`Canvas::to_image`].
    pub(super) fn show_in(&self, image: &mut Image) {
        if let Some(data) = image
            .data
            .as_mut()
            .filter(|data| data.len() == self.pixels.len())
        {
            data.copy_from_slice(&self.pixels);
        }
    }
}

/// The last samples of a quantity, oldest first, of bounded number.
#[derive(Clone, Debug)]
pub(super) struct Series {
    samples: Vec<f32>,
    next: usize,
}

impl Series {
    pub(super) fn new(len: usize) -> Series {
        Series {
            samples: vec![0.0; len],
            next: 0,
        }
    }

    pub(super) fn push(&mut self, sample: f32) {
        self.samples[self.next] = if sample.is_finite() { sample } else { 0.0 };
        self.next = (self.next + 1) % self.samples.len();
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = f32> + '_ {
        let (newer, older) = self.samples.split_at(self.next);
        older.iter().chain(newer).copied()
    }

    /// Paints the samples as columns over `canvas`, which has one column per sample. `floor` is
    /// the least range shown, so that noise around zero does not look like a mountain.
    pub(super) fn paint(&self, canvas: &mut Canvas, floor: f32, colors: (Color, Color)) {
        let (line, area) = colors;
        let highest = self.iter().fold(floor, f32::max);
        let lowest = self.iter().fold(0.0, f32::min);
        let rows = canvas.size().y as f32 - 1.0;
        let row = |value: f32| ((highest - value) / (highest - lowest) * rows).round() as i32;
        let mut last = None;
        for (column, sample) in self.iter().enumerate() {
            let (x, y) = (column as i32, row(sample));
            let (from, to) = (y.min(row(0.0)), y.max(row(0.0)));
            canvas.rect(IVec2::new(x, from), IVec2::new(x, to), area);
            let before = last.unwrap_or(y);
            canvas.rect(
                IVec2::new(x, y.min(before)),
                IVec2::new(x, y.max(before)),
                line,
            );
            last = Some(y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lit(canvas: &Canvas) -> usize {
        let pixels = canvas.pixels.chunks_exact(4);
        pixels.filter(|pixel| pixel[3] > 0).count()
    }

    #[test]
    fn boxes_are_clipped_to_the_canvas() {
        let mut canvas = Canvas::new(UVec2::new(8, 4));
        canvas.rect(IVec2::splat(-5), IVec2::new(1, 0), Color::WHITE);
        assert_eq!(lit(&canvas), 2);
        canvas.rect(IVec2::new(20, 20), IVec2::new(30, 30), Color::WHITE);
        assert_eq!(lit(&canvas), 2);
        canvas.frame(IVec2::ZERO, IVec2::new(7, 3), Color::WHITE);
        assert_eq!(lit(&canvas), 20);
    }

    #[test]
    fn a_series_keeps_the_newest_in_order_and_paints_any_values() {
        let mut series = Series::new(4);
        (1..=6).for_each(|sample| series.push(sample as f32));
        assert_eq!(series.iter().collect::<Vec<_>>(), [3.0, 4.0, 5.0, 6.0]);
        series.push(f32::NAN);
        series.push(-3.0);
        let mut canvas = Canvas::new(UVec2::new(4, 10));
        series.paint(&mut canvas, 1.0, (Color::WHITE, Color::BLACK));
        assert!(lit(&canvas) > 4);
    }
}
