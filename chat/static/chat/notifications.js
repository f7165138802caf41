// Notifications of the system: only where they were asked for, while no window of ours is seen.

// Longer than the tabs of one browser hear of the same thing apart.
const ONE_TAB_FOR_MS = 30_000;

export class Notifications {
  #preferences;
  #system;
  #locks;
  #clock;
  #name;
  /** @type {boolean | undefined} */
  #isSeen;
  #endSight = () => {};

  /**
   * @param {object} options
   * @param {import("./preferences.js").Preferences} options.preferences
   * @param {typeof Notification | undefined} options.system missing where a browser has none
   * @param {LockManager | undefined} options.locks
   * @param {import("./clock.js").Clock} options.clock
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
    if (this.#system === undefined || this.standing === "missing") return "missing";
    const permission = await this.#system.requestPermission();
    this.#preferences.set("notices", permission === "granted" ? "on" : "off");
    return this.standing;
  }

  turnOff() {
    this.#preferences.set("notices", "off");
  }

  /**
   * While a window is seen, none of the other tabs has to notify.
   * @param {boolean} isSeen
   */
  see(isSeen) {
    if (isSeen === this.#isSeen || this.#locks === undefined) return;
    this.#isSeen = isSeen;
    this.#endSight();
    if (!isSeen) return;
    /** @type {Promise<void>} */
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
    const [system, locks] = [this.#system, this.#locks];
    if (system === undefined || locks === undefined || this.standing !== "on") return false;
    if (this.#isSeen || (await this.#isSeenElsewhere(locks))) return false;
    if (!(await this.#isOurs(locks, id))) return false;
    try {
      const notice = new system(title, { body, tag: id });
      notice.onclick = () => {
        notice.close();
        click();
      };
      return true;
    } catch {
      return false; // phones show them only for pages with a service worker
    }
  }

  /** @param {LockManager} locks */
  async #isSeenElsewhere(locks) {
    const { held = [] } = await locks.query();
    return held.some(({ name }) => name === `${this.#name}.seen`);
  }

  /** @type {(locks: LockManager, id: string) => Promise<boolean>} */
  #isOurs(locks, id) {
    return new Promise((resolve) => {
      locks.request(`${this.#name}.${id}`, { ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        if (lock === null) return undefined;
        return new Promise((letGo) => this.#clock.after(ONE_TAB_FOR_MS, () => letGo(null)));
      });
    });
  }
}
