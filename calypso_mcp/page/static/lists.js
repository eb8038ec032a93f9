// Lists that are drawn again without losing the focus or what has not changed.

/**
 * Make `node` hold one child for each item, in order.
 *
 * keyOf: names an item. draw: makes its node. Only items that differ from before are drawn again.
 */
export function keep(node, items, keyOf, draw) {
  const before = node.kept ?? new Map();
  const after = new Map();
  const focus = node.contains(document.activeElement) ? document.activeElement : null;
  const held = focus?.closest("[data-key]")?.dataset.key;
  const place = focus && [...(focus.closest("[data-key]")?.querySelectorAll(FOCUSABLE) ?? [])].indexOf(focus);
  items.forEach((item, position) => {
    const key = keyOf(item);
    const state = JSON.stringify(item);
    let known = before.get(key);
    if (known?.state !== state) {
      const made = draw(item);
      made.dataset.key = key;
      known?.node.replaceWith(made);
      known = { state, node: made };
    }
    after.set(key, known);
    if (node.children[position] !== known.node) node.insertBefore(known.node, node.children[position] ?? null);
  });
  while (node.children.length > items.length) node.lastElementChild.remove();
  node.kept = after;
  if (held !== undefined && !focus.isConnected) after.get(held)?.node.querySelectorAll(FOCUSABLE)[place]?.focus({ preventScroll: true });
}

const FOCUSABLE = "a[href], button, input, select, textarea";

const CHUNK = 100;
const NEAR = "1500px";

/** The rows of a long table in chunks: those far out of sight are folded into one row of the same height. */
export class Chunks {
  /** `table` gets a `<tbody>` for each chunk; `columns` is how many cells a row has. */
  constructor(table, columns, keyOf, draw) {
    Object.assign(this, { table, columns, keyOf, draw, chunks: [] });
    this.observer = new IntersectionObserver((seen) => seen.forEach((entry) => this.see(entry)), { rootMargin: NEAR });
  }

  /** Show items in order. */
  show(items) {
    const count = Math.ceil(items.length / CHUNK);
    for (const { node } of this.chunks.splice(count)) {
      this.observer.unobserve(node);
      node.remove();
    }
    for (let position = 0; position < count; position += 1) {
      const chunk = (this.chunks[position] ??= this.make());
      chunk.items = items.slice(position * CHUNK, (position + 1) * CHUNK);
      if (!chunk.isFolded) keep(chunk.node, chunk.items, this.keyOf, this.draw);
    }
  }

  make() {
    const node = document.createElement("tbody");
    this.table.append(node);
    this.observer.observe(node);
    return { node, items: [], isFolded: false };
  }

  see({ target, isIntersecting, boundingClientRect }) {
    const chunk = this.chunks.find(({ node }) => node === target);
    if (!chunk || chunk.isFolded !== isIntersecting || target.contains(document.activeElement)) return;
    chunk.isFolded = !isIntersecting;
    target.kept = undefined;
    target.replaceChildren();
    if (isIntersecting) {
      keep(target, chunk.items, this.keyOf, this.draw);
      return;
    }
    const cell = target.insertRow().insertCell();
    cell.colSpan = this.columns;
    cell.style.height = `${boundingClientRect.height}px`;
  }
}
