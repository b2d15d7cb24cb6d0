// What can be the matter on a host with a guard for a while.

/** One kind, and until when. */
interface Trouble {
  readonly until: number;
  readonly ms: number;
  readonly pick: number;
}

const NONE: Trouble = { until: -Infinity, ms: 0, pick: 0 };

/** All kinds. */
export class Troubles {
  pipe = NONE;
  sweep = NONE;
  kill = NONE;
  proof = NONE;
  #lastWasBlind = false;

  /** By how much a message is late, at most. */
  pipeMs(time: number): number {
    return time < this.pipe.until ? this.pipe.ms : 0;
  }

  /** By how much a pass is late. */
  sweepMs(time: number): number {
    return time < this.sweep.until ? this.sweep.ms : 0;
  }

  /** By how much a death is late, of which SIGKILL is sure. */
  killMs(time: number): number {
    return time < this.kill.until ? this.kill.ms : 1;
  }

  /** Passes prove nothing… */
  unprovable(time: number): boolean {
    return time < this.proof.until;
  }

  /** …and see nobody, either. */
  blind(time: number): boolean {
    return this.unprovable(time) && this.proof.pick % 2 === 0;
  }

  /** A pass begins, which may see nobody. */
  passBegins(blind: boolean): void {
    this.#lastWasBlind = blind;
  }

  /** Whether no pass has seen anybody since the trouble began: passes are up to 50 ms apart. */
  justBlind(time: number): boolean {
    return this.blind(time - 120) || this.#lastWasBlind;
  }

  /** All is well. */
  clear(): void {
    this.pipe =
      this.sweep =
      this.kill =
      this.proof =
        NONE;
  }
}
