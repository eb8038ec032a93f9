// The rows of a long table: those near the window are drawn, gaps of the same height stand for the others.
import { keep } from "./lists.js";
import { el } from "./shared/dom.js";

const NEAR_PX = 400;
const FIRST_GUESS_PX = 36;

export class VirtualRows {
  /**
   * Draw into `body`, a <tbody>.
   *
   * keyOf: names an item. draw: makes its row. stateOf: returns what of it is drawn. moved(first, end): told which items are
   * near the window. Nothing is drawn any more once `signal` is aborted.
   */
  constructor(body, { keyOf, draw, stateOf, moved, signal }) {
    this.body = body;
    this.keyOf = keyOf;
    this.draw = draw;
    this.stateOf = stateOf;
    this.moved = moved;
    this.items = [];
    this.heights = new Map();
    this.usual = 0;
    for (const name of ["scroll", "resize"]) addEventListener(name, () => this.soon(), { signal, passive: true });
  }

  /** Show items in order. */
  show(items) {
    this.items = items;
    this.tops = null;
    this.place();
  }

  soon() {
    this.frame ||= requestAnimationFrame(() => { this.frame = 0; this.place(); });
  }

  place() {
    if (!this.body.isConnected) return;
    this.tops ??= this.topsOfItems();
    const { top } = this.body.getBoundingClientRect();
    const first = this.indexAt(-top - NEAR_PX);
    const end = Math.min(this.indexAt(innerHeight - top + NEAR_PX) + 1, this.items.length);
    keep(this.body, this.parts(first, end), ({ key }) => key, (part) => this.node(part));
    this.measure();
    this.moved(first, end);
  }

  // Where each item begins, from the top of the body; the last number is where all end.
  topsOfItems() {
    let top = 0;
    const tops = [0];
    for (const item of this.items) tops.push(top += this.heights.get(this.keyOf(item)) ?? (this.usual || FIRST_GUESS_PX));
    return tops;
  }

  indexAt(y) {
    let [low, high] = [0, Math.max(this.items.length - 1, 0)];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.tops[middle] <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  parts(first, end) {
    const parts = [];
    let next = 0;
    const gapUntil = (index) => { if (index > next) parts.push({ key: `gap ${parts.length && "after"}${next < first}`, gap: this.tops[index] - this.tops[next] }); };
    const indices = Array.from({ length: Math.max(end - first, 0) }, (_, step) => first + step);
    for (const index of this.withFocus(indices)) {
      gapUntil(index);
      const item = this.items[index];
      parts.push({ key: this.keyOf(item), index, item: this.stateOf(item) });
      next = index + 1;
    }
    gapUntil(this.items.length);
    return parts;
  }

  // A row that has the keyboard's focus stays, wherever it is.
  withFocus(indices) {
    const row = this.body.contains(document.activeElement) && /** @type {HTMLElement | null} */ (document.activeElement.closest("[data-key]"));
    const index = row ? this.items.findIndex((item) => this.keyOf(item) === row.dataset.key) : -1;
    return index < 0 || indices.includes(index) ? indices : [...indices, index].sort((one, other) => one - other);
  }

  node({ gap, index, item }) {
    if (gap === undefined) {
      const row = this.draw(item);
      // The heading is the first row.
      row.ariaRowIndex = index + 2;
      return row;
    }
    // One cell: more than are shown at this width would be columns of their own.
    const cell = el("td");
    cell.style.height = `${gap}px`;
    return el("tr", { class: "gap", "aria-hidden": "true" }, cell);
  }

  measure() {
    const rows = [...this.body.children].filter((row) => row.className !== "gap");
    const heights = rows.map((row) => row.getBoundingClientRect().height);
    this.usual ||= heights.toSorted((one, other) => one - other)[heights.length >> 1] ?? 0;
    let isNew = false;
    rows.forEach((row, position) => {
      if (Math.abs((this.heights.get(row.dataset.key) ?? this.usual) - heights[position]) < 0.5) return;
      this.heights.set(row.dataset.key, heights[position]);
      isNew = true;
    });
    if (!isNew) return;
    this.tops = null;
    this.soon();
  }
}
