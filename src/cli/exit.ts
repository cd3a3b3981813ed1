// Exit codes of the commands, and errors that end a command with one of them.

import process from 'node:process';
import {
  CLOSE_ABNORMAL,
  CLOSE_GOING_AWAY,
  CLOSE_INTERNAL_ERROR,
  CLOSE_INVALID_PAYLOAD,
  CLOSE_MESSAGE_TOO_BIG,
  CLOSE_NO_STATUS,
  CLOSE_NORMAL,
  CLOSE_POLICY_VIOLATION,
  CLOSE_PROTOCOL_ERROR,
} from '../base/close-codes.ts';

/** Exit codes, which docs/cli.md promises to scripts. */
export const EXIT = {
  done: 0,
  /** No connection, no port, no file: the work could not begin. */
  failed: 1,
  /** An option or argument that is wrong or missing. */
  usage: 2,
  /** The peer has closed with a code of an error. */
  closedWithError: 3,
  timeout: 4,
  /** The connection ended without a closing handshake. */
  lost: 5,
  /** `replay --check`: the answers differ from the recording. */
  differs: 6,
  /** 128 and the number of the signal, as shells have it. */
  interrupted: 130,
  terminated: 143,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const lastTasks = new Set<() => Promise<void>>();
let isEnding = false;

/** Does `task` if the process ends early: at a broken pipe, or a second signal. @returns Takes it back. */
export function beforeEnd(task: () => Promise<void>): () => void {
  lastTasks.add(task);
  return () => void lastTasks.delete(task);
}

/** Ends the process now, without a code by the one that is set already, after the tasks of {@link beforeEnd}. While it waits for them, a further call ends the process at once. */
export function endNow(code?: ExitCode): void {
  const exit = (): never => process.exit(code ?? process.exitCode);
  if (isEnding || lastTasks.size === 0) exit();
  isEnding = true;
  void Promise.allSettled(Array.from(lastTasks, (task) => task())).then(exit);
}

/** Ends the command with a message and an exit code. */
export class CommandError extends Error {
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = EXIT.failed) {
    super(message);
    this.name = 'CommandError';
    this.exitCode = exitCode;
  }
}

/** An option or argument that is wrong or missing. */
export class UsageError extends CommandError {
  constructor(message: string) {
    super(message, EXIT.usage);
    this.name = 'UsageError';
  }
}

/** Meanings of close codes: RFC 6455 section 7.4.1 and the IANA registry. */
const MEANINGS: Readonly<Record<number, string>> = {
  [CLOSE_NORMAL]: 'normal closure',
  [CLOSE_GOING_AWAY]: 'going away',
  [CLOSE_PROTOCOL_ERROR]: 'protocol error',
  1003: 'unsupported data',
  [CLOSE_NO_STATUS]: 'no close code',
  [CLOSE_ABNORMAL]: 'connection lost',
  [CLOSE_INVALID_PAYLOAD]: 'invalid payload data',
  [CLOSE_POLICY_VIOLATION]: 'policy violation',
  [CLOSE_MESSAGE_TOO_BIG]: 'message too big',
  1010: 'extension missing',
  [CLOSE_INTERNAL_ERROR]: 'internal error',
  1012: 'service restart',
  1013: 'try again later',
  1014: 'bad gateway',
  3000: 'unauthorized',
  3003: 'forbidden',
  3008: 'timeout',
};

/** A close code in words: `1000 normal closure`. */
export function describeCloseCode(code: number): string {
  const range = code >= 4000 ? 'code of the application' : code >= 3000 ? 'code of a framework' : 'unknown code';
  return `${code} ${MEANINGS[code] ?? range}`;
}

/** The exit code for the end of a connection. */
export function exitCodeOf(closeCode: number): ExitCode {
  if (closeCode === CLOSE_ABNORMAL) return EXIT.lost;
  const isNormal = closeCode === CLOSE_NORMAL || closeCode === CLOSE_GOING_AWAY || closeCode === CLOSE_NO_STATUS;
  return isNormal ? EXIT.done : EXIT.closedWithError;
}
