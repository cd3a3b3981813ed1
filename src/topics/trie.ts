// Patterns as a tree of tokens, so that a topic finds those that match it without looking at all of them.

interface Node<Value> {
  /** Null for none: each pattern ends in a node that has none. */
  children: Map<string, Node<Value>> | null;
  value: Value | undefined;
}

function createNode<Value>(): Node<Value> {
  return { children: null, value: undefined };
}

/** A map from patterns to values. */
export class PatternTrie<Value> {
  readonly #root: Node<Value> = createNode();
  size: number = 0;

  get(pattern: string): Value | undefined {
    let node: Node<Value> | undefined = this.#root;
    for (const token of pattern.split('.')) node = node?.children?.get(token);
    return node?.value;
  }

  set(pattern: string, value: Value): void {
    let node = this.#root;
    for (const token of pattern.split('.')) {
      let child = node.children?.get(token);
      if (child === undefined) (node.children ??= new Map()).set(token, (child = createNode()));
      node = child;
    }
    if (node.value === undefined) this.size++;
    node.value = value;
  }

  delete(pattern: string): void {
    this.#delete(this.#root, pattern.split('.'), 0);
  }

  /** Calls `visit` with the value of each pattern that matches `topic`. */
  match(topic: string, visit: (value: Value) => void): void {
    if (this.size > 0) visitMatches(this.#root, topic.split('.'), 0, visit);
  }

  /** All values. */
  *values(node: Node<Value> = this.#root): Generator<Value, void> {
    if (node.value !== undefined) yield node.value;
    for (const child of node.children?.values() ?? []) yield* this.values(child);
  }

  #delete(node: Node<Value>, tokens: readonly string[], depth: number): void {
    if (depth === tokens.length) {
      if (node.value !== undefined) this.size--;
      node.value = undefined;
      return;
    }
    const child = node.children?.get(tokens[depth]);
    if (child === undefined) return;
    this.#delete(child, tokens, depth + 1);
    if (child.value === undefined && !child.children?.size) node.children!.delete(tokens[depth]);
  }
}

/** At most two branches a token, and never more nodes than the patterns have tokens. A pattern has few: see `checkName`. */
function visitMatches<Value>(node: Node<Value>, tokens: readonly string[], depth: number, visit: (value: Value) => void): void {
  if (depth === tokens.length) {
    if (node.value !== undefined) visit(node.value);
    return;
  }
  const { children } = node;
  if (children === null) return;
  const rest = children.get('>');
  if (rest?.value !== undefined) visit(rest.value);
  const any = children.get('*');
  if (any !== undefined) visitMatches(any, tokens, depth + 1, visit);
  const own = children.get(tokens[depth]);
  if (own !== undefined) visitMatches(own, tokens, depth + 1, visit);
}
