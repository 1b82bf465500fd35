//! F3: what the network does, as small live plots over the last twelve seconds.

use super::HudSystems;
use super::plot::{Canvas, Series};
use crate::app::Screen;
use crate::controls::Panels;
use crate::look::{Look, TextSize, panel_node};
use crate::net::NetSession;
use bevy::prelude::*;
use tickwire_netcode::Stats;

/// Seconds between two samples, samples in a plot.
const SAMPLE_SECONDS: f32 = 0.1;
const SAMPLES: u32 = 120;
const PLOT_ROWS: u32 = 22;
/// Samples over which rates are taken: a second.
const RATE_SAMPLES: usize = 10;

/// Number of plots.
const METRICS: usize = 10;

/// What is plotted, from top to bottom.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq)]
enum Metric {
    Ping,
    TickRate,
    Margin,
    Delay,
    Stall,
    Bytes,
    Bits,
    Corrections,
    Desyncs,
    Frames,
}

impl Metric {
    const ALL: [Metric; METRICS] = [
        Metric::Ping,
        Metric::TickRate,
        Metric::Margin,
        Metric::Delay,
        Metric::Stall,
        Metric::Bytes,
        Metric::Bits,
        Metric::Corrections,
        Metric::Desyncs,
        Metric::Frames,
    ];

    fn label(self) -> &'static str {
        match self {
            Metric::Ping => "Ping",
            Metric::TickRate => "Tick rate",
            Metric::Margin => "Input margin",
            Metric::Delay => "Interpolation",
            Metric::Stall => "Longest gap",
            Metric::Bytes => "Received",
            Metric::Bits => "Per avatar, tick",
            Metric::Corrections => "Corrections",
            Metric::Desyncs => "Desyncs",
            Metric::Frames => "Frame rate",
        }
    }

    /// The least range a plot shows.
    fn floor(self) -> f32 {
        match self {
            Metric::Ping | Metric::Delay | Metric::Margin => 50.0,
            Metric::Stall => 100.0,
            Metric::TickRate => 40.0,
            Metric::Bytes => 1_000.0,
            Metric::Bits => 8.0,
            Metric::Corrections | Metric::Desyncs => 2.0,
            Metric::Frames => 60.0,
        }
    }

    fn words(self, sample: &Sample) -> String {
        let value = sample.value(self);
        match self {
            Metric::Ping | Metric::Margin | Metric::Delay | Metric::Stall => {
                format!("{value:.0} ms")
            }
            Metric::TickRate | Metric::Frames => format!("{value:.0} Hz"),
            Metric::Bytes => format!("{:.1} kB/s", value / 1_000.0),
            Metric::Bits => format!("{value:.1} bits"),
            Metric::Corrections => sample.corrections_total.to_string(),
            Metric::Desyncs => sample.desyncs_total.to_string(),
        }
    }
}

/// The numbers of one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sample {
    values: [f32; METRICS],
    corrections_total: u64,
    desyncs_total: u64,
}

impl Sample {
    fn value(&self, metric: Metric) -> f32 {
        self.values[metric as usize]
    }

    /// `before` is the state of a rate window ago, `last` that of the last sample.
    fn new(now: &Stats, before: &Stats, last: &Stats, window: f32, frame_rate: f32) -> Sample {
        let bytes = now.bytes_received.saturating_sub(before.bytes_received) as f32;
        let avatars = now.avatar_ticks.saturating_sub(before.avatar_ticks) as f32;
        let (corrections, desyncs) = (now.corrections.total(), now.desyncs);
        Sample {
            values: [
                now.rtt_ms as f32,
                now.tick_rate_hz as f32,
                now.margin_ms as f32,
                now.interpolation_delay_ms as f32,
                now.stall_ms as f32,
                bytes / window,
                8.0 * bytes / avatars.max(1.0),
                corrections.saturating_sub(last.corrections.total()) as f32,
                desyncs.saturating_sub(last.desyncs) as f32,
                frame_rate,
            ],
            corrections_total: corrections,
            desyncs_total: desyncs,
        }
    }
}

/// Samples so far. They are taken while the panel is hidden, too, so that it opens with a past.
#[derive(Resource)]
struct Graph {
    series: [Series; METRICS],
    history: std::collections::VecDeque<Stats>,
    newest: Sample,
    seconds: f32,
    frames: u32,
    is_fresh: bool,
}

#[derive(Component)]
struct Panel;

#[derive(Component)]
struct Value(Metric);

pub(super) fn plugin(app: &mut App) {
    app.insert_resource(Graph::new())
        .add_systems(OnEnter(Screen::Game), spawn)
        .add_systems(Update, (sample, draw).chain().in_set(HudSystems));
}

impl Graph {
    fn new() -> Graph {
        Graph {
            series: std::array::from_fn(|_| Series::new(SAMPLES as usize)),
            history: std::collections::VecDeque::new(),
            newest: Sample::default(),
            seconds: 0.0,
            frames: 0,
            is_fresh: false,
        }
    }

    fn take(&mut self, stats: &Stats) {
        let last = self
            .history
            .back()
            .cloned()
            .unwrap_or_else(|| stats.clone());
        let before = self
            .history
            .front()
            .cloned()
            .unwrap_or_else(|| stats.clone());
        let window = SAMPLE_SECONDS * self.history.len().max(1) as f32;
        let frame_rate = self.frames as f32 / self.seconds;
        self.newest = Sample::new(stats, &before, &last, window, frame_rate);
        for (series, value) in self.series.iter_mut().zip(self.newest.values) {
            series.push(value);
        }
        self.history.push_back(stats.clone());
        if self.history.len() > RATE_SAMPLES {
            self.history.pop_front();
        }
        (self.seconds, self.frames, self.is_fresh) = (0.0, 0, true);
    }
}

fn spawn(
    mut commands: Commands,
    look: Res<Look>,
    mut graph: ResMut<Graph>,
    mut images: ResMut<Assets<Image>>,
) {
    *graph = Graph::new();
    let corner = Node {
        position_type: PositionType::Absolute,
        right: px(14),
        top: px(14),
        row_gap: px(5),
        ..panel_node()
    };
    let panel = (
        Panel,
        DespawnOnExit(Screen::Game),
        GlobalZIndex(15),
        Visibility::Hidden,
        corner,
        look.panel(),
    );
    commands.spawn(panel).with_children(|panel| {
        for metric in Metric::ALL {
            let canvas = Canvas::new(UVec2::new(SAMPLES, PLOT_ROWS));
            let image = images.add(canvas.to_image());
            panel.spawn(row(&look, metric, image));
        }
    });
}

fn row(look: &Look, metric: Metric, image: Handle<Image>) -> impl Bundle + use<> {
    let ui = &look.palette.ui;
    let column = |width| Node {
        width: px(width),
        ..default()
    };
    let plot = Node {
        width: px(SAMPLES as f32),
        height: px(PLOT_ROWS as f32),
        ..default()
    };
    (
        Node {
            height: px(PLOT_ROWS as f32),
            align_items: AlignItems::Center,
            column_gap: px(8),
            ..default()
        },
        children![
            (
                look.label(metric.label(), TextSize::Small, *ui.muted),
                TextLayout::no_wrap(),
                column(102.0)
            ),
            (metric, ImageNode::new(image), plot),
            (
                Value(metric),
                look.label("", TextSize::Small, *ui.text),
                TextLayout::no_wrap(),
                column(70.0)
            ),
        ],
    )
}

fn sample(time: Res<Time<Real>>, session: Res<NetSession>, mut graph: ResMut<Graph>) {
    graph.seconds += time.delta_secs();
    graph.frames += 1;
    if graph.seconds >= SAMPLE_SECONDS
        && let Some(client) = session.client()
    {
        graph.take(client.stats());
    }
}

fn draw(
    panels: Res<Panels>,
    look: Res<Look>,
    mut graph: ResMut<Graph>,
    mut panel: Single<&mut Visibility, With<Panel>>,
    plots: Query<(&Metric, &ImageNode)>,
    mut values: Query<(&Value, &mut Text)>,
    mut images: ResMut<Assets<Image>>,
) {
    let shown = if panels.net_graph {
        Visibility::Inherited
    } else {
        Visibility::Hidden
    };
    panel.set_if_neq(shown);
    if !panels.net_graph || !std::mem::take(&mut graph.is_fresh) {
        return;
    }
    let ui = &look.palette.ui;
    for (&metric, node) in &plots {
        let line = match metric {
            Metric::Corrections => ui.warn,
            Metric::Desyncs => ui.bad,
            _ => ui.accent,
        };
        let mut canvas = Canvas::new(UVec2::new(SAMPLES, PLOT_ROWS));
        canvas.fill(ui.field.with_alpha(0.8));
        let colors = (*line, ui.accent_dark.with_alpha(0.6));
        graph.series[metric as usize].paint(&mut canvas, metric.floor(), colors);
        if let Some(mut image) = images.get_mut(&node.image) {
            canvas.show_in(&mut image);
        }
    }
    for (Value(metric), mut text) in &mut values {
        text.set_if_neq(Text(metric.words(&graph.newest)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_taken_over_a_second_and_counts_since_the_last_sample() {
        let mut graph = Graph::new();
        let mut stats = Stats::default();
        for _ in 0..20 {
            graph.seconds = SAMPLE_SECONDS;
            graph.frames = 6;
            stats.bytes_received += 100;
            stats.avatar_ticks += 200;
            stats.corrections.server_event += 1;
            graph.take(&stats);
        }
        let sample = graph.newest;
        assert!((sample.value(Metric::Bytes) - 1_000.0).abs() < 1.0);
        assert!((sample.value(Metric::Bits) - 4.0).abs() < 0.01);
        assert!((sample.value(Metric::Corrections) - 1.0).abs() < 0.01);
        assert!((sample.value(Metric::Frames) - 60.0).abs() < 0.01);
        assert_eq!(Metric::Corrections.words(&sample), "20");
        assert_eq!(Metric::Bytes.words(&sample), "1.0 kB/s");
    }

    #[test]
    fn labels_are_in_the_order_of_the_values() {
        for (index, metric) in Metric::ALL.into_iter().enumerate() {
            assert_eq!(metric as usize, index);
        }
    }
}
