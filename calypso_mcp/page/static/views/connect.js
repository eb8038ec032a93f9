// What this server is, and how each client is connected to it.
import { el, show } from "../shared/dom.js";
import { counted } from "../shared/words.js";

const TONES = { problem: "bad", note: "wait", ok: "good" };
const WORDS = { problem: "problem", note: "note", ok: "fine" };

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
    el("div", { class: "clients" }, about.clients.map((client) => clientPanel(page, client))),
    page.api.can.diagnose && checks(page));
}

/** Return the section of what is wrong with the installation, problems first. */
function checks(page) {
  const list = el("ul", { class: "findings" });
  const well = el("details", { class: "well small" });
  const sum = el("span", { class: "state", data: { tone: "still" } }, "looking \u2026");
  const again = el("button", { onClick: () => look("1") }, "Check again");
  const look = (anew) => page.attempt(async () => {
    again.disabled = true;
    try {
      const { findings } = await page.api.findings(anew, page.signal);
      const problems = findings.filter(({ status }) => status === "problem").length;
      Object.assign(sum, { textContent: problems ? counted(problems, "problem") : "No problems" }).dataset.tone = problems ? "bad" : "good";
      const [worst, rest, fine] = Object.keys(TONES).map((status) => findings.filter((one) => one.status === status));
      show(list, [...worst, ...rest].map(finding));
      show(well, el("summary", {}, `${counted(fine.length, "check")} passed`), el("ul", { class: "findings" }, fine.map(finding)));
      if (anew) page.say(sum.textContent);
    } finally {
      again.disabled = false;
    }
  });
  look();
  return el("section", { class: "panel stack", "aria-label": "Checks of this installation" },
    el("div", { class: "card-head" }, el("h2", {}, "This installation"), el("div", { class: "buttons" }, sum, again)), list, well,
    el("p", { class: "small muted" }, "The same checks in a terminal: ", el("code", {}, "calypso-mcp doctor")));
}

function finding({ area, status, message, fix }) {
  return el("li", {}, el("span", { class: "state", data: { tone: TONES[status] ?? "still" } }, WORDS[status] ?? status),
    el("div", {}, el("strong", {}, area), ` ${message}`, fix && el("p", { class: "fix" }, fix)));
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
