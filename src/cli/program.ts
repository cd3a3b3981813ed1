// A program for each connection of `listen --execute`: its lines are messages.

import { spawn, type ChildProcess } from 'node:child_process';
import type { IncomingMessage } from 'node:http';
import process from 'node:process';
import { createInterface } from 'node:readline';
import type { WebSocket } from '../api/ws/classes.ts';
import { CLOSE_INTERNAL_ERROR, CLOSE_NORMAL } from '../base/close-codes.ts';
import { clearTimer, setTimer } from '../clock.ts';
import { messageOf } from './messages.ts';

/** Milliseconds that a program has after the end of its standard input, and again after SIGTERM. */
const GRACE = 2000;
/** Milliseconds that a program may take nothing from its standard input. The connection is paused meanwhile, so the end of the client goes unnoticed. */
const PATIENCE = 30_000;
/** Bytes that may wait for the client before the program is held up. */
const MOST_WAITING = 1_048_576;
const IS_WINDOWS = process.platform === 'win32';

/** Programs that run. */
const running = new Set<number>();
// A second signal, for example, ends this process before their time is over.
process.on('exit', () => {
  for (const pid of running) killAll(pid, 'SIGKILL');
});

/** Sends a signal to a program and all processes that it has started. */
function killAll(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(IS_WINDOWS ? pid : -pid, signal);
  } catch {
    // It has ended.
  }
}

/**
 * Starts `command` in a shell. A text message is a line on its standard input, a binary message too, in base64. Each line that it prints is a
 * message. Nothing of the client is part of the command; the path and the address are in variables.
 */
export function runProgram(command: string, ws: WebSocket, request: IncomingMessage, onError: (error: Error) => void): void {
  const child = spawn(command, {
    shell: true,
    // A process group of its own, so that all processes of the command end with it.
    detached: !IS_WINDOWS,
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      ...process.env,
      WASOCK_PATH: request.url ?? '',
      WASOCK_ADDRESS: request.socket.remoteAddress ?? '',
      WASOCK_SUBPROTOCOL: ws.protocol,
    },
  });
  const { stdin, stdout } = child as ChildProcess;
  child.on('error', (error) => {
    onError(error);
    ws.close(CLOSE_INTERNAL_ERROR);
  });
  // There was no file descriptor left: 'error' follows.
  if (!stdin || !stdout) return;
  // A program that does not read is its own affair.
  stdin.on('error', () => {});
  let patience: unknown;
  ws.once('close', () => clearTimer(patience));
  ws.on('message', (data, isBinary) => {
    const message = messageOf(data, isBinary);
    const line = typeof message === 'string' ? message : message.toString('base64');
    if (stdin.write(`${line}\n`)) return;
    ws.pause();
    clearTimer(patience);
    patience = setTimer(() => ws.terminate(), PATIENCE);
    stdin.once('drain', () => {
      clearTimer(patience);
      ws.resume();
    });
  });
  const lines = createInterface({ input: stdout, crlfDelay: Infinity });
  let isHeldUp = false;
  lines.on('line', (line) => {
    if (ws.readyState === ws.OPEN) ws.send(line);
    // Lines that were read before the pause still come.
    if (isHeldUp || ws.bufferedAmount <= MOST_WAITING) return;
    isHeldUp = true;
    stdout.pause();
    ws.once('drain', () => {
      isHeldUp = false;
      stdout.resume();
    });
  });
  // All lines are out: a process that the program has left behind may hold the pipe longer.
  child.on('close', (code) =>
    ws.close(code === 0 ? CLOSE_NORMAL : CLOSE_INTERNAL_ERROR, code === 0 ? '' : 'The program failed'),
  );
  endWith(
    ws,
    child.pid,
    () => stdin.end(),
    (end) => child.once('close', end),
  );
}

/** Ends the program when the connection is over: by the end of its input, by SIGTERM, by SIGKILL. */
function endWith(ws: WebSocket, pid: number | undefined, endInput: () => void, onExit: (end: () => void) => void): void {
  let timer: unknown;
  if (pid === undefined) return;
  running.add(pid);
  ws.once('close', () => {
    endInput();
    timer = setTimer(() => {
      killAll(pid, 'SIGTERM');
      timer = setTimer(() => killAll(pid, 'SIGKILL'), GRACE);
    }, GRACE);
  });
  onExit(() => {
    running.delete(pid);
    clearTimer(timer);
  });
}
