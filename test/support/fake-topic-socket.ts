/** A WebSocket for topics that keeps its messages: text as strings, bytes as arrays. */
export class FakeSocket extends EventTarget {
  readyState: number = 1;
  bufferedAmount: number = 0;
  readonly received: (string | number[])[] = [];

  send(data: string | Uint8Array): void {
    this.received.push(typeof data === 'string' ? data : [...data]);
  }

  close(): void {
    this.readyState = 3;
    this.dispatchEvent(new Event('close'));
  }
}
