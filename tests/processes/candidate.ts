/**
 * One process that contends, the proxy between it and the API server, and what it says in its log.
 *
 * @module
 */
import type { LeaderAnswer, LeaderPoll } from "../support/leader_poll.ts";
import type { LogLine, TestProcess } from "../support/processes.ts";
import type { TcpProxy } from "../support/tcp_proxy.ts";
import { until } from "../support/until.ts";

/** After these a process has no term any more, whether its work has ended or not. */
const ENDS = ["lost", "revoked"];

/** A candidate under test. */
export class Candidate {
  constructor(
    /** The name that it was given; others may have the same. */
    readonly name: string,
    readonly process: TestProcess,
    /** Its only way to the API server. */
    readonly proxy: TcpProxy,
    readonly poll?: LeaderPoll,
  ) {}

  /** Its terms so far: the lines that announced them. */
  get terms(): LogLine[] {
    return this.process.log.filter(({ event }) => event === "elected");
  }

  /** Whether by its own log it leads. A process that is dead or frozen does not take it back. */
  get saysItLeads(): boolean {
    const last = this.process.log.findLast(({ event }) =>
      event === "elected" || ENDS.includes(event ?? "")
    );
    return last?.event === "elected";
  }

  /** Its whole identity; it must have said something. */
  get identity(): string {
    const line = this.process.log.find(({ identity }) => identity !== undefined);
    if (line === undefined) throw new Error(`${this.name} has not said who it is`);
    return String(line.identity);
  }

  /** Waits for a line of its log, among those so far or to come. */
  async says(event: string, where: (line: LogLine) => boolean = () => true): Promise<LogLine> {
    return await until(`${this.name}: ${event}`, () => {
      const found = this.process.log.find((line) => line.event === event && where(line));
      if (found === undefined && this.process.ended) {
        throw new Error(`${this.name} ended without ${event}`);
      }
      return found;
    });
  }

  /** Waits until it knows that another leads. */
  async follows(leader: Candidate): Promise<void> {
    await this.says("new-leader", ({ holder }) => holder === leader.identity);
  }

  signal(signal: Deno.Signal): void {
    this.process.signal(signal);
  }

  /** Waits for its end. */
  async exitCode(): Promise<number> {
    return (await this.process.exit).code;
  }

  /** Asks a service whether it leads. */
  async leader(): Promise<LeaderAnswer> {
    return await this.poll!.ask();
  }
}
