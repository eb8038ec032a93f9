// The sources of a bucket: filtered and paged by the API, rows drawn as they are needed.
import { el, show } from "../shared/dom.js";
import { ago, counted, numberInWords, sizeInWords, stateOf } from "../shared/words.js";
import { VirtualRows } from "../virtual_rows.js";
import { editTags, removeSources } from "./adding.js";

const FIRST_PAGE = 100;
const PAGE = 500;
const MOST_REFRESHED = 1000;
// The next page is asked for this many rows before the end of those loaded.
const AHEAD = 50;
const TYPING_MS = 200;
const SHOWN_TAGS = 3;
const COLUMNS = [["name", "Name", ""], ["kind", "Kind", "wide"], ["size", "Size", "mid num"], ["tags", "Tags", "wide"], ["updated", "Updated", "mid"], ["state", "State", ""]];
const SORTABLE = new Set(["name", "size", "updated"]);
const KINDS = { file: "file", website: "web page", qa: "Q&A" };
const STATES = { ready: "searchable", pending: "pending", failed: "failed", warning: "with a warning" };

function tagNodes(tags) {
  const rest = tags.slice(SHOWN_TAGS);
  return [...tags.slice(0, SHOWN_TAGS).map((tag) => el("span", { class: "tag" }, tag)),
    rest.length > 0 && el("span", { class: "tag", title: rest.join(", ") }, `+${rest.length}`)];
}

export class SourceTable {
  /** `changed` is called once what the bucket holds was changed here. */
  constructor(page, bucket, changed) {
    this.page = page;
    this.changed = changed;
    this.bucket = bucket;
    this.rows = [];
    this.pages = [];
    this.chosen = new Map();
    this.filters = Object.fromEntries(["query", "kind", "state", "tag", "sort", "order"].map((name) => [name, page.query.get(name) ?? ""]));
    this.unlisted = el("p", { class: "small muted" });
    this.count = el("p", { class: "small muted", "aria-live": "off" });
    this.more = el("button", { hidden: true, onClick: () => this.loadMore() }, "Show more");
    this.all = el("input", { type: "checkbox", "aria-label": "Select all that are shown", onChange: () => this.chooseAll() });
    this.actions = el("div", { class: "buttons", hidden: true });
    this.headings = COLUMNS.map(([name, label, cls]) => this.heading(name, label, cls));
    const body = el("tbody");
    this.table = el("table", { class: "sources" }, el("thead", {}, el("tr", {}, el("th", { class: "check", scope: "col" }, this.all), this.headings)), body);
    this.drawn = new VirtualRows(body, {
      keyOf: ({ id }) => id, draw: (source) => this.row(source), stateOf: (source) => ({ ...source, isChosen: this.chosen.has(source.id) }),
      moved: (first, end) => this.see(first, end), signal: page.signal,
    });
    this.empty = el("p", { class: "muted pad", hidden: true }, "");
    this.node = el("section", { class: "panel flush", "aria-label": "Sources" },
      this.bar = el("div", { class: "tools" }, this.tools(), this.count, this.unlisted, this.actions),
      this.table,
      this.empty,
      el("div", { class: "more" }, this.more));
  }

  tools() {
    let typing = 0;
    const choose = (name, label, options) => el("select", { "aria-label": label, onChange: (event) => this.filter(name, event.target.value) },
      el("option", { value: "" }, label),
      Object.entries(options).map(([value, word]) => el("option", { value, selected: this.filters[name] === value }, word)));
    const type = (name, label) => el("input", { type: "search", "aria-label": label, placeholder: label, value: this.filters[name], onInput: (event) => {
      clearTimeout(typing);
      typing = setTimeout(() => this.filter(name, event.target.value), TYPING_MS);
    } });
    return el("div", { class: "filters" }, type("query", "Filter by name"), choose("kind", "Every kind", KINDS), choose("state", "Every state", STATES), type("tag", "Tag"));
  }

  heading(name, label, cls) {
    if (!SORTABLE.has(name) || !this.page.api.can.sort) return el("th", { class: cls, scope: "col" }, label);
    return el("th", { class: cls, scope: "col", data: { column: name } }, el("button", { class: "sort", onClick: () => this.sort(name) }, label));
  }

  sort(name) {
    const isSame = (this.filters.sort || "name") === name;
    this.filters.order = isSame && this.filters.order !== "desc" ? "desc" : "";
    this.filter("sort", name === "name" ? "" : name);
  }

  filter(name, value) {
    this.filters[name] = value;
    const asked = new URLSearchParams(Object.entries(this.filters).filter(([, given]) => given));
    history.replaceState(null, "", `#/b/${encodeURIComponent(this.bucket.slug)}${asked.size ? `?${asked}` : ""}`);
    this.page.attempt(async () => {
      await this.load();
      this.page.say(counted(this.total ?? this.rows.length, "source"), { isSeen: false });
    });
  }

  /** Show the first page. */
  async load() {
    await this.fetch(FIRST_PAGE);
  }

  /** Show again what is shown, as it is now: all of it, or what is near the window where that is much. */
  async refresh() {
    if (this.rows.length <= MOST_REFRESHED) await this.fetch(Math.max(FIRST_PAGE, this.rows.length));
    else await this.refreshPage();
  }

  async fetch(limit) {
    const found = await this.ask({ limit });
    if (!found) return;
    this.rows = found.sources;
    this.pages = [{ size: found.sources.length }];
    this.take(found);
  }

  async refreshPage() {
    let start = 0;
    const page = this.pages.find(({ size }) => (start += size) > this.first) ?? this.pages.at(-1);
    const found = await this.ask({ limit: page.size, cursor: page.cursor });
    if (!found || !this.pages.includes(page)) return;
    this.rows.splice(start - page.size, page.size, ...found.sources);
    page.size = found.sources.length;
    this.take({ total: found.total, next: this.next });
  }

  // Returns nothing where a later filter has been asked for meanwhile.
  async ask(page) {
    const asked = JSON.stringify(this.filters);
    const found = await this.page.api.sources(this.bucket.id, { ...this.filters, ...page, signal: this.page.signal });
    return asked === JSON.stringify(this.filters) ? found : null;
  }

  /** Show how long ago each row changed, as of now. */
  renewTimes() {
    for (const time of this.table.querySelectorAll("time")) time.textContent = ago(time.dateTime);
  }

  see(first, end) {
    this.first = first;
    if (end > this.rows.length - AHEAD) this.loadMore();
  }

  async loadMore() {
    if (!this.next || this.isLoading) return;
    this.isLoading = true;
    const cursor = this.next;
    await this.page.attempt(async () => {
      const found = await this.ask({ limit: PAGE, cursor });
      if (!found || cursor !== this.next) return;
      const known = new Set(this.rows.map(({ id }) => id));
      const added = found.sources.filter(({ id }) => !known.has(id));
      this.rows.push(...added);
      this.pages.push({ cursor, size: added.length });
      this.isLoading = false;
      this.take(found);
    });
    this.isLoading = false;
  }

  take({ total, next, others = {} }) {
    const unlisted = Object.entries(others ?? {}).map(([kind, count]) => counted(count, KINDS[kind] ?? kind, kind === "qa" ? KINDS.qa : undefined));
    this.unlisted.textContent = unlisted.length ? `Not listed here: ${unlisted.join(", ")}` : "";
    this.total = total;
    this.next = next;
    this.draw();
  }

  draw() {
    this.drawn.show(this.rows);
    this.table.ariaRowCount = (this.total ?? this.rows.length) + 1;
    const isAll = this.total !== undefined && this.total !== null;
    this.count.textContent = isAll || !this.next ? counted(this.total ?? this.rows.length, "source") : `${counted(this.rows.length, "source")} so far`;
    this.more.hidden = !this.next;
    this.empty.hidden = this.rows.length > 0;
    // Nothing to filter, nothing to sort.
    const isBare = !this.rows.length && !this.next && !Object.values(this.filters).some(Boolean);
    this.empty.textContent = isBare ? "This bucket is empty." : "No source matches.";
    this.table.hidden = !this.rows.length;
    this.bar.hidden = isBare && !this.unlisted.textContent;
    for (const heading of this.headings) {
      const { column } = heading.dataset;
      if (column) heading.ariaSort = (this.filters.sort || "name") === column ? (this.filters.order === "desc" ? "descending" : "ascending") : "none";
    }
    this.drawActions();
  }

  row(source) {
    const state = stateOf(source);
    const choose = (event) => {
      if (event.target.checked) this.chosen.set(source.id, source);
      else this.chosen.delete(source.id);
      this.draw();
    };
    return el("tr", { "data-chosen": source.isChosen },
      el("td", { class: "check" }, el("input", { type: "checkbox", "aria-label": `Select ${source.name}`, checked: source.isChosen, onChange: choose })),
      el("td", {}, this.nameOf(source),
        source.error && el("p", { class: "small reason" }, source.error),
        source.warnings.map((warning) => el("p", { class: "small warning" }, warning)),
        el("p", { class: "small muted narrow-only" }, [sizeInWords(source.size), ago(source.updated)].filter(Boolean).join(", "))),
      el("td", { class: "wide" }, KINDS[source.kind] ?? source.kind),
      el("td", { class: "mid num" }, sizeInWords(source.size)),
      el("td", { class: "wide" }, tagNodes(source.tags)),
      el("td", { class: "mid" }, el("time", { datetime: source.updated }, ago(source.updated))),
      el("td", {}, el("span", { class: "state", data: { tone: state.tone } }, state.word)));
  }

  nameOf({ id, kind, name, title }) {
    const shown = title && kind !== "file" ? title : name;
    return this.page.api.can.read ? el("a", { href: `#/s/${encodeURIComponent(id)}`, dir: "auto" }, shown) : el("bdi", {}, shown);
  }

  chooseAll() {
    for (const source of this.rows) {
      if (this.all.checked) this.chosen.set(source.id, source);
      else this.chosen.delete(source.id);
    }
    this.draw();
  }

  drawActions() {
    const { can } = this.page.api;
    const chosen = [...this.chosen.values()];
    this.all.checked = this.rows.length > 0 && this.rows.every(({ id }) => this.chosen.has(id));
    this.all.indeterminate = !this.all.checked && chosen.length > 0;
    this.actions.hidden = !chosen.length;
    // A redraw must not replace a button that is about to be pressed.
    const state = chosen.map(({ id }) => id).join();
    if (state === this.acted) return;
    this.acted = state;
    show(this.actions, el("span", { class: "small" }, `${numberInWords(chosen.length)} selected`),
      can.relabel && el("button", { onClick: () => this.act(editTags(this.page, chosen)) }, "Edit tags"),
      can.remove && el("button", { class: "danger", onClick: () => this.act(removeSources(this.page, chosen, this.bucket)) }, "Remove"));
  }

  async act(doing) {
    if (!(await doing)) return;
    this.chosen.clear();
    this.changed();
    await this.page.attempt(() => this.fetch(Math.max(FIRST_PAGE, Math.min(this.rows.length, MOST_REFRESHED))));
    // The button that was pressed is gone.
    if (document.activeElement === document.body) (this.rows.length ? this.all : document.querySelector("h1"))?.focus();
  }
}
