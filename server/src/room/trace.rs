//! A running hash of all that the simulation does, by which two runs are told equal or not.

use super::players::Players;
use super::rules::Sparks;
use tickwire_shared::Tick;

/// The hash before the first tick.
pub(super) const TRACE_START: u64 = 0xcbf2_9ce4_8422_2325;

/// The hash after `tick`, from the one before: every body, input, score and spark counts.
pub(super) fn trace(before: u64, tick: Tick, players: &Players, sparks: &Sparks) -> u64 {
    let mut hash = before;
    // FNV-1a over words instead of bytes, with a shift so that high bits reach low ones.
    let mut mix = |word: u64| {
        hash = (hash ^ word).wrapping_mul(0x0100_0000_01b3);
        hash ^= hash >> 29;
    };
    mix(tick.0.into());
    for (id, player) in players.iter() {
        let (body, input) = (&player.body, &player.input);
        mix(pair(body.position.x, body.position.y));
        mix(pair(body.velocity.x, body.velocity.y));
        mix(u64::from_le_bytes([
            body.facing.0,
            body.dash.ticks_left,
            body.dash.cooldown,
            body.dash.heading.0,
            input.heading().0,
            input.throttle().level(),
            input.aim().map_or(0, |aim| aim.0),
            u8::from(input.dash()) << 1 | u8::from(input.aim().is_some()),
        ]));
        mix(u64::from(player.score) << 16 | u64::from(id.0));
    }
    for spark in sparks.iter() {
        mix(u64::from(spark.id.0) << 32 | u64::from(spark.x) << 16 | u64::from(spark.y));
    }
    hash
}

fn pair(x: i32, y: i32) -> u64 {
    u64::from(x.cast_unsigned()) << 32 | u64::from(y.cast_unsigned())
}
