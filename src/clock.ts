// Turns and timers. Only this file calls the runtime's scheduling functions; test/layering.test.ts checks that.
//
// The tests of programs use fake clocks, which replace functions that a library always needs. So there are two kinds:
// - The tasks of the library itself (`microtask`, `defer`, `nextTick`, `immediate`) use functions that were taken when this module was
//   loaded. No fake clock can hold up a flush, or lose it.
// - Timers that a program observes (`setTimer`) look `setTimeout` up at each call, so that a fake clock drives them, and go over to the
//   runtime's clock once the fake one is removed.

/** Milliseconds: a longer timer of JavaScript fires at once. */
const LONGEST = 2_147_483_647;
/**
 * Milliseconds: a timer that is later than this was held up by a suspended process or a blocked event loop. Its task waits as long again, in
 * which a runtime reads the bytes that have arrived meanwhile: Node.js 24 in one turn, Bun 1.4 in two, Deno 2.9 in more than 50 of setImmediate.
 */
const LATE = 100;
/** How often a task waits at most: in an event loop that is late each time, limits have to hold as well. */
const MOST_WAITS = 5;
/** Milliseconds between two looks at whether the clock of a borrowed timer is still in place. Nothing looks while no timer is borrowed. */
const LOOK_INTERVAL = 250;

type Task = () => void;
type TimerFunction = (task: Task, milliseconds: number) => unknown;

/** The globals that fake clocks replace. Not each runtime has all of them. */
interface Scope {
  readonly Date: { now(): number };
  readonly performance: { now(): number };
  readonly queueMicrotask: (task: Task) => void;
  readonly setTimeout: TimerFunction;
  readonly clearTimeout: (timer: unknown) => void;
  readonly setImmediate?: (task: Task) => unknown;
  readonly process?: {
    readonly nextTick?: <Values extends unknown[]>(task: (...values: Values) => void, ...values: Values) => void;
  };
}
const scope = globalThis as unknown as Scope;

/**
 * `value`, or the function behind it, if this module was loaded while a fake clock was installed: sinon's clock, which is jest's and
 * vitest's as well, keeps it as `value.clock._name`. Undefined for a mock that keeps nothing.
 */
function genuine<Value>(value: Value, name: string): Value | undefined {
  if (typeof value !== 'function') return undefined;
  const { clock, _isMockFunction: isMock } = value as { clock?: Readonly<Record<string, Value>>; _isMockFunction?: boolean };
  if (typeof clock === 'object' && clock !== null) return clock[`_${name}`];
  return isMock ? undefined : value;
}

// A promise of the runtime's own, which no library has replaced, and no fake clock knows.
const settled = (async () => {})();
const { then } = settled;
const realQueueMicrotask = genuine(scope.queueMicrotask, 'queueMicrotask');
const realNextTick = genuine(scope.process?.nextTick, 'nextTick');
const realSetImmediate = genuine(scope.setImmediate, 'setImmediate');
const realSetTimeout = genuine(scope.setTimeout, 'setTimeout');
const realClearTimeout = genuine(scope.clearTimeout, 'clearTimeout');

/** Milliseconds since 1970, whatever a fake clock says. */
export const now: () => number = (genuine(scope.Date, 'Date') ?? scope.Date).now;

/** Milliseconds of a clock that is never set back, for differences: by the clock that is in place now, as the timers of {@link setTimer}. */
export function elapsed(): number {
  return scope.performance.now();
}

/** Runs `task`, which must not throw, in a microtask. Costs less than queueMicrotask, which makes an AsyncResource in Node.js. */
export function microtask(task: Task): void {
  void then.call(settled, task);
}

let tasks: Task[] = [];
let next = 0;

/**
 * Runs `task` when the current turn's code has finished, after all tasks that were deferred before it. An exception of it is uncaught. All tasks of
 * a turn share a microtask: one each cost a message of a fan-out 300 ns of 780 (Node 20, without the system's part).
 */
export function defer(task: Task): void {
  if (isExiting) task();
  else if (tasks.push(task) === 1) microtask(runTasks);
}

let isExiting = false;

/** Runs deferred tasks at once: the process may end before there is a microtask. */
export function runDeferred(): void {
  runTasks();
}

/** The process ends within this turn: deferred tasks run now, and later ones at once. */
export function exit(): void {
  isExiting = true;
  runTasks();
}

function runTasks(): void {
  while (next < tasks.length) {
    try {
      tasks[next++]();
    } catch (error) {
      report(error);
      // The others run after the runtime has reported it.
      if (next < tasks.length) return microtask(runTasks);
    }
  }
  tasks = [];
  next = 0;
}

/** Throws `error` where the runtime takes it for an uncaught exception. */
function report(error: unknown): void {
  let isReported = false;
  const rethrow = (): void => {
    if (isReported) return;
    isReported = true;
    throw error;
  };
  realQueueMicrotask?.(rethrow);
  // Comes second. A mock that swallows the first makes it an unhandled rejection.
  microtask(rethrow);
}

/** `process.nextTick`, or {@link defer} on runtimes without it. */
export const nextTick: <Values extends unknown[]>(task: (...values: Values) => void, ...values: Values) => void =
  realNextTick ?? ((task, ...values) => defer(() => task(...values)));

const setTurn = realSetImmediate ?? (realSetTimeout && ((task: Task): unknown => realSetTimeout(task, 0))) ?? defer;

/** Runs `task` in a later turn, after I/O. Wraps setImmediate, which workerd does not allow as a method of another object. */
export function immediate(task: Task): void {
  setTurn(task);
}

/** A timer of {@link setTimer}. */
export type Timer = unknown;

/** A timer of the runtime's clock. */
interface OwnTimer {
  /** The value that the setTimeout of the runtime returned. */
  timer: unknown;
  /** When it has to fire, by {@link now}. */
  due: number;
  /** How often its task has waited for a process that was held up. */
  waits: number;
  cancel(): void;
}

/**
 * Starts a timer of the runtime's clock. When a suspended process goes on, its timers fire before its sockets are read. Then the task has to
 * wait for that, because it may judge a peer whose bytes have arrived long ago.
 */
function startOwn(task: Task, milliseconds: number): OwnTimer {
  const fire = (): void => {
    if (now() < own.due + LATE || own.waits++ === MOST_WAITS) return task();
    // The process may be held up again meanwhile.
    own.due = now() + LATE;
    own.timer = realSetTimeout!(fire, LATE);
  };
  const own = {
    timer: realSetTimeout!(fire, milliseconds),
    due: now() + milliseconds,
    waits: 0,
    cancel: () => realClearTimeout?.(own.timer),
  };
  letGo(own.timer);
  return own;
}

/** Timers of a clock that was put in the place of the runtime's. Empty but for tests, and programs that patch `setTimeout`. */
const borrowed = new Set<BorrowedTimer>();
let isLooking = false;

/** Goes on by itself when its clock is taken away, which forgets its timers: then it waits once more, by the clock that is there. */
class BorrowedTimer {
  readonly #task: Task;
  readonly #milliseconds: number;
  #set: TimerFunction | undefined;
  /** Stops the timer that runs. By the clock that set it: others do not know it. */
  #stop: Task = () => {};

  constructor(task: Task, milliseconds: number) {
    this.#task = task;
    this.#milliseconds = milliseconds;
    borrowed.add(this);
    this.follow();
    look();
  }

  /** Goes over to the clock that is in place. */
  follow(): void {
    const { setTimeout: set, clearTimeout: clear } = scope;
    if (set === this.#set) return;
    this.#stop();
    this.#set = set;
    const timer = set(() => {
      // A clock that was removed may still be advanced.
      if (this.#set === set) this.#end();
    }, this.#milliseconds);
    letGo(timer);
    this.#stop = () => clear(timer);
  }

  cancel(): void {
    borrowed.delete(this);
    this.#set = undefined;
    this.#stop();
  }

  #end(): void {
    if (borrowed.delete(this)) this.#task();
  }
}

function look(): void {
  if (isLooking || borrowed.size === 0 || realSetTimeout === undefined) return;
  isLooking = true;
  letGo(realSetTimeout(lookAgain, LOOK_INTERVAL));
}

function lookAgain(): void {
  isLooking = false;
  for (const timer of borrowed) timer.follow();
  look();
}

/** Lets the process end although `timer` runs. Timers are numbers in web pages, in Electron's renderers and under jsdom. */
function letGo(timer: unknown): void {
  (timer as { unref?: Task } | undefined)?.unref?.();
}

/**
 * Runs `task` once after `milliseconds`, by the `setTimeout` that is in place now. Does not keep the process alive. Waits the longest that
 * timers can, 24.8 days, for more than that.
 */
export function setTimer(task: Task, milliseconds: number): Timer {
  const most = Math.min(milliseconds, LONGEST);
  return scope.setTimeout === realSetTimeout ? startOwn(task, most) : new BorrowedTimer(task, most);
}

/** Lets a timer of {@link setTimer} keep the process alive. */
export function holdProcess(timer: Timer): void {
  ((timer as OwnTimer).timer as { ref?: Task } | undefined)?.ref?.();
}

/** Starts `timer` anew, for the `milliseconds` that it was set to. @returns Whether it could: where it returns false, set another. */
export function restartTimer(timer: Timer, milliseconds: number): boolean {
  if (timer instanceof BorrowedTimer) return false;
  const own = timer as OwnTimer;
  const { refresh } = own.timer as { refresh?: Task };
  // A late one that waits has less time than it was set to.
  if (refresh === undefined || own.waits > 0 || own.due < now()) return false;
  own.due = now() + milliseconds;
  refresh.call(own.timer);
  return true;
}

/** As {@link setTimer}, but always by the runtime's clock: for the library's own waits. */
export function ownTimer(task: Task, milliseconds: number): Timer {
  return realSetTimeout === undefined ? setTimer(task, milliseconds) : startOwn(task, milliseconds);
}

/** Stops a timer of {@link setTimer}; does nothing for one that is over. */
export function clearTimer(timer: Timer): void {
  (timer as OwnTimer | BorrowedTimer | undefined)?.cancel();
}
