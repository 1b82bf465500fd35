//! Truth against what was drawn, as a picture that one can look at.

use super::Path;
use plotters::prelude::*;

const WIDTH: u32 = 1_400;
const HEIGHT: u32 = 420;

/// One panel per profile, one below the other, as the text of an SVG file.
pub fn plot(panels: &[(&str, &Path)]) -> anyhow::Result<String> {
    let mut svg = String::new();
    let size = (WIDTH, HEIGHT * panels.len().max(1) as u32);
    let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
    root.fill(&WHITE)?;
    for (area, (name, path)) in root
        .split_evenly((panels.len().max(1), 1))
        .iter()
        .zip(panels)
    {
        let points = || path.truth.iter().chain(&path.drawn).chain(&path.own);
        let low = points().map(|point| point.1).fold(f64::INFINITY, f64::min);
        let high = points()
            .map(|point| point.1)
            .fold(f64::NEG_INFINITY, f64::max);
        let end = points().map(|point| point.0).fold(1.0, f64::max);
        let caption =
            format!("{name}: an avatar's x on the server, on its own and on another's screen");
        let mut chart = ChartBuilder::on(area)
            .caption(caption, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(28)
            .y_label_area_size(44)
            .build_cartesian_2d(0.0..end, low - 0.5..high + 0.5)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc("seconds")
            .y_desc("units")
            .draw()?;
        let lines = [
            ("server", &path.truth, BLACK),
            ("own screen", &path.own, RGBColor(30, 120, 220)),
            ("another's screen", &path.drawn, RGBColor(220, 80, 30)),
        ];
        for (label, line, colour) in lines {
            chart
                .draw_series(LineSeries::new(
                    line.iter().copied(),
                    colour.stroke_width(1),
                ))?
                .label(label)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour));
        }
        chart
            .configure_series_labels()
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK)
            .draw()?;
    }
    root.present()?;
    drop(root);
    Ok(svg)
}
