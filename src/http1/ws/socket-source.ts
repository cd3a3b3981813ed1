// Reads of a connection that node:net has accepted, until its request head is complete. After that the socket is as node:http leaves
// one that it has upgraded: paused, with no listener of ours.

import type { Socket } from 'node:net';
import { endSocket } from '../../api/ws/end-socket.ts';
import { NodeTransport } from '../../nodejs/transport.ts';
import type { TransportEvents } from '../../platform.ts';
import type { HeadSource } from '../head.ts';

export class SocketSource implements HeadSource {
  readonly #socket: Socket;
  #events: TransportEvents | null = null;
  #error: Error | undefined;

  /** @param socket Paused, with half-open connections allowed. */
  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onError).on('close', this.#onClose);
  }

  attach(events: TransportEvents): void {
    this.#events = events;
  }

  start(): void {
    this.#socket.resume();
  }

  pause(): void {
    this.#socket.pause();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Stops listening. @returns The socket. */
  release(): Socket {
    const socket = this.#socket;
    socket.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onError).off('close', this.#onClose);
    return socket;
  }

  readonly #onData = (chunk: Uint8Array): void => this.#events?.receive(chunk);
  readonly #onEnd = (): void => this.#events?.receiveEnd();
  readonly #onError = (error: Error): void => void (this.#error = error);
  readonly #onClose = (): void => this.#events?.closed(this.#error);
}

/** Writes an answer and closes, as {@link StreamSocket.end} does it: unread bytes would cause a reset, which could discard data that the peer has not read. */
export function endAnswered(socket: Socket, text: string): void {
  socket.on('error', () => {});
  endSocket(socket, text);
  socket.resume();
}

/** A listener of the request has thrown. There is no WebSocket that would end the connection. */
export function abandonSocket(socket: Socket): void {
  if (!NodeTransport.carries(socket) && socket.writable) socket.destroy();
}
