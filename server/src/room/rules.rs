//! The rules of "Sparks" that only the server decides: picking up, bumping, respawning.

use super::interest::Changes;
use super::nearby::Nearby;
use super::players::Players;
use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use std::collections::VecDeque;
use tickwire_shared::game::sparks::{
    BUMP_RADIUS, BUMP_SCORE, PICKUP_RADIUS, RESPAWN_SECONDS, SPARK_SCORE, bumped_velocity, bumps,
};
use tickwire_shared::game::{Spark, UNIT, World};
use tickwire_shared::{PlayerId, SparkId, Tick};

/// The sparks that lie in the arena, and those that will.
#[derive(Debug)]
pub(super) struct Sparks {
    lying: Vec<Option<Spark>>,
    nearby: Nearby,
    /// In ascending order of the tick when they appear.
    respawns: VecDeque<(Tick, SparkId)>,
    reached: Vec<u16>,
}

impl Sparks {
    /// As many as the arena wants, all to appear at the first tick.
    pub(super) fn new(world: &World) -> Sparks {
        let count = world.arena.spec().sparks;
        Sparks {
            lying: vec![None; count.into()],
            nearby: Nearby::new(world.arena.size()),
            respawns: (0..count).map(|id| (Tick(0), SparkId(id))).collect(),
            reached: Vec::new(),
        }
    }

    /// Sparks in ascending order of id.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Spark> {
        self.lying.iter().flatten()
    }

    /// Lays out the sparks that are due.
    pub(super) fn respawn(
        &mut self,
        world: &World,
        tick: Tick,
        random: &mut Pcg32,
        changes: &mut Changes,
    ) {
        while let Some((due, id)) = self.respawns.front().copied()
            && due <= tick
        {
            self.respawns.pop_front();
            let mut position = world.arena.free_position(random.next_u32());
            // Up to half a unit off the middle of the tile: apart from each other, and still a
            // whole avatar away from the nearest wall.
            let offset = random.next_u32();
            position.x += (offset as i32 & (UNIT - 1)) - UNIT / 2;
            position.y += (offset as i32 >> 16 & (UNIT - 1)) - UNIT / 2;
            let spark = Spark::near(id, position);
            self.lying[usize::from(id.0)] = Some(spark);
            self.nearby.insert(id.0, spark.position());
            changes
                .sparks_entered
                .push(world.grid.cell_at(spark.position()), spark);
        }
    }

    /// Every player takes the sparks within reach, in the order of ids. Returns how many.
    pub(super) fn pick_up(
        &mut self,
        world: &World,
        tick: Tick,
        players: &mut Players,
        changes: &mut Changes,
    ) -> u64 {
        let mut count = 0;
        let due = tick + RESPAWN_SECONDS * u32::from(world.tick_rate.hz());
        for (_, player) in players.iter_mut() {
            let (lying, reached) = (&self.lying, &mut self.reached);
            let position = player.body.position;
            self.nearby.visit(position, PICKUP_RADIUS, |id| {
                if lying[usize::from(id)].is_some_and(|spark| spark.is_reached_from(position)) {
                    reached.push(id);
                }
            });
            for id in self.reached.drain(..) {
                if let Some(spark) = self.lying[usize::from(id)].take() {
                    self.nearby.remove(id, spark.position());
                    self.respawns.push_back((due, spark.id));
                    changes
                        .sparks_left
                        .push(world.grid.cell_at(spark.position()), spark.id);
                    player.score += SPARK_SCORE;
                    count += 1;
                }
            }
        }
        count
    }
}

/// Finds who is bumped by a dash, and throws them.
#[derive(Debug)]
pub(super) struct Bumping {
    nearby: Nearby,
    dashers: Vec<PlayerId>,
    bumped: Vec<PlayerId>,
}

impl Bumping {
    pub(super) fn new(world: &World) -> Bumping {
        Bumping {
            nearby: Nearby::new(world.arena.size()),
            dashers: Vec::new(),
            bumped: Vec::new(),
        }
    }

    /// Every dashing avatar throws those within its reach along its way and takes score from
    /// them, in the order of ids. Returns how many were bumped.
    pub(super) fn run(&mut self, world: &World, tick: Tick, players: &mut Players) -> u64 {
        self.dashers.clear();
        let dashing = players
            .iter()
            .filter(|(_, player)| player.body.is_dashing());
        self.dashers.extend(dashing.map(|(id, _)| id));
        if self.dashers.is_empty() {
            return 0;
        }
        self.nearby.clear();
        for (id, player) in players.iter() {
            self.nearby.insert(id.0, player.body.position);
        }
        let mut count = 0;
        for at in 0..self.dashers.len() {
            count += self.bump(self.dashers[at], world, tick, players);
        }
        count
    }

    fn bump(&mut self, id: PlayerId, world: &World, tick: Tick, players: &mut Players) -> u64 {
        let Some(dasher) = players.get(id) else {
            return 0;
        };
        let body = dasher.body;
        let bumped = &mut self.bumped;
        self.nearby.visit(body.position, BUMP_RADIUS, |other| {
            let other = PlayerId(other);
            let is_bumped = |player: &super::players::Player| {
                other != id && player.unbumpable_until <= tick && bumps(&body, &player.body)
            };
            if players.get(other).is_some_and(is_bumped) {
                bumped.push(other);
            }
        });
        let mut taken = 0;
        let count = self.bumped.len() as u64;
        for other in self.bumped.drain(..) {
            if let Some(player) = players.get_mut(other) {
                player.body.velocity = bumped_velocity(body.dash.heading, &world.movement);
                player.unbumpable_until = tick + u32::from(world.movement.dash_ticks);
                let score = BUMP_SCORE.min(player.score);
                player.score -= score;
                taken += score;
            }
        }
        if let Some(dasher) = players.get_mut(id) {
            dasher.score += taken;
        }
        count
    }
}
