// A limit for messages, where a runtime's own WebSocket has none for one connection. RFC 6455 section 7.4.1 has the status code.

import { CLOSE_MESSAGE_TOO_BIG } from '../base/close-codes.ts';
import { messageTooLarge } from '../base/errors.ts';
import type { Session, SessionSink } from '../platform.ts';

/**
 * Lets `session` close with 1009, and report a CapacityError, at a message that is too long. The runtime has read it by then.
 *
 * @param session Not attached yet. Changed: it attaches its sinks with the limit from now on.
 * @param maximum Bytes; 0 for no limit.
 * @returns `session`.
 */
export function limitMessages(session: Session, maximum: number): Session {
  if (maximum === 0) return session;
  const attach = session.attach.bind(session);
  session.attach = (sink: SessionSink): void => {
    let isOver = false;
    attach({
      onMessage(source, start, end, kind) {
        if (isOver) return;
        if (end - start <= maximum) return sink.onMessage(source, start, end, kind);
        isOver = true;
        session.close(CLOSE_MESSAGE_TOO_BIG);
        const error = messageTooLarge();
        session.meter?.failed(session, error);
        sink.onError(error);
      },
      onPing: (payload) => sink.onPing(payload),
      onPong: (payload) => sink.onPong(payload),
      onClosing: () => sink.onClosing(),
      onError: (error) => sink.onError(error),
      onDrain: () => sink.onDrain(),
      onEnd: (code, reason, wasClean) => sink.onEnd(code, reason, wasClean),
    });
  };
  return session;
}
