// `messageRate` and `byteRate`: how much one peer may send. Sessions without them are not touched.

import { CLOSE_POLICY_VIOLATION } from '../base/close-codes.ts';
import { CapacityError } from '../base/errors.ts';
import { clearTimer, elapsed, setTimer, type Timer } from '../clock.ts';
import type { Session, SessionSink } from '../platform.ts';
import { TokenBucket, type RateSettings } from './bucket.ts';
import type { RatePolicy } from './options.ts';

export interface PaceSettings {
  readonly messages: RateSettings | undefined;
  readonly bytes: RateSettings | undefined;
  readonly policy: RatePolicy;
  /** Called when a peer is too fast: with each pause, or with the close. */
  readonly onExceeded: (rate: 'messageRate' | 'byteRate') => void;
}

/** Measures one peer. Reading stops for both reasons, its own and the program's, and goes on when neither is left. */
class Pace {
  readonly #settings: PaceSettings;
  readonly #session: Session;
  readonly #stopReading: () => void;
  readonly #goOnReading: () => void;
  readonly #messages: TokenBucket | undefined;
  readonly #bytes: TokenBucket | undefined;
  #isPausedByProgram = false;
  #timer: Timer | undefined;
  /** When reading may go on, by the clock of `elapsed`. */
  #end = 0;
  #isOver = false;

  constructor(session: Session, settings: PaceSettings) {
    const { messages, bytes } = settings;
    const now = elapsed();
    this.#settings = settings;
    this.#session = session;
    this.#stopReading = session.pause.bind(session);
    this.#goOnReading = session.resume.bind(session);
    this.#messages = messages && new TokenBucket(messages, now);
    this.#bytes = bytes && new TokenBucket(bytes, now);
  }

  pause(): void {
    this.#isPausedByProgram = true;
    this.#stopReading();
  }

  resume(): void {
    this.#isPausedByProgram = false;
    if (this.#timer === undefined) this.#goOnReading();
  }

  /** @returns Whether a message of `length` bytes may be delivered. */
  admits(length: number): boolean {
    if (this.#isOver) return false;
    const now = elapsed();
    const forMessages = this.#messages?.spend(1, now) ?? 0;
    const forBytes = this.#bytes?.spend(length, now) ?? 0;
    const wait = Math.max(forMessages, forBytes);
    if (wait === 0) return true;
    const rate = forMessages >= forBytes ? 'messageRate' : 'byteRate';
    if (this.#settings.policy === 'pause') this.#hold(wait, now + wait, rate);
    else this.#close(rate);
    // A message that was read is delivered: a pause loses nothing.
    return !this.#isOver;
  }

  end(): void {
    clearTimer(this.#timer);
    this.#timer = undefined;
    this.#isOver = true;
  }

  #hold(wait: number, end: number, rate: 'messageRate' | 'byteRate'): void {
    this.#end = end;
    if (this.#timer !== undefined) return;
    this.#settings.onExceeded(rate);
    this.#stopReading();
    this.#wait(wait);
  }

  #wait(milliseconds: number): void {
    this.#timer = setTimer(() => {
      // Messages of the same read have made the debt larger.
      const rest = this.#end - elapsed();
      if (rest >= 1) return this.#wait(rest);
      this.#timer = undefined;
      if (!this.#isPausedByProgram) this.#goOnReading();
    }, milliseconds);
  }

  #close(rate: 'messageRate' | 'byteRate'): void {
    this.#isOver = true;
    this.#settings.onExceeded(rate);
    const error = new CapacityError({
      code: 'WS_ERR_RATE_EXCEEDED',
      message: `The peer has exceeded ${rate}`,
      closeCode: CLOSE_POLICY_VIOLATION,
    });
    if (this.#session.onViolation !== undefined) return this.#session.onViolation(error);
    this.#session.close(CLOSE_POLICY_VIOLATION);
    this.#session.meter?.failed(this.#session, error);
    this.#sink?.onError(error);
  }

  #sink: SessionSink | undefined;

  /** The sink to attach in the place of `sink`. */
  between(sink: SessionSink): SessionSink {
    this.#sink = sink;
    return {
      // The result says whether the program keeps a borrowed message.
      onMessage: (source, start, end, kind) => this.admits(end - start) && sink.onMessage(source, start, end, kind),
      onFrame: (first, payload) => {
        if (this.admits(payload.length)) sink.onFrame?.(first, payload);
      },
      onPing: (payload) => {
        if (this.admits(payload.length)) sink.onPing(payload);
      },
      onPong: (payload) => {
        if (this.admits(payload.length)) sink.onPong(payload);
      },
      onClosing: () => sink.onClosing(),
      onCloseFrame: (code, reason) => sink.onCloseFrame?.(code, reason),
      onError: (error) => sink.onError(error),
      onDrain: () => sink.onDrain(),
      onEnd: (code, reason, wasClean) => {
        this.end();
        sink.onEnd(code, reason, wasClean);
      },
    };
  }
}

/**
 * Holds the peer of `session` to rates.
 *
 * @param session Not attached yet. Changed: `attach`, `pause` and `resume` know of the rates from now on.
 */
export function pace(session: Session, settings: PaceSettings): void {
  if (settings.messages === undefined && settings.bytes === undefined) return;
  const measured = new Pace(session, settings);
  const attach = session.attach.bind(session);
  session.attach = (sink) => attach(measured.between(sink));
  session.pause = () => measured.pause();
  session.resume = () => measured.resume();
}
