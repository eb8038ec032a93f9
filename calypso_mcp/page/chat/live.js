// Looking again for as long as there is something to see.

const BUSY_MS = 1500;
const IDLE_MS = 10000;
const LONGEST_MS = 60000;

/** Repeats one look at a time: often while it returns true (busy), rarely else, never while the view is out of sight. */
export class Live {
  /** `onError` is told what a look throws; the next one waits longer. */
  constructor(onError) {
    this.onError = onError;
    Object.assign(this, { look: null, timer: 0, failures: 0, isInSight: true });
    new IntersectionObserver(([seen]) => this.see(seen.isIntersecting)).observe(document.body);
    document.addEventListener("visibilitychange", () => this.see(this.isInSight));
  }

  /** Look from now on, in place of what was looked at before. */
  start(look) {
    this.stop();
    this.look = look;
    this.wait(BUSY_MS);
  }

  stop() {
    clearTimeout(this.timer);
    this.look = null;
  }

  see(isInSight) {
    this.isInSight = isInSight;
    if (this.isDue) this.run();
  }

  wait(milliseconds) {
    this.isDue = false;
    this.timer = setTimeout(() => this.run(), milliseconds);
  }

  async run() {
    this.isDue = document.hidden || !this.isInSight;
    const { look } = this;
    if (this.isDue || !look) return;
    let pause = IDLE_MS;
    try {
      if (await look()) pause = BUSY_MS;
      this.failures = 0;
    } catch (error) {
      this.failures += 1;
      pause = Math.min(BUSY_MS * 2 ** this.failures, LONGEST_MS);
      if (this.look === look) this.onError(error);
    }
    if (this.look === look) this.wait(pause);
  }
}
