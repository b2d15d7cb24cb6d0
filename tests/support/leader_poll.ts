/**
 * Asks processes who leads, over HTTP, and finds answers that cannot all be true, without trusting any clock:
 * if B has answered that it leads, and A is asked *after that* and answers that it leads under a smaller
 * token, then A went on leading when B led already.
 *
 * @module
 */
import { compareTokens } from "./act_log.ts";
import { pause } from "./until.ts";

/** Often enough to see every term, seldom enough to leave the processor to others. */
const PERIOD_MS = 25;

/** What `GET /leader` says. */
export interface LeaderAnswer {
  readonly status: number;
  readonly leader: string | null;
  readonly identity: string | null;
  readonly isLeader: boolean;
  readonly token: string | null;
  readonly remainingMs: number;
}

/** Compares answers by the order of questions and answers. */
export class LeaderJudge {
  /** What cannot be, a line each. */
  readonly faults: string[] = [];
  /** The answer of the newest term so far. */
  #newest?: LeaderAnswer;

  /**
   * Call it before a question is sent.
   *
   * @param name Whom it goes to.
   * @returns Takes the answer when it has arrived.
   */
  asks(name: string): (answer: LeaderAnswer) => void {
    const before = this.#newest;
    return (answer) => this.#hear(name, answer, before);
  }

  #hear(name: string, answer: LeaderAnswer, before: LeaderAnswer | undefined): void {
    const said = `${name} answered ${JSON.stringify(answer)}`;
    if ((answer.status === 200) !== answer.isLeader) this.faults.push(`${said}: status and body`);
    if (answer.status !== 200) return;
    if (answer.token === null) {
      this.faults.push(`${said}: it leads without a token`);
      return;
    }
    const order = before === undefined ? 1 : compareTokens(answer.token, before.token!);
    if (order < 0 || (order === 0 && answer.identity !== before!.identity)) {
      this.faults.push(`${said} to a question after ${JSON.stringify(before)}`);
    }
    if (
      this.#newest === undefined || compareTokens(answer.token, this.#newest.token!) > 0
    ) this.#newest = answer;
  }
}

/** Asks one process, again and again, until it is disposed of. */
export class LeaderPoll implements AsyncDisposable {
  readonly #url: string;
  readonly #name: string;
  readonly #judge: LeaderJudge;
  readonly #client = Deno.createHttpClient({});
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  /**
   * Begins.
   *
   * @param name For what the judge says.
   * @param port Where it listens on 127.0.0.1.
   * @param judge Of all processes that contend for the same Lease.
   */
  constructor(name: string, port: number, judge: LeaderJudge) {
    this.#url = `http://127.0.0.1:${port}/leader`;
    this.#name = name;
    this.#judge = judge;
    this.#done = this.#poll();
  }

  /**
   * Asks once, and lets the judge hear the answer too. Waits as long as the process is frozen.
   *
   * @throws {TypeError} If there is nobody to answer.
   */
  async ask(): Promise<LeaderAnswer> {
    const hear = this.#judge.asks(this.#name);
    const response = await fetch(this.#url, { client: this.#client, signal: this.#stop.signal });
    const answer: LeaderAnswer = { ...await response.json(), status: response.status };
    hear(answer);
    return answer;
  }

  async #poll(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.ask().catch((error) => {
        // A process that has ended does not answer, and says nothing wrong.
        if (error instanceof SyntaxError) {
          this.#judge.faults.push(`${this.#name}: ${error.message}`);
        }
      });
      await pause(PERIOD_MS);
    }
  }

  /** Ends; a question that nobody answers is dropped. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
    this.#client.close();
  }
}
