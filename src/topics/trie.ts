// Patterns as a tree of tokens, so that a topic finds those that match it without looking at all of them.

/** Wildcards have fields of their own: with them in `children`, each of 100,000 patterns has a Map more, and a message to it looks six times more. */
interface Node<Value> {
  /** By token. Null for none. */
  children: Map<string, Node<Value>> | null;
  /** Behind `*`. */
  any: Node<Value> | null;
  /** Of the pattern that goes on with `>`, and ends there. */
  rest: Value | undefined;
  /** Of the pattern that ends here. */
  value: Value | undefined;
}

function createNode<Value>(): Node<Value> {
  return { children: null, any: null, rest: undefined, value: undefined };
}

function childOf<Value>(node: Node<Value>, token: string): Node<Value> | null {
  return token === '*' ? node.any : (node.children?.get(token) ?? null);
}

function addChild<Value>(node: Node<Value>, token: string): Node<Value> {
  const child = createNode<Value>();
  if (token === '*') node.any = child;
  else (node.children ??= new Map()).set(token, child);
  return child;
}

function isEmpty({ any, children, rest, value }: Node<unknown>): boolean {
  return any === null && rest === undefined && value === undefined && !children?.size;
}

/** The tokens of a pattern that lead to a node, and the field of that node which has the value. */
function partsOf(pattern: string): { tokens: string[]; field: 'rest' | 'value' } {
  const tokens = pattern.split('.');
  if (tokens.at(-1) !== '>') return { tokens, field: 'value' };
  tokens.pop();
  return { tokens, field: 'rest' };
}

/** A map from patterns to values. */
export class PatternTrie<Value> {
  readonly #root: Node<Value> = createNode();
  size: number = 0;

  get(pattern: string): Value | undefined {
    const { field, tokens } = partsOf(pattern);
    let node: Node<Value> | null = this.#root;
    for (const token of tokens) node = node && childOf(node, token);
    return node?.[field];
  }

  set(pattern: string, value: Value): void {
    const { field, tokens } = partsOf(pattern);
    let node = this.#root;
    for (const token of tokens) node = childOf(node, token) ?? addChild(node, token);
    if (node[field] === undefined) this.size++;
    node[field] = value;
  }

  delete(pattern: string): void {
    const { field, tokens } = partsOf(pattern);
    this.#delete(this.#root, tokens, 0, field);
  }

  /** Calls `visit` with the value of each pattern that matches `topic`. */
  match(topic: string, visit: (value: Value) => void): void {
    if (this.size > 0) visitMatches(this.#root, topic, 0, visit);
  }

  /** All values. */
  *values(node: Node<Value> = this.#root): Generator<Value, void> {
    const { any, children, rest, value } = node;
    if (value !== undefined) yield value;
    if (rest !== undefined) yield rest;
    if (any !== null) yield* this.values(any);
    for (const child of children?.values() ?? []) yield* this.values(child);
  }

  #delete(node: Node<Value>, tokens: readonly string[], depth: number, field: 'rest' | 'value'): void {
    if (depth === tokens.length) {
      if (node[field] !== undefined) this.size--;
      node[field] = undefined;
      return;
    }
    const token = tokens[depth];
    const child = childOf(node, token);
    if (child === null) return;
    this.#delete(child, tokens, depth + 1, field);
    if (!isEmpty(child)) return;
    if (token === '*') node.any = null;
    else node.children!.delete(token);
  }
}

/**
 * At most two branches a token, and never more nodes than the patterns have tokens. A pattern has few: see `checkName`.
 *
 * @param start Of the next token. Tokens are cut out one by one: `split` takes 400 ns, half of a message to one pattern.
 */
function visitMatches<Value>(node: Node<Value>, topic: string, start: number, visit: (value: Value) => void): void {
  if (start > topic.length) {
    if (node.value !== undefined) visit(node.value);
    return;
  }
  const { any, children, rest } = node;
  if (rest !== undefined) visit(rest);
  if (any === null && children === null) return;
  const point = topic.indexOf('.', start);
  const end = point < 0 ? topic.length : point;
  if (any !== null) visitMatches(any, topic, end + 1, visit);
  const own = children?.get(topic.slice(start, end));
  if (own !== undefined) visitMatches(own, topic, end + 1, visit);
}
