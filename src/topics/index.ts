// Entry point `wasock/topics`.

import type { ServedSocket, ServeOptions } from './serve.ts';
import { serveTopics } from './serve.ts';
import type { PublishOptions, Published, Subscribed, SubscribeOptions } from './topics.ts';
import { Topics as BaseTopics } from './topics.ts';
import type { TopicSocket } from './member.ts';

export type { Bus, BusEvents, BusPresence, BusRecovery } from './bus.ts';
export type { HistoryLimits } from './history.ts';
export type { Counts, SlowPolicy, TopicSocket } from './member.ts';
export type { Position } from './messages.ts';
export type { Presence, PresenceLimits } from './presence.ts';
export { TOPICS_PROTOCOL } from './protocol.ts';
export type { ServedSocket, ServeOptions, TopicAction } from './serve.ts';
export type { PublishOptions, Published, Subscribed, SubscribeOptions, TopicsEvents } from './topics.ts';
export type { TopicsOptions } from './options.ts';

/** The members that {@link Topics.extend} gives to a socket. */
export interface TopicMembers {
  /** As {@link Topics.subscribe}. */
  subscribe(name: string, options?: SubscribeOptions): Promise<Subscribed>;
  /** As {@link Topics.unsubscribe}. */
  unsubscribe(name: string): boolean;
  /** As {@link Topics.publish}, to all but this socket. */
  publish(topic: string, data: string | ArrayBuffer | ArrayBufferView, options?: PublishOptions): Promise<Published>;
  isSubscribed(name: string): boolean;
  /** The topics and patterns of this socket. */
  readonly topics: string[];
}

/** The topics whose methods a socket has. */
const owners = new WeakMap<object, Topics>();

export class Topics extends BaseTopics {
  /**
   * Serves topics to a client by the subprotocol `wasock.topics.v1`: see {@link ServeOptions}.
   *
   * @throws {TypeError} without `authorize`, and for a socket that is served already.
   */
  serve<Context = undefined>(socket: ServedSocket, options: ServeOptions<Context>): void {
    serveTopics(this, socket, options);
  }

  /**
   * Gives a socket the methods that sockets of uWebSockets.js and Bun have. Does nothing for one that has them.
   *
   * @returns The same socket.
   * @throws {TypeError} if it has those of other topics: they would be lost.
   */
  extend<Socket extends TopicSocket>(socket: Socket): Socket & TopicMembers {
    const owner = owners.get(socket);
    if (owner === this) return socket as Socket & TopicMembers;
    if (owner !== undefined) {
      throw new TypeError('Other topics have extended this WebSocket: call subscribe(socket, name) of these topics instead');
    }
    owners.set(socket, this);
    const members: Omit<TopicMembers, 'topics'> = {
      subscribe: (name, options) => this.subscribe(socket, name, options),
      unsubscribe: (name) => this.unsubscribe(socket, name),
      publish: (topic, data, options) => this.publish(topic, data, { ...options, except: socket }),
      isSubscribed: (name) => this.isSubscribed(socket, name),
    };
    Object.assign(socket, members);
    return Object.defineProperty(socket, 'topics', { get: () => this.of(socket) }) as Socket & TopicMembers;
  }
}
