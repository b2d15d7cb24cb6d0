/**
 * Reads a Dockerfile, as far as this project's goes. What it does not know it refuses, so that nothing of the
 * image is left out of its test unseen.
 *
 * @module
 */

/** One instruction. */
export interface Step {
  readonly keyword: string;
  /** What follows the keyword, on one line. */
  readonly rest: string;
}

/** From one `FROM` to the next. */
export interface Stage {
  /** The base image. */
  readonly from: string;
  /** What later stages call it. */
  readonly name?: string;
  readonly steps: readonly Step[];
}

/** What a container is started with. */
export interface ImageConfig {
  readonly env: Readonly<Record<string, string>>;
  /** `UID:GID`. */
  readonly user: string;
  readonly workdir: string;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly ports: readonly string[];
  readonly stopSignal: string;
}

const KEYWORDS = [
  ...["ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "LABEL", "RUN", "STOPSIGNAL", "USER"],
  "WORKDIR",
];

/** Takes a Dockerfile apart. */
export function parseDockerfile(text: string): Stage[] {
  const joined = text.replace(/^\s*#.*\n/gm, "").replace(/\\\n\s*/g, "");
  const stages: { from: string; name?: string; steps: Step[] }[] = [];
  for (const line of joined.split("\n").filter((line) => line.trim() !== "")) {
    const [, keyword = "", rest = ""] = /^([A-Z]+) +(.*)$/.exec(line) ?? [];
    if (keyword === "FROM") {
      const [, from = "", name] = /^(\S+)(?: AS (\S+))?$/.exec(rest) ?? [];
      stages.push({ from, name, steps: [] });
      continue;
    }
    const stage = stages.at(-1);
    if (stage === undefined || !KEYWORDS.includes(keyword)) {
      throw new Error(`Cannot follow the Dockerfile: ${line}`);
    }
    stage.steps.push({ keyword, rest });
  }
  return stages;
}

/** What the instructions of a stage say of its containers. */
export function configOf({ steps }: Stage): ImageConfig {
  const all = (keyword: string) =>
    steps.filter((step) => step.keyword === keyword).map(({ rest }) => rest);
  const last = (keyword: string) => {
    const rest = all(keyword).at(-1);
    if (rest === undefined) throw new Error(`The Dockerfile has no ${keyword} in its last stage`);
    return rest;
  };
  return {
    env: pairs(all("ENV")),
    user: last("USER"),
    workdir: last("WORKDIR"),
    entrypoint: JSON.parse(last("ENTRYPOINT")),
    cmd: JSON.parse(last("CMD")),
    labels: pairs(all("LABEL")),
    ports: all("EXPOSE"),
    stopSignal: last("STOPSIGNAL"),
  };
}

/** `key=value key="value"`. */
function pairs(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    lines.flatMap((line) =>
      [...line.matchAll(/(\S+?)=(?:"([^"]*)"|(\S*))/g)].map(([, key, quoted, plain]) => [
        key!,
        quoted ?? plain!,
      ])
    ),
  );
}
