// What this server is, and how each client is connected to it.
import { el, show } from "../shared/dom.js";

export async function draw(page) {
  page.title("Connect");
  const { about } = page;
  show(page.main,
    el("div", { class: "head" }, el("h1", { tabindex: -1 }, "Connect"), about.asks_for !== "nothing" && el("button", { onClick: page.signOut }, "Sign out")),
    el("dl", { class: "panel pairs" }, Object.entries({
      Calypso: about.backend === "embedded" ? "embedded, on this machine's disk" : "hosted",
      Version: about.version, "Data folder": about.data_folder, "API key": about.key_source, Address: about.address,
    }).filter(([, value]) => value).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
    el("h2", {}, "Clients"),
    el("p", { class: "muted" }, "The command changes a client's configuration after it has shown you what it will write. Or paste the text yourself."),
    el("div", { class: "clients" }, about.clients.map((client) => clientPanel(page, client))));
}

function clientPanel(page, { title, command, file, text }) {
  return el("details", { class: "panel" }, el("summary", {}, title),
    el("div", { class: "stack" }, code(page, command, `command for ${title}`), el("p", { class: "small muted" }, file), code(page, text, `configuration of ${title}`)));
}

function code(page, text, what) {
  const block = el("pre", { class: "code", tabindex: 0, "aria-label": what }, el("code", {}, text));
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      page.say(`Copied: ${what}.`);
    } catch {
      // Browsers give no clipboard to pages of plain http on a network.
      getSelection().selectAllChildren(block);
      page.say("Selected: copy it with the keyboard.");
    }
  };
  return el("div", { class: "copied" }, block, el("button", { onClick: copy, "aria-label": `Copy the ${what}` }, "Copy"));
}
