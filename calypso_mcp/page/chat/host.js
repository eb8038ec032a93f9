// The host's side of the view: JSON-RPC by messages to the window that embeds it (MCP Apps, revision 2026-01-26).

const REVISION = "2026-01-26";
const NO_SUCH_METHOD = -32601;
const ANSWERED = new Set(["ping", "ui/resource-teardown"]);

/** What a tool or the host refused; `code` is the server's, where it gave one. */
export class Refused extends Error {
  constructor(message, code = "") {
    super(message);
    this.code = code;
  }
}

/**
 * Return the host: {open, call, openLink, grow, resize}.
 *
 * hear: functions for what the host says, by the end of its name: `tool-input`, `tool-result`, `resource-teardown`, ...
 */
export function host(hear) {
  const waiting = new Map();
  let count = 0;
  const post = (message) => window.parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
  const ask = (method, params) => new Promise((resolve, reject) => {
    count += 1;
    waiting.set(count, { resolve, reject });
    post({ id: count, method, params });
  });
  addEventListener("message", ({ source, data }) => {
    if (source !== window.parent || data?.jsonrpc !== "2.0") return;
    if (data.method === undefined) {
      const asked = waiting.get(data.id);
      waiting.delete(data.id);
      if (data.error) asked?.reject(new Refused(data.error.message ?? "The host refused."));
      else asked?.resolve(data.result ?? {});
      return;
    }
    hear[data.method.split("/").pop()]?.(data.params ?? {});
    if (data.id === undefined) return;
    post(ANSWERED.has(data.method) ? { id: data.id, result: {} } : { id: data.id, error: { code: NO_SUCH_METHOD, message: "Not known here." } });
  });
  return {
    /** Begin; returns what the host says of itself and of how it shows the view. */
    async open() {
      const answer = await ask("ui/initialize", { protocolVersion: REVISION, appInfo: { name: "calypso-buckets", version: "1" }, appCapabilities: { availableDisplayModes: ["inline", "fullscreen"] } });
      post({ method: "ui/notifications/initialized" });
      return answer;
    },
    /** Call a tool of our server; returns its facts. */
    async call(name, given) {
      return factsOf(await ask("tools/call", { name, arguments: given }));
    },
    openLink: (url) => ask("ui/open-link", { url }),
    grow: () => ask("ui/request-display-mode", { mode: "fullscreen" }),
    resize: (height) => post({ method: "ui/notifications/size-changed", params: { height } }),
  };
}

/** Return the facts of a tool's result; throws what the tool reports as an error. */
export function factsOf({ isError, structuredContent, content }) {
  if (!isError && structuredContent) return structuredContent;
  const { message, code } = structuredContent?.error ?? {};
  throw new Refused(message || content?.find(({ type }) => type === "text")?.text || "The tool failed.", code);
}
