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
  const item = /** @type {HTMLElement | null} */ (focus?.closest("[data-key]"));
  const held = item?.dataset.key;
  const place = focus && [...(item?.querySelectorAll(FOCUSABLE) ?? [])].indexOf(focus);
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
