/**
 * The flags of the bench.
 *
 * @module
 */

/** What can be measured, in the order in which it is: what must not be disturbed comes first. */
export const ROWS = [
  "handover",
  "start",
  "rollout",
  "kill",
  "cut",
  "intrusion",
  "freeze",
  "held",
  "exec",
  "exec-fence",
  "memory",
  "exec-memory",
  "idle",
] as const;

/** A group of rows. */
export type RowName = typeof ROWS[number];

/** What the bench is told. */
export interface BenchFlags {
  readonly only: ReadonlySet<RowName>;
  /** Of every row; `undefined` for what each row needs. */
  readonly trials?: number;
  readonly quick: boolean;
  readonly rival: boolean;
  readonly write: boolean;
}

/** What `--help` prints. */
export const HELP = `deno task bench [flags]

  --only ROW,ROW   only these: ${ROWS.join(", ")}
  --trials N       so many of each, instead of 300 hand-overs, 200 crashes and 20 of the slow ones
  --quick          5 of each, and half a minute of idling: to see that it works
  --no-rival       without client-go
  --write          keep the figures in tests/bench/results.json

Everything takes about 75 minutes. Figures on a busy machine mean little.`;

/**
 * Reads the flags.
 *
 * @returns They, or what to print instead.
 */
export function parseFlags(args: readonly string[]): BenchFlags | string {
  let only: readonly RowName[] = ROWS;
  let trials: number | undefined;
  const switches = { "--quick": false, "--no-rival": false, "--write": false };
  for (let i = 0; i < args.length; i++) {
    const flag = args[i]!;
    if (flag === "--help") return HELP;
    if (flag in switches) {
      switches[flag as keyof typeof switches] = true;
    } else if (flag === "--only") {
      const names = (args[++i] ?? "").split(",");
      const unknown = names.find((name) => !isRow(name));
      if (unknown !== undefined) {
        return `Cannot measure ${JSON.stringify(unknown)}: there is ${ROWS.join(", ")}`;
      }
      only = names.filter(isRow);
    } else if (flag === "--trials") {
      const text = args[++i] ?? "";
      trials = Number(text);
      if (!Number.isInteger(trials) || trials < 1) {
        return `Cannot do ${JSON.stringify(text)} trials: give a whole number above 0`;
      }
    } else {
      return `Cannot take ${JSON.stringify(flag)}: --help shows what there is`;
    }
  }
  return {
    only: new Set(only),
    trials,
    quick: switches["--quick"],
    rival: !switches["--no-rival"],
    write: switches["--write"],
  };
}

function isRow(name: string): name is RowName {
  return (ROWS as readonly string[]).includes(name);
}
