// Notifications of the system: only where they were asked for, while no window of ours is seen.

// Longer than the tabs of one browser hear of the same thing apart.
const ONE_TAB_FOR_MS = 30_000;

export class Notifications {
  #preferences;
  #system;
  #locks;
  #clock;
  #name;
  #isSeen;
  #endSight = () => {};

  /**
   * @param {object} options
   * @param {object} options.preferences
   * @param {typeof Notification | undefined} options.system missing where a browser has none
   * @param {LockManager | undefined} options.locks
   * @param {object} options.clock
   * @param {string} options.user_id
   */
  constructor({ preferences, system, locks, clock, user_id }) {
    this.#preferences = preferences;
    this.#system = system;
    this.#locks = locks;
    this.#clock = clock;
    this.#name = `netra.notices.${user_id}`;
  }

  /** "on", "off", "denied" by the browser, or "missing" where it knows none. */
  get standing() {
    if (this.#system === undefined || this.#locks === undefined) return "missing";
    if (this.#system.permission === "denied") return "denied";
    const isGranted = this.#system.permission === "granted";
    return isGranted && this.#preferences.get("notices") === "on" ? "on" : "off";
  }

  /** Asks the browser; only after a click, and resolves with how it stands then. */
  async turnOn() {
    if (this.standing === "missing") return "missing";
    const permission = await this.#system.requestPermission();
    this.#preferences.set("notices", permission === "granted" ? "on" : "off");
    return this.standing;
  }

  turnOff() {
    this.#preferences.set("notices", "off");
  }

  /** While a window is seen, none of the other tabs has to notify. */
  see(isSeen) {
    if (isSeen === this.#isSeen || this.#locks === undefined) return;
    this.#isSeen = isSeen;
    this.#endSight();
    if (!isSeen) return;
    const over = new Promise((resolve) => {
      this.#endSight = resolve;
    });
    this.#locks.request(`${this.#name}.seen`, { mode: "shared" }, () => over);
  }

  /**
   * Shows one notification however many tabs want to; resolves with whether it was this one's.
   * @param {{id: string, title: string, body: string, click: () => void}} notice
   */
  async show({ id, title, body, click }) {
    if (this.standing !== "on" || this.#isSeen || (await this.#isSeenElsewhere())) return false;
    if (!(await this.#isOurs(id))) return false;
    try {
      const notice = new this.#system(title, { body, tag: id });
      notice.onclick = () => {
        notice.close();
        click();
      };
      return true;
    } catch {
      return false; // phones show them only for pages with a service worker
    }
  }

  async #isSeenElsewhere() {
    const { held } = await this.#locks.query();
    return held.some(({ name }) => name === `${this.#name}.seen`);
  }

  #isOurs(id) {
    return new Promise((resolve) => {
      this.#locks.request(`${this.#name}.${id}`, { ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        if (lock === null) return undefined;
        return new Promise((letGo) => this.#clock.after(ONE_TAB_FOR_MS, letGo));
      });
    });
  }
}
