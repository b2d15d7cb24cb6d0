/**
 * One process of the service, as the demo starts, hears and ends it.
 *
 * @module
 */
import { fromFileUrl, importMapFlags } from "./paths.ts";

/** A line of its log. */
export interface LogLine {
  /** When it was heard, by the clock of whoever listens, in milliseconds. */
  readonly at: number;
  /** The name of the candidate. */
  readonly from: string;
  /** What happened, if anything did. */
  readonly event?: string;
  /** The message. */
  readonly msg: string;
  /** `warn`, `error`, … */
  readonly level: string;
  /** The fencing token, where there is one. */
  readonly token?: string;
  /** Why a term ended. */
  readonly reason?: string;
  /** Where it listens. */
  readonly address?: string;
}

/** What a candidate is started with. */
export interface CandidateOptions {
  /** Its name. */
  readonly name: string;
  /** The kubeconfig. */
  readonly kubeconfig: string;
  /** The lease duration, as a flag has it. */
  readonly leaseDuration: string;
  /** Reads the clock, in milliseconds. */
  readonly now: () => number;
  /** Hears every line of its log. */
  readonly hear: (line: LogLine) => void;
}

/** A running process of the service. */
export class Candidate {
  readonly name: string;
  readonly #child: Deno.ChildProcess;
  /** Resolves when it has ended and all of its log was heard. */
  readonly ended: Promise<Deno.CommandStatus>;

  /** Starts it. */
  constructor(options: CandidateOptions) {
    this.name = options.name;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        ...runFlags(),
        fromFileUrl(import.meta.resolve("./main.ts")),
        ...startFlags(options),
      ],
      // A proxy for the world is none for the API server of this demo.
      env: { NO_PROXY: "127.0.0.1" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
      // Ctrl-C is for the demo, which then ends its candidates itself, one after the other.
      detached: true,
    }).spawn();
    const heard = this.#listen(options);
    this.ended = this.#child.status.then(async (status) => {
      await heard;
      return status;
    });
  }

  /** Its process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Sends a signal, unless it has ended. */
  kill(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch {
      // It has ended.
    }
  }

  async #listen({ name, now, hear }: CandidateOptions): Promise<void> {
    let rest = "";
    for await (const chunk of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      for (const line of lines) hear({ at: now(), from: name, ...read(line) });
    }
  }
}

function startFlags({ name, kubeconfig, leaseDuration }: CandidateOptions): string[] {
  return [
    "start",
    `--identity=${name}`,
    `--kubeconfig=${kubeconfig}`,
    `--lease-duration=${leaseDuration}`,
    "--lease-name=demo",
    "--trust-unheld",
    "--listen=127.0.0.1:0",
    "--log-format=json",
    "--log-level=info",
  ];
}

/** The flags of `deno run`. */
function runFlags(): string[] {
  const allow = ["--allow-net", "--allow-env", "--allow-read", "--allow-sys=hostname"];
  return [...importMapFlags(), "--quiet", "--no-prompt", ...allow];
}

function read(line: string): Omit<LogLine, "at" | "from"> {
  try {
    return JSON.parse(line);
  } catch {
    return { level: "error", msg: line };
  }
}
