// The members by which the ws-style WebSocket is an EventTarget as well: `addEventListener`, `onmessage` and their like.

import { TypedEmitter } from './emitter.ts';
import { addListener, getAttribute, removeListener, setAttribute } from './events.ts';
import type {
  CloseEvent,
  ErrorEvent,
  Event,
  EventListenerOptions,
  Handler,
  Listener,
  MessageEvent,
  SocketEvents,
  WebSocketEventMap,
} from './types.ts';
import type { WebSocketBase } from './websocket.ts';

/** Only {@link WebSocketBase} derives from it. */
export abstract class ListeningBase extends TypedEmitter<SocketEvents> {
  /** Adds a listener; a second time, or for an event that there is not, does nothing. */
  addEventListener<Kind extends keyof WebSocketEventMap>(
    type: Kind,
    listener: Listener<WebSocketEventMap[Kind]>,
    options: EventListenerOptions = {},
  ): void {
    addListener(this as unknown as WebSocketBase, type, {
      listener,
      isAttribute: false,
      once: options.once,
      signal: options.signal,
    });
  }

  removeEventListener<Kind extends keyof WebSocketEventMap>(type: Kind, listener: Listener<WebSocketEventMap[Kind]>): void {
    removeListener(this as unknown as WebSocketBase, type, listener);
  }

  get onopen(): Handler<Event> {
    return getAttribute(this as unknown as WebSocketBase, 'open');
  }

  set onopen(listener: Handler<Event>) {
    setAttribute(this as unknown as WebSocketBase, 'open', listener);
  }

  get onmessage(): Handler<MessageEvent> {
    return getAttribute(this as unknown as WebSocketBase, 'message');
  }

  set onmessage(listener: Handler<MessageEvent>) {
    setAttribute(this as unknown as WebSocketBase, 'message', listener);
  }

  get onclose(): Handler<CloseEvent> {
    return getAttribute(this as unknown as WebSocketBase, 'close');
  }

  set onclose(listener: Handler<CloseEvent>) {
    setAttribute(this as unknown as WebSocketBase, 'close', listener);
  }

  get onerror(): Handler<ErrorEvent> {
    return getAttribute(this as unknown as WebSocketBase, 'error');
  }

  set onerror(listener: Handler<ErrorEvent>) {
    setAttribute(this as unknown as WebSocketBase, 'error', listener);
  }
}
