// Why a session ended: the mirror of shared/src/wire/close.rs, in the wire's order.

const reason = (name, code, text, retry = false) => Object.freeze({ name, code, text, retry });

export const CLOSE_REASONS = Object.freeze([
  reason('left', 1000, 'you left'),
  reason('server_shutdown', 1001, 'the server is shutting down', true),
  reason('protocol_violation', 1002, 'a message broke the protocol'),
  reason('text_frame', 1003, 'text messages are not part of the protocol'),
  reason('message_too_large', 1009, 'a message was too large'),
  reason('internal_error', 1011, 'the server failed', true),
  reason('room_full', 4001, 'the room is full'),
  reason('server_full', 4002, 'the server is full', true),
  reason('rate_limited', 4003, 'too many messages', true),
  reason('heartbeat_timeout', 4004, 'no answer to pings', true),
  reason('no_progress', 4005, 'the connection took no data for too long', true),
  reason('replaced', 4006, 'you connected from somewhere else'),
  reason('unauthorized', 4007, 'not authorised'),
  reason('token_expired', 4008, 'the token expired'),
  reason('unsupported_version', 4009, 'the versions do not fit'),
  reason('bad_name', 4010, 'the name is not acceptable'),
  reason('bad_ticket', 4011, 'the session can no longer be resumed', true),
  reason('kicked', 4012, 'you were removed by an operator'),
]);

/** The reason of a close code received, or null. */
export function closeReasonFromCode(code) {
  return CLOSE_REASONS.find((entry) => entry.code === code) ?? null;
}
