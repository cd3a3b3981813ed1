// A WebSocket as a Duplex stream: messages are chunks, and backpressure goes both ways.

import { Duplex, type DuplexOptions } from 'node:stream';
import { findCore } from './core.ts';
import { ownData } from './borrowed.ts';
import { CLOSED, CONNECTING } from '../../base/states.ts';
import type { WebSocketBase } from './websocket.ts';
import { nextTick } from '../../clock.ts';
import { ownOptions } from '../../base/options.ts';

type Done = (error?: Error | null) => void;

// Not private fields, which a Proxy of the stream would not have.
const WEBSOCKET: unique symbol = Symbol('websocket');
const FINISH: unique symbol = Symbol('finish');
const IS_FAILED: unique symbol = Symbol('isFailed');

class WebSocketStream extends Duplex {
  readonly [WEBSOCKET]: WebSocketBase;
  /** Waits for the connection to be gone, which is when all that was written has left. */
  [FINISH]: Done | undefined;
  [IS_FAILED] = false;

  constructor(ws: WebSocketBase, options?: DuplexOptions) {
    super({ ...ownOptions(options), autoDestroy: false, emitClose: false, objectMode: false, writableObjectMode: false });
    this[WEBSOCKET] = ws;
    ws.on('message', (data, isBinary) => {
      const chunk: unknown = !isBinary && this.readableObjectMode ? (data as Buffer).toString() : ownData(data);
      if (!this.push(chunk)) ws.pause();
    });
    ws.once('error', (error) => {
      if (this.destroyed) return;
      // The connection closes by itself after an error: cutting it would lose the Close frame that tells the peer why.
      this[IS_FAILED] = true;
      this.destroy(error);
    });
    ws.once('close', () => {
      this[FINISH]?.();
      if (!this.destroyed) this.push(null);
    });
    this.on('end', () => {
      if (!this.destroyed && this.writableFinished) this.destroy();
    });
    const isServer = findCore(ws)?.isServer === true;
    const onError = (error: Error): void => {
      this.destroy();
      // A peer must not end a server by an 'error' without a listener. `errored` has the error, and 'close' is emitted.
      if (isServer) return;
      this.removeListener('error', onError);
      // There is no other listener, so EventEmitter throws the error as usual.
      if (this.listenerCount('error') === 0) this.emit('error', error);
    };
    this.on('error', onError);
  }

  override _read(): void {
    if (this[WEBSOCKET].isPaused) this[WEBSOCKET].resume();
  }

  override _write(chunk: string | Buffer, _encoding: BufferEncoding, done: Done): void {
    const ws = this[WEBSOCKET];
    if (ws.readyState === CONNECTING) ws.once('open', () => this._write(chunk, _encoding, done));
    else ws.send(chunk, done);
  }

  override _final(done: Done): void {
    const ws = this[WEBSOCKET];
    if (ws.readyState === CONNECTING) {
      ws.once('open', () => this._final(done));
    } else if (ws.readyState === CLOSED) {
      done();
      if (this.readableEnded) this.destroy();
    } else {
      this[FINISH] = done;
      ws.close();
    }
  }

  override _destroy(error: Error | null, done: Done): void {
    const ws = this[WEBSOCKET];
    const emitClose = (): void => nextTick(() => this.emit('close'));
    if (ws.readyState === CLOSED) {
      done(error);
      emitClose();
      return;
    }
    let isDone = false;
    // The error that ends a handshake which is cut.
    ws.once('error', (other) => {
      isDone = true;
      done(other);
    });
    ws.once('close', () => {
      if (!isDone) done(error);
      emitClose();
    });
    if (!this[IS_FAILED]) ws.terminate();
  }
}

/**
 * Wraps a WebSocket in a Duplex.
 *
 * Each chunk written is a message, binary unless it is a string (`decodeStrings: false`); a write is done once the message was
 * handed to the operating system. Each message is a chunk to read, text as a string with `readableObjectMode`. A reader that is
 * slow stops reading from the socket. Ending the stream closes the WebSocket; an error of either destroys the other.
 *
 * @param options As for `new Duplex()`.
 */
export function createWebSocketStream(ws: WebSocketBase, options?: DuplexOptions): Duplex {
  return new WebSocketStream(ws, options);
}
