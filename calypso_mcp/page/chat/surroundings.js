// How the host looks: its theme, and those of its colours and fonts that the view takes over.

const TAKEN = {
  "--color-background-primary": "--paper",
  "--color-text-primary": "--ink",
  "--font-sans": "--sans",
  "--font-mono": "--mono",
};
// Between a background and a text that are not ours lie the other greys.
const GREYS = { "--surface": 4, "--sunken": 9, "--line": 18, "--muted": 76 };

/** Follow what the host says of its looks: {theme, styles: {variables}, safeAreaInsets}. */
export function follow({ theme, styles, safeAreaInsets }) {
  const { dataset, style } = document.documentElement;
  if (theme === "light" || theme === "dark") dataset.theme = theme;
  const given = styles?.variables ?? {};
  // A background without the text that goes with it, or the reverse, would be hard to read.
  const hasColours = Boolean(given["--color-background-primary"] && given["--color-text-primary"]);
  for (const [theirs, ours] of Object.entries(TAKEN)) {
    const value = given[theirs];
    if (typeof value === "string" && (hasColours || ours === "--sans" || ours === "--mono")) style.setProperty(ours, value);
  }
  for (const [name, share] of Object.entries(hasColours ? GREYS : {})) {
    style.setProperty(name, `color-mix(in srgb, var(--ink) ${share}%, var(--paper))`);
  }
  for (const [side, pixels] of Object.entries(safeAreaInsets ?? {})) {
    if (Number.isFinite(pixels)) style.setProperty(`padding-${side}`, `${pixels}px`);
  }
}
